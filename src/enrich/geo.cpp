#include "enrich/geo.h"

#include <fmt/format.h>
#include <maxminddb.h>

#include <charconv>
#include <map>
#include <tuple>
#include <unordered_map>

#include "enrich/countries.h"

namespace picket {

namespace {

class OpenMmdb {
 public:
  static Result<std::unique_ptr<OpenMmdb>> open(const std::string& path) {
    auto file = std::make_unique<OpenMmdb>();
    if (const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &file->db); status != MMDB_SUCCESS) {
      return fail(status == MMDB_FILE_OPEN_ERROR ? ErrorKind::io : ErrorKind::invalid,
                  fmt::format("cannot be read as a MaxMind DB: {}", MMDB_strerror(status)), path);
    }
    file->is_open_ = true;
    return file;
  }
  ~OpenMmdb() {
    if (is_open_) MMDB_close(&db);
  }
  OpenMmdb() = default;
  OpenMmdb(const OpenMmdb&) = delete;
  OpenMmdb& operator=(const OpenMmdb&) = delete;

  MMDB_s db{};

 private:
  bool is_open_ = false;
};

using Path = std::initializer_list<const char*>;

// The first of the paths that leads to a value. Files differ in how deep they nest the same facts.
std::optional<MMDB_entry_data_s> value_at(MMDB_entry_s& entry, std::initializer_list<Path> paths) {
  for (const Path& path : paths) {
    std::vector<const char*> keys(path);
    keys.push_back(nullptr);
    MMDB_entry_data_s data{};
    if (MMDB_aget_value(&entry, &data, keys.data()) == MMDB_SUCCESS && data.has_data &&
        data.type != MMDB_DATA_TYPE_MAP && data.type != MMDB_DATA_TYPE_ARRAY) {
      return data;
    }
  }
  return std::nullopt;
}

std::string_view text_at(MMDB_entry_s& entry, std::initializer_list<Path> paths) {
  const auto data = value_at(entry, paths);
  if (!data || data->type != MMDB_DATA_TYPE_UTF8_STRING) return {};
  return {data->utf8_string, data->data_size};
}

std::optional<double> number_at(MMDB_entry_s& entry, std::initializer_list<Path> paths) {
  const auto data = value_at(entry, paths);
  if (!data) return std::nullopt;
  if (data->type == MMDB_DATA_TYPE_DOUBLE) return data->double_value;
  if (data->type == MMDB_DATA_TYPE_FLOAT) return static_cast<double>(data->float_value);
  if (data->type == MMDB_DATA_TYPE_UTF8_STRING) {  // IPinfo writes coordinates as text
    double value = 0;
    const char* end = data->utf8_string + data->data_size;
    const auto [at, error] = std::from_chars(data->utf8_string, end, value);
    if (error == std::errc{} && at == end) return value;
  }
  return std::nullopt;
}

std::uint32_t asn_at(MMDB_entry_s& entry) {
  const auto data =
      value_at(entry, {{"autonomous_system_number"}, {"traits", "autonomous_system_number"}, {"asn"}});
  if (!data) return 0;
  if (data->type == MMDB_DATA_TYPE_UINT32) return data->uint32;
  if (data->type == MMDB_DATA_TYPE_UINT16) return data->uint16;
  if (data->type != MMDB_DATA_TYPE_UTF8_STRING) return 0;
  std::string_view text(data->utf8_string, data->data_size);
  if (text.starts_with("AS")) text.remove_prefix(2);
  std::uint32_t asn = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), asn);
  return error == std::errc{} && at == text.data() + text.size() ? asn : 0;
}

}  // namespace

// Walks the search tree in address order and adds each network that has a value.
class MmdbFlattener {
 public:
  MmdbFlattener(GeoTable& table, const MMDB_s& db) : table_(table), db_(db) {}

