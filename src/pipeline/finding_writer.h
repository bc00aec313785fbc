// Writes what an epoch changed to the finding store: absolute rows, under the epoch's number.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/render.h"
#include "pipeline/suppressions.h"
#include "respond/rules.h"
#include "store/finding_store.h"

namespace picket {

class FindingWriter {
 public:
  // `now` is the wall clock (milliseconds), only for retention.
  FindingWriter(FindingStore& store, const Engine& engine, const Renderer& renderer,
                std::function<TimeMs()> now)
      : store_(store), engine_(engine), renderer_(renderer), now_(std::move(now)) {}

  Result<void> write(std::uint64_t epoch, const EpochResult& result);
  // Control record "detectors" (pipeline/controls.h): their findings are not stored.
  Result<void> use_disabled_detectors(std::string_view body);
  // What they cover is archived when it is new.
  void use_suppressions(Suppressions suppressions) { suppressions_ = std::move(suppressions); }
  // Rows the store refused: set aside, counted, the first one told.
  // Where findings are published: what is written is put into the outbox for them. Not part of the input log,
  // because it changes no finding.
  struct PublishTo {
    std::string destination, region;
    Accounts accounts;
  };
  void publish_to(std::vector<PublishTo> destinations) { publish_to_ = std::move(destinations); }
  // Whom findings are sent to besides; likewise.
  void respond_by(std::shared_ptr<const respond::Rules> rules) { respond_by_ = std::move(rules); }
  std::uint64_t rejected() const { return rejected_; }
  const std::string& first_rejection() const { return first_rejection_; }
  // Findings not stored because the account's detector in that Region is disabled or deleted.
  std::uint64_t withheld() const { return withheld_; }
  // Findings taken back.
  std::uint64_t withdrawn() const { return withdrawn_; }

 private:
  Result<std::vector<OutboxRow>> outbox_of(const std::vector<FindingRow>& rows,
                                           const std::vector<std::string>& maybe_new,
                                           const std::vector<std::string>& retracted) const;

  FindingStore& store_;
  const Engine& engine_;
  const Renderer& renderer_;
  const std::function<TimeMs()> now_;
  std::map<std::string, std::uint64_t>
      written_;  // hash of a finding's document as it was last written, by id
  std::set<std::pair<std::string, std::string>> disabled_;  // account and Region
  Suppressions suppressions_;
  std::vector<PublishTo> publish_to_;
  std::shared_ptr<const respond::Rules> respond_by_;
  std::uint64_t rejected_ = 0, withheld_ = 0, withdrawn_ = 0;
  std::string first_rejection_;
};

FindingRow row_of(const AggregatedFinding& finding, const Engine& engine, const Renderer& renderer,
                  std::uint64_t epoch);

}  // namespace picket
