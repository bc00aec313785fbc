"""Lists, filters and publishing against a running `picket serve` and an S3-compatible server (moto), through boto3.

usage: sets.py PICKET      (with the Python of tests/api/.venv: run.py --picket does that)
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import uuid

import boto3
import botocore.config
from moto.server import ThreadedMotoServer

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNT, REGION = "111122223333", "eu-west-1"
CUSTOM = "Recon:IAMUser/MaliciousIPCaller.Custom"
KEYS = {"aws_access_key_id": "AKIATESTTESTTEST0000", "aws_secret_access_key": "secret"}


def wait_for(what, probe, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = probe()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"no {what} within {seconds} s")


def call_record(ip, user, number, account=ACCOUNT):
    """A harmless CloudTrail record; only where it came from can make it a finding."""
    return {"eventVersion": "1.08", "eventTime": f"2026-09-14T02:{number % 60:02}:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "DescribeInstances", "awsRegion": REGION, "sourceIPAddress": ip, "userAgent": "aws-cli/2.15",
            "userIdentity": {"type": "IAMUser", "principalId": "AIDA" + user.upper(), "userName": user, "accountId": account,
                             "arn": f"arn:aws:iam::{account}:user/{user}", "accessKeyId": "AKIA" + user.upper().ljust(16, "0")},
            "requestParameters": {}, "responseElements": None, "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()),
            "eventType": "AwsApiCall", "recipientAccountId": account, "readOnly": True, "managementEvent": True}


class Server:
    def __init__(self, binary, folder, s3):
        self.binary, self.folder = binary, pathlib.Path(folder)
        self.logs = self.folder / "logs/AWSLogs" / ACCOUNT / "CloudTrail" / REGION / "2026/09/14"
        self.logs.mkdir(parents=True)
        (self.folder / "lists").mkdir()
        (self.folder / "s3.credentials").write_text(
            f"[default]\naws_access_key_id = {KEYS['aws_access_key_id']}\naws_secret_access_key = {KEYS['aws_secret_access_key']}\n")
        (self.folder / "picket.toml").write_text(f"""
