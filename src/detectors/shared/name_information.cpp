#include "detectors/shared/name_information.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/fixed_log2.h"
#include "base/hash.h"
#include "base/memo.h"
#include "base/text.h"
#include "models/registered_domain.h"

namespace picket::detectors {

namespace {

// What stands left of the registered domain must be this long: "www", "api" and a word or two say nothing,
// and are most of what is asked.
constexpr std::size_t below_min = 10;

constexpr auto make_log2() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t n = 1; n < table.size(); ++n) table[n] = static_cast<std::uint32_t>(log2_256(n));
  return table;
}
constexpr auto log2_table = make_log2();

// Zones whose names are long and ever new by habit: AWS and other clouds, content delivery, telemetry, and
// services asked by name (antivirus, DNS blocklists, sender policies).
const std::unordered_set<std::string_view> quiet_zones = {"amazonaws.com",
                                                          "amazonaws.com.cn",
                                                          "api.aws",
                                                          "aws.dev",
                                                          "cloudfront.net",
                                                          "awsglobalaccelerator.com",
                                                          "elasticbeanstalk.com",
                                                          "amplifyapp.com",
                                                          "awsapps.com",
                                                          "on.aws",
                                                          "amazon.com",
                                                          "amazon-adsystem.com",
                                                          "azure.com",
                                                          "azure.net",
                                                          "azureedge.net",
                                                          "azurefd.net",
                                                          "azurewebsites.net",
                                                          "cloudapp.net",
                                                          "trafficmanager.net",
                                                          "windows.net",
                                                          "microsoft.com",
                                                          "msedge.net",
                                                          "office.com",
                                                          "office.net",
                                                          "office365.com",
                                                          "outlook.com",
                                                          "sharepoint.com",
                                                          "skype.com",
                                                          "live.com",
                                                          "windowsupdate.com",
                                                          "google.com",
                                                          "googleapis.com",
                                                          "googleusercontent.com",
                                                          "googlevideo.com",
                                                          "gstatic.com",
                                                          "1e100.net",
                                                          "run.app",
                                                          "appspot.com",
                                                          "apple.com",
                                                          "icloud.com",
                                                          "akadns.net",
                                                          "akamai.net",
                                                          "akamaiedge.net",
                                                          "akamaihd.net",
                                                          "akamaized.net",
                                                          "edgekey.net",
                                                          "edgesuite.net",
                                                          "fastly.net",
                                                          "fastlylb.net",
                                                          "cloudflare.net",
                                                          "cloudflare.com",
                                                          "cdn77.org",
                                                          "b-cdn.net",
                                                          "cachefly.net",
                                                          "kxcdn.com",
                                                          "edgecastcdn.net",
                                                          "footprint.net",
                                                          "llnwd.net",
                                                          "hwcdn.net",
                                                          "incapdns.net",
                                                          "impervadns.net",
                                                          "nflxvideo.net",
                                                          "fbcdn.net",
                                                          "whatsapp.net",
                                                          "alikunlun.com",
                                                          "tbcache.com",
                                                          "datadoghq.com",
                                                          "datadoghq.eu",
                                                          "nr-data.net",
                                                          "newrelic.com",
                                                          "sentry.io",
                                                          "demdex.net",
                                                          "omtrdc.net",
                                                          "segment.io",
                                                          "bugsnag.com",
                                                          "appsflyer.com",
                                                          "adjust.com",
                                                          "app-measurement.com",
                                                          "scorecardresearch.com",
                                                          "splunkcloud.com",
                                                          "elastic-cloud.com",
                                                          "snowflakecomputing.com",
                                                          "mcafee.com",
                                                          "trellix.com",
                                                          "sophosxl.net",
                                                          "sophosxl.com",
                                                          "sophos.com",
                                                          "trendmicro.com",
                                                          "e5.sk",
                                                          "eset.com",
                                                          "kaspersky.com",
                                                          "kaspersky-labs.com",
                                                          "avast.com",
                                                          "avg.com",
                                                          "bitdefender.net",
                                                          "bitdefender.com",
                                                          "webrootcloudav.com",
                                                          "symantec.com",
                                                          "symanteccloud.com",
                                                          "crowdstrike.com",
                                                          "cloudsink.net",
                                                          "cymru.com",
                                                          "rspamd.com",
                                                          "nordspam.com",
                                                          "spfbl.net",
                                                          "0spam.org",
                                                          "uceprotect.net",
                                                          "s5h.net",
                                                          "rfc-clueless.org",
                                                          "kolabsys.net",
                                                          "gbudb.net",
                                                          "fmb.la",
                                                          "ctmail.com",
                                                          "senderbase.org",
                                                          "mailshell.net",
                                                          "fireeyecloud.com",
                                                          "opendns.com",
                                                          "umbrella.com",
                                                          "surbl.org",
                                                          "spamhaus.org",
                                                          "spamhaus.net",
                                                          "barracudacentral.org",
                                                          "barracuda.com",
                                                          "uribl.com",
                                                          "sorbs.net",
                                                          "spamcop.net",
                                                          "dnswl.org",
                                                          "mailspike.net",
                                                          "mailspike.org",
                                                          "surriel.com",
                                                          "invaluement.com",
                                                          "junkemailfilter.com",
                                                          "abuse.ch",
                                                          "senderscore.com",
                                                          "isipp.com",
                                                          "habeas.com",
                                                          "abusix.zone",
                                                          "msbl.org",
                                                          "backscatterer.org",
                                                          "nixspam.net",
                                                          "manitu.net",
                                                          "pphosted.com",
                                                          "ppops.net",
                                                          "agari.com",
                                                          "vali.email",
                                                          "ondmarc.com",
                                                          "mimecast.com",
                                                          "messagelabs.com",
                                                          "salesforce.com",
                                                          "ntp.org",
                                                          "dotnxdomain.net"};

