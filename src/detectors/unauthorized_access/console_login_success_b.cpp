#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <set>
#include <vector>

#include "base/hash.h"
#include "base/oldest.h"
#include "detectors/shared/row_value.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

// Faster than an airliner, over more than what geography databases are commonly wrong by...
constexpr std::int64_t speed_kmh_max = 1000, distance_km_min = 500, error_km = 200;
// ...or to another country within the time that getting to and from airports takes with a flight between.
constexpr TimeMs abroad_min = 3 * hour_ms;
// Two sign-ins further apart say nothing of each other.
constexpr TimeMs span = day_ms;
// So many people of an account at one address or in one network: an office, a VPN everybody uses, not a
// person's place.
constexpr std::size_t shared_people = 3;
// A place the person signed in from on so many days before is where the person is at times.
constexpr int usual_days = 2;
// Who changed places impossibly on so many days, and nothing came of it, uses a VPN.
constexpr int roaming_days = 2;
// Who was seen on so many days of the last month and never far away: of them a first time is worth a look,
// though it is their own browser.
constexpr int well_known_days = 10;
// A month of history, as GuardDuty's and others' baselines have; the bitmaps of days hold as much.
constexpr TimeMs memory = 30 * day_ms;
// Browsers renew themselves about monthly; a week is well within one version.
constexpr TimeMs device_memory = 7 * day_ms;
// New people: first seen when the account's sign-ins were known for so long, and for so long after.
constexpr TimeMs known_account = 14 * day_ms, warm_up = 7 * day_ms;
// Of one account; about 1200 bytes a person (measured), 100 an address or network. Beyond it the longest
// unused quarter goes.
constexpr std::size_t people_max = 16384, addresses_max = 16384, networks_max = 4096;
constexpr std::size_t places_max = 16, recent_max = 8, devices_max = 8;  // of a person

// ---- distance without libm, so that every build agrees ----

double sine(double x) {  // |x| <= pi/2; Taylor's series, good to 1e-8
  const double q = x * x;
  return x * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110)))));
}
constexpr double radians = 3.14159265358979323846 / 180, half_turn_km = 20015.0, earth_km = 6371.0;

struct Position {
  double latitude = 0, longitude = 0;
  template <class Ar>
  void io(Ar& ar) {
    ar(latitude, longitude);
  }
};

// Square of the sine of half the angle between two places (the haversine).
double haversine(const Position& a, const Position& b) {
  double turn = a.longitude - b.longitude;
  while (turn > 180) turn -= 360;
  while (turn < -180) turn += 360;
  const double up = sine((a.latitude - b.latitude) * radians / 2), across = sine(turn * radians / 2);
  const double cosines = sine((90 - std::max(a.latitude, -a.latitude)) * radians) *
                         sine((90 - std::max(b.latitude, -b.latitude)) * radians);
  return up * up + cosines * across * across;
}

