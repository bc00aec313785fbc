// An investigation: a report from findings and from what is kept of the entities in them. No model writes it:
// the same findings and entities give the same report, and each statement names what it stands on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/entity_page.h"

namespace picket::api {

constexpr std::string_view investigation_setting = "investigation";

struct ReportEvidence {
  std::string text;
  std::string source;  // "finding/ID" or "KIND/NAME" of an entity
  int weight = 1;      // 1: a hint, 2: tells much, 3: decides
};
struct Hypothesis {
  std::string name, statement;
  std::vector<ReportEvidence> supporting, against;
  int score() const;
  std::string_view assessment() const;  // "likely", "possible" or "unlikely"
};
struct TimelineEntry {
  TimeMs at = 0;
  bool whole_day = false;  // only the day is known
  std::string text, source;
};
struct NextStep {
  std::string title, rationale;
  std::string_view category, priority;  // of the API: "HARDENING", "IMMEDIATE"
  std::vector<std::string> commands;
};
struct ReportEntity {
  EntityKind kind = EntityKind::principal;
  std::string name;
  bool known = false;  // it is kept, so that there is a page
};

enum class InvestigationType : std::uint8_t { finding, account, organization };
std::string_view name_of(InvestigationType type);  // "FINDING"

struct InvestigationFocus {
  InvestigationType type = InvestigationType::account;
  std::string finding_id, account;                           // empty where it is about neither
  std::vector<std::pair<EntityKind, std::string>> entities;  // that the prompt names
};

struct InvestigationReport {
  InvestigationFocus focus;
  std::string title, what_happened;
  TimeMs from = 0, to = 0;
  std::vector<std::string> accounts, regions;
  std::vector<ReportEntity> entities;
  std::vector<EntityFinding> findings;  // the one it is about first
  std::vector<TimelineEntry> timeline;
  std::vector<Hypothesis> hypotheses;  // the likeliest first
  std::vector<NextStep> steps;
  std::vector<std::string> gaps;  // what could not be looked at
  double severity() const;
  std::string_view risk_level() const;  // "High"
  std::string_view confidence() const;  // "Medium"
  std::string summary() const;          // in plain text
};

// What the prompt is about: a finding's id, an account's, or names of entities in it; without any, the
// caller's account. Ids that the caller does not see are an error, whether they exist or not.
std::expected<InvestigationFocus, ApiError> focus_of(const Backend& backend, const Scope& scope,
                                                     std::string_view account, std::string_view prompt);
std::expected<InvestigationReport, ApiError> investigate(const Backend& backend, const Scope& scope,
                                                         const Entities::Accounts& accounts,
                                                         InvestigationFocus focus);
void write_report(JsonWriter& json, const InvestigationReport& report);
// Of an investigation that is kept: the report as JSON; 404 when the account has none of this id.
Answer stored_report(FindingStore& store, std::string_view account, std::string_view region,
                     std::string_view id);
// "Credential Access"; empty where the type names no phase of an attack.
std::string_view phase_of(std::string_view finding_type);

}  // namespace picket::api