// Top labels that are nobody's on the Internet.
const std::unordered_set<std::string_view> private_tops = {
    "arpa",    "internal", "local", "localdomain", "localhost", "lan",    "home",   "corp",
    "private", "intranet", "test",  "invalid",     "onion",     "consul", "example"};

const std::unordered_set<std::string_view> common_tops = {
    "com", "net", "org", "io", "edu", "gov",      "info",  "dev",  "app", "cloud",  "co",
    "uk",  "de",  "fr",  "jp", "cn",  "internal", "local", "arpa", "svc", "cluster"};

bool is_octet(std::string_view label) {
  return !label.empty() && label.size() <= 3 &&
         std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}
bool is_nibble(std::string_view label) {
  return label.size() == 1 && ((label[0] >= '0' && label[0] <= '9') || (label[0] >= 'a' && label[0] <= 'f'));
}

// "0f8fad5b-d9cb-469f-a165-70867728950e": 8-4-4-4-12 nibbles. Not all who make them mind version and variant.
bool is_uuid(std::string_view label) {
  if (label.size() != 36) return false;
  for (std::size_t i = 0; i < label.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? label[i] != '-' : !is_nibble(label.substr(i, 1))) return false;
  }
  return true;
}

// The labels from the left, addresses left out: four octets or 32 nibbles in a row. Of a UUID, which names a
// device or a tenant, two characters are left, so that who hides data in many is seen all the same.
std::string without_addresses(std::string_view below) {
  std::array<std::string_view, 128> labels;
  std::size_t count = 0;
  while (!below.empty() && count < labels.size()) {
    const std::size_t dot = std::min(below.find('.'), below.size());
    labels[count++] = below.substr(0, dot);
    below.remove_prefix(std::min(dot + 1, below.size()));
  }
  std::string kept;
  for (std::size_t i = 0; i < count;) {
    const auto run = [&](bool (*is)(std::string_view)) {
      std::size_t end = i;
      while (end < count && is(labels[end])) ++end;
      return end - i;
    };
    if (const std::size_t octets = run(is_octet); octets == 4) {
      i += octets;
    } else if (octets > 4) {
      // Longer than an address: nothing of it is one.
      for (const std::size_t end = i + octets; i < end; ++i) kept += labels[i];
    } else if (const std::size_t nibbles = run(is_nibble); nibbles == 32) {
      i += nibbles;
    } else if (is_uuid(labels[i])) {
      kept += labels[i++].substr(0, 2);
    } else {
      kept += labels[i++];
    }
  }
  return kept;
}

std::uint32_t entropy_bits(std::string_view text) {
  text = text.substr(0, log2_table.size() - 1);
  std::array<std::uint8_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  const auto size = static_cast<std::uint32_t>(text.size());
  std::uint32_t total = size * log2_table[size];
  for (const std::uint8_t count : counts) total -= count * log2_table[count];
  return total >> 8;
}

NameInformation compute(std::string_view query_name) {
  NameInformation result;
  std::string name = lower(query_name);
  if (name.ends_with('.')) name.pop_back();
  if (private_tops.contains(std::string_view(name).substr(name.rfind('.') + 1))) return result;
  const NameParts parts = parts_of(name);
  if (parts.below.size() < below_min) return result;
  for (std::string_view suffix = name; !suffix.empty();) {
    if (quiet_zones.contains(suffix)) return result;
    const std::size_t dot = suffix.find('.');
    if (dot == std::string_view::npos) break;
    suffix.remove_prefix(dot + 1);
  }
  const std::string carrying = without_addresses(parts.below);
  if (carrying.size() < below_min) return result;
  result.bits = entropy_bits(carrying);
  result.registered = parts.registered;
  std::string_view rest = parts.below;
  for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    rest.remove_prefix(dot + 1);
    result.looks_expanded |= common_tops.contains(rest.substr(0, rest.find('.')));
  }
  return result;
}

}  // namespace

bool may_carry(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  const std::size_t last = name.rfind('.');
  if (last == std::string_view::npos || last == 0) return false;
  const std::size_t second = name.rfind('.', last - 1);
  if (second == std::string_view::npos || second < below_min) return false;
  return !name.ends_with(".amazonaws.com") && !name.ends_with(".internal") && !name.ends_with(".arpa");
}

const NameInformation& information_of(std::string_view query_name) {
  // A window asks thrice about one record, and machines for one name again and again.
  thread_local Memo<NameInformation> known(8192);
  return known.of(hash64(query_name), [&] { return compute(query_name); });
}

}  // namespace picket::detectors
