// What playbooks read: findings, stored runs, policies and IP sets' ARNs.
#include <cstdint>

#include "playbook/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace picket::playbook;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto facts = facts_of(text)) {
    for (const Subject subject : {Subject::instance, Subject::access_key, Subject::role, Subject::bucket,
                                  Subject::service_account, Subject::address})
      (void)basis_of(*facts, subject);
    for (const char* action : {"isolate_instance", "disable_access_key", "revoke_role_sessions",
                               "block_public_bucket", "quarantine_service_account", "block_address"})
      (void)subject_id_of(action, *facts);
  }
  if (const auto run = parse_run(text)) (void)run_json(*run, true);
  (void)revoked_before(text);
  (void)parse_ip_set_arn(text);
  (void)parse_service_account(text);
  return 0;
}
