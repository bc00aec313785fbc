// What a call is for, as far as its parameters tell: granting a role to a service and granting it to a
// stranger are the same API. Only for APIs of api_tactics.h that serve honest work and intruders alike.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "event/cloudtrail_event.h"
#include "state/api_tactics.h"

namespace picket {

enum class Aim : std::uint8_t {
  untold,    // its parameters do not tell, or were not recorded
  harmless,  // they show that nobody is let in and nothing is weakened
  ordinary,  // they would tell, and show nothing of what follows
  // These are grave.
  outsiders,   // lets in other accounts, or everybody
  all_rights,  // grants every action
  exposure,    // admits the whole Internet
  unguarded,   // gives up what guards against loss: versions, snapshots, monitoring, one's own key
  takeover,    // sets somebody's password, or what a machine runs when it starts
};
constexpr std::size_t aim_kinds = 8;
constexpr bool is_grave(Aim aim) { return aim > Aim::ordinary; }
// "lets in outsiders", for people.
std::string_view name_of(Aim aim);

struct CallAim {
  Aim aim = Aim::untold;
  // Of `outsiders`: the accounts, sorted, parted by spaces; empty when everybody is let in.
  std::string accounts;

  // What it is when those accounts are let in that `is_known` says belong to the organisation.
  template <class F>
  Aim among(F is_known) const {
    if (aim != Aim::outsiders || accounts.empty()) return aim;
    for (std::string_view rest = accounts; !rest.empty();) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      if (!is_known(rest.substr(0, end))) return aim;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return Aim::ordinary;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(aim, accounts);
  }
};

// Whether the API's parameters may tell; the event's call must be of such an API for aim_of() to say
// anything.
bool tells_aim(std::string_view event_source, std::string_view api);
CallAim aim_of(const CloudTrailEvent& event);

// log2 of how much likelier an intruder makes the call, given its aim: judgement, as the table's weights are.
// What shows nothing of the kind is any administrator's work.
unsigned weight_of(const ApiTactic& api, Aim aim);

// Whether an IAM policy allows every action on everything.
bool allows_everything(std::string_view policy);

}  // namespace picket