[organization]
management_account = "{ACCOUNT}"
[intel.sets]
folders = ["lists"]
[s3]
endpoint = "{s3}"
credentials = "s3.credentials"
[lateness]
cloudtrail = "36500 d"
""")
        self.process = None

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.folder / "picket.toml", "--data-dir", self.folder / "data", "--listen",
             "127.0.0.1:0", "--watch", self.folder / "logs"],
            stdout=subprocess.PIPE, stderr=open(self.folder / "serve.log", "ab"), text=True, env=environment)
        for line in self.process.stdout:
            if found := re.search(r"on (http://\S+)", line):
                self.url = found.group(1)
                return
        raise AssertionError((self.folder / "serve.log").read_text())

    def api(self):
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(self.folder / "data/credentials")
        return boto3.Session().client("guardduty", endpoint_url=self.url, region_name=REGION,
                                      config=botocore.config.Config(retries={"max_attempts": 1}))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def log(self, *records):
        name = f"{ACCOUNT}_CloudTrail_{REGION}_20260914T0300Z_{uuid.uuid4().hex[:16]}.json.gz"
        hidden = self.folder / name
        hidden.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
        hidden.rename(self.logs / name)

    def metrics(self):
        with urllib.request.urlopen(self.url + "/metrics", timeout=20) as answer:
            return answer.read().decode()


class Sets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        cls.moto.start()
        host, port = cls.moto.get_host_and_port()
        cls.endpoint = f"http://127.0.0.1:{port}"
        cls.s3 = boto3.client("s3", endpoint_url=cls.endpoint, region_name=REGION, **KEYS)
        for bucket in ("lists", "findings-bucket"):
            cls.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        cls.folder = tempfile.mkdtemp(prefix="picket_sets_")
        cls.server = Server(sys.argv[1], cls.folder, cls.endpoint)
        cls.server.start()
        cls.server.log(call_record("192.0.2.200", "first", 0))
        cls.client = cls.server.api()
        cls.detector = wait_for("detector", lambda: cls.client.list_detectors()["DetectorIds"])[0]

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.moto.stop()
        shutil.rmtree(cls.folder)

    def findings(self, user, **criterion):
        criterion |= {"resource.accessKeyDetails.userName": {"Equals": [user]}}
        ids = self.client.list_findings(DetectorId=self.detector, FindingCriteria={"Criterion": criterion})["FindingIds"]
        return self.client.get_findings(DetectorId=self.detector, FindingIds=ids)["Findings"] if ids else []

    def put_list(self, key, text):
        self.s3.put_object(Bucket="lists", Key=key, Body=text.encode())
        return f"s3://lists/{key}"

    def threat_set(self, location, **more):
        return self.client.create_threat_intel_set(DetectorId=self.detector, Name="block list", Format="TXT", Location=location,
                                                   Activate=True, **more)["ThreatIntelSetId"]

    def threat_status(self, set_id):
        return self.client.get_threat_intel_set(DetectorId=self.detector, ThreatIntelSetId=set_id)["Status"]

    def delete_threat_set(self, set_id):
        self.client.delete_threat_intel_set(DetectorId=self.detector, ThreatIntelSetId=set_id)
        wait_for("DELETED", lambda: self.threat_status(set_id) == "DELETED")

    def seen(self, marker):
        """Until a record that must raise a finding was read: what came before it in the same object was too."""
        return wait_for("finding for " + marker, lambda: self.findings(marker))

    def test_1_threat_list_from_s3_raises_findings(self):
        began = time.monotonic()
        set_id = self.threat_set(self.put_list("a/block list.txt", "198.51.100.7\n2001:db8:7::/48\n"), Tags={"team": "blue"})
        wait_for("ACTIVE", lambda: self.threat_status(set_id) == "ACTIVE")
        self.server.log(call_record("198.51.100.7", "mallory", 1), call_record("198.51.100.8", "alice", 2),
                        call_record("2001:db8:7::1", "sixer", 3))
        found = self.seen("mallory")
        print(f"from CreateThreatIntelSet to its finding: {time.monotonic() - began:.1f} s")
        self.assertEqual([finding["Type"] for finding in found], [CUSTOM])
        self.assertIn("block list", json.dumps(found[0]["Service"]))
        self.assertEqual([finding["Type"] for finding in self.seen("sixer")], [CUSTOM])
        self.assertEqual(self.findings("alice"), [])
        self.delete_threat_set(set_id)
        self.assertNotIn(set_id, self.client.list_threat_intel_sets(DetectorId=self.detector)["ThreatIntelSetIds"])

    def test_2_deleted_list_raises_nothing_more(self):
        set_id = self.threat_set(self.put_list("second.txt", "198.51.100.20\n"))
        wait_for("ACTIVE", lambda: self.threat_status(set_id) == "ACTIVE")
        self.server.log(call_record("198.51.100.7", "late", 4), call_record("198.51.100.20", "marker2", 5))
        self.seen("marker2")
        self.assertEqual(self.findings("late"), [])
        self.delete_threat_set(set_id)

    def test_3_trusted_beats_threat(self):
        threat = self.threat_set(self.put_list("both.txt", "198.51.100.30\n198.51.100.31\n"))
        (self.server.folder / "lists/trusted.txt").write_text("198.51.100.30\n")
        trusted = self.client.create_ip_set(DetectorId=self.detector, Name="office", Format="TXT", Activate=True,
                                            Location=f"file://{self.server.folder}/lists/trusted.txt")["IpSetId"]
        status = lambda: self.client.get_ip_set(DetectorId=self.detector, IpSetId=trusted)["Status"]
        wait_for("ACTIVE", lambda: status() == "ACTIVE" and self.threat_status(threat) == "ACTIVE")
        self.server.log(call_record("198.51.100.30", "office", 6), call_record("198.51.100.31", "marker3", 7))
        self.seen("marker3")
        self.assertEqual(self.findings("office"), [])
        self.client.update_ip_set(DetectorId=self.detector, IpSetId=trusted, Activate=False)
        wait_for("INACTIVE", lambda: status() == "INACTIVE")
        self.server.log(call_record("198.51.100.30", "office", 8))
        self.seen("office")
        self.client.delete_ip_set(DetectorId=self.detector, IpSetId=trusted)
        wait_for("DELETED", lambda: status() == "DELETED")
        self.delete_threat_set(threat)

    def test_4_status_tells_what_is_wrong(self):
        for location, says in (("s3://lists/absent.txt", "NoSuchKey"), ("s3://no-such-bucket/x", "NoSuchBucket"),
                               ("https://127.0.0.1:1/list", "allow_hosts"), ("https://169.254.169.254/latest", "allow_hosts"),
                               ("file:///etc/passwd", "folders")):
            created = self.client.create_threat_entity_set(DetectorId=self.detector, Name="broken", Format="TXT", Activate=True,
                                                           Location=location)["ThreatEntitySetId"]
            get = lambda: self.client.get_threat_entity_set(DetectorId=self.detector, ThreatEntitySetId=created)
            wait_for("ERROR for " + location, lambda: get()["Status"] == "ERROR")
            self.assertIn(says, get()["ErrorDetails"])
            self.client.delete_threat_entity_set(DetectorId=self.detector, ThreatEntitySetId=created)

    def test_5_archive_filter_and_publishing(self):
        destination = self.client.create_publishing_destination(
            DetectorId=self.detector, DestinationType="S3",
            DestinationProperties={"DestinationArn": "arn:aws:s3:::findings-bucket/prod",
                                   "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"})["DestinationId"]
        status = lambda: self.client.describe_publishing_destination(DetectorId=self.detector, DestinationId=destination)["Status"]
        wait_for("PUBLISHING", lambda: status() == "PUBLISHING")
        self.client.create_filter(DetectorId=self.detector, Name="noise", Action="ARCHIVE", Rank=1, FindingCriteria={
            "Criterion": {"resource.accessKeyDetails.userName": {"Matches": ["noisy-*"]}}})
        threat = self.threat_set(self.put_list("fifth.txt", "198.51.100.50\n"))
        wait_for("ACTIVE", lambda: self.threat_status(threat) == "ACTIVE")
        self.server.log(call_record("198.51.100.50", "noisy-bot", 9), call_record("198.51.100.50", "loud", 10))
        self.seen("loud")
        self.assertFalse(self.findings("loud")[0]["Service"]["Archived"])
        self.assertTrue(self.findings("noisy-bot")[0]["Service"]["Archived"])

        def published():
            lines = []
            listed = self.s3.list_objects_v2(Bucket="findings-bucket").get("Contents", [])
            for key in (item["Key"] for item in listed if item["Key"].endswith(".jsonl.gz")):
                self.assertRegex(key, rf"^prod/AWSLogs/{ACCOUNT}/GuardDuty/{REGION}/\d{{4}}/\d\d/\d\d/[0-9a-f-]{{36}}\.jsonl\.gz$")
                self.assertEqual(self.s3.head_object(Bucket="findings-bucket", Key=key)["ServerSideEncryption"], "aws:kms")
                lines += gzip.decompress(self.s3.get_object(Bucket="findings-bucket", Key=key)["Body"].read()).splitlines()
            return [json.loads(line) for line in lines]

        users = lambda: {finding["resource"]["accessKeyDetails"]["userName"] for finding in published()}
        wait_for("export", lambda: "loud" in users())
        self.assertNotIn("noisy-bot", users())
        loud = next(finding for finding in published() if finding["resource"]["accessKeyDetails"]["userName"] == "loud")
        self.assertEqual(loud["schemaVersion"], "2.0")
        self.assertIn("picket", loud["service"]["additionalInfo"])
        self.client.create_sample_findings(DetectorId=self.detector, FindingTypes=["Recon:EC2/Portscan"])
        wait_for("export of the sample", lambda: any(finding["title"].startswith("[SAMPLE]") for finding in published()))
        # A bucket that is gone is told, and nothing is lost meanwhile.
        self.client.update_publishing_destination(DetectorId=self.detector, DestinationId=destination,
                                                  DestinationProperties={"DestinationArn": "arn:aws:s3:::not-there"})
        wait_for("UNABLE", lambda: status() == "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY")
        self.server.log(call_record("198.51.100.50", "patient", 11))
        self.seen("patient")
        self.server.kill()
        self.server.start()
        type(self).client = self.server.api()
        self.s3.create_bucket(Bucket="not-there", CreateBucketConfiguration={"LocationConstraint": REGION})
        wait_for("PUBLISHING again", lambda: status() == "PUBLISHING")
        wait_for("export after the crash", lambda: any(
            item["Key"].endswith(".jsonl.gz") for item in self.s3.list_objects_v2(Bucket="not-there").get("Contents", [])))
        self.client.delete_publishing_destination(DetectorId=self.detector, DestinationId=destination)

    def test_6_a_crash_changes_nothing(self):
        before = sorted(json.dumps(finding, sort_keys=True, default=str) for user in
                        ("mallory", "sixer", "marker2", "office", "loud", "noisy-bot", "patient") for finding in self.findings(user))
        self.assertEqual(len(before), 7)
        self.server.kill()
        self.server.start()
        type(self).client = self.server.api()
        after = sorted(json.dumps(finding, sort_keys=True, default=str) for user in
                       ("mallory", "sixer", "marker2", "office", "loud", "noisy-bot", "patient") for finding in self.findings(user))
        self.assertEqual(before, after)
        # The list made before the crash is still in effect.
        self.server.log(call_record("198.51.100.50", "survivor", 12))
        self.seen("survivor")

    def test_7_terraform(self):
        for name in ("one", "two"):
            self.put_list(f"{name}.txt", "192.0.2.1\n")
        environment = os.environ | {"PICKET_ENDPOINT": self.server.url}
        done = subprocess.run([sys.executable, HERE / "terraform/terraform.py", "sets.tf", "bucket=lists"], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv[:1], failfast=True)
