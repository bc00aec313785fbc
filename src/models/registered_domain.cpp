#include "models/registered_domain.h"

#include <libpsl.h>

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>

#include "base/flat_map.h"
#include "base/hash.h"
#include "base/memo.h"

namespace picket {

namespace {

using Names = boost::unordered_flat_set<std::string_view, FlatHash>;

const Names dynamic_dns = {
    "ddns.net",      "duckdns.org",    "dyndns.org",    "dynserv.com",  "mooo.com",       "yi.org",
    "no-ip.org",     "no-ip.biz",      "no-ip.info",    "hopto.org",    "zapto.org",      "sytes.net",
    "myftp.org",     "myvnc.com",      "servehttp.com", "serveftp.com", "redirectme.net", "bounceme.net",
    "dynu.net",      "ddnsfree.com",   "dyndns.info",   "dyndns.biz",   "dyndns.tv",      "chickenkiller.com",
    "strangled.net", "ignorelist.com", "gotdns.ch",     "webhop.me"};

// Top-level domains below which their registries run no suffix: most of what is asked for, and spared a look
// into the list.
const Names flat_tops = {
    "com",       "net",      "org",     "info",   "biz",   "dev",   "app",  "edu",   "cloud",   "gov",
    "de",        "nl",       "eu",      "ch",     "cz",    "dk",    "ru",   "su",    "tv",      "cc",
    "xyz",       "top",      "shop",    "online", "site",  "club",  "icu",  "live",  "click",   "email",
    "link",      "media",    "news",    "page",   "today", "world", "life", "group", "network", "services",
    "solutions", "software", "systems", "studio", "store", "space", "tech", "team",  "tools",   "travel",
    "vip",       "website",  "work",    "zone",   "host",  "fun",   "one",  "blog",  "design",  "digital",
    "global",    "agency",   "academy", "art",    "asia",  "mobi",  "name", "run",   "mil"};

// Of other roots (Namecoin's, EmerCoin's): no resolver of AWS knows them, and malware registers there what
// nobody takes away.
const Names other_roots = {"bit", "bazar", "coin", "emc", "lib"};

NameParts cut(std::string_view name, std::size_t registered) {
  NameParts parts;
  parts.registered = name.substr(registered);
  parts.label = parts.registered.substr(0, parts.registered.find('.'));
  if (registered > 0) parts.below = name.substr(0, registered - 1);
  return parts;
}

// Whether the rest of `name` from `at` on is a suffix, of those that registries run alone when `run` is set.
// Looking into the list costs some 2,000 instructions, and machines ask below the same domains again and
// again.
bool is_suffix(const std::string& name, std::size_t at, bool run) {
  thread_local Memo<char> known(16384);
  return known.of(hash64(std::string_view(name).substr(at), run ? 1 : 0), [&]() -> char {
    const int types = run ? PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE : PSL_TYPE_ANY;
    return psl_is_public_suffix2(psl_builtin(), name.c_str() + at, types) != 0;
  }) != 0;
}

}  // namespace

NameParts parts_of(const std::string& name) {
  if (name.find('.') == std::string::npos || name.front() == '.' || name.find('\0') != std::string::npos ||
      psl_builtin() == nullptr || is_suffix(name, 0, false))
    return {};
  for (std::size_t before = 0, dot = name.find('.'); dot != std::string::npos; dot = name.find('.', before)) {
    if (is_suffix(name, dot + 1, false)) return cut(name, before);
    before = dot + 1;
  }
  return {};
}

bool below_dynamic_dns(std::string_view registered) {
  const std::size_t dot = registered.find('.');
  return dot != registered.npos && dynamic_dns.contains(registered.substr(dot + 1));
}

NameParts chosen_parts_of(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.contains("..") || name.contains('\0') ||
      psl_builtin() == nullptr)
    return {};
  // From the shortest suffix: a longer one has one less label to go on, or two less under a wildcard.
  const auto label_before = [&](std::size_t begin) {
    const std::size_t dot = begin < 2 ? std::string::npos : name.rfind('.', begin - 2);
    return dot == std::string::npos ? 0 : dot + 1;
  };
  std::size_t suffix = std::string::npos, at = name.size() + 1;
  for (int missing = 0; missing < 2 && at != 0;) {
    at = label_before(at);
    const std::string_view top = std::string_view(name).substr(at);
    if (flat_tops.contains(top) || other_roots.contains(top)) {
      suffix = at;
      break;
    }
    if (is_suffix(name, at, true)) {
      suffix = at;
      missing = 0;
    } else {
      ++missing;
    }
  }
  if (suffix == std::string::npos || suffix == 0) return {};
  const std::size_t registered = label_before(suffix);
  if (!dynamic_dns.contains(std::string_view(name).substr(registered))) return cut(name, registered);
  return registered == 0 ? NameParts{} : cut(name, label_before(registered));
}

}  // namespace picket
