// The operations, one function each.
#pragma once

#include "api/call.h"

namespace picket::api {

using Handler = Answer (*)(Call&);

Answer create_detector(Call& call);
Answer get_detector(Call& call);
Answer list_detectors(Call& call);
Answer update_detector(Call& call);
Answer delete_detector(Call& call);

Answer list_findings(Call& call);
Answer get_findings(Call& call);
Answer get_findings_statistics(Call& call);
Answer archive_findings(Call& call);
Answer unarchive_findings(Call& call);
Answer update_findings_feedback(Call& call);
Answer create_sample_findings(Call& call);

Answer create_filter(Call& call);
Answer get_filter(Call& call);
Answer list_filters(Call& call);
Answer update_filter(Call& call);
Answer delete_filter(Call& call);

Answer create_ip_set(Call& call);
Answer get_ip_set(Call& call);
Answer list_ip_sets(Call& call);
Answer update_ip_set(Call& call);
Answer delete_ip_set(Call& call);

Answer create_threat_intel_set(Call& call);
Answer get_threat_intel_set(Call& call);
Answer list_threat_intel_sets(Call& call);
Answer update_threat_intel_set(Call& call);
Answer delete_threat_intel_set(Call& call);

Answer create_threat_entity_set(Call& call);
Answer get_threat_entity_set(Call& call);
Answer list_threat_entity_sets(Call& call);
Answer update_threat_entity_set(Call& call);
Answer delete_threat_entity_set(Call& call);

Answer create_trusted_entity_set(Call& call);
Answer get_trusted_entity_set(Call& call);
Answer list_trusted_entity_sets(Call& call);
Answer update_trusted_entity_set(Call& call);
Answer delete_trusted_entity_set(Call& call);

Answer create_publishing_destination(Call& call);
Answer describe_publishing_destination(Call& call);
Answer list_publishing_destinations(Call& call);
Answer update_publishing_destination(Call& call);
Answer delete_publishing_destination(Call& call);

Answer tag_resource(Call& call);
Answer untag_resource(Call& call);
Answer list_tags_for_resource(Call& call);

Answer create_members(Call& call);
Answer get_members(Call& call);
Answer list_members(Call& call);
Answer delete_members(Call& call);
Answer invite_members(Call& call);
Answer disassociate_members(Call& call);
Answer start_monitoring_members(Call& call);
Answer stop_monitoring_members(Call& call);
Answer get_member_detectors(Call& call);
Answer update_member_detectors(Call& call);

Answer accept_administrator_invitation(Call& call);
Answer accept_invitation(Call& call);
Answer get_administrator_account(Call& call);
Answer get_master_account(Call& call);
Answer disassociate_from_administrator_account(Call& call);
Answer list_invitations(Call& call);
Answer get_invitations_count(Call& call);
Answer decline_invitations(Call& call);
Answer delete_invitations(Call& call);

Answer enable_organization_admin_account(Call& call);
Answer disable_organization_admin_account(Call& call);
Answer list_organization_admin_accounts(Call& call);
Answer describe_organization_configuration(Call& call);
Answer update_organization_configuration(Call& call);
Answer get_organization_statistics(Call& call);

Answer list_coverage(Call& call);
Answer get_coverage_statistics(Call& call);
Answer get_usage_statistics(Call& call);
Answer get_remaining_free_trial_days(Call& call);

Answer get_malware_scan_settings(Call& call);
Answer update_malware_scan_settings(Call& call);
Answer create_malware_protection_plan(Call& call);
Answer get_malware_protection_plan(Call& call);
Answer list_malware_protection_plans(Call& call);
Answer update_malware_protection_plan(Call& call);
Answer delete_malware_protection_plan(Call& call);
Answer describe_malware_scans(Call& call);
Answer list_malware_scans(Call& call);
Answer get_malware_scan(Call& call);
Answer start_malware_scan(Call& call);
Answer send_object_malware_scan(Call& call);

Answer create_investigation(Call& call);
Answer get_investigation(Call& call);
Answer list_investigations(Call& call);
Answer list_investigation_records(Call& call);

Answer list_custom_detection_rules(Call& call);
Answer get_custom_detection_rule(Call& call);
Answer create_custom_detection_rule_association(Call& call);
Answer get_custom_detection_rule_association(Call& call);
Answer update_custom_detection_rule_association(Call& call);
Answer delete_custom_detection_rule_association(Call& call);
Answer create_custom_detection_rule_org_configuration(Call& call);
Answer get_custom_detection_rule_org_configuration(Call& call);
Answer update_custom_detection_rule_org_configuration(Call& call);
Answer delete_custom_detection_rule_org_configuration(Call& call);
Answer list_custom_detection_rule_associations(Call& call);
Answer list_custom_detection_rule_org_configurations(Call& call);

// nullptr for what is no operation.
Handler handler_of(std::string_view operation);

}  // namespace picket::api
