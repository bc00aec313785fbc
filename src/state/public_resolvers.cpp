#include "state/public_resolvers.h"

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <stdexcept>
#include <string>

#include "base/hash.h"

namespace picket {

extern const std::string_view public_resolvers_csv;  // data/learning/public_resolvers.csv

namespace {

std::uint64_t hash_of(const IpAddress& ip) { return hash_mix(ip.high(), ip.low()); }

struct IpHash {
  using is_avalanching = void;
  std::size_t operator()(const IpAddress& ip) const { return hash_of(ip); }
};

class Table {
 public:
  Table() {
    std::string_view rest = public_resolvers_csv;
    rest.remove_prefix(rest.find('\n') + 1);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      add(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }

  const PublicResolver* find(const IpAddress& ip) const {
    const auto at = resolvers_.find(ip);
    return at == resolvers_.end() ? nullptr : &at->second;
  }

  bool over_https(const IpAddress& ip) const {
    const std::uint64_t hash = hash_of(ip);
    if ((filter_[hash % filter_.size()] & (1ULL << (hash >> 58U))) == 0) return false;
    const PublicResolver* resolver = find(ip);
    return resolver != nullptr && resolver->over_https;
  }

 private:
  // address,provider,server_name,protocols
  void add(std::string_view line) {
    std::array<std::string_view, 4> cells;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::size_t comma = i + 1 < cells.size() ? line.find(',') : line.size();
      if (comma == std::string_view::npos)
        throw std::logic_error("public_resolvers.csv: " + std::string(line));
      cells[i] = line.substr(0, comma);
      line.remove_prefix(std::min(comma + 1, line.size()));
    }
    const auto ip = IpAddress::parse(cells[0]);
    PublicResolver resolver{cells[1], cells[2], cells[3].find("doh") != std::string_view::npos};
    if (!ip || cells[1].empty() || !resolvers_.try_emplace(*ip, resolver).second)
      throw std::logic_error("public_resolvers.csv: " + std::string(cells[0]));
    if (!resolver.over_https) return;
    const std::uint64_t hash = hash_of(*ip);
    filter_[hash % filter_.size()] |= 1ULL << (hash >> 58U);
  }

  boost::unordered_flat_map<IpAddress, PublicResolver, IpHash> resolvers_;
  std::array<std::uint64_t, 64> filter_{};  // 4,096 bits: one address in forty passes by chance
};

const Table& table() {
  static const Table made;
  return made;
}

}  // namespace

const PublicResolver* public_resolver(const IpAddress& ip) { return table().find(ip); }
bool serves_dns_over_https(const IpAddress& ip) { return table().over_https(ip); }

}  // namespace picket