  Result<GeoTable::File> run() {
    const std::uint32_t v4_root = db_.metadata.ip_version == 6 ? db_.ipv4_start_node.node_value : 0;
    const auto v4_depth =
        db_.metadata.ip_version == 6 ? static_cast<unsigned>(db_.ipv4_start_node.netmask) : 0U;
    // A file may hold so little of IPv4 that its tree ends above the 96th bit; then there is no such subtree.
    const bool has_v4 = db_.metadata.ip_version == 4 || (v4_depth == 96 && v4_root < db_.metadata.node_count);
    if (has_v4 && !walk_v4(v4_root)) return broken();
    if (db_.metadata.ip_version == 6) {
      // 6to4, Teredo and mapped addresses lead back to the IPv4 tree; lookups of those stay without an
      // answer.
      skip_ = has_v4 ? std::optional(v4_root) : std::nullopt;
      if (!walk_v6(0, 0, 0)) return broken();
    }
    file_.ranges.freeze();
    file_.values.shrink_to_fit();
    return std::move(file_);
  }

 private:
  static std::unexpected<Error> broken() {
    return fail(ErrorKind::invalid, "cannot be read as a MaxMind DB: its search tree is damaged");
  }

  bool walk_v4(std::uint32_t root) { return walk_v4(root, 0, 0); }

  bool walk_v4(std::uint32_t node, std::uint32_t address, unsigned depth) {
    return each_half(node, [&](std::uint64_t record, std::uint8_t type, MMDB_entry_s& entry, unsigned bit) {
      const std::uint32_t first = address | (depth < 32 ? bit << (31 - depth) : 0);
      if (depth >= 32) return false;
      if (type == MMDB_RECORD_TYPE_SEARCH_NODE)
        return walk_v4(static_cast<std::uint32_t>(record), first, depth + 1);
      if (type != MMDB_RECORD_TYPE_DATA) return true;
      const auto hosts = static_cast<std::uint32_t>((std::uint64_t{1} << (31 - depth)) - 1);
      file_.ranges.add_v4(first, first | hosts, value_of(entry));
      return true;
    });
  }

  bool walk_v6(std::uint32_t node, Uint128 address, unsigned depth) {
    if (skip_ && node == *skip_) return true;
    return each_half(node, [&](std::uint64_t record, std::uint8_t type, MMDB_entry_s& entry, unsigned bit) {
      if (depth >= 128) return false;
      const Uint128 first = address | static_cast<Uint128>(bit) << (127 - depth);
      if (type == MMDB_RECORD_TYPE_SEARCH_NODE)
        return walk_v6(static_cast<std::uint32_t>(record), first, depth + 1);
      if (type != MMDB_RECORD_TYPE_DATA) return true;
      const Uint128 hosts = (Uint128{1} << (127 - depth)) - 1;
      file_.ranges.add_v6(first, first | hosts, value_of(entry));
      return true;
    });
  }

  template <class F>
  bool each_half(std::uint32_t node, F visit) {
    // In a sound tree no node is met twice, bar the IPv4 tree once from each side.
    if (++visited_ > 2 * static_cast<std::uint64_t>(db_.metadata.node_count) + 2) return false;
    MMDB_search_node_s halves{};
    if (MMDB_read_node(&db_, node, &halves) != MMDB_SUCCESS) return false;
    if (halves.left_record_type == MMDB_RECORD_TYPE_INVALID ||
        halves.right_record_type == MMDB_RECORD_TYPE_INVALID) {
      return false;
    }
    return visit(halves.left_record, halves.left_record_type, halves.left_record_entry, 0U) &&
           visit(halves.right_record, halves.right_record_type, halves.right_record_entry, 1U);
  }

