"""boto3 against a running server; endpoint and credentials come from the environment, see run.py."""
import datetime
import os
import unittest

import boto3
import botocore.auth
import botocore.config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["PICKET_ENDPOINT"]
NO_RETRY = botocore.config.Config(retries={"max_attempts": 1})
SAMPLES = ["Recon:EC2/Portscan", "UnauthorizedAccess:EC2/TorClient", "Stealth:IAMUser/CloudTrailLoggingDisabled"]


def client(**more):
    return boto3.Session().client("guardduty", endpoint_url=ENDPOINT, config=NO_RETRY, **more)


def refused(call):
    """The error a call ends with: its code, message and HTTP status."""
    try:
        call()
    except ClientError as error:
        answer = error.response
        return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("the call was not refused")


class Findings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = client()
        cls.detector = cls.api.list_detectors()["DetectorIds"][0]
        cls.api.create_sample_findings(DetectorId=cls.detector, FindingTypes=SAMPLES)

    def ids(self, **more):
        pages = self.api.get_paginator("list_findings").paginate(DetectorId=self.detector, **more)
        return [finding for page in pages for finding in page["FindingIds"]]

    def get(self, ids):
        found = []
        for at in range(0, len(ids), 50):
            found += self.api.get_findings(DetectorId=self.detector, FindingIds=ids[at:at + 50])["Findings"]
        return found

    def where(self, criterion, **more):
        return self.get(self.ids(FindingCriteria={"Criterion": criterion}, **more))

    def test_pages_hold_every_finding_once(self):
        every = self.ids()
        self.assertEqual(len(every), len(set(every)))
        self.assertEqual(every, self.ids(PaginationConfig={"PageSize": 7}))
        self.assertGreaterEqual(len(every), len(SAMPLES))

    def test_sorted_both_ways(self):
        for name, key in (("createdAt", "CreatedAt"), ("severity", "Severity"), ("type", "Type")):
            for order in ("ASC", "DESC"):
                found = self.get(self.ids(SortCriteria={"AttributeName": name, "OrderBy": order}))
                values = [finding[key] for finding in found]
                self.assertEqual(values, sorted(values, reverse=order == "DESC"), (name, order))

    def test_operators_old_and_new(self):
        every = self.get(self.ids())
        when = sorted(finding["UpdatedAt"] for finding in every)[len(every) // 2]
        millis = int(datetime.datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp() * 1000 + 0.5)
        some_type = every[0]["Type"]
        cases = [
            ({"type": {"Eq": [some_type]}}, lambda f: f["Type"] == some_type),
            ({"type": {"Equals": [some_type, "none"]}}, lambda f: f["Type"] == some_type),
            ({"type": {"Neq": [some_type]}}, lambda f: f["Type"] != some_type),
            ({"type": {"NotEquals": [some_type]}}, lambda f: f["Type"] != some_type),
            ({"severity": {"Gte": 5}}, lambda f: f["Severity"] >= 5),
            ({"severity": {"GreaterThan": 5}}, lambda f: f["Severity"] > 5),
            ({"severity": {"Lt": 5}}, lambda f: f["Severity"] < 5),
            ({"severity": {"LessThanOrEqual": 5}}, lambda f: f["Severity"] <= 5),
            ({"severity": {"Eq": ["8"]}}, lambda f: 8 <= f["Severity"] < 9),
            ({"updatedAt": {"GreaterThanOrEqual": millis}}, lambda f: f["UpdatedAt"] >= when),
            ({"updatedAt": {"Lt": millis}}, lambda f: f["UpdatedAt"] < when),
            ({"service.archived": {"Eq": ["false"]}, "severity": {"Gt": 4}},
             lambda f: not f["Service"]["Archived"] and f["Severity"] > 4),
        ]
        for criterion, predicate in cases:
            expected = {finding["Id"] for finding in every if predicate(finding)}
            self.assertEqual({finding["Id"] for finding in self.where(criterion)}, expected, criterion)

    def test_archive_and_unarchive(self):
        current = {"service.archived": {"Eq": ["false"]}}
        chosen = [finding["Id"] for finding in self.where(current)][:2]
        self.api.archive_findings(DetectorId=self.detector, FindingIds=chosen)
        self.assertTrue(all(finding["Service"]["Archived"] for finding in self.get(chosen)))
        self.assertFalse(set(chosen) & {finding["Id"] for finding in self.where(current)})
        self.api.unarchive_findings(DetectorId=self.detector, FindingIds=chosen)
        self.assertFalse(any(finding["Service"]["Archived"] for finding in self.get(chosen)))

    def test_statistics(self):
        every = self.get(self.ids())
        old = self.api.get_findings_statistics(DetectorId=self.detector,
                                               FindingStatisticTypes=["COUNT_BY_SEVERITY"])["FindingStatistics"]
        self.assertEqual(sum(old["CountBySeverity"].values()), len(every))
        for group, member in (("ACCOUNT", "GroupedByAccount"), ("FINDING_TYPE", "GroupedByFindingType"),
                              ("SEVERITY", "GroupedBySeverity"), ("DATE", "GroupedByDate"),
                              ("RESOURCE", "GroupedByResource")):
            new = self.api.get_findings_statistics(DetectorId=self.detector, GroupBy=group, MaxResults=100)
            groups = new["FindingStatistics"][member]
            self.assertTrue(groups)
            if group != "RESOURCE":
                self.assertEqual(sum(row["TotalFindings"] for row in groups), len(every), group)
            self.assertIsInstance(groups[0]["LastGeneratedAt"], datetime.datetime)

    def test_samples_are_marked(self):
        samples = [finding for finding in self.get(self.ids()) if finding["Title"].startswith("[SAMPLE] ")]
        self.assertLessEqual(set(SAMPLES), {finding["Type"] for finding in samples})
        self.assertIn('"sample":true', samples[0]["Service"]["AdditionalInfo"]["Value"])

    def test_detector_and_tags(self):
        before = self.api.get_detector(DetectorId=self.detector)
        self.assertIn(before["Status"], ("ENABLED", "DISABLED"))
        self.assertIn("FLOW_LOGS", {feature["Name"] for feature in before["Features"]})
        region, account = self.api.meta.region_name, before["ServiceRole"].split(":")[4]
        arn = f"arn:aws:guardduty:{region}:{account}:detector/{self.detector}"
        self.api.tag_resource(ResourceArn=arn, Tags={"a b": "Zürich ☃", "env": "test"})
        self.assertEqual(self.api.list_tags_for_resource(ResourceArn=arn)["Tags"]["a b"], "Zürich ☃")
        self.api.untag_resource(ResourceArn=arn, TagKeys=["a b", "env"])
        self.assertNotIn("env", self.api.list_tags_for_resource(ResourceArn=arn)["Tags"])


class Refused(unittest.TestCase):
    def setUp(self):
        self.detector = client().list_detectors()["DetectorIds"][0]

    def test_wrong_secret(self):
        key = boto3.Session().get_credentials().access_key
        code, message, status = refused(
            client(aws_access_key_id=key, aws_secret_access_key="x" * 40).list_detectors)
        self.assertEqual((code, status), ("InvalidSignatureException", 403))
        self.assertIn("does not match the signature you provided", message)

    def test_unknown_key(self):
        code, _, status = refused(
            client(aws_access_key_id="AKIAUNKNOWNUNKNOWN00", aws_secret_access_key="x" * 40).list_detectors)
        self.assertEqual((code, status), ("UnrecognizedClientException", 403))

    def test_changed_body(self):
        api = client()

        def change(request, **_):
            request.body = request.body.replace(b'"maxResults": 5', b'"maxResults": 6')

        api.meta.events.register("before-send.guardduty", change)
        code, message, status = refused(lambda: api.list_findings(DetectorId=self.detector, MaxResults=5))
        self.assertEqual((code, status), ("InvalidSignatureException", 403))
        self.assertIn("does not match the signature you provided", message)

    def test_old_date(self):
        real = botocore.auth.get_current_datetime
        try:
            botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) - datetime.timedelta(minutes=6)
            code, message, status = refused(client().list_detectors)
        finally:
            botocore.auth.get_current_datetime = real
        self.assertEqual((code, status), ("InvalidSignatureException", 403))
        self.assertRegex(message, r"Signature expired: \d+T\d+Z is now earlier than \d+T\d+Z \(\d+T\d+Z - 5 min\.\)")

    def test_modelled_errors(self):
        api = client()
        with self.assertRaises(api.exceptions.BadRequestException) as caught:
            api.get_detector(DetectorId="0" * 32)
        self.assertEqual(caught.exception.response["Error"]["Message"],
                         "The request is rejected because the input detectorId is not owned by the current account.")
        self.assertEqual(caught.exception.response["Type"], "InvalidInputException")
        code, message, _ = refused(lambda: api.create_detector(Enable=True) and api.create_detector(Enable=True))
        self.assertEqual(message, "The request is rejected because a detector already exists for the current account.")


if __name__ == "__main__":
    unittest.main(verbosity=2)
