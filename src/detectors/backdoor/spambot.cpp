#include <algorithm>
#include <string>

#include "detectors/shared/host_habits.h"
#include "engine/detector.h"

namespace picket::detectors {

namespace {

using namespace threshold;

void judge_mail(const HostDay& day, const HostNorms& norms, const Judging&, Emit& emit) {
  const std::uint64_t servers = most_mail_servers_in_an_hour(day);
  if (servers < mail_servers_min) return;
  const HostHabits habits(day, norms);
  const unsigned days = habits.host_days(HostTrait::mail, 0);
  const std::uint64_t before = norms.most(host_trait(day.host, HostTrait::mail, 0));
  if (days > 0 && servers < mail_factor * before) return;
  if (!habits.host_is_known()) {
    // A new host may be the account's next mail server, if it has any.
    if (habits.known() == HostHabits::Known::nobody || habits.account_days(HostTrait::mail, 0) > 0) return;
    if (servers < mail_servers_of_new_host_min) return;
  }
  const Talk* first = nullptr;
  FlowStamp last;
  std::uint64_t records = 0;
  for (const auto& [hash, talk] : day.mail.entries()) {
    if (first == nullptr || talk.first < first->first) first = &talk;
    last = std::max(last, talk.last);
    records += talk.records;
  }
  Evidence evidence{{"mail_servers_in_an_hour", std::to_string(servers)},
                    {"most_in_an_hour_before", std::to_string(before)},
                    {"days_with_mail_of_last_30", std::to_string(days)}};
  habits.tell_history(evidence);
  emit.detection(std::move(evidence), habits.subject(*first), records, first->first.proof(), last.proof());
}

}  // namespace

extern const Detector spambot = {
    .types =
        {{.name = "Backdoor:EC2/Spambot",
          .severity = Severity::medium,
          .mitre = {"TA0040", "T1496"},  // Impact: Resource Hijacking
          .role = ResourceRole::actor,
          .title = "{host} sends mail to more servers than it ever did.",
          .description =
              "{host} connected to port 25 of {mail_servers_in_an_hour} different public addresses within "
              "an hour; in the last 30 days it never reached more than {most_in_an_hour_before}."}},
    .summary =
        "An instance without a history of sending mail connected to the mail port of many public addresses "
        "within an hour.",
    .when = {flows()},
    .issue = {key::host},
    .logic = learned(judge_mail),
    .blind_spots =
        "Mail through a relay, on ports 465 and 587, or to fewer than ten servers an hour; hosts that send "
        "mail anyway, up to eight times their busiest hour; new hosts of accounts that send mail, and the "
        "first "
        "two days of a host in a subnet of less than two weeks.",
};

}  // namespace picket::detectors
