#include "cli/pushed.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "aws/private_file.h"
#include "base/clock.h"
#include "source/kafka_source.h"
#include "source/line_source.h"

namespace picket::cli {

namespace {

// Firehose waits three minutes for an answer.
constexpr std::chrono::seconds request_max{170};
// Each may hold a whole body.
constexpr std::size_t connections_max = 32;

RecordOrigin origin_of(const SourceKeys& source) {
  return {source.kind, source.account, source.region, source.cluster, source.flow_format};
}

// One a line.
Result<std::vector<std::string>> read_keys(const std::string& file) {
  const auto text = aws::read_private(file);
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> keys;
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) keys.emplace_back(line);
  }
  if (keys.empty())
    return fail(ErrorKind::invalid, "holds no access key; source.access_key_file needs one a line", file);
  return keys;
}

Result<std::unique_ptr<FirehoseSource>> make_firehose(const SourceKeys& source, Inbox& inbox) {
  const auto place = parse_firehose_url(source.url);
  if (!place) return fail(ErrorKind::invalid, "source.url must be firehose://HOST:PORT/PATH", source.url);
  auto keys = read_keys(source.access_key_file);
  if (!keys) return std::unexpected(keys.error());
  return std::make_unique<FirehoseSource>(
      FirehoseSettings{source.name, source.url, place->second, origin_of(source), std::move(*keys)}, inbox,
      wall_clock);
}

Result<std::unique_ptr<LineSource>> make_lines(const SourceKeys& source, Inbox& inbox) {
  const auto socket =
      source.url == "stdin:" ? std::optional<std::string>(std::in_place) : parse_unix_url(source.url);
  if (!socket) return fail(ErrorKind::invalid, "source.url must be unix:///PATH", source.url);
  return std::make_unique<LineSource>(LineSettings{source.name, source.url, *socket, origin_of(source)},
                                      inbox, wall_clock);
}

Result<std::unique_ptr<KafkaSource>> make_kafka(const SourceKeys& source, Inbox& inbox) {
  auto place = net::parse_kafka_url(source.url);
  if (!place) return fail(ErrorKind::invalid, "source.url must be kafka://HOST:PORT,…/TOPIC", source.url);
  KafkaSettings settings{source.name,
                         source.url,
                         std::move(place->first),
                         std::move(place->second),
                         source.properties,
                         source.start == "latest",
                         origin_of(source)};
  if (!source.password_file.empty()) {
    auto password = aws::read_private(source.password_file);
    if (!password) return std::unexpected(password.error());
    while (password->ends_with('\n') || password->ends_with('\r')) password->pop_back();
    if (password->empty())
      return fail(ErrorKind::invalid, "source.password_file holds no password", source.password_file);
    settings.properties["sasl.password"] = std::move(*password);
  }
  return KafkaSource::make(std::move(settings), inbox, wall_clock);
}

api::Response response_of(FirehoseAnswer answer) {
  return {answer.status, std::move(answer.headers), std::move(answer.body)};
}

// No source has this path: as JSON, like all answers here.
api::Response no_such_path() {
  return {404, {{"Content-Type", "application/json"}}, R"({"errorMessage":"No source has this path."})"};
}

}  // namespace

Result<api::ServerSettings> address_of(const std::string& listen, const std::string& key) {
  const auto wrong = fail(ErrorKind::invalid, key + " needs HOST:PORT", listen);
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return wrong;
  const std::string_view digits = std::string_view(listen).substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return wrong;
  api::ServerSettings settings;
  settings.host = listen.substr(0, colon);
  if (settings.host.starts_with('[') && settings.host.ends_with(']'))
    settings.host = settings.host.substr(1, settings.host.size() - 2);
  settings.port = port;
  return settings;
}

