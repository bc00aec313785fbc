// Which tactic an AWS API serves in an intruder's hands, and how much that weighs:
// data/learning/api_tactics.csv, which is part of the binary. Its README tells the order in which rows hold.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace picket {

enum class Tactic : std::uint8_t {
  resource_development,
  initial_access,
  execution,
  persistence,
  privilege_escalation,
  defense_evasion,
  credential_access,
  discovery,
  lateral_movement,
  collection,
  exfiltration,
  impact
};
constexpr std::size_t tactic_kinds = 12;
// ATT&CK's name: "Defense Evasion".
std::string_view name_of(Tactic tactic);
// ATT&CK's id: "TA0005".
std::string_view id_of(Tactic tactic);
std::optional<Tactic> tactic_named(std::string_view name);
std::optional<Tactic> tactic_of_id(std::string_view id);

struct ApiTactic {
  Tactic tactic = Tactic::execution;
  std::uint8_t weight_bits = 1;
  bool listed = false;  // by service and name; otherwise its verb decides
  template <class Ar>
  void io(Ar& ar) {
    ar(tactic, weight_bits, listed);
  }
};

// `event_name` without CloudTrail's version suffix (api_name()).
ApiTactic api_tactic(std::string_view event_source, std::string_view event_name);

// The rows that name a service and a whole API, in the order of the table.
struct ListedApi {
  std::string_view event_source, event_name;
  ApiTactic of;
};
std::span<const ListedApi> listed_apis();

}  // namespace picket
