// State to bytes and back: little-endian, no padding, no pointers, so that equal state gives equal bytes.
// A type takes part by `template <class Ar> void io(Ar& ar) { ar(a_, b_); }`, one function for both ways.
// Reading hostile bytes is safe: a short or absurd input sets failed() and leaves defaults.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace picket {

template <class T>
concept PlainValue = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Writer {
 public:
  static constexpr bool reading = false;
  explicit Writer(std::string& out) : out_(out) {}

  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(values), ...);
  }
  void bytes(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }

 private:
  template <PlainValue T>
  void put(const T& value) {
    bytes(&value, sizeof value);
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes(text.data(), text.size());
  }
  void put(const IpAddress& ip) { bytes(ip.bytes().data(), 16); }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first);
    put(pair.second);
  }
  template <class T, std::size_t N>
  void put(const std::array<T, N>& values) {
    for (const T& value : values) put(value);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) put(value);
  }
  template <class T>
  void put(const std::set<T>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) put(value);
  }
  template <class K, class V>
  void put(const std::map<K, V>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) put(value);
  }
  template <class T>
    requires requires(T& value, Writer& ar) { value.io(ar); }
  void put(const T& value) {
    const_cast<T&>(value).io(*this);  // io() only reads when the archive writes.
  }
  std::string& out_;
};

class Reader {
 public:
  static constexpr bool reading = true;
  explicit Reader(std::string_view in) : in_(in) {}

  bool failed() const { return failed_; }
  bool at_end() const { return in_.empty(); }
  void fail() { failed_ = true; }

  template <class... Ts>
  void operator()(Ts&... values) {
    (get(values), ...);
  }
  std::string_view bytes(std::size_t size) {
    if (failed_ || size > in_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }

 private:
  template <PlainValue T>
  void get(T& value) {
    const std::string_view taken = bytes(sizeof value);
    if (taken.size() == sizeof value) std::memcpy(&value, taken.data(), sizeof value);
  }
  // Any byte but 0 and 1 would be no bool at all.
  void get(bool& flag) {
    std::uint8_t byte = 0;
    get(byte);
    if (byte > 1) failed_ = true;
    flag = byte == 1;
  }
  void get(std::string& text) { text = bytes(count()); }
  void get(IpAddress& ip) {
    std::array<std::uint8_t, 16> raw{};
    const std::string_view taken = bytes(raw.size());
    if (taken.size() == raw.size()) std::memcpy(raw.data(), taken.data(), raw.size());
    ip = IpAddress::v6(raw);
  }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    get(pair.first);
    get(pair.second);
  }
  template <class T, std::size_t N>
  void get(std::array<T, N>& values) {
    for (T& value : values) get(value);
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool there = false;
    get(there);
    value.reset();
    if (there && !failed_) get(value.emplace());
  }
  template <class T>
  void get(std::vector<T>& values) {
    const std::size_t n = count();
    values.clear();
    values.reserve(std::min<std::size_t>(n, in_.size()));
    for (std::size_t i = 0; i < n && !failed_; ++i) get(values.emplace_back());
  }
  template <class T>
  void get(std::set<T>& values) {
    const std::size_t n = count();
    values.clear();
    for (std::size_t i = 0; i < n && !failed_; ++i) {
      T value{};
      get(value);
      if (!failed_) values.insert(std::move(value));
    }
  }
  template <class K, class V>
  void get(std::map<K, V>& values) {
    const std::size_t n = count();
    values.clear();
    for (std::size_t i = 0; i < n && !failed_; ++i) {
      K key{};
      get(key);
      V& value = values[std::move(key)];
      get(value);
    }
  }
  template <class T>
    requires requires(T& value, Reader& ar) { value.io(ar); }
  void get(T& value) {
    value.io(*this);
  }
  // Every element takes at least a byte, so a count above what is left is a lie.
  std::size_t count() {
    std::uint32_t n = 0;
    get(n);
    if (n > in_.size()) failed_ = true;
    return failed_ ? 0 : n;
  }
  std::string_view in_;
  bool failed_ = false;
};

}  // namespace picket