Result<PushedSources> PushedSources::make(const Config& config, Inbox& inbox) {
  PushedSources out;
  std::set<std::string> names;
  bool reads_input = false;
  for (const SourceKeys& source : config.sources) {
    if (source.url.starts_with("firehose://")) {
      auto made = make_firehose(source, inbox);
      if (!made) return std::unexpected(made.error());
      Endpoint& beside = out.endpoints_[parse_firehose_url(source.url)->first];
      if (std::ranges::any_of(beside.sources,
                              [&](const FirehoseSource* one) { return one->path() == (*made)->path(); }))
        return fail(ErrorKind::invalid, "two sources have this source.url", source.url);
      if (!source.tls_certificate.empty()) {
        const api::TlsFiles files{source.tls_certificate, source.tls_key};
        if (beside.tls && (beside.tls->certificate != files.certificate || beside.tls->key != files.key))
          return fail(ErrorKind::invalid, "two sources at one address have different source.tls_certificate",
                      source.url);
        beside.tls = files;
      }
      beside.sources.push_back(made->get());
      out.sources_.push_back(std::move(*made));
    } else if (source.url.starts_with("unix://") || source.url == "stdin:") {
      auto made = make_lines(source, inbox);
      if (!made) return std::unexpected(made.error());
      if (source.url != "stdin:") out.sockets_.push_back(made->get());
      out.sources_.push_back(std::move(*made));
    } else if (source.url.starts_with("kafka://")) {
      auto made = make_kafka(source, inbox);
      if (!made) return std::unexpected(made.error());
      out.sources_.push_back(std::move(*made));
    } else {
      continue;
    }
    if (source.url == "stdin:" && std::exchange(reads_input, true))
      return fail(ErrorKind::invalid, "two sources read standard input", source.name);
    // What was read is known by it.
    if (!names.insert(source.name).second)
      return fail(ErrorKind::invalid, "two sources have this source.name", source.name);
  }
  return out;
}

Result<void> PushedSources::take_sockets() {
  for (LineSource* source : sockets_)
    if (auto done = source->listen(); !done) return done;
  return {};
}

std::vector<PushSource*> PushedSources::sources() const {
  std::vector<PushSource*> out;
  for (const auto& source : sources_) out.push_back(source.get());
  return out;
}

Result<std::vector<std::string>> PushedSources::listen() {
  std::vector<std::string> told;
  for (const auto& source : sources_)
    if (!source->place().starts_with("firehose://")) told.push_back("taking " + source->place());
  for (const auto& [address, endpoint] : endpoints_) {
    const std::vector<FirehoseSource*>& sources = endpoint.sources;
    auto settings = address_of(address, "source.url");
    if (!settings) return std::unexpected(settings.error());
    settings->body_bytes_max = FirehoseSource::body_bytes_max;
    settings->request_max = request_max;
    settings->connections_max = connections_max;
    settings->workers = 2;
    settings->tls = endpoint.tls;
    const auto find = [&sources](std::string_view path) -> FirehoseSource* {
      const auto at =
          std::ranges::find_if(sources, [&](const FirehoseSource* one) { return one->path() == path; });
      return at == sources.end() ? nullptr : *at;
    };
    auto server = api::Server::start(
        *settings,
        [find](const aws::HttpRequest& request) {
          FirehoseSource* source = find(request.path);
          return source == nullptr ? no_such_path() : response_of(source->handle(request));
        },
        [find](const aws::HttpRequest& head) -> std::optional<api::Response> {
          FirehoseSource* source = find(head.path);
          if (source == nullptr) return no_such_path();
          auto refused = source->refuse(head);
          return refused ? std::optional(response_of(std::move(*refused))) : std::nullopt;
        });
    if (!server) return std::unexpected(server.error());
    for (const FirehoseSource* one : sources)
      told.push_back(fmt::format("Firehose delivers to {}://{}:{}{}", endpoint.tls ? "https" : "http",
                                 settings->host, (*server)->port(), one->path()));
    servers_.push_back(std::move(*server));
    if (endpoint.tls) with_tls_.emplace_back(servers_.back().get(), *endpoint.tls);
  }
  return told;
}

void PushedSources::stop() {
  for (const auto& server : servers_) server->stop();
}

}  // namespace picket::cli
