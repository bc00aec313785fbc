#include "pipeline/outbound.h"

namespace picket {

namespace {

// With the host of the configured S3 endpoint allowed.
Result<net::AddressGuard> s3_address_guard(const Config& config) {
  std::vector<std::string> allowed = config.network.allow_hosts;
  if (!config.s3.endpoint.empty()) {
    const auto host = net::host_of(config.s3.endpoint);
    if (!host) return fail(ErrorKind::invalid, "s3.endpoint: " + host.error().what, config.s3.endpoint);
    allowed.push_back(*host);
  }
  return net::AddressGuard::make(allowed);
}

}  // namespace

Result<std::unique_ptr<Outbound>> Outbound::make(const Config& config, const std::string& data_dir,
                                                 const IntelSetLimits& limits, FindingStore& store,
                                                 ContentFolder& contents, const respond::Rules& rules,
                                                 std::function<TimeMs()> wall_clock) {
  const auto guard = net::AddressGuard::make(config.network.allow_hosts);
  if (!guard) return std::unexpected(guard.error());
  // The operator chose the endpoint, so it may be anywhere.
  const auto s3_guard = s3_address_guard(config);
  if (!s3_guard) return std::unexpected(s3_guard.error());
  auto caller_key = aws::load_caller_key(config.s3.credentials, config.s3.profile);
  if (!caller_key) return std::unexpected(caller_key.error());
  auto feeds = config.intel_use_feeds ? feeds_of(config) : std::vector<Feed>{};
  if (!feeds) return std::unexpected(feeds.error());
  auto responder_key = aws::load_caller_key(config.respond.credentials, config.respond.profile);
  if (!responder_key) return std::unexpected(responder_key.error());
  std::unique_ptr<Outbound> made(new Outbound(config, data_dir, limits, store, contents, *guard, *s3_guard,
                                              std::move(*caller_key), std::move(*feeds), *responder_key,
                                              wall_clock));
  auto playbooks =
      playbook::Playbooks::make(config.respond, {store, made->http_, made->guard_, std::move(*responder_key),
                                                 data_dir + "/playbooks", config.aws_ranges, wall_clock});
  if (!playbooks) return std::unexpected(playbooks.error());
  made->playbooks_ = std::move(*playbooks);
  if (!rules.targets().empty()) {
    const std::string dead_letters = config.respond.dead_letters.empty()
                                         ? data_dir + "/respond/dead_letters.jsonl"
                                         : config.respond.dead_letters;
    auto responder = respond::Responder::make(
        store, rules,
        {made->http_, made->guard_, made->aws_, config.network.ca_file, wall_clock, made->playbooks_.get()},
        dead_letters);
    if (!responder) return std::unexpected(responder.error());
    made->responder_ = std::move(*responder);
  }
  return made;
}

Outbound::Outbound(const Config& config, const std::string& data_dir, const IntelSetLimits& limits,
                   FindingStore& store, ContentFolder& contents, const net::AddressGuard& guard,
                   const net::AddressGuard& s3_guard, std::optional<aws::CallerKey> caller_key,
                   std::vector<Feed> feeds, std::optional<aws::CallerKey> responder_key,
                   const std::function<TimeMs()>& wall_clock)
    : guard_(guard),
      http_(guard, config.network.ca_file),
      s3_http_(s3_guard, config.network.ca_file),
      aws_(http_, std::move(responder_key), wall_clock),
      s3_(s3_http_, {config.s3.endpoint, std::move(caller_key)}, wall_clock),
      feeds_(
          std::move(feeds), feeds_folder(data_dir),
          [this](const net::Request& request, const net::HttpLimits& ends) {
            return http_.send(request, ends);
          },
          store, contents, wall_clock),
      lists_({config.intel_sets.folders, limits}, store, contents, http_, s3_, wall_clock),
      publisher_(store, s3_, wall_clock) {}

void Outbound::start() {
  threads_.emplace_back([this](const std::stop_token& stop) { feeds_.run(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { lists_.run(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { publisher_.run(stop); });
  if (responder_) threads_.emplace_back([this](const std::stop_token& stop) { responder_->run(stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { playbooks_->keep_on(stop); });
}

std::string Outbound::metrics() const {
  return (responder_ ? responder_->metrics() : std::string()) + playbooks_->metrics();
}

void Outbound::stop() {
  http_.stop();
  s3_http_.stop();
  threads_.clear();
}

}  // namespace picket
