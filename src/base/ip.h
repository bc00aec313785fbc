// An IPv4 or IPv6 address as 16 bytes in network order; IPv4 is held as ::ffff:a.b.c.d.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

class IpAddress {
 public:
  constexpr IpAddress() = default;
  static constexpr IpAddress v4(std::uint32_t host_order) {
    IpAddress ip;
    ip.bytes_[10] = ip.bytes_[11] = 0xff;
    for (unsigned i = 0; i < 4; ++i)
      ip.bytes_[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    return ip;
  }
  static IpAddress v6(const std::array<std::uint8_t, 16>& network_order) {
    IpAddress ip;
    ip.bytes_ = network_order;
    return ip;
  }
  // Dotted quad (no leading zeros of octal kind are read: "010" is refused) or any RFC 4291 text form.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const {
    static constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes_.data(), prefix.data(), prefix.size()) == 0;
  }
  // Host byte order; meaningful when is_v4().
  std::uint32_t v4_value() const {
    return static_cast<std::uint32_t>(bytes_[12]) << 24 | static_cast<std::uint32_t>(bytes_[13]) << 16 |
           static_cast<std::uint32_t>(bytes_[14]) << 8 | bytes_[15];
  }
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::uint64_t high() const;  // first 8 bytes, host order
  std::uint64_t low() const;   // last 8 bytes, host order

  // Routable on the public Internet: not private, loopback, link-local, shared (100.64/10),
  // documentation, benchmark, multicast, reserved, unspecified or unique-local (IANA special registries).
  // Documentation ranges count as public, so that examples behave like the addresses they stand for.
  bool is_public() const;
  bool is_multicast() const;
  bool is_loopback() const;
  bool is_link_local() const;

  std::string to_string() const;  // RFC 5952
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// An address range in CIDR form, prefix length counted on the 128-bit form for IPv6 and on 32 bits for IPv4.
struct IpPrefix {
  IpAddress address;    // host bits cleared
  unsigned length = 0;  // 0-32 when address.is_v4(), else 0-128

  // "10.0.0.0/8", "2001:db8::/32", or a lone address (full length). Host bits are cleared.
  static std::optional<IpPrefix> parse(std::string_view text);
  bool contains(const IpAddress& ip) const;
  std::string to_string() const;
  auto operator<=>(const IpPrefix&) const = default;
};

}  // namespace picket
