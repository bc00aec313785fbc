#include "playbook/playbooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <thread>

#include "aws/private_file.h"
#include "base/json_writer.h"
#include "base/metrics_text.h"
#include "base/program_log.h"
#include "base/text.h"

namespace picket::playbook {

namespace {

constexpr TimeMs support_span = 7 * day_ms;   // how far other findings may lie back that support one
constexpr TimeMs history_kept = 90 * day_ms;  // of runs that have ended: GuardDuty keeps findings as long
constexpr std::size_t calls_max = 500;        // of a run that is refused again and again
constexpr auto look_interval = std::chrono::seconds(5);

std::unexpected<Error> at_key(const std::string& where, std::string what) {
  return fail(ErrorKind::invalid, std::move(what), where);
}

Result<std::string> new_run_id() {
  const auto bytes = aws::random_bytes(8);
  if (!bytes) return std::unexpected(bytes.error());
  std::string id;
  for (const char byte : *bytes) id += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return id;
}

Result<void> check_keys(const RespondKeys& keys, const Protection& protection) {
  for (const PlaybookKeys& one : keys.playbooks) {
    const auto wrong = [&](std::string_view what) {
      return at_key(one.where, fmt::format("respond.playbook {}: {}", one.name, what));
    };
    const bool blocks = one.action == "block_address";
    if (blocks && one.network_acls.empty() && one.ip_set.empty())
      return wrong("block_address needs network_acls or ip_set");
    if (!blocks && (!one.network_acls.empty() || !one.ip_set.empty()))
      return wrong("network_acls and ip_set are for block_address");
    if (!one.ip_set.empty()) {
      const auto set = parse_ip_set_arn(one.ip_set);
      if (!set) return wrong("ip_set: " + set.error().what);
    }
    if (blocks && one.mode == "automatic" && !protection.knows_aws())
      return wrong(
          "block_address with mode = \"automatic\" needs aws.ip_ranges, to spare AWS's own addresses");
    if (std::ranges::count(keys.playbooks, one.name, &PlaybookKeys::name) > 1)
      return wrong("stands there twice");
  }
  for (const ClusterKeys& one : keys.clusters) {
    const auto wrong = [&](std::string_view what) {
      return at_key(one.where, fmt::format("respond.cluster {}: {}", one.name, what));
    };
    if (!net::host_of(one.endpoint)) return wrong("endpoint is not a URL");
    if (one.token_file.empty() == one.region.empty())
      return wrong("needs token_file, or the region of an EKS cluster");
    const bool each_account = keys.playbook_settings.role.contains('*');
    if (!one.region.empty() && each_account && !is_account_id(one.account))
      return wrong("needs account, for respond.playbooks.role has one in each");
  }
  return {};
}

bool has_acted(const Run& run) {
  return run.open() || run.state == "done" || run.state == "failed" || run.state == "undone";
}

}  // namespace

// A run as far as it goes without changing anything.
struct Playbooks::Prepared {
  Run run;
  std::vector<std::string> objections;  // reasons not to run it
  std::unique_ptr<AwsSession> aws;
  const Cluster* cluster = nullptr;
  bool planned = false;  // false: there is nothing to run, for the last objection
};

Playbooks::Playbooks(RespondKeys keys, PlaybookMeans means, Protection protection)
    : keys_(std::move(keys)), means_(std::move(means)), protection_(std::move(protection)) {
  for (const ClusterKeys& one : keys_.clusters)
    clusters_.push_back(std::make_unique<Cluster>(
        one, means_.guard, [this, one] { return key_of(one.account, one.region); }, means_.clock));
}

Result<std::unique_ptr<Playbooks>> Playbooks::make(const RespondKeys& keys, PlaybookMeans means) {
  auto protection = Protection::make(keys.playbook_settings.protected_names, means.aws_ranges);
  if (!protection) return std::unexpected(protection.error());
  if (auto checked = check_keys(keys, *protection); !checked) return std::unexpected(checked.error());
  std::error_code error;
  std::filesystem::create_directories(means.folder, error);
  if (error) return fail(ErrorKind::io, "cannot create the folder: " + error.message(), means.folder);
  return std::unique_ptr<Playbooks>(new Playbooks(keys, std::move(means), std::move(*protection)));
}

Result<void> Playbooks::check(const RespondKeys& keys, const std::string& aws_ranges) {
  const auto protection = Protection::make(keys.playbook_settings.protected_names, aws_ranges);
  if (!protection) return std::unexpected(protection.error());
  return check_keys(keys, *protection);
}

const PlaybookKeys* Playbooks::find(std::string_view name) const {
  const auto found = std::ranges::find(keys_.playbooks, name, &PlaybookKeys::name);
  return found == keys_.playbooks.end() ? nullptr : &*found;
}

const Cluster* Playbooks::cluster_named(std::string_view name) const {
  const auto found = std::ranges::find_if(clusters_, [&](const auto& one) { return one->name() == name; });
  return found == clusters_.end() ? nullptr : found->get();
}

Result<FolderLock> Playbooks::lock() const { return FolderLock::take(means_.folder, "lock"); }

Result<void> Playbooks::save(Run& run, Hands* hands) {
  run.updated = means_.clock();
  if (hands != nullptr) std::ranges::move(hands->aws.take_calls(), std::back_inserter(run.calls));
  return save_run(means_.store, run);
}

// ---- who calls

Result<std::unique_ptr<AwsSession>> Playbooks::session(const std::string& account,
                                                       const std::string& region) {
  const auto key = key_of(account, region);
  if (!key) return std::unexpected(key.error());
  const AwsSession::Place place{account, region, keys_.playbook_settings.endpoint};
  return std::make_unique<AwsSession>(means_.http, *key, place, means_.clock);
}

Result<aws::CallerKey> Playbooks::key_of(const std::string& account, const std::string& region) {
  if (!means_.key)
    return fail(ErrorKind::invalid, "there are no AWS credentials: respond.credentials, or the environment");
  auto& role = roles_[account];
  if (!role) {
    std::string arn = keys_.playbook_settings.role;
    if (const std::size_t star = arn.find('*'); star != std::string::npos) arn.replace(star, 1, account);
    role = std::make_unique<aws::RoleKey>(
        means_.http, means_.key,
        aws::RoleSettings{arn, keys_.playbook_settings.external_id, region, keys_.playbook_settings.endpoint},
        means_.clock);
  }
  const auto key = role->get();
  if (!key) return std::unexpected(key.error());
  return **key;
}

// For what calls no AWS service.
std::unique_ptr<AwsSession> Playbooks::no_session(const std::string& account,
                                                  const std::string& region) const {
  return std::make_unique<AwsSession>(means_.http, aws::CallerKey(), AwsSession::Place{account, region, {}},
                                      means_.clock);
}

Result<Identity> Playbooks::identity(AwsSession& aws) {
  auto& known = identities_[aws.key().access_key_id];
  if (!known.account.empty()) return known;
  const auto answer = aws.sts("GetCallerIdentity");
  if (!answer) return std::unexpected(answer.error());
  known = {std::string(answer->at("GetCallerIdentityResult/Account")),
           std::string(answer->at("GetCallerIdentityResult/Arn")), means_.key->access_key_id};
  return known;
}

// ---- whether it may

// Another finding about the same, which rests on firm evidence: its type and id; empty: there is none.
Result<std::string> Playbooks::supporting(const FindingFacts& facts, Subject subject,
                                          std::string_view subject_id) const {
  std::string_view attribute;
  switch (subject) {
    case Subject::instance:
      attribute = "resource.instanceDetails.instanceId";
      break;
    case Subject::access_key:
      attribute = "resource.accessKeyDetails.accessKeyId";
      break;
    case Subject::role:
      attribute = "resource.accessKeyDetails.userName";
      break;
    case Subject::service_account:
      attribute = "resource.kubernetesDetails.kubernetesUserDetails.username";
      break;
    case Subject::address:
      attribute = "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4";
      break;
    case Subject::bucket:
      return std::string();
  }
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("criterion");
  json.begin_object();
  json.key(attribute);
  json.begin_object();
  json.member("equals", std::vector<std::string>{std::string(subject_id)});
  json.end_object();
  json.key("updatedAt");
  json.begin_object();
  json.member("gte", facts.last_seen - support_span);
  json.end_object();
  json.end_object();
  json.end_object();
  const auto criteria = parse_criteria(text);
  if (!criteria) return std::unexpected(criteria.error());
  const Scope scope{std::vector<std::string>{facts.account}, std::nullopt};
  std::string found;
  const auto looked = means_.store.for_each(scope, *criteria, [&](const Finding& finding) {
    const auto other = facts_of(finding.document);
    if (!other || other->id == facts.id || !basis_of(*other, subject).firm) return true;
    found = fmt::format("{} ({})", other->type, other->id);
    return false;
  });
  if (!looked) return std::unexpected(looked.error());
  return found;
}

Result<bool> Playbooks::over_cap(const PlaybookKeys& playbook) const {
  if (playbook.runs_per_hour == 0) return false;
  const auto runs = load_runs(means_.store);
  if (!runs) return std::unexpected(runs.error());
  const TimeMs since = means_.clock() - hour_ms;
  return std::ranges::count_if(*runs, [&](const Run& run) {
           return run.playbook == playbook.name && has_acted(run) && run.created > since;
         }) >= static_cast<std::ptrdiff_t>(playbook.runs_per_hour);
}

// The state that a step has reached. AWS may tell of a change a moment later only.
Result<std::string> Playbooks::seen(const StepKind& kind, const Step& step, Hands& hands) {
  constexpr int looks = 10;
  for (int look = 1;; ++look) {
    auto state = kind.read(hands, step);
    if (!state || kind.is_reached(step, *state)) return state;
    if (look == looks)
      return fail(ErrorKind::io, fmt::format("the change does not show: it is {}", *state), step.resource);
    std::this_thread::sleep_for(std::chrono::milliseconds(200 * look));
  }
}

// What each step would move from where.
Result<void> Playbooks::look(Run& run, Hands& hands) const {
  for (Step& step : run.steps) {
    const StepKind* kind = find_step_kind(step.kind);
    if (kind == nullptr) return fail(ErrorKind::internal, "no such kind of step", step.kind);
    auto state = kind->read(hands, step);
    if (!state) return std::unexpected(state.error());
    step.before = std::move(*state);
    step.status = kind->is_reached(step, step.before) ? "already" : "planned";
  }
  return {};
}

Result<Playbooks::Prepared> Playbooks::prepare(const PlaybookKeys& playbook, const FindingFacts& facts,
                                               const Order& order) {
  Prepared prepared;
  Run& run = prepared.run;
  const auto id = new_run_id();
  if (!id) return std::unexpected(id.error());
  run = {.id = *id,
         .playbook = playbook.name,
         .action = playbook.action,
         .state = {},
         .why = {},
         .actor = order.actor,
         .undone_by = {},
         .finding = facts.id,
         .finding_type = facts.type,
         .account = facts.account,
         .region = facts.region,
         .subject = std::string(name_of(subject_of(playbook.action))),
         .subject_id = {},
         .basis = {},
         .created = means_.clock(),
         .steps = {},
         .calls = {}};
  const auto object = [&](std::string why) -> Result<Prepared> {
    prepared.objections.push_back(std::move(why));
    return std::move(prepared);
  };
  const Subject subject = subject_of(playbook.action);
  if (facts.sample) return object("the finding is a sample");
  auto subject_id = subject_id_of(playbook.action, facts);
  if (!subject_id) return object(subject_id.error().what);
  run.subject_id = *subject_id;

  Basis basis = basis_of(facts, subject);
  run.basis = basis.why;
  if (!basis.firm) {
    const auto support = supporting(facts, subject, *subject_id);
    if (!support) return std::unexpected(support.error());
    if (!support->empty()) run.basis += "; supported by " + *support;
    if (support->empty() && !order.accept_forgeable)
      prepared.objections.push_back(
          (facts.unordered ? "the finding is not sure: " : "the evidence could be forged: ") + basis.why);
  }

  const bool in_kubernetes = subject == Subject::service_account;
  if (!in_kubernetes && !is_account_id(facts.account))
    return object("the finding does not say of which account it is");
  Identity self;
  if (in_kubernetes) {
    prepared.cluster = cluster_named(facts.cluster);
    prepared.aws = no_session(facts.account, facts.region);
  } else {
    auto aws = session(facts.account, facts.region);
    if (!aws && aws.error().kind == ErrorKind::io) return std::unexpected(aws.error());
    if (!aws) return object(aws.error().message());
    prepared.aws = std::move(*aws);
    const auto who = identity(*prepared.aws);
    if (!who && who.error().kind == ErrorKind::io) return std::unexpected(who.error());
    if (!who) return object(who.error().message());
    self = *who;
    if (self.account != facts.account)
      return object(
          fmt::format("the credentials are of account {}, the finding of {}: respond.playbooks.role",
                      self.account, facts.account));
  }
  Hands hands{*prepared.aws, prepared.cluster, run.id};
  auto plan = make_plan({playbook, facts, protection_, self, means_.clock()}, hands);
  if (plan) {
    run.subject_id = plan->subject_id;
    run.steps = std::move(plan->steps);
    if (!plan->protected_by.empty())
      prepared.objections.push_back(fmt::format("{} is protected: {}", run.subject_id, plan->protected_by));
  }
  const auto looked = plan ? look(run, hands) : Result<void>(std::unexpected(plan.error()));
  run.calls = prepared.aws->take_calls();
  if (!looked && looked.error().kind == ErrorKind::io) return std::unexpected(looked.error());
  if (!looked) return object(looked.error().message());
  prepared.planned = true;
  return prepared;
}

// ---- running

Result<Run> Playbooks::preview(std::string_view name, std::string_view finding, const Order& order) {
  const PlaybookKeys* playbook = find(name);
  if (playbook == nullptr)
    return fail(ErrorKind::not_found, "there is no playbook of this name", std::string(name));
  const auto facts = facts_of(finding);
  if (!facts) return std::unexpected(facts.error());
  const std::scoped_lock one(mutex_);
  auto prepared = prepare(*playbook, *facts, order);
  if (!prepared) return std::unexpected(prepared.error());
  Run& run = prepared->run;
  run.state = prepared->planned ? "previewed" : "refused";
  run.dry_run = true;
  run.why = fmt::format("{}", fmt::join(prepared->objections, "; "));
  if (auto saved = save(run, nullptr); !saved) return std::unexpected(saved.error());
  return run;
}

Result<Run> Playbooks::run(std::string_view name, std::string_view finding, const Order& order) {
  const PlaybookKeys* playbook = find(name);
  if (playbook == nullptr)
    return fail(ErrorKind::not_found, "there is no playbook of this name", std::string(name));
  const auto facts = facts_of(finding);
  if (!facts) return std::unexpected(facts.error());
  const bool acts = playbook->mode == "automatic" || (playbook->mode == "by_hand" && !order.by_rule);
  const std::scoped_lock one(mutex_);
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  if (const auto resumed = resume_locked(); !resumed)
    spdlog::warn("playbook: an earlier run waits: {}", resumed.error().message());
  std::vector<Run> earlier;
  if (order.by_rule) {
    auto runs = load_runs(means_.store);
    if (!runs) return std::unexpected(runs.error());
    earlier = std::move(*runs);
    std::erase_if(earlier, [&](const Run& run) {
      return run.playbook != playbook->name || run.finding != facts->id || !run.actor.starts_with("rule/");
    });
    for (const Run& run : earlier)
      if (has_acted(run) || run.state == "already" || (!acts && run.state == "previewed")) return run;
  }
  auto prepared = prepare(*playbook, *facts, order);
  if (!prepared) return std::unexpected(prepared.error());
  Run& run = prepared->run;
  run.why = fmt::format("{}", fmt::join(prepared->objections, "; "));
  const bool pending = std::ranges::any_of(run.steps, [](const Step& step) {
    const StepKind* kind = find_step_kind(step.kind);
    return step.status == "planned" && kind != nullptr && !kind->kept;
  });
  if (!prepared->planned) {
    run.state = "refused";
  } else if (!acts) {
    run.state = "previewed";
    run.dry_run = true;
    if (run.why.empty()) run.why = fmt::format("mode = \"{}\"", playbook->mode);
  } else if (!prepared->objections.empty()) {
    run.state = "refused";
  } else if (!pending) {
    run.state = "already";
  } else {
    const auto over = over_cap(*playbook);
    if (!over) return std::unexpected(over.error());
    if (*over)
      return fail(ErrorKind::too_large,
                  fmt::format("the cap of {} runs an hour is reached", playbook->runs_per_hour),
                  playbook->name);
    run.state = "running";
  }
  // One row for what a rule is refused again and again.
  for (const Run& known : earlier) {
    if (run.state != "refused" || known.state != "refused" || known.why != run.why) continue;
    Run kept = known;
    std::ranges::move(run.calls, std::back_inserter(kept.calls));
    if (kept.calls.size() > calls_max)
      kept.calls.erase(kept.calls.begin(), kept.calls.end() - static_cast<std::ptrdiff_t>(calls_max));
    if (auto saved = save(kept, nullptr); !saved) return std::unexpected(saved.error());
    return kept;
  }
  if (auto saved = save(run, nullptr); !saved) return std::unexpected(saved.error());
  if (run.state != "running") return run;
  Hands hands{*prepared->aws, prepared->cluster, run.id};
  if (auto ran = execute(run, hands); !ran) return std::unexpected(ran.error());
  return run;
}

Result<void> Playbooks::take_step(Run& run, Step& step, Hands& hands) {
  const StepKind* kind = find_step_kind(step.kind);
  if (kind == nullptr) return fail(ErrorKind::internal, "no such kind of step", step.kind);
  const auto state = kind->read(hands, step);
  if (!state) return std::unexpected(state.error());
  if (kind->is_reached(step, *state)) {
    step.status = step.status == "begun" ? "done" : "already";
    if (step.status == "already") step.before = *state;
    step.after = *state;
    return save(run, &hands);
  }
  if (step.status == "begun" && *state != step.before && !(kind->passes != nullptr && kind->passes(*state)))
    return fail(ErrorKind::conflict, fmt::format("somebody else changed it to {}", *state), step.resource);
  if (step.status == "planned") {
    step.before = *state;
    step.status = "begun";
    if (auto saved = save(run, &hands); !saved) return saved;
  }
  if (auto written = kind->write(hands, step, *state, step.after); !written) return written;
  auto made = seen(*kind, step, hands);
  if (!made) return std::unexpected(made.error());
  step.after = std::move(*made);
  step.status = "done";
  return save(run, &hands);
}

// An error of `io` leaves it running; others end it.
Result<void> Playbooks::execute(Run& run, Hands& hands) {
  for (Step& step : run.steps) {
    if (step.status == "done" || step.status == "already") continue;
    auto taken = take_step(run, step, hands);
    if (taken) continue;
    run.why = taken.error().message();
    const bool waits = taken.error().kind == ErrorKind::io;
    if (!waits) run.state = "failed";
    if (auto saved = save(run, &hands); !saved) return saved;
    if (waits) return taken;
    log_with(spdlog::level::err, {{"playbook", run.playbook}, {"run", run.id}, {"error", run.why}},
             "playbook {}: run {} failed: {}", run.playbook, run.id, run.why);
    return {};
  }
  run.state = "done";
  run.why.clear();
  return save(run, &hands);
}

// ---- undoing

// What a stored run works with.
Result<Playbooks::RunMeans> Playbooks::means_of(const Run& run) {
  if (subject_of(run.action) != Subject::service_account) {
    auto aws = session(run.account, run.region);
    if (!aws) return std::unexpected(aws.error());
    return RunMeans{std::move(*aws), nullptr};
  }
  const Cluster* cluster = run.steps.empty() ? nullptr : cluster_named(run.steps.front().where.at("cluster"));
  if (cluster == nullptr) return fail(ErrorKind::invalid, "its cluster is not configured any more", run.id);
  return RunMeans{no_session(run.account, run.region), cluster};
}

Result<void> Playbooks::undo_steps(Run& run, Hands& hands) {
  for (auto step = run.steps.rbegin(); step != run.steps.rend(); ++step) {
    const StepKind* kind = find_step_kind(step->kind);
    if (kind == nullptr || kind->kept || (step->status != "done" && step->status != "begun")) continue;
    const auto state = kind->read(hands, *step);
    if (!state) return std::unexpected(state.error());
    const bool passing = kind->passes != nullptr && kind->passes(*state);
    if (*state != step->before) {
      if (*state != step->after && !passing)
        return fail(ErrorKind::conflict, fmt::format("somebody else changed it to {}", *state),
                    step->resource);
      if (auto written = kind->write(hands, *step, *state, step->before); !written) return written;
    }
    step->status = "undone";
    if (auto saved = save(run, &hands); !saved) return saved;
  }
  run.state = "undone";
  run.why.clear();
  return save(run, &hands);
}

Result<Run> Playbooks::undo(std::string_view id, const std::string& actor) {
  const std::scoped_lock one(mutex_);
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  const auto runs = load_runs(means_.store);
  if (!runs) return std::unexpected(runs.error());
  const auto found = std::ranges::find(*runs, id, &Run::id);
  if (found == runs->end()) return fail(ErrorKind::not_found, "there is no such run", std::string(id));
  Run run = *found;
  if (run.state != "done" && run.state != "failed")
    return fail(ErrorKind::conflict,
                fmt::format("the run is {}: only what was done can be undone", run.state), std::string(id));
  const auto means = means_of(run);
  if (!means) return std::unexpected(means.error());
  Hands hands{*means->aws, means->cluster, run.id};
  // All or nothing: what somebody changed is found before anything is put back.
  for (const Step& step : run.steps) {
    const StepKind* kind = find_step_kind(step.kind);
    if (kind == nullptr || kind->kept || (step.status != "done" && step.status != "begun")) continue;
    const auto state = kind->read(hands, step);
    if (!state) return std::unexpected(state.error());
    const bool passing = step.status == "begun" && kind->passes != nullptr && kind->passes(*state);
    if (*state == step.after || *state == step.before || passing) continue;
    if (auto saved = save(run, &hands); !saved) return std::unexpected(saved.error());
    return fail(ErrorKind::conflict,
                fmt::format("somebody changed it since: it is {}, and was left as {}", *state, step.after),
                step.resource);
  }
  run.state = "undoing";
  run.undone_by = actor;
  run.audited = false;
  if (auto saved = save(run, &hands); !saved) return std::unexpected(saved.error());
  if (auto undone = undo_steps(run, hands); !undone) {
    run.why = undone.error().message();
    if (undone.error().kind != ErrorKind::io) run.state = "failed";
    if (auto saved = save(run, &hands); !saved) return std::unexpected(saved.error());
    return std::unexpected(undone.error());
  }
  return run;
}

// ---- after a crash

Result<void> Playbooks::go_on(Run run) {
  const auto means = means_of(run);
  if (!means) return std::unexpected(means.error());
  Hands hands{*means->aws, means->cluster, run.id};
  log_with(spdlog::level::info, {{"playbook", run.playbook}, {"run", run.id}}, "playbook {}: run {} goes on",
           run.playbook, run.id);
  if (run.state == "running") return execute(run, hands);
  auto undone = undo_steps(run, hands);
  if (undone || undone.error().kind == ErrorKind::io) return undone;
  run.state = "failed";
  run.why = undone.error().message();
  return save(run, &hands);
}

Result<void> Playbooks::resume_locked() {
  auto runs = load_runs(means_.store);
  if (!runs) return std::unexpected(runs.error());
  Result<void> first;
  for (auto run = runs->rbegin(); run != runs->rend(); ++run) {
    if (!run->open()) continue;
    if (auto went = go_on(*run); !went && first) first = went;
  }
  return first;
}

Result<void> Playbooks::resume() {
  const std::scoped_lock one(mutex_);
  const auto runs = load_runs(means_.store);
  if (!runs) return std::unexpected(runs.error());
  const bool prunes = std::ranges::any_of(
      *runs, [&](const Run& run) { return !run.open() && run.updated < means_.clock() - history_kept; });
  if (!prunes && std::ranges::none_of(*runs, &Run::open)) return {};
  // While a run is under way elsewhere, its process has the lock.
  const auto locked = FolderLock::take_now(means_.folder, "lock", "a run is under way");
  if (!locked)
    return locked.error().kind == ErrorKind::conflict ? Result<void>() : std::unexpected(locked.error());
  for (const Run& run : *runs) {
    if (run.open() || run.updated >= means_.clock() - history_kept) continue;
    if (const auto removed = means_.store.remove_setting(run.account, run.region, run_setting_kind, run.id);
        !removed)
      return std::unexpected(removed.error());
  }
  return resume_locked();
}

void Playbooks::keep_on(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::string last;
  while (!stop.stop_requested()) {
    const auto resumed = resume();
    const std::string error = resumed ? "" : resumed.error().message();
    if (!error.empty() && error != last) spdlog::error("playbook: {}", error);
    last = error;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, look_interval, [] { return false; });
  }
}

