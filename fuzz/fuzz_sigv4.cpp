// Signature Version 4: lines of the input are the target, then headers "name: value", and after an empty line
// the body. No forged request verifies, and what the signer signs does.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "aws/sigv4.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const std::size_t end = text.find('\n');
    const std::string_view out = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return out;
  };
  const std::string_view target = line();
  const std::size_t mark = target.find('?');
  aws::HttpRequest request{.method = "POST",
                           .path = target.substr(0, mark),
                           .query = mark == std::string_view::npos ? "" : target.substr(mark + 1)};
  std::vector<aws::HttpHeader> headers;
  while (!text.empty()) {
    const std::string_view header = line();
    if (header.empty()) break;
    const std::size_t colon = header.find(':');
    headers.push_back(
        {header.substr(0, colon), colon == std::string_view::npos ? "" : header.substr(colon + 1)});
  }
  request.headers = headers;
  request.body = text;
  const TimeMs now = 1'795'489'850'000;  // 2026-11-24T03:10:50Z
  // Not in any corpus, so no input can carry a signature made with it.
  const std::string secret = "7pR2mZ0vKq9tYc4Lw1Xs6Jb3Nd8Fh5Gg0Aa+Uu/E";
  const auto lookup = [&](std::string_view) { return std::optional(aws::AccessKey{secret, "", {}}); };
  if (aws::verify(request, lookup, {}, now)) std::abort();
  if (aws::uri_decode(aws::uri_encode(target)) != target) std::abort();

  std::vector<aws::HttpHeader> plain{{"Host", "localhost"},
                                     {"Content-Type", headers.empty() ? "" : headers[0].value}};
  request.headers = plain;
  const auto added = aws::sign(request, {"AKID", secret, ""}, {"eu-central-1", "guardduty"}, now);
  for (const auto& [name, value] : added) plain.push_back({name, value});
  request.headers = plain;
  if (!aws::verify(request, lookup, {}, now)) std::abort();
  return 0;
}
