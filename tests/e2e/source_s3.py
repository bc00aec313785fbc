#!/usr/bin/env python3
"""A bucket as a source: announced in every form, twice or not at all, behind 503s and cut answers, killed meanwhile.

    source_s3.py BINARY SOURCE_ROOT [--rounds N] [--seed N]

S3, SQS, SNS and STS are moto's, in the venv of tests/api. A proxy between picket and them fails as networks do, and
checks every signature for S3 against botocore's. The end is compared with one scan of the same objects.
"""
import argparse
import configparser
import json
import pathlib
import random
import sys
import time
import urllib.request

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)

clients.enter_venv()

from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from cloud import BUCKET, REGION, Cloud, Feeder, Proxy, source_config  # noqa: E402
from harness import (KINDS, PARTS, PATIENT, Picket, Server, Workspace, check_as_scanned, check_equal, check_source_ledger,
                     fail, files_below, put, source_of, wait_until)  # noqa: E402

# What signers get wrong: every Parquet flow-log path, CloudTrail's times, and what people name folders.
AWKWARD = ["year=2026/month=09/it's (a) name.json.gz", "a+b c/é:ü@x,y;z!.json.gz", "per%20cent/100%/~tilde*.json.gz",
           "&amp/<tag>/#hash?query=1.json.gz"]


def write_config(path, cloud, queue=True, lateness="", snapshot="200 ms", list_every="1 s"):
    path.write_text(source_config(path, cloud, queue, list_every) + lateness + f'[engine]\nsnapshot_interval = "{snapshot}"\n')
    return path


def read_objects(archive):
    """The sample archive, some of it under awkward keys, and what is no log."""
    objects = {str(path.relative_to(archive)): path.read_bytes() for path in files_below(archive)}
    trails = [key for key in objects if "/CloudTrail/" in key]
    for key, awkward in zip(trails, AWKWARD):
        objects[awkward] = objects.pop(key)
    objects["AWSLogs/777788889999/elasticloadbalancing/eu-west-1/2026/09/14/balancer.log.gz"] = b"not ours"
    return objects


def check_records(picket, cloud, work, local, data):
    """What a finding of the bucket stands on is shown out of the bucket, on the command line and by the API."""
    config = write_config(work / "records.toml", cloud, queue=False)
    finding = next(found for found in map(json.loads, picket.findings(data).splitlines())
                   if found["type"] == "UnauthorizedAccess:IAMUser/TorIPCaller")
    mark = b"The records themselves"
    shown = [picket.run("explain", finding["id"], "--data-dir", data, *logs).stdout.partition(mark)[2]
             for logs in (("--logs", local), ("--logs", f"s3://{BUCKET}", "--config", config))]
    if shown[0] != shown[1] or b'"eventSource"' not in shown[0]:
        fail(f"explain shows other records out of the bucket: {shown}")
    server = Server(picket, data, "--config", config).wait_ready()
    profile = configparser.ConfigParser()
    profile.read(data / "credentials")
    request = AWSRequest("GET", f"{server.url}/picket/v1/findings/{finding['id']}/records")
    key = Credentials(profile["default"]["aws_access_key_id"], profile["default"]["aws_secret_access_key"])
    SigV4Auth(key, "guardduty", finding["region"]).add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=60) as answer:
        records = json.load(answer)["records"]
    server.stop()
    if not records or any('"eventSource"' not in record.get("record", "") for record in records):
        fail(f"the API does not show the records of the bucket: {records}")


def check_deletion(picket, cloud, work):
    """A message stays until a snapshot covers what it announced, and a foreign one stays for good."""
    key = "AWSLogs/777788889999/CloudTrail/eu-west-1/2026/09/14/777788889999_CloudTrail_eu-west-1_20260914T0000Z_x.json"
    cloud.announce(key, cloud.put(key, b'{"Records": []}'), "S3")
    cloud.announce("other", "00", "S3", bucket="another-bucket")
    config = write_config(work / "slow.toml", cloud, lateness=PATIENT, snapshot="1 h")
    server = Server(picket, work / "slow", "--config", config).wait_ready()
    server.wait_caught_up(120)
    time.sleep(1)
    if cloud.messages() != 2:
        fail(f"{cloud.messages()} messages while no snapshot covers the object")
    server.stop()
    if cloud.messages() != 1:
        fail(f"{cloud.messages()} messages after the snapshot")
    print("ok: a message is deleted after the snapshot that covers its object, a foreign one never", flush=True)
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    cloud.s3.delete_object(Bucket=BUCKET, Key=key)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    picket, moments, cloud = Picket(options.binary), random.Random(options.seed), Cloud()
    with Workspace() as work:
        check_deletion(picket, cloud, work)
        objects = read_objects(options.root / "samples/archive")
        local = work / "local"
        for key, data in objects.items():
            path = local / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        Proxy.trouble = 0.2
        config, data = write_config(work / "patient.toml", cloud, lateness=PATIENT), work / "data"
        feeder = Feeder(cloud, objects, 1.5 * options.rounds, options.seed)
        feeder.start()
        for _ in range(options.rounds):
            server = Server(picket, data, "--config", config).wait_ready()
            time.sleep(moments.uniform(0.1, 2.5))
            server.kill()
        feeder.join(timeout=300)
        if feeder.is_alive() or feeder.error:
            fail(f"the feeder did not end well: {feeder.error}")
        server = Server(picket, data, "--config", config).wait_ready()
        metrics = server.wait_caught_up(120)
        wait_until("the queue is empty", lambda: cloud.messages() == 0, 200)
        told = source_of(picket, data, "trail")
        words = picket.run("sources", "--data-dir", data).stdout.decode()
        server.stop()
        print(f"killed {options.rounds} times; {len(objects)} objects, announced by {dict(feeder.forms)}; proxy: {dict(Proxy.seen)}",
              flush=True)
        print(words, flush=True)
        if Proxy.wrong:
            fail(f"signatures that botocore makes otherwise: {Proxy.wrong}")
        for what in ("AssumeRole", "signed with the role", "503", "cut"):
            if Proxy.seen[what] == 0:
                fail(f"never happened: {what}")
        ledger = told["ledger"]
        check_source_ledger("the source", ledger)
        Proxy.trouble = 0
        picket.serve_to_the_end(data, "--config", write_config(work / "end.toml", cloud))
        stats, _ = picket.stats(local, "--assume-region", REGION, "--save", work / "undisturbed", "--quiet")
        check_as_scanned(metrics, stats, (*PARTS, "objects_failed"))
        if ledger["recordsRead"] != sum(stats["kinds"][kind]["records_read"] for kind in KINDS):
            fail(f"the source read {ledger['recordsRead']} records")
        expected = picket.findings(work / "undisturbed")
        check_equal("with a queue, killed", expected, picket.findings(data))
        if list((data / "spool").iterdir()):
            fail(f"left in the spool: {list((data / 'spool').iterdir())}")
        # Where a listing fails, its records come late, and what is judged in order of time may differ: so it waits.
        for lateness in (PATIENT, ""):
            config = write_config(work / "listed.toml", cloud, queue=False, lateness=lateness)
            picket.serve_to_the_end(work / "listed", "--config", config)
        check_equal("by listing alone", expected, picket.findings(work / "listed"))
        check_records(picket, cloud, work, local, work / "listed")
    cloud.stop()


main()
