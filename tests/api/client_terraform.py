"""The calls that the Terraform provider makes for each of its GuardDuty resources, through boto3: create, read back what
was written, update, import by the id that it keeps, delete, and find that it is gone the way the provider tells.
Endpoint and credentials come from the environment, see run.py."""
import os
import time
import unittest
import uuid

import boto3
import botocore.config
from botocore.exceptions import ClientError

API = boto3.Session().client("guardduty", endpoint_url=os.environ["PICKET_ENDPOINT"],
                             config=botocore.config.Config(retries={"max_attempts": 1}))
REGION, ACCOUNT = API.meta.region_name, "111122223333"
NOT_OWNED = "The request is rejected because the input detectorId is not owned by the current account."
NO_RESOURCE = "The request is rejected since no such resource found."
INVALID = "The request is rejected because the one or more input parameters have invalid values."
TAGS = {"Name": "terraform", "env": "test"}


def message(call, **given):
    try:
        call(**given)
    except ClientError as error:
        return error.response["Error"]["Message"]
    raise AssertionError("the call was not refused")


def token():
    return str(uuid.uuid4())


def unserved(call, **given):
    try:
        call(**given)
    except ClientError as error:
        return "does not serve" in error.response["Error"]["Message"]
    return False


class Resource(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ids = API.list_detectors()["DetectorIds"]
        cls.detector = ids[0] if ids else API.create_detector(Enable=True)["DetectorId"]
        cls.arn = f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/{cls.detector}"

    def tags_of(self, arn):
        return API.list_tags_for_resource(ResourceArn=arn)["Tags"]

    def retag(self, arn):
        """The provider's order: what is gone first, then what is new or other."""
        API.untag_resource(ResourceArn=arn, TagKeys=["env"])
        API.tag_resource(ResourceArn=arn, Tags={"Name": "changed"})
        self.assertEqual(self.tags_of(arn), {"Name": "changed"})


class Detector(Resource):
    """aws_guardduty_detector, aws_guardduty_detector_feature"""

    def test_life(self):
        API.delete_detector(DetectorId=self.detector)
        made = API.create_detector(Enable=True, ClientToken=token(), FindingPublishingFrequency="ONE_HOUR", Tags=TAGS,
                                   DataSources={"S3Logs": {"Enable": True}, "Kubernetes": {"AuditLogs": {"Enable": False}},
                                                "MalwareProtection": {"ScanEc2InstanceWithFindings": {"EbsVolumes": True}}})
        self.assertEqual(made["DetectorId"], self.detector)
        read = API.get_detector(DetectorId=self.detector)
        self.assertEqual((read["Status"], read["FindingPublishingFrequency"], read["Tags"]), ("ENABLED", "ONE_HOUR", TAGS))
        self.assertEqual(read["DataSources"]["Kubernetes"]["AuditLogs"]["Status"], "DISABLED")
        self.assertEqual(read["DataSources"]["MalwareProtection"]["ScanEc2InstanceWithFindings"]["EbsVolumes"]["Status"],
                         "ENABLED")
        self.assertTrue(read["ServiceRole"])
        API.update_detector(DetectorId=self.detector, Enable=False, FindingPublishingFrequency="SIX_HOURS")
        read = API.get_detector(DetectorId=self.detector)
        self.assertEqual((read["Status"], read["FindingPublishingFrequency"]), ("DISABLED", "SIX_HOURS"))
        self.retag(self.arn)
        API.delete_detector(DetectorId=self.detector)
        self.assertEqual(message(API.get_detector, DetectorId=self.detector), NOT_OWNED)
        time.sleep(1.1)  # the same call within a second carries the same signature and gets the same answer
        self.assertEqual(message(API.delete_detector, DetectorId=self.detector), NOT_OWNED)
        self.assertEqual(API.create_detector(Enable=True, ClientToken=token())["DetectorId"], self.detector)

    def test_feature(self):
        def feature(name):
            features = API.get_detector(DetectorId=self.detector)["Features"]
            return next(row for row in features if row["Name"] == name)

        for status in ("DISABLED", "ENABLED"):
            API.update_detector(DetectorId=self.detector, Features=[{"Name": "S3_DATA_EVENTS", "Status": status}])
            self.assertEqual(feature("S3_DATA_EVENTS")["Status"], status)
        API.update_detector(DetectorId=self.detector, Features=[
            {"Name": "RUNTIME_MONITORING", "Status": "ENABLED",
             "AdditionalConfiguration": [{"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED"}]}])
        parts = {part["Name"]: part["Status"] for part in feature("RUNTIME_MONITORING")["AdditionalConfiguration"]}
        self.assertEqual(parts["EC2_AGENT_MANAGEMENT"], "ENABLED")


class Filter(Resource):
    """aws_guardduty_filter, whose id is DETECTOR:NAME"""

    def test_life(self):
        given = {"DetectorId": self.detector, "Name": "terraform", "Action": "ARCHIVE", "Rank": 1, "Description": "d",
                 "FindingCriteria": {"Criterion": {"region": {"Equals": [REGION]},
                                                   "service.additionalInfo.threatListName": {"NotEquals": ["some-threat"]},
                                                   "updatedAt": {"GreaterThan": 1570744740000, "LessThan": 1570744240000},
                                                   "severity": {"GreaterThanOrEqual": 4}}}}
        if unserved(API.create_filter, **given, ClientToken=token(), Tags=TAGS):
            self.skipTest("not served yet")
        read = API.get_filter(DetectorId=self.detector, FilterName="terraform")
        for name in ("Action", "Rank", "Description", "FindingCriteria"):
            self.assertEqual(read[name], given[name])
        self.assertEqual(read["Tags"], TAGS)
        API.update_filter(DetectorId=self.detector, FilterName="terraform", Action="NOOP", Rank=2, Description="",
                          FindingCriteria={"Criterion": {"region": {"Equals": ["us-east-1"]}}})
        read = API.get_filter(DetectorId=self.detector, FilterName="terraform")
        self.assertEqual((read["Action"], read["Rank"], read["Description"]), ("NOOP", 2, ""))
        self.assertEqual(read["FindingCriteria"], {"Criterion": {"region": {"Equals": ["us-east-1"]}}})
        self.retag(f"{self.arn}/filter/terraform")
        API.delete_filter(DetectorId=self.detector, FilterName="terraform")
        self.assertEqual(message(API.get_filter, DetectorId=self.detector, FilterName="terraform"), NO_RESOURCE)


class Sets(Resource):
    """aws_guardduty_ipset, aws_guardduty_threatintelset, and their newer twins; ids are DETECTOR:SET"""

    def life(self, kind, member, arn_kind):
        call = lambda verb: getattr(API, f"{verb}_{kind}")
        given = {"DetectorId": self.detector, "Name": "terraform", "Format": "TXT",
                 "Location": "https://s3.amazonaws.com/bucket/list.txt"}
        try:
            made = call("create")(**given, Activate=False, ClientToken=token(), Tags=TAGS)
        except ClientError as error:
            self.assertIn("does not serve", error.response["Error"]["Message"])
            self.skipTest("not served yet")
        which = {"DetectorId": self.detector, member: made[member]}
        read = call("get")(**which)
        self.assertEqual({name: read[name] for name in ("Name", "Format", "Location", "Status", "Tags")},
                         {"Name": "terraform", "Format": "TXT", "Location": given["Location"], "Status": "INACTIVE",
                          "Tags": TAGS})
        call("update")(**which, Name="changed", Location="https://s3.amazonaws.com/bucket/other.txt", Activate=False)
        read = call("get")(**which)
        self.assertEqual((read["Name"], read["Location"]), ("changed", "https://s3.amazonaws.com/bucket/other.txt"))
        self.retag(f"{self.arn}/{arn_kind}/{made[member]}")
        call("delete")(**which)
        # The provider asks until it is DELETED (or gone).
        self.assertIn(call("get")(**which)["Status"], ("DELETE_PENDING", "DELETED"))

    def test_ip_set(self):
        self.life("ip_set", "IpSetId", "ipset")

    def test_threat_intel_set(self):
        self.life("threat_intel_set", "ThreatIntelSetId", "threatintelset")

    def test_threat_entity_set(self):
        self.life("threat_entity_set", "ThreatEntitySetId", "threatentityset")

    def test_trusted_entity_set(self):
        self.life("trusted_entity_set", "TrustedEntitySetId", "trustedentityset")


class PublishingDestination(Resource):
    """aws_guardduty_publishing_destination, whose id is DETECTOR:DESTINATION"""

    def test_life(self):
        given = {"DetectorId": self.detector, "DestinationType": "S3",
                 "DestinationProperties": {"DestinationArn": "arn:aws:s3:::terraform",
                                           "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"}}
        try:
            made = API.create_publishing_destination(**given, ClientToken=token())
        except ClientError as error:
            self.assertIn("does not serve", error.response["Error"]["Message"])
            self.skipTest("not served yet")
        which = {"DetectorId": self.detector, "DestinationId": made["DestinationId"]}
        read = API.describe_publishing_destination(**which)
        self.assertEqual(read["DestinationProperties"], given["DestinationProperties"])
        self.assertIn(read["Status"], ("PENDING_VERIFICATION", "PUBLISHING"))
        API.update_publishing_destination(**which, DestinationProperties={"DestinationArn": "arn:aws:s3:::terraform/prefix"})
        self.assertEqual(API.describe_publishing_destination(**which)["DestinationProperties"]["DestinationArn"],
                         "arn:aws:s3:::terraform/prefix")
        API.delete_publishing_destination(**which)
        self.assertEqual(message(API.describe_publishing_destination, **which), INVALID)


class MalwareProtectionPlan(Resource):
    """aws_guardduty_malware_protection_plan"""

    def test_life(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/scan"
        plan = API.create_malware_protection_plan(
            Role=role, ProtectedResource={"S3Bucket": {"BucketName": "terraform", "ObjectPrefixes": ["a/", "b/"]}},
            Actions={"Tagging": {"Status": "ENABLED"}}, Tags=TAGS, ClientToken=token())["MalwareProtectionPlanId"]
        read = API.get_malware_protection_plan(MalwareProtectionPlanId=plan)
        self.assertEqual((read["Role"], read["Tags"], read["Actions"]), (role, TAGS, {"Tagging": {"Status": "ENABLED"}}))
        self.assertEqual(read["ProtectedResource"], {"S3Bucket": {"BucketName": "terraform", "ObjectPrefixes": ["a/", "b/"]}})
        API.update_malware_protection_plan(MalwareProtectionPlanId=plan, Role=role + "-2",
                                           Actions={"Tagging": {"Status": "DISABLED"}},
                                           ProtectedResource={"S3Bucket": {"ObjectPrefixes": ["c/"]}})
        read = API.get_malware_protection_plan(MalwareProtectionPlanId=plan)
        self.assertEqual((read["Role"], read["Actions"]["Tagging"]["Status"]), (role + "-2", "DISABLED"))
        self.assertEqual(read["ProtectedResource"]["S3Bucket"]["ObjectPrefixes"], ["c/"])
        API.delete_malware_protection_plan(MalwareProtectionPlanId=plan)
        with self.assertRaises(API.exceptions.ResourceNotFoundException):
            API.get_malware_protection_plan(MalwareProtectionPlanId=plan)


class Member(Resource):
    """aws_guardduty_member, whose id is DETECTOR:ACCOUNT"""

    def test_life(self):
        account = "123456789012"
        given = {"DetectorId": self.detector, "AccountDetails": [{"AccountId": account, "Email": "a@example.com"}]}
        if unserved(API.create_members, **given):
            self.skipTest("not served yet")
        which = {"DetectorId": self.detector, "AccountIds": [account]}

        def read():
            return API.get_members(**which)["Members"]

        self.assertEqual((read()[0]["AccountId"], read()[0]["Email"], read()[0]["RelationshipStatus"]),
                         (account, "a@example.com", "Created"))
        self.assertEqual(API.invite_members(**which, DisableEmailNotification=True, Message="please")["UnprocessedAccounts"], [])
        self.assertEqual(read()[0]["RelationshipStatus"], "Invited")
        again = API.invite_members(**which)["UnprocessedAccounts"]
        self.assertEqual(again[0]["Result"],
                         "The request is rejected because the current account has already invited or is already the "
                         "GuardDuty master of the given member account ID.")
        self.assertEqual(API.disassociate_members(**which)["UnprocessedAccounts"], [])
        self.assertEqual(API.delete_members(**which)["UnprocessedAccounts"], [])
        self.assertEqual(read(), [])


if __name__ == "__main__":
    unittest.main(verbosity=1)
