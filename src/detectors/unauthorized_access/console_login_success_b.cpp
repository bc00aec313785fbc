#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Faster than an airliner with its ground time, over more than what geography databases are commonly wrong
// by.
constexpr std::int64_t speed_kmh_max = 1000, distance_km_min = 500, error_km = 200;
// Two sign-ins further apart say nothing of each other.
constexpr TimeMs span = day_ms;
// So many users of an account at one address: an office or a VPN everybody uses, not a place.
constexpr std::size_t shared_users = 3;
// A place the user signed in from on so many days before is where the user is at times.
constexpr std::size_t usual_days = 2;
constexpr TimeMs memory = 30 * day_ms;
constexpr std::size_t sign_ins_max = 32, users_max = 16384, addresses_max = 16384;

// ---- distance without libm, so that every build agrees ----

double sine(double x) {  // |x| <= pi/2; Taylor's series, good to 1e-8
  const double q = x * x;
  return x * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110)))));
}
constexpr double radians = 3.14159265358979323846 / 180, half_turn_km = 20015.0, earth_km = 6371.0;

// Square of the sine of half the angle between two places (the haversine).
double haversine(const GeoPlace& a, const GeoPlace& b) {
  double turn = a.longitude - b.longitude;
  while (turn > 180) turn -= 360;
  while (turn < -180) turn += 360;
  const double up = sine((a.latitude - b.latitude) * radians / 2), across = sine(turn * radians / 2);
  const double cosines = sine((90 - std::max(a.latitude, -a.latitude)) * radians) *
                         sine((90 - std::max(b.latitude, -b.latitude)) * radians);
  return up * up + cosines * across * across;
}

std::int64_t distance_km(const GeoPlace& a, const GeoPlace& b) {
  const double wanted = haversine(a, b);
  std::int64_t low = 0, high = static_cast<std::int64_t>(half_turn_km);
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    const double half = sine(static_cast<double>(middle) / earth_km / 2);
    if (half * half < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

constexpr std::string_view user_name = "user";

std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  if (call.user_identity.type != "IAMUser" || outcome(call) != Outcome::success) return std::nullopt;
  if (!call.source_ip || !call.source_ip->is_public()) return std::nullopt;
  return Evidence{{"mfa", call.additional_event_data.find("MFAUsed")},
                  {"account", std::string(call.recipient_account_id)},
                  {user_name, principal_of(call).key}};
}

// Sign-ins of the users of one account.
class SignIns {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts& facts) {
    if (!row.subject.remote_ip) return std::nullopt;
    const IpAddress address = *row.subject.remote_ip;
    const auto named =
        std::ranges::find(row.evidence, user_name, [](const auto& item) { return item.first; });
    if (named == row.evidence.end()) return std::nullopt;
    const std::string& user = named->second;
    const TimeMs now = row.first.time;
    const std::size_t users_here = use(address.to_string(), user, now);
    const auto place = facts.place(address);
    if (!place) return std::nullopt;

    if (users_.size() >= users_max && !users_.contains(user)) users_.clear();
    std::vector<SignIn>& history = users_[user];
    std::erase_if(history, [&](const SignIn& one) { return now - one.time > memory; });
    std::set<std::int64_t> days;
    const SignIn* far = nullptr;
    for (const SignIn& one : history) {
      const std::int64_t km = distance_km(one.place(), *place);
      if (km < distance_km_min) {
        days.insert(one.time / day_ms);
      } else if (now - one.time <= span && too_fast(km, now - one.time)) {
        far = &one;
      }
    }
    std::optional<Candidate> made;
    if (far != nullptr && users_here < shared_users && days.size() < usual_days) {
      made = row;
      const std::int64_t minutes = (now - far->time) / minute_ms;
      made->evidence.emplace_back("place", place->country_code);
      made->evidence.emplace_back("other_place", far->country);
      made->evidence.emplace_back("other_address", far->address);
      made->evidence.emplace_back("kilometres", std::to_string(distance_km(far->place(), *place)));
      made->evidence.emplace_back("minutes", std::to_string(minutes));
    }
    history.push_back({now, address.to_string(), place->country_code, place->latitude, place->longitude});
    if (history.size() > sign_ins_max) history.erase(history.begin());
    return made;
  }

  template <class Ar>
  void io(Ar& ar) {
    ar(users_, addresses_);
  }

 private:
  struct SignIn {
    TimeMs time = 0;
    std::string address, country;
    double latitude = 0, longitude = 0;
    GeoPlace place() const { return {country, latitude, longitude, 0, {}}; }
    template <class Ar>
    void io(Ar& ar) {
      ar(time, address, country, latitude, longitude);
    }
  };
  struct Address {
    TimeMs last = 0;
    std::set<std::string> users;  // at most shared_users
    template <class Ar>
    void io(Ar& ar) {
      ar(last, users);
    }
  };

  static bool too_fast(std::int64_t km, TimeMs elapsed) {
    return (km - error_km) * hour_ms > speed_kmh_max * elapsed;
  }

  // How many users were at the address, this one included.
  std::size_t use(const std::string& address, const std::string& user, TimeMs now) {
    if (addresses_.size() >= addresses_max) {
      std::erase_if(addresses_, [&](const auto& item) { return now - item.second.last > day_ms; });
    }
    Address& here = addresses_[address];
    here.last = now;
    if (here.users.size() < shared_users) here.users.insert(user);
    return here.users.size();
  }

  std::map<std::string, std::vector<SignIn>> users_;
  std::map<std::string, Address> addresses_;
};

}  // namespace

extern const Detector console_login_success_b = {
    .types = {{.name = "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B",
               .severity = Severity::medium,
               .mitre = {"TA0001", "T1078.004"},  // Initial Access: Cloud Accounts
               .title = "{principal} signed in to the console from two distant places.",
               .description =
                   "{principal} signed in from {remote_ip} ({place}) {minutes} minutes after {other_address} "
                   "({other_place}), {kilometres} km away: nobody travels that fast. MFA used: {mfa}."}},
    .summary = "One IAM user signed in to the console from two places too far apart for the time between.",
    .when = {calls("signin.amazonaws.com", {"ConsoleLogin"})},
    .issue = {key::principal},
    .entity = key::evidence("account"),
    .logic = ordered<SignIns>(select),
    .blind_spots =
        "Everything without a geography database, which the configuration names; addresses that three users "
        "of "
        "the account share, which are taken for an office or VPN; places the user was at on two days before.",
};

}  // namespace picket::detectors
