"""Members, organisation, STS and neighbours with boto3 and the AWS CLI; see run.py for the environment. Needs the
test server's profiles default (management account), security and shop."""
import json
import os
import subprocess
import time
import unittest

import boto3
import botocore.config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["PICKET_ENDPOINT"]
CONFIG = botocore.config.Config(retries={"max_attempts": 1})
MANAGEMENT, SECURITY, SHOP = "111122223333", "222233334444", "555566667777"


def client(service="guardduty", profile="default", **more):
    session = boto3.Session(profile_name=None if more else profile, region_name="eu-central-1")
    return session.client(service, endpoint_url=ENDPOINT, config=CONFIG, **more)


def cli(*arguments, profile="default"):
    ran = subprocess.run([os.environ["PICKET_AWS"], "--endpoint-url", ENDPOINT, "--region", "eu-central-1", "--profile",
                          profile, "--output", "json", *arguments], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise AssertionError(ran.stderr)
    return json.loads(ran.stdout) if ran.stdout.strip() else {}


def pause():
    time.sleep(1.1)  # the same change within one second is the same call


class ByInvitation(unittest.TestCase):
    """Terraform's sequence for a member and its accepter, shop inviting the delegated administrator's account."""

    def setUp(self):
        self.admin, self.member = client(profile="shop"), client(profile="member")
        self.detector = self.admin.list_detectors()["DetectorIds"][0]
        self.account = client("sts", profile="member").get_caller_identity()["Account"]

    def status(self):
        found = self.admin.get_members(DetectorId=self.detector, AccountIds=[self.account])["Members"]
        return found[0]["RelationshipStatus"] if found else None

    def test_invite_accept_leave(self):
        details = [{"AccountId": self.account, "Email": "member@example.com"}]
        self.assertEqual(self.admin.create_members(DetectorId=self.detector, AccountDetails=details)
                         ["UnprocessedAccounts"], [])
        self.assertEqual(self.status(), "Created")
        self.admin.invite_members(DetectorId=self.detector, AccountIds=[self.account], Message="please")
        again = self.admin.invite_members(DetectorId=self.detector, AccountIds=[self.account], Message="again")
        self.assertIn("already invited or is already the GuardDuty master", again["UnprocessedAccounts"][0]["Result"])
        with self.assertRaises(ClientError) as refused:
            self.admin.delete_detector(DetectorId=self.detector)
        self.assertIn("cannot delete detector while it has invited or associated members", str(refused.exception))

    def tearDown(self):
        self.admin.disassociate_members(DetectorId=self.detector, AccountIds=[self.account])
        self.admin.delete_members(DetectorId=self.detector, AccountIds=[self.account])
        self.assertIsNone(self.status())


class Accepting(unittest.TestCase):
    def test_both_spellings(self):
        admin, member = client(profile="shop"), client(profile="default")
        admin_detector = admin.list_detectors()["DetectorIds"][0]
        detector = member.list_detectors()["DetectorIds"][0]
        admin.create_members(DetectorId=admin_detector,
                             AccountDetails=[{"AccountId": MANAGEMENT, "Email": "m@example.com"}])
        admin.invite_members(DetectorId=admin_detector, AccountIds=[MANAGEMENT])
        self.assertEqual(member.get_invitations_count()["InvitationsCount"], 1)
        invitation = next(row for row in member.list_invitations()["Invitations"] if row["AccountId"] == SHOP)
        member.accept_administrator_invitation(DetectorId=detector, AdministratorId=SHOP,
                                               InvitationId=invitation["InvitationId"])
        self.assertEqual(member.get_administrator_account(DetectorId=detector)["Administrator"]["RelationshipStatus"],
                         "Enabled")
        self.assertEqual(member.get_master_account(DetectorId=detector)["Master"]["AccountId"], SHOP)
        listed = admin.get_paginator("list_members").paginate(DetectorId=admin_detector).build_full_result()["Members"]
        self.assertEqual([row["AccountId"] for row in listed], [MANAGEMENT])
        seen = admin.get_findings_statistics(DetectorId=admin_detector, GroupBy="ACCOUNT")["FindingStatistics"]
        self.assertIn(MANAGEMENT, [row["AccountId"] for row in seen["GroupedByAccount"]])
        admin.stop_monitoring_members(DetectorId=admin_detector, AccountIds=[MANAGEMENT])
        self.assertEqual(member.get_detector(DetectorId=detector)["Status"], "DISABLED")
        admin.start_monitoring_members(DetectorId=admin_detector, AccountIds=[MANAGEMENT])
        self.assertEqual(member.get_detector(DetectorId=detector)["Status"], "ENABLED")
        member.disassociate_from_administrator_account(DetectorId=detector)
        self.assertNotIn("Administrator", member.get_administrator_account(DetectorId=detector))
        self.assertEqual(admin.delete_members(DetectorId=admin_detector, AccountIds=[MANAGEMENT])
                         ["UnprocessedAccounts"], [])


class Organization(unittest.TestCase):
    def test_delegate_configure_and_take_back(self):
        root, security = client(), client(profile="security")
        root.enable_organization_admin_account(AdminAccountId=SECURITY)
        try:
            accounts = root.list_organization_admin_accounts()["AdminAccounts"]
            self.assertEqual(accounts, [{"AdminAccountId": SECURITY, "AdminStatus": "ENABLED"}])
            detector = security.list_detectors()["DetectorIds"][0]
            before = security.describe_organization_configuration(DetectorId=detector)
            self.assertEqual(before["AutoEnableOrganizationMembers"], "NONE")
            security.update_organization_configuration(
                DetectorId=detector, AutoEnableOrganizationMembers="ALL",
                Features=[{"Name": "S3_DATA_EVENTS", "AutoEnable": "NEW"}])
            members = security.get_paginator("list_members").paginate(DetectorId=detector).build_full_result()["Members"]
            self.assertEqual({row["RelationshipStatus"] for row in members}, {"Enabled"})
            self.assertIn(SHOP, [row["AccountId"] for row in members])
            with self.assertRaises(ClientError) as refused:
                security.disassociate_members(DetectorId=detector, AccountIds=[SHOP])
            self.assertEqual(refused.exception.response["Error"]["Code"], "BadRequestException")
            got = security.get_member_detectors(DetectorId=detector, AccountIds=[SHOP])
            self.assertEqual(got["MemberDataSourceConfigurations"][0]["AccountId"], SHOP)
            counts = security.get_organization_statistics()["OrganizationDetails"]["OrganizationStatistics"]
            self.assertEqual(counts["MemberAccountsCount"], len(members))
            delegated = client("organizations").list_delegated_administrators(
                ServicePrincipal="guardduty.amazonaws.com")["DelegatedAdministrators"]
            self.assertEqual([row["Id"] for row in delegated], [SECURITY])
            security.update_organization_configuration(DetectorId=detector, AutoEnable=False)
        finally:
            pause()
            root.disable_organization_admin_account(AdminAccountId=SECURITY)
        self.assertEqual(root.list_organization_admin_accounts()["AdminAccounts"], [])


class Neighbours(unittest.TestCase):
    def test_who_am_i(self):
        told = client("sts").get_caller_identity()
        self.assertEqual((told["Account"], told["Arn"]), (MANAGEMENT, f"arn:aws:iam::{MANAGEMENT}:user/default"))
        self.assertEqual(cli("sts", "get-caller-identity", profile="shop")["Account"], SHOP)

    def test_assumed_role_works_as_it_says(self):
        made = client("sts").assume_role(RoleArn=f"arn:aws:iam::{SHOP}:role/read-only", RoleSessionName="audit")
        keys = made["Credentials"]
        api = client(aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                     aws_session_token=keys["SessionToken"])
        detector = api.list_detectors()["DetectorIds"][0]
        self.assertEqual(api.get_detector(DetectorId=detector)["ServiceRole"].split(":")[4], SHOP)
        with self.assertRaises(ClientError) as refused:
            api.update_detector(DetectorId=detector, Enable=False)
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDeniedException")
        with self.assertRaises(ClientError) as refused:
            client(aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                   aws_session_token="x" + keys["SessionToken"]).list_detectors()
        self.assertEqual(refused.exception.response["Error"]["Code"], "UnrecognizedClientException")

    def test_session_of_a_key(self):
        keys = cli("sts", "get-session-token", "--duration-seconds", "900")["Credentials"]
        api = client(aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                     aws_session_token=keys["SessionToken"])
        self.assertTrue(api.list_detectors()["DetectorIds"])

    def test_regions_aliases_accounts(self):
        regions = [row["RegionName"] for row in client("ec2").describe_regions(AllRegions=True)["Regions"]]
        self.assertIn("eu-central-1", regions)
        self.assertEqual(client("iam", profile="security").list_account_aliases()["AccountAliases"], ["security"])
        pages = client("organizations").get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
        accounts = [row["Id"] for page in pages for row in page["Accounts"]]
        self.assertEqual(len(accounts), 4)
        self.assertEqual(cli("organizations", "describe-organization")["Organization"]["MasterAccountId"], MANAGEMENT)
        with self.assertRaises(ClientError) as refused:
            client("organizations", profile="shop").list_accounts()
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDeniedException")

    def test_other_services_are_told_what_is_served(self):
        for service, call in (("securityhub", "describe_hub"), ("s3", "list_buckets"), ("sqs", "list_queues")):
            with self.assertRaises(ClientError) as refused:
                getattr(client(service), call)()
            self.assertIn("picket serves Amazon GuardDuty here", refused.exception.response["Error"]["Message"], service)
        with self.assertRaises(ClientError) as refused:
            client("iam").list_users()
        self.assertIn("ListAccountAliases", refused.exception.response["Error"]["Message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
