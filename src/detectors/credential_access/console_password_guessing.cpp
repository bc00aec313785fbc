#include <map>
#include <set>

#include "base/hash.h"
#include "engine/detector.h"
#include "engine/subject.h"

namespace picket::detectors {

namespace {

constexpr std::uint8_t spraying_type = 1;
// Refused sign-ins of one address within an hour. A person mistypes a few times and then asks for a new
// password; behind the one address of an office are many who do, and most of whom get in.
constexpr std::size_t failures_min = 10, users_min = 5, failures_per_success = 3;
constexpr std::size_t kept_max = 256;  // of the smallest hash, whatever the order

// Sign-ins to the console with a password from one address to one account.
class SignIns {
 public:
  static bool select(const CloudTrailEvent& call) {
    const std::string_view type = call.user_identity.type;
    return call.source_ip && (type == "IAMUser" || type == "Root") && outcome(call) != Outcome::failed;
  }
  static std::uint64_t entity(const CloudTrailEvent& call) {
    return hash64(call.source_ip->to_string(), hash64(event_account(call)));
  }
  void add(const CloudTrailEvent& call, const ProofRecord& record) {
    const std::string user(call.user_identity.type == "Root" ? "root" : call.user_identity.user_name);
    const bool in = outcome(call) == Outcome::success;
    auto& kept = in ? successes_ : failures_;
    kept.emplace(hash64(call.event_id), user);
    if (kept.size() > kept_max) kept.erase(std::prev(kept.end()));
    if (in) return;
    if (subject_.account.empty() || record < first_) first_ = record;
    if (!subject_.account.empty() && !(last_ < record)) return;
    last_ = record;
    subject_ = subject_of(call, ResourceKind::access_key);
  }
  void merge(const SignIns& other) {
    for (auto [mine, others] :
         {std::pair(&failures_, &other.failures_), std::pair(&successes_, &other.successes_)}) {
      mine->insert(others->begin(), others->end());
      while (mine->size() > kept_max) mine->erase(std::prev(mine->end()));
    }
    if (other.subject_.account.empty()) return;
    const bool empty = subject_.account.empty();
    if (empty || other.first_ < first_) first_ = other.first_;
    if (!empty && !(last_ < other.last_)) return;
    last_ = other.last_;
    subject_ = other.subject_;
  }
  // The most refused sign-ins of the address in an hour until now.
  struct Baseline {
    std::uint32_t most = 0;
    void fold(const SignIns& hour) {
      most = std::max(most, static_cast<std::uint32_t>(hour.failures_.size()));
    }
    template <class Ar>
    void io(Ar& ar) {
      ar(most);
    }
  };
  void judge(const Judging&, const Baseline& before, Emit& emit) const {
    std::set<std::string> users, robbed;
    for (const auto& [id, user] : failures_) users.insert(user);
    for (const auto& [id, user] : successes_) {
      if (users.contains(user)) robbed.insert(user);
    }
    const bool spraying = users.size() >= users_min;
    if (!spraying && failures_.size() < failures_min) return;
    if (failures_.size() <= failures_per_success * successes_.size() ||
        failures_.size() <= 2 * static_cast<std::size_t>(before.most))
      return;
    Evidence evidence{{"failures", std::to_string(failures_.size())},
                      {"users", std::to_string(users.size())},
                      {"most_in_an_hour_before", std::to_string(before.most)}};
    if (!robbed.empty()) {
      evidence.add("signed_in_after_all", *robbed.begin());
      evidence.severity = number_of(Severity::high);
    }
    emit.detection(std::move(evidence).as(spraying ? spraying_type : 0), subject_, failures_.size(), first_,
                   last_);
  }
  std::size_t bytes() const { return (failures_.size() + successes_.size()) * 96 + 1500; }
  template <class Ar>
  void io(Ar& ar) {
    ar(failures_, successes_, subject_, first_, last_);
  }

 private:
  std::map<std::uint64_t, std::string> failures_, successes_;  // by hash of the event's id: whose
  Subject subject_;                                            // of the latest failure
  ProofRecord first_, last_;
};

}  // namespace

extern const Detector console_password_guessing = {
    .types = {{.name = "CredentialAccess:IAMUser/ConsolePasswordGuessing",
               .severity = Severity::medium,
               .mitre = {"TA0006", "T1110.001"},  // Brute Force: Password Guessing
               .origin = Origin::picket,
               .title = "{remote_ip} guesses passwords of the console.",
               .description =
                   "{failures} sign-ins to the console were refused {remote_ip} within an hour, of "
                   "{users} users, the last of them {principal}; the most in any hour before was "
                   "{most_in_an_hour_before}."},
              {.name = "CredentialAccess:IAMUser/ConsolePasswordSpraying",
               .severity = Severity::medium,
               .mitre = {"TA0006", "T1110.003"},  // Brute Force: Password Spraying
               .origin = Origin::picket,
               .title = "{remote_ip} tries passwords with many users of the console.",
               .description =
                   "{failures} sign-ins to the console were refused {remote_ip} within an hour, of "
                   "{users} different users, the last of them {principal}; the most in any hour "
                   "before was {most_in_an_hour_before}."}},
    .summary =
        "One address was refused many sign-ins to the console, of one user or of many; high when it got "
        "in as one of them.",
    .when = {calls("signin.amazonaws.com", {"ConsoleLogin"})},
    .issue = {key::remote_ip},
    .logic = bucket<SignIns>({.span = hour_ms, .bytes_max = 16U << 20}),
    .blind_spots =
        "Guesses from many addresses, slower than five users or ten tries an hour, behind the "
        "address of an office whose people sign in, and at identity providers.",
};

}  // namespace picket::detectors
