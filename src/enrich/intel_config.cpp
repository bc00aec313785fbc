#include "enrich/intel_config.h"

#include <fmt/format.h>

#include <cassert>

#include "base/text_file.h"

namespace picket {

// Generated from data/intel by picket_embed().
extern const std::string_view intel_aws_test_domains, intel_tor_exit, intel_sinkholes, intel_mining,
    intel_scanners, intel_cdn;

namespace {

struct Labels {
  Indicator indicator;  // what all entries share
  DomainMatch match = DomainMatch::exact;
  std::shared_ptr<const IntelScope> scope;
};

Result<ListReport> add(std::string_view content, const ListOptions& options, const Labels& labels,
                       std::string_view where, IntelBuilder& builder) {
  const IntelBuilder::Mark before = builder.mark();
  const auto plain = builder.describe(labels.indicator, labels.scope);
  auto report =
      parse_intel_list(content, options, [&](const ListEntry& entry) -> std::optional<std::string_view> {
        auto id = plain;
        if (!entry.threat.empty() || entry.first_seen || entry.last_seen || entry.category ||
            entry.confidence) {
          Indicator own = labels.indicator;
          own.threat = entry.threat;
          own.first_seen = entry.first_seen;
          own.last_seen = entry.last_seen;
          own.confidence = entry.confidence;
          own.category = entry.category.value_or(own.category);
          id = builder.describe(own, labels.scope);
        }
        switch (entry.kind) {
          case ListEntry::Kind::address:
            return builder.add_address(entry.prefix, id);
          case ListEntry::Kind::domain:
            return builder.add_domain(entry.text, labels.match, id);
          case ListEntry::Kind::sha256:
            return builder.add_sha256(entry.text, id);
          case ListEntry::Kind::access_key:
            return builder.add_access_key(entry.text, id);
        }
        return std::nullopt;
      });
  if (!report) {
    builder.rollback(before);
    report.error().where = where;
  }
  return report;
}

}  // namespace

Result<ListReport> load_intel_list(const IntelListConfig& config, IntelBuilder& builder) {
  const auto content = read_text_file(config.path);
  if (!content) {
    Error error = content.error();
    error.what = fmt::format("cannot read the list \"{}\": {}", config.name, error.what);
    return std::unexpected(std::move(error));
  }
  return add_intel_list(config, *content, builder);
}

Result<ListReport> add_intel_list(const IntelListConfig& config, std::string_view content,
                                  IntelBuilder& builder) {
  const Labels labels{.indicator = {.category = config.category,
                                    .trusted = config.kind == IntelListKind::trusted,
                                    .list = config.name,
                                    .source = config.source.empty() ? config.path : config.source,
                                    .as_of = config.as_of},
                      .match = config.match};
  return add(content, {.format = config.format}, labels, config.path.empty() ? config.name : config.path,
             builder);
}

Result<ListReport> add_intel_set(const IntelSetConfig& config, std::string_view content,
                                 IntelBuilder& builder) {
  const bool entities =
      config.kind == IntelSetKind::trusted_entities || config.kind == IntelSetKind::threat_entities;
  const bool trusted =
      config.kind == IntelSetKind::trusted_ips || config.kind == IntelSetKind::trusted_entities;
  const ListOptions options{.format = config.format,
                            .domains = entities,
                            .hashes = config.kind == IntelSetKind::threat_entities,
                            .public_only = true,
                            .bytes_max = config.limits.bytes_max,
                            .entries_max = entities  ? config.limits.entities_max
                                           : trusted ? config.limits.trusted_ips_max
                                                     : config.limits.threat_ips_max};
  const Labels labels{.indicator = {.category = IntelCategory::custom,
                                    .trusted = trusted,
                                    .list = config.name,
                                    .source = config.location},
                      .match = DomainMatch::exact,
                      .scope = config.scope};
  return add(content, options, labels, config.location.empty() ? config.name : config.location, builder);
}

std::vector<BuiltinList> builtin_lists() {
  return {{.name = "AWS test domains",
           .source = "AWS's published GuardDuty test domains",
           .category = IntelCategory::c2,
           .match = DomainMatch::exact,
           .as_of = "2026-07-01",
           .content = intel_aws_test_domains},
          {.name = "Tor exit nodes",
           .source = "SecOps-Institute/Tor-IP-Addresses, 2024-02-27",
           .category = IntelCategory::tor_exit,
           .match = DomainMatch::exact,
           .as_of = "2024-02-27",
           .content = intel_tor_exit},
          {.name = "Sinkholes",
           .source = "maltrail, static trails",
           .category = IntelCategory::sinkhole,
           .match = DomainMatch::exact,
           .as_of = "2026-07-08",
           .content = intel_sinkholes},
          {.name = "Mining pools",
           .source = "maltrail, static trails",
           .category = IntelCategory::mining,
           .match = DomainMatch::subdomains,
           .as_of = "2026-07-08",
           .content = intel_mining},
          {.name = "Mass scanners",
           .source = "maltrail, mass scanners",
           .category = IntelCategory::scanner,
           .match = DomainMatch::exact,
           .as_of = "2026-07-08",
           .content = intel_scanners},
          {.name = "Content delivery networks",
           .source = "maltrail, CDN ranges",
           .category = IntelCategory::shared,
           .match = DomainMatch::exact,
           .as_of = "2026-07-08",
           .content = intel_cdn}};
}

void builtin_intel(IntelBuilder& builder) {
  for (const BuiltinList& list : builtin_lists()) {
    const Labels labels{.indicator = {.category = list.category,
                                      .list = std::string(list.name),
                                      .source = std::string(list.source),
                                      .as_of = parse_time(std::string(list.as_of) + "T00:00:00Z")},
                        .match = list.match};
    [[maybe_unused]] const auto report = add(list.content, {}, labels, list.name, builder);
    assert(report.has_value() && report->set_aside.empty());
  }
}

}  // namespace picket
