// Where an address is and whose: MaxMind DB files (GeoLite2, GeoIP2, DB-IP, IPinfo and files of like fields),
// read once and flattened into range tables, so that a lookup is a search in an array instead of a walk over
// a tree. No data ships with picket; without files every lookup answers an empty GeoInfo.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "enrich/range_map.h"

namespace picket {

// Texts are valid as long as the table. What no file tells is empty.
struct GeoInfo {
  std::string_view country_code;  // ISO 3166-1 alpha-2
  std::string_view country_name;  // English
  std::string_view city;
  std::optional<double> latitude, longitude;
  std::uint32_t asn = 0;  // 0: not known
  std::string_view as_org;
  std::string_view isp;
  std::string_view org;

  bool operator==(const GeoInfo&) const = default;
  bool empty() const { return *this == GeoInfo{}; }
};

class GeoTable {
 public:
  // Files in order of precedence: where two tell the same field of an address, the first wins. Errors name
  // the file.
  static Result<std::shared_ptr<const GeoTable>> load(std::span<const std::string> paths);

  GeoInfo find(const IpAddress& ip) const;

  struct FileInfo {
    std::string path, type;         // type as the file names itself, such as "GeoLite2-City"
    std::uint64_t build_epoch = 0;  // seconds since 1970
    std::size_t ranges = 0, values = 0;
  };
  const std::vector<FileInfo>& files() const { return infos_; }
  std::size_t bytes() const;

  GeoTable() = default;
  GeoTable(const GeoTable&) = delete;  // values point into texts_
  GeoTable& operator=(const GeoTable&) = delete;

 private:
  friend class MmdbFlattener;
  struct File {
    RangeMap ranges;  // to indexes of values
    std::vector<GeoInfo> values;
  };
  std::string_view keep(std::string_view text) { return text.empty() ? text : *texts_.emplace(text).first; }

  std::unordered_set<std::string> texts_;
  std::vector<File> files_;
  std::vector<FileInfo> infos_;
};

}  // namespace picket
