"""kill -9 in the middle of changes through the API: what was acknowledged is there after the restart, what was not is
there whole or not at all, and a repeated create makes nothing twice.

    kill_loop.py SERVER [--rounds N] [--seed N]      (run.py starts it with the clients it installed)
"""
import argparse
import atexit
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
import uuid

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = botocore.config.Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20)
PROTECTED = "arn:aws:iam::111122223333:role/scan"


class Account:
    """One server's lifetime, through one client."""

    def __init__(self, program, data_dir):
        self.process = subprocess.Popen([program, data_dir], stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # a server that outlives a failure keeps the runner waiting
        endpoint = self.process.stdout.readline().strip()
        assert endpoint, "the server did not start"
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(data_dir / "credentials")
        self.api = boto3.Session().client("guardduty", endpoint_url=endpoint, config=CONFIG)
        self.detector = self.api.list_detectors()["DetectorIds"][0]
        self.arn = f"arn:aws:guardduty:{self.api.meta.region_name}:111122223333:detector/{self.detector}"

    def state(self):
        detector = self.api.get_detector(DetectorId=self.detector)
        archived = {"Criterion": {"service.archived": {"Equals": ["true"]}}}
        pages = self.api.get_paginator("list_findings").paginate(DetectorId=self.detector, FindingCriteria=archived)
        plans = [self.api.get_malware_protection_plan(MalwareProtectionPlanId=row["MalwareProtectionPlanId"])
                 for row in self.api.list_malware_protection_plans()["MalwareProtectionPlans"]]
        return {"frequency": detector["FindingPublishingFrequency"], "tags": detector["Tags"],
                "archived": {finding for page in pages for finding in page["FindingIds"]},
                "buckets": sorted(plan["ProtectedResource"]["S3Bucket"]["BucketName"] for plan in plans),
                "snapshots": self.api.get_malware_scan_settings(DetectorId=self.detector)["EbsSnapshotPreservation"]}

    # A change: how the state looks after it, and the call that makes it.
    def change(self, state, chance, findings):
        after = {name: value.copy() if hasattr(value, "copy") else value for name, value in state.items()}
        kind = chance.randrange(6)
        if kind == 0:
            after["frequency"] = chance.choice(["FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"])
            return after, lambda: self.api.update_detector(DetectorId=self.detector,
                                                           FindingPublishingFrequency=after["frequency"])
        if kind == 1:
            key, value = f"k{chance.randrange(9)}", str(chance.random())
            after["tags"][key] = value
            return after, lambda: self.api.tag_resource(ResourceArn=self.arn, Tags={key: value})
        if kind == 2:
            chosen = chance.sample(findings, 3)
            after["archived"] |= set(chosen)
            return after, lambda: self.api.archive_findings(DetectorId=self.detector, FindingIds=chosen)
        if kind == 3 and state["archived"]:
            chosen = sorted(state["archived"])[:2]
            after["archived"] -= set(chosen)
            return after, lambda: self.api.unarchive_findings(DetectorId=self.detector, FindingIds=chosen)
        if kind == 4 and len(state["buckets"]) < 20:
            bucket, token = f"bucket-{chance.randrange(10**9)}", str(uuid.UUID(int=chance.getrandbits(128)))
            after["buckets"] = sorted([*after["buckets"], bucket])
            return after, lambda account=self: account.api.create_malware_protection_plan(
                Role=PROTECTED, ProtectedResource={"S3Bucket": {"BucketName": bucket}}, ClientToken=token)
        after["snapshots"] = chance.choice(["NO_RETENTION", "RETENTION_WITH_FINDING"])
        return after, lambda: self.api.update_malware_scan_settings(DetectorId=self.detector,
                                                                    EbsSnapshotPreservation=after["snapshots"])


def write_until_killed(account, state, chance, findings):
    """The state that was acknowledged, the one a last call asked for without an answer, and that call."""
    acknowledged = 0
    while True:
        after, call = account.change(state, chance, findings)
        try:
            call()
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError):
                raise
            return state, after, call, acknowledged
        state = after
        acknowledged += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    data_dir = pathlib.Path(tempfile.mkdtemp(prefix="picket_kill_"))
    account = Account(arguments.server, data_dir)
    pages = account.api.get_paginator("list_findings").paginate(DetectorId=account.detector)
    findings = sorted(finding for page in pages for finding in page["FindingIds"])
    state, total, done_before_answer = account.state(), 0, 0
    for number in range(arguments.rounds):
        killer = threading.Timer(chance.uniform(0.02, 0.4), account.process.kill)
        killer.start()
        state, wanted, call, acknowledged = write_until_killed(account, state, chance, findings)
        killer.join()
        account.process.wait()
        total += acknowledged
        account = Account(arguments.server, data_dir)
        found = account.state()
        assert found in (state, wanted), f"round {number}: acknowledged {state}, perhaps {wanted}, found {found}"
        done_before_answer += found == wanted and wanted != state
        if wanted["buckets"] != state["buckets"]:
            call(account)  # the client's retry
            assert account.state()["buckets"] == wanted["buckets"], f"round {number}: the retry made another"
        state = account.state()
    account.process.terminate()
    assert account.process.wait(timeout=30) == 0
    shutil.rmtree(data_dir)
    print(f"{arguments.rounds} kills, {total} acknowledged changes, none lost; {done_before_answer} more were made whole "
          "before their answer")
    assert total > 0, "no change was acknowledged: the kills come too early"


started = time.monotonic()
main()
print(f"{time.monotonic() - started:.0f} s")
