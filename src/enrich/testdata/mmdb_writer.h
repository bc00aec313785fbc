// Writes small MaxMind DB files for tests (format 2.0, 32-bit records, IPv6 tree with IPv4 at ::/96 or IPv4
// tree).
#pragma once

#include <bit>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ip.h"

namespace picket::testdata {

class MmdbWriter {
 public:
  struct Value;
  using Map = std::vector<std::pair<std::string, Value>>;
  struct Value {
    std::variant<std::string, std::uint16_t, std::uint32_t, std::uint64_t, double, Map, std::vector<Value>>
        is;
  };

  explicit MmdbWriter(std::string type, std::uint16_t ip_version = 6)
      : type_(std::move(type)), ip_version_(ip_version) {}

  // Prefixes must not hold one another.
  void add(const std::string& prefix_text, const Map& record) {
    const IpPrefix prefix = IpPrefix::parse(prefix_text).value();
    const auto place = static_cast<std::uint32_t>(data_.size());
    encode(data_, {record});
    const bool v4 = prefix.address.is_v4();
    const unsigned first = v4 ? 96 : 0;                      // bit of the address where the prefix starts
    const unsigned zeros = v4 && ip_version_ == 6 ? 96 : 0;  // levels of the tree above it
    const unsigned levels = zeros + prefix.length;
    std::size_t node = 0;
    for (unsigned level = 0; level < levels; ++level) {
      const unsigned bit = first + level - zeros;
      const unsigned half = level < zeros ? 0 : (prefix.address.bytes()[bit / 8] >> (7 - bit % 8)) & 1U;
      if (level + 1 == levels) {
        nodes_[node].half[half] = {Half::data, place};
      } else if (nodes_[node].half[half].kind == Half::nothing) {
        nodes_[node].half[half] = {Half::node, static_cast<std::uint32_t>(nodes_.size())};
        nodes_.emplace_back();
      }
      node = nodes_[node].half[half].value;
    }
  }

  // Makes a half of a node lead to another, to write damaged files.
  void link(std::size_t node, unsigned half, std::uint32_t target) {
    nodes_[node].half[half] = {Half::node, target};
  }

  std::string bytes() const {
    const auto count = static_cast<std::uint32_t>(nodes_.size());
    std::string out;
    for (const Node& node : nodes_) {
      for (const Half& half : node.half) {
        append_number(out,
                      half.kind == Half::nothing ? count
                      : half.kind == Half::node  ? half.value
                                                 : count + 16 + half.value,
                      4);
      }
    }
    out.append(16, '\0');
    out += data_;
    out += "\xab\xcd\xefMaxMind.com";
    encode(out, {Map{{"binary_format_major_version", {std::uint16_t{2}}},
                     {"binary_format_minor_version", {std::uint16_t{0}}},
                     {"build_epoch", {std::uint64_t{1700000000}}},
                     {"database_type", {type_}},
                     {"description", {Map{{"en", {"test"}}}}},
                     {"ip_version", {ip_version_}},
                     {"languages", {std::vector<Value>{{"en"}}}},
                     {"node_count", {count}},
                     {"record_size", {std::uint16_t{32}}}}});
    return out;
  }

  void save(const std::string& path) const { std::ofstream(path, std::ios::binary) << bytes(); }

 private:
  struct Half {
    enum Kind : std::uint8_t { nothing, node, data } kind = nothing;
    std::uint32_t value = 0;
  };
  struct Node {
    Half half[2];
  };

  static void append_number(std::string& out, std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xffU);
  }
  static void control(std::string& out, unsigned type, std::size_t size) {
    out += static_cast<char>((type <= 7 ? type << 5 : 0U) | (size < 29 ? size : 29U));
    if (type > 7) append_number(out, type - 7, 1);
    if (size >= 29) append_number(out, size - 29, 1);  // up to 284 bytes, enough for tests
  }
  static void encode(std::string& out, const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value.is)) {
      control(out, 2, text->size());
      out += *text;
    } else if (const auto* small = std::get_if<std::uint16_t>(&value.is)) {
      control(out, 5, 2);
      append_number(out, *small, 2);
    } else if (const auto* number = std::get_if<std::uint32_t>(&value.is)) {
      control(out, 6, 4);
      append_number(out, *number, 4);
    } else if (const auto* large = std::get_if<std::uint64_t>(&value.is)) {
      control(out, 9, 8);
      append_number(out, *large, 8);
    } else if (const auto* real = std::get_if<double>(&value.is)) {
      control(out, 3, 8);
      append_number(out, std::bit_cast<std::uint64_t>(*real), 8);
    } else if (const auto* array = std::get_if<std::vector<Value>>(&value.is)) {
      control(out, 11, array->size());
      for (const Value& entry : *array) encode(out, entry);
    } else {
      const Map& map = std::get<Map>(value.is);
      control(out, 7, map.size());
      for (const auto& [key, entry] : map) {
        encode(out, {key});
        encode(out, entry);
      }
    }
  }

  std::string type_;
  std::uint16_t ip_version_;
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::string data_;
};

}  // namespace picket::testdata
