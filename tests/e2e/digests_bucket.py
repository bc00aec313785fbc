#!/usr/bin/env python3
"""Digest chains in a bucket: `picket verify s3://…` proves them with the signatures of the objects' metadata, a running server
finds what was tampered with, and a network that fails is no fault.

    digests_bucket.py BINARY SOURCE_ROOT

S3 and STS are moto's, in the venv of tests/api, behind the proxy of cloud.py.
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)

clients.enter_venv()

from cloud import BUCKET, Cloud, Proxy, source_config  # noqa: E402
from harness import Picket, Server, Workspace, fail, files_below, wait_until  # noqa: E402

PLACE = f"s3://{BUCKET}/AWSLogs/"


def upload(cloud, archive):
    for path in files_below(archive / "AWSLogs"):
        if path.name.endswith(".metadata.json"):
            continue
        beside = path.with_name(path.name + ".metadata.json")
        metadata = json.loads(beside.read_text())["Metadata"] if beside.exists() else {}
        cloud.s3.put_object(Bucket=BUCKET, Key=str(path.relative_to(archive)), Body=path.read_bytes(), Metadata=metadata)


def verify(picket, config, keys, *arguments, code):
    done = picket.run("verify", PLACE, "--keys", keys, "--config", config, "--format", "json", *arguments)
    if done.returncode != code:
        fail(f"verify ended with {done.returncode}, not {code}:\n{done.stdout.decode()}{done.stderr.decode()}")
    report = json.loads(done.stdout)
    return report, collections.Counter(problem["kind"] for part in report["chains"] + report["uncovered"] for problem in part["problems"])


def faults(picket, data):
    found = [json.loads(line) for line in picket.findings(data).splitlines()]
    return [json.dumps(one) for one in found if one["type"] == "Stealth:S3/LogDigestBroken"]


def main():
    picket = Picket(sys.argv[1])
    with Workspace() as work:
        archive = work / "archive"
        subprocess.run([sys.executable, SOURCE_ROOT / "tools/generate_trail.py", "--out", archive], check=True, stdout=subprocess.DEVNULL)
        cloud = Cloud()
        upload(cloud, archive)
        keys, config = archive / "keys.json", work / "picket.toml"
        config.write_text(source_config(config, cloud, queue=False).replace(f"s3://{BUCKET}/", PLACE) +
                          f'[integrity]\nkeys = ["{keys}"]\nevery = "1 s"\n')

        report, problems = verify(picket, config, keys, code=0)
        if report["verdict"] != "intact" or problems or len(report["chains"]) != 2:
            fail(f"an untouched bucket: {report}")
        print("ok: an untouched bucket is intact, the newest digests too", flush=True)
        Proxy.trouble = 1.0
        report, problems = verify(picket, config, keys, code=3)
        if not report["failures"] or problems:
            fail(f"a bucket that cannot be reached: {report}")
        Proxy.trouble = 0.0
        print(f"ok: a bucket that cannot be reached is unproven: {report['failures'][0]['why']}", flush=True)

        server = Server(picket, work / "data", "--config", config).wait_ready()
        metric = lambda name: server.metrics().get(name, 0)
        wait_until("the chains are proven", lambda: metric('picket_digest_proven{what="logs"}') == 24 and metric("picket_digest_chains") == 2)
        looks = metric("picket_digest_looks_total")
        Proxy.trouble = 0.5
        wait_until("it is looked through trouble", lambda: metric("picket_digest_looks_total") >= looks + 10)
        Proxy.trouble = 0.0
        wait_until("all is proven again", lambda: metric("picket_digest_unreachable") == 0 and metric('picket_digest_proven{what="logs"}') == 24)
        if faults(picket, work / "data"):
            fail(f"trouble of the network is told as a fault: {faults(picket, work / 'data')}")
        before = Proxy.seen["signatures"]
        looks = metric("picket_digest_looks_total")
        wait_until("more looks", lambda: metric("picket_digest_looks_total") >= looks + 4)
        each = (Proxy.seen["signatures"] - before) / 4
        print(f"ok: errors of the network are no fault; a look asks S3 {each:.0f} times", flush=True)

        logs = sorted(key for key in (one["Key"] for one in cloud.s3.list_objects_v2(Bucket=BUCKET)["Contents"])
                      if "/CloudTrail/us-east-1/" in key)
        text = gzip.decompress(cloud.s3.get_object(Bucket=BUCKET, Key=logs[-2])["Body"].read())
        cloud.put(logs[-2], gzip.compress(text.replace(b"us-east-1", b"us-east-2", 1)))
        cloud.s3.delete_object(Bucket=BUCKET, Key=logs[-3])
        told = wait_until("the tampering is told", lambda: len(faults(picket, work / "data")) == 2 and faults(picket, work / "data"))
        if not any('"log_modified"' in one and logs[-2].removeprefix("AWSLogs/") in one for one in told) or \
                not any('"log_missing"' in one for one in told):
            fail(f"told is {told}")
        server.stop()
        report, problems = verify(picket, config, keys, code=1)
        if problems != {"log_modified": 1, "log_missing": 1}:
            fail(f"after the tampering: {report}")
        print("ok: a changed and a removed log are found, by the server and by picket verify", flush=True)
        if Proxy.wrong:
            fail(f"wrong signatures: {Proxy.wrong[:3]}")
        cloud.stop()


main()