std::int64_t distance_km(const Position& a, const Position& b) {
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

// ---- what is remembered ----

// On which of the last 32 days something was.
struct Days {
  std::int64_t newest = 0;
  std::uint32_t bits = 0;  // bit n: n days before the newest

  void add(std::int64_t day) {
    if (bits == 0 || day > newest) {
      bits = day - newest < 32 && bits != 0 ? bits << (day - newest) : 0;
      newest = day;
    }
    if (newest - day < 32) bits |= 1U << (newest - day);
  }
  // As bits counted from `day`, which is not before the newest.
  std::uint32_t before(std::int64_t day) const {
    return day - newest < 32 ? (bits << (day - newest)) & ~1U : 0;
  }
  template <class Ar>
  void io(Ar& ar) {
    ar(newest, bits);
  }
};

struct SignIn {
  TimeMs time = 0;
  std::string address, country;
  Position position;
  std::uint64_t network = 0, device = 0;
  bool strong = false;    // a second factor, or the company's own sign-in, which picket cannot look into
  bool familiar = false;  // from a device the person had used
  bool told = false;
  template <class Ar>
  void io(Ar& ar) {
    ar(time, address, country, position, network, device, strong, familiar, told);
  }
};

struct Person {
  TimeMs first = 0, last = 0;
  struct Place {
    std::uint64_t network = 0;
    std::string country;
    Position position;
    Days days;
    template <class Ar>
    void io(Ar& ar) {
      ar(network, country, position, days);
    }
  };
  std::vector<Place> places;
  std::vector<SignIn> recent;
  std::vector<std::pair<std::uint64_t, TimeMs>> devices;  // hash of the user agent; last sign-in
  Days jumps;                                             // impossible ones that nothing came of
  template <class Ar>
  void io(Ar& ar) {
    ar(first, last, places, recent, devices, jumps);
  }

  bool usual_at(const Position& position, std::int64_t today) const {
    std::uint32_t days = 0;
    for (const Place& place : places) {
      if (distance_km(place.position, position) < distance_km_min) days |= place.days.before(today);
    }
    return std::popcount(days) >= usual_days;
  }
  bool stays_at(const Position& position, std::int64_t today) const {
    std::uint32_t days = 0;
    for (const Place& place : places) {
      const std::uint32_t before = place.days.before(today);
      if (before != 0 && distance_km(place.position, position) >= distance_km_min) return false;
      days |= before;
    }
    return std::popcount(days) >= well_known_days;
  }
  bool knows(std::uint64_t network, std::int64_t today) const {
    return std::ranges::any_of(places, [&](const Place& place) {
      return place.network == network && place.days.before(today) != 0;
    });
  }
  bool uses(std::uint64_t device, TimeMs now) const {
    return std::ranges::any_of(devices, [&](const auto& known) {
      return known.first == device && now - known.second <= device_memory;
    });
  }
  void learn(const SignIn& sign_in) {
    const std::int64_t day = sign_in.time / day_ms;
    const auto same = std::ranges::find_if(places, [&](const Place& place) {
      return place.network == sign_in.network && distance_km(place.position, sign_in.position) < error_km;
    });
    if (same != places.end()) {
      same->days.add(day);
    } else {
      if (places.size() >= places_max)
        places.erase(
            std::ranges::min_element(places, {}, [](const Place& place) { return place.days.newest; }));
      places.push_back({sign_in.network, sign_in.country, sign_in.position, {}});
      places.back().days.add(day);
    }
    const auto known = std::ranges::find(devices, sign_in.device, &std::pair<std::uint64_t, TimeMs>::first);
    if (known != devices.end()) {
      known->second = sign_in.time;
    } else {
      if (devices.size() >= devices_max)
        devices.erase(std::ranges::min_element(devices, {}, &std::pair<std::uint64_t, TimeMs>::second));
      devices.emplace_back(sign_in.device, sign_in.time);
    }
  }
  // What turned out to be somebody else's is no place and no device of the person.
  void unlearn(const SignIn& sign_in) {
    std::erase_if(places, [&](const Place& place) {
      return place.network == sign_in.network && std::has_single_bit(place.days.bits);
    });
    if (!sign_in.familiar) {
      std::erase_if(devices, [&](const auto& known) { return known.first == sign_in.device; });
    }
  }
  // "DE (12 days), FR (2 days)": countries of the last month, the most usual first.
  std::string usual_places(std::int64_t today) const {
    std::map<std::string, std::uint32_t> by_country;
    for (const Place& place : places) {
      if (const std::uint32_t days = place.days.before(today)) by_country[place.country] |= days;
    }
    std::vector<std::pair<int, std::string>> ranked;
    for (const auto& [country, days] : by_country) ranked.emplace_back(-std::popcount(days), country);
    std::ranges::sort(ranked);
    std::string text;
    for (const auto& [days, country] : ranked) {
      text += (text.empty() ? "" : ", ") + country + " (" + std::to_string(-days) +
              (days == -1 ? " day)" : " days)");
    }
    return text;
  }
};

// ---- the rows ----

constexpr std::string_view account_name = "account", user_name = "user", mfa_name = "mfa";

// Of IAM users, and of people who come by way of the company's own sign-in (SAML, IAM Identity Center): of
// their second factor AWS knows nothing.
std::optional<Evidence> select(const CloudTrailEvent& call, const Context&) {
  const UserIdentity& identity = call.user_identity;
  const bool federated = identity.type == "AssumedRole";
  if (identity.type != "IAMUser" && !federated) return std::nullopt;
  if (outcome(call) != Outcome::success || !call.source_ip || !call.source_ip->is_public())
    return std::nullopt;
  Principal person = principal_of(call);
  if (federated && person.workload.empty()) return std::nullopt;  // whose session it is, is not told
  if (federated && !person.key.ends_with('/' + person.workload)) person.key += '/' + person.workload;
  return Evidence{
      {mfa_name, federated ? "known to the identity provider" : call.additional_event_data.find("MFAUsed")},
      {account_name, std::string(call.recipient_account_id)},
      {user_name, std::move(person.key)}};
}

// Sign-ins of the people of one account.
class SignIns {
 public:
  std::optional<Candidate> step(const Candidate& row, const Facts& facts) {
    if (!row.subject.remote_ip) return std::nullopt;
    const auto place = facts.place(*row.subject.remote_ip);
    if (!place) return std::nullopt;
    const std::string user(text_of(row, user_name));
    const TimeMs now = row.first.time;
    const std::int64_t today = now / day_ms;
    if (people_.empty()) since_ = now;
    const auto last = [](const auto& entry) { return entry.last; };
    evicted_ += erase_oldest_quarter(people_, people_max - 1, last) +
                erase_oldest_quarter(addresses_, addresses_max - 1, last) +
                erase_oldest_quarter(networks_, networks_max - 1, last);
    Person& person = people_[user];
    if (person.last == 0) person.first = now;
    person.last = now;

    SignIn here{
        .time = now,
        .address = row.subject.remote_ip->to_string(),
        .country = place->country_code,
        .position = {place->latitude, place->longitude},
        .network = hash64(place->country_code + '/' + std::to_string(place->asn) + '/' + place->as_org)};
    if (row.subject.api_call) here.device = hash64(row.subject.api_call->user_agent);
    here.strong = text_of(row, mfa_name) != "No";
    here.familiar = person.uses(here.device, now);
    Shared& address = use(addresses_[here.address], user, now);

    std::erase_if(person.recent, [&](const SignIn& one) { return now - one.time > span; });
    SignIn* there = nullptr;
    for (SignIn& one : person.recent) {
      if (too_fast(one, here)) there = &one;
    }
    std::optional<Candidate> made;
    bool learn = true;
    if (there != nullptr) {
      const bool back = person.usual_at(here.position, today);
      SignIn& odd = back ? *there : here;
      if (!odd.told && !(back && person.usual_at(there->position, today))) {
        if (excused(person, odd, here, *there, address)) {
          person.jumps.add(today);
        } else {
          made = raised(row, person, here, *there, odd, today);
          odd.told = true;
          addresses_[odd.address].raised = true;
          learn = back;
          if (back) person.unlearn(odd);
        }
      }
    }
    if (learn) {
      person.learn(here);
      use(networks_[here.network], user, now);
    }
    person.recent.push_back(std::move(here));
    if (person.recent.size() > recent_max) person.recent.erase(person.recent.begin());
    return made;
  }

  std::uint64_t take_evicted() { return std::exchange(evicted_, 0); }
  template <class Ar>
  void io(Ar& ar) {
    ar(people_, addresses_, networks_, since_);
  }

 private:
  struct Shared {  // an address or a network
    TimeMs last = 0;
    std::set<std::string> people;  // at most shared_people
    bool raised = false;           // a thief may hold the passwords of many
    bool shared() const { return !raised && people.size() >= shared_people; }
    template <class Ar>
    void io(Ar& ar) {
      ar(last, people, raised);
    }
  };

  static bool too_fast(const SignIn& from, const SignIn& to) {
    const std::int64_t km = distance_km(from.position, to.position);
    const TimeMs elapsed = to.time - from.time;
    if (km < distance_km_min) return false;
    return (km - error_km) * hour_ms > speed_kmh_max * elapsed ||
           (elapsed < abroad_min && from.country != to.country);
  }

  // What a person does who uses a VPN, or is not known yet.
  bool excused(const Person& person, const SignIn& odd, const SignIn& here, const SignIn& there,
               const Shared& address) const {
    const std::int64_t today = here.time / day_ms;
    const auto before = addresses_.find(there.address);
    if (address.shared()) return true;
    // From the office, or a VPN that everybody uses, to where nobody was, on a new device and without a
    // second factor: of somebody who never was far away that is not the way home.
    if (before != addresses_.end() && before->second.shared() &&
        (odd.strong || odd.familiar || &odd == &there || !person.stays_at(there.position, today)))
      return true;
    const auto network = networks_.find(odd.network);
    if (network != networks_.end() && here.time - network->second.last <= memory && network->second.shared())
      return true;
    if (person.knows(odd.network, odd.time / day_ms)) return true;
    if (person.first - since_ >= known_account && here.time - person.first < warm_up) return true;
    if (!odd.familiar && here.device != there.device) return false;
    // Back at a usual place: that the person was elsewhere meanwhile needs no second factor to be believed.
    if (&odd == &there) return true;
    const int jumps = std::popcount(person.jumps.before(today));
    return odd.strong ? jumps > 0 || !person.stays_at(there.position, today) : jumps >= roaming_days;
  }

  static Candidate raised(const Candidate& row, const Person& person, const SignIn& here, const SignIn& there,
                          const SignIn& odd, std::int64_t today) {
    Candidate made = row;
    made.evidence.emplace_back("place", here.country);
    made.evidence.emplace_back("other_place", there.country);
    made.evidence.emplace_back("other_address", there.address);
    made.evidence.emplace_back("kilometres", std::to_string(distance_km(there.position, here.position)));
    made.evidence.emplace_back("minutes", std::to_string((here.time - there.time) / minute_ms));
    made.evidence.emplace_back("unusual_place", odd.country);
    if (std::string usual = person.usual_places(today); !usual.empty())
      made.evidence.emplace_back("usual_places", std::move(usual));
    return made;
  }

  static Shared& use(Shared& entry, const std::string& user, TimeMs now) {
    entry.last = now;
    if (entry.people.size() < shared_people) entry.people.insert(user);
    return entry;
  }

  std::map<std::string, Person> people_;
  std::map<std::string, Shared> addresses_;
  std::map<std::uint64_t, Shared> networks_;
  TimeMs since_ = 0;           // the account's first sign-in
  std::uint64_t evicted_ = 0;  // since it was last asked; not saved
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
    .summary = "One person signed in to the console from two places too far apart for the time between.",
    .when = {calls("signin.amazonaws.com", {"ConsoleLogin"})},
    .issue = {key::principal, key::evidence(user_name)},
    .entity = key::evidence(account_name),
    .logic = ordered<SignIns>(select),
    .blind_spots =
        "Everything without a geography database, which the configuration names; addresses and networks that "
        "three people of the account share, which are taken for an office or VPN (but for a sign-in far from "
        "them, without a second factor and by a new device, of a person known from ten days); places and "
        "networks the "
        "person was at before; a sign-in with a second factor (or through an identity provider) by a browser "
        "that the person used within a week, unless the person is known from ten days and never was far "
        "away; the first week of a person who is new to a known account.",
};

}  // namespace picket::detectors
