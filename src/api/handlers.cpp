#include "api/handlers.h"

#include <algorithm>
#include <array>

namespace picket::api {

namespace {

struct Row {
  std::string_view operation;
  Handler handler;
};

constexpr std::array rows{
    Row{"AcceptAdministratorInvitation", accept_administrator_invitation},
    Row{"AcceptInvitation", accept_invitation},
    Row{"ArchiveFindings", archive_findings},
    Row{"CreateCustomDetectionRuleAssociation", create_custom_detection_rule_association},
    Row{"CreateCustomDetectionRuleOrgConfiguration", create_custom_detection_rule_org_configuration},
    Row{"CreateDetector", create_detector},
    Row{"CreateFilter", create_filter},
    Row{"CreateIPSet", create_ip_set},
    Row{"CreateInvestigation", create_investigation},
    Row{"CreateMalwareProtectionPlan", create_malware_protection_plan},
    Row{"CreateMembers", create_members},
    Row{"CreatePublishingDestination", create_publishing_destination},
    Row{"CreateSampleFindings", create_sample_findings},
    Row{"CreateThreatEntitySet", create_threat_entity_set},
    Row{"CreateThreatIntelSet", create_threat_intel_set},
    Row{"CreateTrustedEntitySet", create_trusted_entity_set},
    Row{"DeclineInvitations", decline_invitations},
    Row{"DeleteCustomDetectionRuleAssociation", delete_custom_detection_rule_association},
    Row{"DeleteCustomDetectionRuleOrgConfiguration", delete_custom_detection_rule_org_configuration},
    Row{"DeleteDetector", delete_detector},
    Row{"DeleteFilter", delete_filter},
    Row{"DeleteIPSet", delete_ip_set},
    Row{"DeleteInvitations", delete_invitations},
    Row{"DeleteMalwareProtectionPlan", delete_malware_protection_plan},
    Row{"DeleteMembers", delete_members},
    Row{"DeletePublishingDestination", delete_publishing_destination},
    Row{"DeleteThreatEntitySet", delete_threat_entity_set},
    Row{"DeleteThreatIntelSet", delete_threat_intel_set},
    Row{"DeleteTrustedEntitySet", delete_trusted_entity_set},
    Row{"DescribeMalwareScans", describe_malware_scans},
    Row{"DescribeOrganizationConfiguration", describe_organization_configuration},
    Row{"DescribePublishingDestination", describe_publishing_destination},
    Row{"DisableOrganizationAdminAccount", disable_organization_admin_account},
    Row{"DisassociateFromAdministratorAccount", disassociate_from_administrator_account},
    Row{"DisassociateFromMasterAccount", disassociate_from_administrator_account},
    Row{"DisassociateMembers", disassociate_members},
    Row{"EnableOrganizationAdminAccount", enable_organization_admin_account},
    Row{"GetAdministratorAccount", get_administrator_account},
    Row{"GetCoverageStatistics", get_coverage_statistics},
    Row{"GetCustomDetectionRule", get_custom_detection_rule},
    Row{"GetCustomDetectionRuleAssociation", get_custom_detection_rule_association},
    Row{"GetCustomDetectionRuleOrgConfiguration", get_custom_detection_rule_org_configuration},
    Row{"GetDetector", get_detector},
    Row{"GetFilter", get_filter},
    Row{"GetFindings", get_findings},
    Row{"GetFindingsStatistics", get_findings_statistics},
    Row{"GetIPSet", get_ip_set},
    Row{"GetInvestigation", get_investigation},
    Row{"GetInvitationsCount", get_invitations_count},
    Row{"GetMalwareProtectionPlan", get_malware_protection_plan},
    Row{"GetMalwareScan", get_malware_scan},
    Row{"GetMalwareScanSettings", get_malware_scan_settings},
    Row{"GetMasterAccount", get_master_account},
    Row{"GetMemberDetectors", get_member_detectors},
    Row{"GetMembers", get_members},
    Row{"GetOrganizationStatistics", get_organization_statistics},
    Row{"GetRemainingFreeTrialDays", get_remaining_free_trial_days},
    Row{"GetThreatEntitySet", get_threat_entity_set},
    Row{"GetThreatIntelSet", get_threat_intel_set},
    Row{"GetTrustedEntitySet", get_trusted_entity_set},
    Row{"GetUsageStatistics", get_usage_statistics},
    Row{"InviteMembers", invite_members},
    Row{"ListCoverage", list_coverage},
    Row{"ListCustomDetectionRuleAssociations", list_custom_detection_rule_associations},
    Row{"ListCustomDetectionRuleOrgConfigurations", list_custom_detection_rule_org_configurations},
    Row{"ListCustomDetectionRules", list_custom_detection_rules},
    Row{"ListDetectors", list_detectors},
    Row{"ListFilters", list_filters},
    Row{"ListFindings", list_findings},
    Row{"ListIPSets", list_ip_sets},
    Row{"ListInvestigationRecords", list_investigation_records},
    Row{"ListInvestigations", list_investigations},
    Row{"ListInvitations", list_invitations},
    Row{"ListMalwareProtectionPlans", list_malware_protection_plans},
    Row{"ListMalwareScans", list_malware_scans},
    Row{"ListMembers", list_members},
    Row{"ListOrganizationAdminAccounts", list_organization_admin_accounts},
    Row{"ListPublishingDestinations", list_publishing_destinations},
    Row{"ListTagsForResource", list_tags_for_resource},
    Row{"ListThreatEntitySets", list_threat_entity_sets},
    Row{"ListThreatIntelSets", list_threat_intel_sets},
    Row{"ListTrustedEntitySets", list_trusted_entity_sets},
    Row{"SendObjectMalwareScan", send_object_malware_scan},
    Row{"StartMalwareScan", start_malware_scan},
    Row{"StartMonitoringMembers", start_monitoring_members},
    Row{"StopMonitoringMembers", stop_monitoring_members},
    Row{"TagResource", tag_resource},
    Row{"UnarchiveFindings", unarchive_findings},
    Row{"UntagResource", untag_resource},
    Row{"UpdateCustomDetectionRuleAssociation", update_custom_detection_rule_association},
    Row{"UpdateCustomDetectionRuleOrgConfiguration", update_custom_detection_rule_org_configuration},
    Row{"UpdateDetector", update_detector},
    Row{"UpdateFilter", update_filter},
    Row{"UpdateFindingsFeedback", update_findings_feedback},
    Row{"UpdateIPSet", update_ip_set},
    Row{"UpdateMalwareProtectionPlan", update_malware_protection_plan},
    Row{"UpdateMalwareScanSettings", update_malware_scan_settings},
    Row{"UpdateMemberDetectors", update_member_detectors},
    Row{"UpdateOrganizationConfiguration", update_organization_configuration},
    Row{"UpdatePublishingDestination", update_publishing_destination},
    Row{"UpdateThreatEntitySet", update_threat_entity_set},
    Row{"UpdateThreatIntelSet", update_threat_intel_set},
    Row{"UpdateTrustedEntitySet", update_trusted_entity_set},
};

}  // namespace

Handler handler_of(std::string_view operation) {
  const auto found = std::ranges::find(rows, operation, &Row::operation);
  return found == rows.end() ? nullptr : found->handler;
}

}  // namespace picket::api
