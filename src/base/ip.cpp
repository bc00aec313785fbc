#include "base/ip.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace picket {

namespace {

std::optional<std::uint32_t> parse_v4(std::string_view text) {
  std::uint32_t value = 0;
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (at >= text.size() || text[at] != '.') return std::nullopt;
      ++at;
    }
    unsigned octet = 0;
    std::size_t digits = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && digits < 4) {
      octet = octet * 10 + static_cast<unsigned>(text[at] - '0');
      ++at;
      ++digits;
    }
    if (digits == 0 || digits > 3 || octet > 255) return std::nullopt;
    if (digits > 1 && text[at - digits] == '0') return std::nullopt;
    value = value << 8 | octet;
  }
  if (at != text.size()) return std::nullopt;
  return value;
}

std::uint64_t load_be(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

constexpr std::uint32_t quad(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

bool within(std::uint32_t ip, std::uint32_t network, unsigned length) {
  return length == 0 || (ip ^ network) >> (32 - length) == 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto value = parse_v4(text);
    if (!value) return std::nullopt;
    return v4(*value);
  }
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  text.copy(buffer.data(), text.size());
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, buffer.data(), bytes.data()) != 1) return std::nullopt;
  return v6(bytes);
}

std::uint64_t IpAddress::high() const { return load_be(bytes_.data()); }
std::uint64_t IpAddress::low() const { return load_be(bytes_.data() + 8); }

bool IpAddress::is_public() const {
  if (is_v4()) {
    const std::uint32_t ip = v4_value();
    return !(within(ip, 0, 8) || within(ip, quad(10, 0, 0, 0), 8) || within(ip, quad(100, 64, 0, 0), 10) ||
             within(ip, quad(127, 0, 0, 0), 8) || within(ip, quad(169, 254, 0, 0), 16) ||
             within(ip, quad(172, 16, 0, 0), 12) || within(ip, quad(192, 0, 0, 0), 24) ||
             within(ip, quad(192, 168, 0, 0), 16) || within(ip, quad(198, 18, 0, 0), 15) ||
             ip >= quad(224, 0, 0, 0));
  }
  // 2000::/3 is what IANA has delegated as global unicast; 64:ff9b::/96 wraps public IPv4.
  return (bytes_[0] & 0xe0U) == 0x20U || (load_be(bytes_.data()) == 0x0064ff9b00000000ULL);
}

bool IpAddress::is_multicast() const {
  return is_v4() ? within(v4_value(), quad(224, 0, 0, 0), 4) : bytes_[0] == 0xff;
}

bool IpAddress::is_loopback() const {
  return is_v4() ? within(v4_value(), quad(127, 0, 0, 0), 8) : high() == 0 && low() == 1;
}

bool IpAddress::is_link_local() const {
  return is_v4() ? within(v4_value(), quad(169, 254, 0, 0), 16)
                 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80U;
}

std::string IpAddress::to_string() const {
  if (is_v4()) {
    std::string text;
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) text += '.';
      text += std::to_string(bytes_[i]);
    }
    return text;
  }
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(AF_INET6, bytes_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const unsigned full = ip->is_v4() && text.find(':') == std::string_view::npos ? 32 : 128;
  unsigned length = full;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size() || length > full) return std::nullopt;
  }
  auto bytes = ip->bytes();
  const unsigned keep = full == 32 ? length + 96 : length;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned from = i * 8;
    if (keep <= from) {
      bytes[i] = 0;
    } else if (keep < from + 8) {
      bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> (keep - from)));
    }
  }
  const IpAddress network = IpAddress::v6(bytes);
  // "::ffff:192.0.2.0/120" is IPv4 written long; a mapped network wider than all of IPv4 stays IPv6.
  return IpPrefix{network, network.is_v4() ? keep - 96 : keep};
}

bool IpPrefix::contains(const IpAddress& ip) const {
  if (address.is_v4() != ip.is_v4()) return false;
  const unsigned keep = address.is_v4() ? length + 96 : length;
  const unsigned whole = keep / 8, rest = keep % 8;
  if (std::memcmp(address.bytes().data(), ip.bytes().data(), whole) != 0) return false;
  return rest == 0 || ((address.bytes()[whole] ^ ip.bytes()[whole]) & (0xff00U >> rest) & 0xffU) == 0;
}

std::string IpPrefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

}  // namespace picket
