// What teaches facts: snapshots, call parameters of every kind, bucket policies and imported inventories.
// Whatever was learned can be saved, read back and asked for.
#include <cstdint>
#include <cstdlib>

#include "state/bucket_policy.h"
#include "state/facts.h"
#include "state/inventory_import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Facts facts;
  if (data[0] == 0) {
    Reader in(text);
    facts.load(in);
  } else if (data[0] == 1) {
    static_cast<void>(evaluate_bucket_policy(text));
    const auto rows = import_inventory(text, "111122223333", "us-east-1");
    if (!rows) return 0;
    for (const FactRow& row : *rows) facts.learn(row);
  } else {
    const auto calls = Facts::interesting_calls();
    const auto& [source, name] = calls[data[0] % calls.size()];
    // Both sides of the call from one text: members are looked for by name, not by place.
    facts.learn(FactRow{1000, "e", "111122223333", "us-east-1", std::string(name), std::string(text),
                        std::string(text)});
  }
  std::string bytes;
  Writer out(bytes);
  facts.save(out);
  Facts again;
  Reader in(bytes);
  again.load(in);
  if (in.failed() || !in.at_end() || again.bytes() != facts.bytes()) std::abort();
  std::string same;
  Writer twice(same);
  again.save(twice);
  if (same != bytes) std::abort();
  static_cast<void>(facts.instance("i-0a", 1000));
  static_cast<void>(facts.interface("eni-0a", 1000));
  static_cast<void>(facts.public_addresses_of_instance("i-0a", 1000));
  static_cast<void>(facts.public_address(IpAddress::v4(0xcb007132), 1000));
  static_cast<void>(facts.inner_addresses_of_instance("i-0a", 1000));
  static_cast<void>(facts.forwards_traffic("i-0a", 1000));
  static_cast<void>(facts.share_transit_gateway("vpc-0a", "vpc-0b", 1000));
  static_cast<void>(facts.beside_customer_gateway(IpAddress::v4(0xcb007132), 1000));
  static_cast<void>(facts.bucket("b", 1000));
  static_cast<void>(facts.opened_by("eni-0a", 6, 22, IpAddress::v4(0xcb007132), 1000));
  static_cast<void>(facts.function("111122223333", "us-east-1", "orders", 1000));
  static_cast<void>(facts.cluster("111122223333", "us-east-1", "prod", 1000));
  facts.set_bytes_max(64);
  static_cast<void>(facts.evict());
  return 0;
}
