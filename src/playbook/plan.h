// What each playbook would do about a finding: whom it is about, whether that is protected, and which steps
// it takes. Only reads.
#pragma once

#include <string>
#include <vector>

#include "config/respond_keys.h"
#include "playbook/finding_facts.h"
#include "playbook/protection.h"
#include "playbook/steps.h"

namespace picket::playbook {

// Whose keys calls are made with.
struct Identity {
  std::string account, arn;
  std::string access_key_id;  // the lasting one, by which a role is assumed
};

struct PlanRequest {
  const PlaybookKeys& keys;
  const FindingFacts& facts;
  const Protection& protection;
  const Identity& self;
  TimeMs now = 0;
};

struct Plan {
  std::string subject_id;    // "i-0123"
  std::string protected_by;  // why it must not be touched; empty: it may
  std::vector<Step> steps;   // in the order in which they are taken
};

// What the action acts on.
Subject subject_of(std::string_view action);
// Its id as the finding tells it; `unsupported` when it tells none that the action can act on.
Result<std::string> subject_id_of(std::string_view action, const FindingFacts& facts);

// `unsupported` when there is nothing in the finding, or nothing that AWS can do; else errors of the calls.
Result<Plan> make_plan(const PlanRequest& request, Hands& hands);

}  // namespace picket::playbook
