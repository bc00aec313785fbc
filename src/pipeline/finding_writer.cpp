#include "pipeline/finding_writer.h"

#include <simdjson.h>

#include "finding/detector_id.h"
#include "finding/export.h"
#include "store/publishing.h"

namespace picket {

FindingRow row_of(const AggregatedFinding& finding, const Engine& engine, const Renderer& renderer,
                  std::uint64_t epoch) {
  const Activity& activity = finding.activity;
  const Detection& latest = activity.latest;
  FindingRow row;
  row.id = finding.id;
  row.account = latest.subject.account;
  row.region = latest.subject.region;
  row.type = engine.detectors()[latest.detector]->types[latest.type].name;
  row.detector_id = detector_id_of(row.account, row.region);
  row.severity = activity.severity;
  row.created_at = finding.created();
  row.first_seen = activity.first.time;
  row.updated_at = row.last_seen = activity.last.time;
  row.count = static_cast<std::int64_t>(finding.count());
  row.epoch = epoch;
  row.document = renderer.document(finding, DocumentForm::api);
  return row;
}

Result<void> FindingWriter::use_disabled_detectors(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::array places;
  std::set<std::pair<std::string, std::string>> disabled;
  if (parser.parse(body.data(), body.size()).get(places) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "the control record of detectors cannot be read");
  for (const simdjson::dom::element place : places) {
    std::string_view account, region;
    if (place.at(0).get(account) != simdjson::SUCCESS || place.at(1).get(region) != simdjson::SUCCESS)
      return fail(ErrorKind::invalid, "the control record of detectors cannot be read");
    disabled.emplace(account, region);
  }
  disabled_ = std::move(disabled);
  return {};
}

Result<std::vector<OutboxRow>> FindingWriter::outbox_of(const std::vector<FindingRow>& rows,
                                                        const std::vector<std::string>& maybe_new,
                                                        const std::vector<std::string>& retracted) const {
  std::vector<OutboxRow> outbox;
  const bool responds = respond_by_ != nullptr && !respond_by_->empty();
  if (publish_to_.empty() && !responds) return outbox;
  // Responders ask of known ones too what users made of them.
  std::vector<std::string> asked = maybe_new;
  if (responds) {
    asked.clear();
    for (const FindingRow& row : rows) asked.push_back(row.id);
  }
  const auto stored = store_.get({}, asked);
  if (!stored) return std::unexpected(stored.error());
  std::map<std::string_view, const Finding*> known;
  for (const Finding& finding : *stored) known.emplace(finding.id, &finding);
  const std::set<std::string_view> first(maybe_new.begin(), maybe_new.end());
  for (const FindingRow& row : rows) {
    const auto before = known.find(row.id);
    const bool is_new = first.contains(row.id) && before == known.end();
    if (is_new && row.suppressed) continue;
    const FindingChange change = is_new ? FindingChange::created : FindingChange::updated;
    for (const PublishTo& to : publish_to_) {
      if (to.region == row.region && holds(to.accounts, row.account))
        outbox.push_back({row.id, outbox_kind({change, to.destination})});
    }
    if (responds) {
      const Finding* one = before == known.end() ? nullptr : before->second;
      for (OutboxRow& more : respond::outbox_rows(*respond_by_, row, one)) outbox.push_back(std::move(more));
    }
  }
  const auto gone = store_.get({}, retracted);
  if (!gone) return std::unexpected(gone.error());
  for (const Finding& finding : *gone) {
    if (finding.archived == Archived::automatic || disabled_.contains({finding.account, finding.region}))
      continue;
    for (const PublishTo& to : publish_to_) {
      if (to.region == finding.region && holds(to.accounts, finding.account))
        outbox.push_back({finding.id, outbox_kind({FindingChange::withdrawn, to.destination}),
                          withdrawn_form(exported_form(finding.document))});
    }
    if (!responds) continue;
    for (OutboxRow& more : respond::withdrawal_rows(*respond_by_, finding)) outbox.push_back(std::move(more));
  }
  return outbox;
}

Result<void> FindingWriter::write(std::uint64_t epoch, const EpochResult& result) {
  if (!result.signals.empty()) {
    std::vector<FindingRow> signals;
    for (const AggregatedFinding& signal : result.signals)
      signals.push_back(row_of(signal, engine_, renderer_, epoch));
    if (const auto kept = store_.keep_signals(signals, now_()); !kept) return kept;
  }
  if (result.updated.empty() && result.retracted.empty()) return {};
  std::vector<FindingRow> rows;
  rows.reserve(result.updated.size());
  std::vector<std::string> maybe_new;
  for (const AggregatedFinding& finding : result.updated) {
    const Subject& subject = finding.activity.latest.subject;
    if (!disabled_.contains({subject.account, subject.region})) {
      FindingRow row = row_of(finding, engine_, renderer_, epoch);
      // Touched for facts that told nothing new of it: as it is in the store already.
      const std::uint64_t document = hash64(row.document);
      const auto [known, first] = written_.try_emplace(row.id, document);
      if (!first && known->second == document) continue;
      known->second = document;
      if (first) {  // Of this run; the store knows whether it is new altogether.
        // A document that cannot be judged cannot be stored either: the store tells it.
        row.suppressed = suppressions_.cover(row).value_or(false);
        maybe_new.push_back(row.id);
      }
      rows.push_back(std::move(row));
    } else {
      ++withheld_;
    }
  }
  for (const std::string& id : result.retracted) written_.erase(id);
  const auto outbox = outbox_of(rows, maybe_new, result.retracted);
  const Result<Applied> applied = outbox ? store_.apply(rows, result.retracted, epoch, *outbox, now_())
                                         : Result<Applied>(std::unexpected(outbox.error()));
  if (!applied) {
    for (const FindingRow& row : rows) written_.erase(row.id);  // Not stored, so to be written again.
    return std::unexpected(applied.error());
  }
  if (rejected_ == 0 && !applied->rejected.empty()) {
    first_rejection_ = applied->rejected.front().id + ": " + applied->rejected.front().why;
  }
  rejected_ += applied->rejected.size();
  withdrawn_ += applied->retracted;
  return {};
}

}  // namespace picket
