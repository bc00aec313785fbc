// What users set and detection depends on, as control records of the input log. Changes are made in the
// settings of the store; between epochs Live looks at their version and logs the state of each kind that is
// not the one in effect. What detection does then depends on the log alone, never on when a setting was
// stored.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/own_calls.h"
#include "pipeline/runner.h"
#include "store/finding_store.h"

namespace picket {

struct ControlKind {
  std::string name;
  // The whole state as the settings have it now, as JSON; equal states give equal bytes.
  std::function<Result<std::string>()> wanted;
  // Makes a state the one in effect. Called for new records, for those of a snapshot and for replayed ones.
  std::function<Result<void>(const std::string& body)> take_effect;
};

class Controls {
 public:
  void add(ControlKind kind) { kinds_.push_back(std::move(kind)); }
  // For the runner.
  Result<void> take_effect(const Control& control) const;
  // Logs what differs from what is in effect; without a change of the settings since the last call it costs
  // one look at their version.
  Result<void> note_changes(FindingStore& store, Runner& runner);

 private:
  std::vector<ControlKind> kinds_;
  std::optional<std::uint64_t> noted_version_;
};

// "detectors": accounts and Regions whose detector is disabled or deleted, [["777788889999", "eu-west-1"],
// …].
Result<std::string> disabled_detectors(FindingStore& store);

// "own_calls": what playbooks called of late, ["ACCESS_KEY_ID REQUEST_ID", …], sorted.
Result<std::string> own_calls_body(FindingStore& store, TimeMs now);
Result<OwnCalls> read_own_calls(std::string_view body);

}  // namespace picket
