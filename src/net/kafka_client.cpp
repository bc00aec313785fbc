#include "net/kafka_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace picket::net {

std::optional<std::pair<std::string, std::string>> parse_kafka_url(std::string_view url) {
  constexpr std::string_view scheme = "kafka://";
  if (!url.starts_with(scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  const std::size_t slash = url.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  const std::string_view topic = url.substr(slash + 1);
  const bool legal =
      !topic.empty() && topic.size() <= 249 && topic != "." && topic != ".." &&
      topic.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
          std::string_view::npos;
  if (!legal) return std::nullopt;
  return std::pair(std::string(url.substr(0, slash)), std::string(topic));
}

#ifdef PICKET_KAFKA

Result<KafkaHeld<rd_kafka_conf_t>> make_kafka_conf(const KafkaConfiguration& configuration) {
  KafkaHeld<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  KafkaProperties all = configuration.defaults;
  for (const auto& [name, value] : configuration.given) {
    if (configuration.own.contains(name) ||
        std::ranges::find(configuration.reserved, name) != configuration.reserved.end())
      return fail(ErrorKind::invalid, fmt::format("{}: {} is picket's to set", configuration.key, name),
                  configuration.where);
    all[name] = value;
  }
  all.insert(configuration.own.begin(), configuration.own.end());
  std::array<char, 512> why{};
  for (const auto& [name, value] : all)
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why.data(), why.size()) !=
        RD_KAFKA_CONF_OK)
      return fail(ErrorKind::invalid, fmt::format("{}: {}", configuration.key, why.data()),
                  configuration.where);
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  return conf;
}

#endif

}  // namespace picket::net
