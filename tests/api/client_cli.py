"""The AWS CLI against a running server; endpoint and credentials come from the environment, see run.py."""
import configparser
import json
import os
import subprocess
import unittest

AWS = [os.environ["PICKET_AWS"], "--endpoint-url", os.environ["PICKET_ENDPOINT"], "--output", "json", "guardduty"]


def run(*arguments, **environment):
    return subprocess.run([*AWS, *arguments], capture_output=True, text=True, check=False,
                          env=os.environ | environment)


def aws(*arguments):
    done = run(*arguments)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout) if done.stdout else None


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.detector = aws("list-detectors")["DetectorIds"][0]
        aws("create-sample-findings", "--detector-id", cls.detector, "--finding-types", "Recon:EC2/Portscan",
            "UnauthorizedAccess:EC2/TorClient")

    def list(self, *more):
        return aws("list-findings", "--detector-id", self.detector, *more)["FindingIds"]

    def get(self, ids):
        return aws("get-findings", "--detector-id", self.detector, "--finding-ids", *ids[:50])["Findings"]

    def test_filter_and_sort(self):
        ids = self.list("--finding-criteria", '{"Criterion": {"severity": {"Gte": 7}}}',
                        "--sort-criteria", "AttributeName=createdAt,OrderBy=DESC")
        found = self.get(ids)
        self.assertTrue(found)
        self.assertTrue(all(finding["Severity"] >= 7 for finding in found))
        times = [finding["CreatedAt"] for finding in found]
        self.assertEqual(times, sorted(times, reverse=True))

    def test_pages_by_hand(self):
        first = aws("list-findings", "--detector-id", self.detector, "--max-items", "1")
        second = aws("list-findings", "--detector-id", self.detector, "--max-items", "1", "--starting-token",
                     first["NextToken"])
        self.assertNotEqual(first["FindingIds"], second["FindingIds"])

    def test_archive(self):
        current = ("--finding-criteria", '{"Criterion": {"service.archived": {"Eq": ["false"]}}}')
        chosen = self.list(*current)[0]
        aws("archive-findings", "--detector-id", self.detector, "--finding-ids", chosen)
        self.assertTrue(self.get([chosen])[0]["Service"]["Archived"])
        self.assertNotIn(chosen, self.list(*current))
        aws("unarchive-findings", "--detector-id", self.detector, "--finding-ids", chosen)
        self.assertIn(chosen, self.list(*current))

    def test_statistics(self):
        counts = aws("get-findings-statistics", "--detector-id", self.detector, "--finding-statistic-types",
                     "COUNT_BY_SEVERITY")["FindingStatistics"]["CountBySeverity"]
        self.assertEqual(sum(counts.values()), len(self.list()))

    def test_detector(self):
        self.assertIn("Features", aws("get-detector", "--detector-id", self.detector))

    def test_wrong_secret(self):
        profiles = configparser.ConfigParser()
        profiles.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
        key = profiles[os.environ["AWS_PROFILE"]]["aws_access_key_id"]
        done = run("list-detectors", AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY="x" * 40)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("InvalidSignatureException", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
