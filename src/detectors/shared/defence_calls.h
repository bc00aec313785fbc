// The calls that end or narrow what watches over an account, other than its trails.
#pragma once

#include <vector>

#include "engine/detector.h"

namespace picket::detectors {

inline std::vector<Trigger> defence_calls() {
  return {
      calls("guardduty.amazonaws.com",
            {"DeleteDetector", "UpdateDetector", "StopMonitoringMembers", "DisassociateMembers",
             "DeleteMembers", "DisassociateFromAdministratorAccount", "DisassociateFromMasterAccount",
             "DeletePublishingDestination", "DisableOrganizationAdminAccount"}),
      calls("securityhub.amazonaws.com",
            {"DisableSecurityHub", "DisassociateFromAdministratorAccount", "DisassociateFromMasterAccount",
             "DisassociateMembers", "DeleteMembers", "DisableOrganizationAdminAccount"}),
      calls("config.amazonaws.com",
            {"StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDeliveryChannel"}),
      calls("macie2.amazonaws.com", {"DisableMacie", "DisassociateFromAdministratorAccount"}),
      calls("inspector2.amazonaws.com", {"Disable", "DisableDelegatedAdminAccount"}),
      calls("detective.amazonaws.com", {"DeleteGraph", "DisassociateMembership"}),
      calls("access-analyzer.amazonaws.com", {"DeleteAnalyzer"}),
      calls("cloudtrail.amazonaws.com", {"DeleteEventDataStore", "StopEventDataStoreIngestion"}),
      calls("organizations.amazonaws.com", {"DisableAWSServiceAccess", "DeregisterDelegatedAdministrator"}),
  };
}

}  // namespace picket::detectors
