#include "models/registered_domain.h"

#include <libpsl.h>

#include <unordered_set>

namespace picket {

namespace {

const std::unordered_set<std::string_view> dynamic_dns = {
    "ddns.net",      "duckdns.org",    "dyndns.org",    "dynserv.com",  "mooo.com",       "yi.org",
    "no-ip.org",     "no-ip.biz",      "no-ip.info",    "hopto.org",    "zapto.org",      "sytes.net",
    "myftp.org",     "myvnc.com",      "servehttp.com", "serveftp.com", "redirectme.net", "bounceme.net",
    "dynu.net",      "ddnsfree.com",   "dyndns.info",   "dyndns.biz",   "dyndns.tv",      "chickenkiller.com",
    "strangled.net", "ignorelist.com", "gotdns.ch",     "webhop.me"};

NameParts cut(std::string_view name, std::size_t registered) {
  NameParts parts;
  parts.registered = name.substr(registered);
  parts.label = parts.registered.substr(0, parts.registered.find('.'));
  if (registered > 0) parts.below = name.substr(0, registered - 1);
  return parts;
}

}  // namespace

NameParts parts_of(const std::string& name) {
  if (name.find('.') == std::string::npos || name.front() == '.' || name.find('\0') != std::string::npos)
    return {};
  const psl_ctx_t* suffixes = psl_builtin();
  if (suffixes == nullptr) return {};
  const char* registered = psl_registrable_domain(suffixes, name.c_str());
  if (registered == nullptr) return {};
  const std::string_view whole = name;
  const auto begin = static_cast<std::size_t>(registered - name.c_str());
  return cut(whole, begin);
}

NameParts chosen_parts_of(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.contains("..") || name.contains('\0')) return {};
  const psl_ctx_t* suffixes = psl_builtin();
  if (suffixes == nullptr) return {};
  const std::string_view whole = name;
  const auto is_suffix = [&](std::size_t at) {
    return psl_is_public_suffix2(suffixes, name.c_str() + at, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) != 0;
  };
  if (is_suffix(0)) return {};
  // From the longest suffix; `before` is the label in front of it, `above` the one in front of that.
  std::size_t above = std::string_view::npos, before = 0;
  for (std::size_t dot = whole.find('.'); dot != std::string_view::npos; dot = whole.find('.', dot + 1)) {
    if (is_suffix(dot + 1)) {
      const bool shared = dynamic_dns.contains(whole.substr(before));
      if (shared && above == std::string_view::npos) return {};
      return cut(whole, shared ? above : before);
    }
    above = before;
    before = dot + 1;
  }
  return {};
}

}  // namespace picket