Result<void> Playbooks::audit(const std::function<Result<void>(const Run&)>& tell) {
  const auto version = means_.store.settings_version();
  if (!version) return std::unexpected(version.error());
  if (audited_version_ == *version) return {};
  auto runs = load_runs(means_.store);
  if (!runs) return std::unexpected(runs.error());
  if (std::ranges::all_of(*runs, [](const Run& run) { return run.audited || run.open(); })) {
    audited_version_ = *version;
    return {};
  }
  // Whoever runs one now comes first; the next look is soon.
  const std::unique_lock one(mutex_, std::try_to_lock);
  if (!one) return {};
  const auto locked = FolderLock::take_now(means_.folder, "lock", "a run is under way");
  if (!locked)
    return locked.error().kind == ErrorKind::conflict ? Result<void>() : std::unexpected(locked.error());
  runs = load_runs(means_.store);
  if (!runs) return std::unexpected(runs.error());
  for (auto run = runs->rbegin(); run != runs->rend(); ++run) {
    if (run->audited || run->open()) continue;
    if (auto told = tell(*run); !told) return told;
    run->audited = true;
    if (auto saved = save_run(means_.store, *run); !saved) return saved;
  }
  return {};
}

std::string Playbooks::metrics() const {
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  if (const auto runs = history())
    for (const Run& run : *runs) ++counts[{run.playbook, run.state}];
  MetricsText out;
  out.begin(MetricsText::Type::gauge, "picket_playbook_runs", "Runs of playbooks in the history by state.");
  for (const auto& [key, count] : counts) out.sample({{"playbook", key.first}, {"state", key.second}}, count);
  return out.take();
}

}  // namespace picket::playbook