  // Equal records are stored once in most files, but not in all: first by place, then by content.
  std::uint32_t value_of(MMDB_entry_s& entry) {
    const auto [at, fresh] = by_offset_.emplace(entry.offset, 0U);
    if (!fresh) return at->second;
    GeoInfo info;
    info.country_code = table_.keep(
        text_at(entry, {{"country", "iso_code"}, {"registered_country", "iso_code"}, {"country_code"}}));
    info.country_name = table_.keep(text_at(
        entry,
        {{"country", "names", "en"}, {"registered_country", "names", "en"}, {"country_name"}, {"country"}}));
    if (info.country_code.empty() && info.country_name.size() == 2) info.country_code = info.country_name;
    if (info.country_name.empty() || info.country_name == info.country_code) {
      if (const std::string_view name = country_name(info.country_code); !name.empty())
        info.country_name = name;
    }
    info.city = table_.keep(text_at(entry, {{"city", "names", "en"}, {"city"}}));
    info.latitude = number_at(entry, {{"location", "latitude"}, {"latitude"}, {"lat"}});
    info.longitude = number_at(entry, {{"location", "longitude"}, {"longitude"}, {"lng"}});
    info.asn = asn_at(entry);
    info.as_org = table_.keep(text_at(entry, {{"autonomous_system_organization"},
                                              {"traits", "autonomous_system_organization"},
                                              {"as_name"},
                                              {"as_organization"}}));
    info.isp = table_.keep(text_at(entry, {{"isp"}, {"traits", "isp"}}));
    info.org = table_.keep(text_at(entry, {{"organization"}, {"traits", "organization"}}));
    // Texts are kept once, so their places tell them apart.
    const Content content{info.country_code.data(), info.country_name.data(),
                          info.city.data(),         info.latitude,
                          info.longitude,           info.asn,
                          info.as_org.data(),       info.isp.data(),
                          info.org.data()};
    const auto [known, unseen] =
        by_content_.emplace(content, static_cast<std::uint32_t>(file_.values.size()));
    if (unseen) file_.values.push_back(info);
    at->second = known->second;
    return known->second;
  }

  using Content = std::tuple<const char*, const char*, const char*, std::optional<double>,
                             std::optional<double>, std::uint32_t, const char*, const char*, const char*>;
  GeoTable& table_;
  const MMDB_s& db_;
  GeoTable::File file_;
  std::unordered_map<std::uint32_t, std::uint32_t> by_offset_;
  std::map<Content, std::uint32_t> by_content_;
  std::optional<std::uint32_t> skip_;
  std::uint64_t visited_ = 0;
};

Result<std::shared_ptr<const GeoTable>> GeoTable::load(std::span<const std::string> paths) {
  const auto table = std::make_shared<GeoTable>();
  for (const std::string& path : paths) {
    const auto open = OpenMmdb::open(path);
    if (!open) return std::unexpected(open.error());
    const MMDB_s& db = (*open)->db;
    auto file = MmdbFlattener(*table, db).run();
    if (!file) {
      file.error().where = path;
      return std::unexpected(file.error());
    }
    table->infos_.push_back({.path = path,
                             .type = db.metadata.database_type == nullptr ? "" : db.metadata.database_type,
                             .build_epoch = db.metadata.build_epoch,
                             .ranges = file->ranges.pieces_v4() + file->ranges.pieces_v6(),
                             .values = file->values.size()});
    table->files_.push_back(std::move(*file));
  }
  return table;
}

GeoInfo GeoTable::find(const IpAddress& ip) const {
  GeoInfo info;
  for (const File& file : files_) {
    const std::uint32_t index = file.ranges.find(ip);
    if (index == RangeMap::none) continue;
    const GeoInfo& found = file.values[index];
    // Place and owner each come from one file: half a place from two files may be no place at all.
    if (info.country_code.empty() && info.city.empty() && !info.latitude) {
      info.country_code = found.country_code;
      info.country_name = found.country_name;
      info.city = found.city;
      info.latitude = found.latitude;
      info.longitude = found.longitude;
    }
    if (info.asn == 0 && info.as_org.empty()) {
      info.asn = found.asn;
      info.as_org = found.as_org;
    }
    if (info.isp.empty()) info.isp = found.isp;
    if (info.org.empty()) info.org = found.org;
  }
  return info;
}

std::size_t GeoTable::bytes() const {
  std::size_t bytes = 0;
  for (const File& file : files_) bytes += file.ranges.bytes() + file.values.size() * sizeof(GeoInfo);
  for (const std::string& text : texts_) bytes += sizeof(std::string) + text.size();
  return bytes;
}

}  // namespace picket
