#!/usr/bin/env python3
"""What was set aside is sent through again after a fix: nothing is lost, nothing counts twice, also across kill -9.

    quarantine.py BINARY SOURCE_ROOT [--rounds N] [--seed N]
"""
import argparse
import gzip
import json
import pathlib
import random
import time

from harness import PATIENT, Picket, Server, Workspace, check_balanced, check_equal, fail, of_kind

ACCOUNT, REGION = "111122223333", "us-east-1"
TIGHT = '[limits]\nrecord_bytes_max = 4096\nobject_bytes_max = 1048576\n[engine]\nsnapshot_interval = "1 s"\n'
WIDE = '[engine]\nsnapshot_interval = "1 s"\n'
FLOWS = f'[[source]]\npath = "{{flows}}"\nname = "flows"\nkind = "vpcflow"\naccount = "{ACCOUNT}"\nregion = "{REGION}"\n'
FORMAT = 'flow_format = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"\n'


def record(number, **more):
    made = {"eventVersion": "1.11", "userIdentity": {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT,
                                                     "principalId": ACCOUNT},
            "eventTime": f"2026-09-14T10:{number // 60 % 60:02}:{number % 60:02}Z", "eventSource": "iam.amazonaws.com",
            "eventName": "ListUsers", "awsRegion": REGION, "sourceIPAddress": "198.51.100.7", "eventID": f"event-{number}",
            "recipientAccountId": ACCOUNT, "eventType": "AwsApiCall"}
    return made | more


def large(number):
    """Sets off a finding of its own, and is larger than the tight limit."""
    return record(number, eventSource="cloudtrail.amazonaws.com", eventName="StopLogging",
                  requestParameters={"name": f"trail-{number}", "padding": "x" * 5000})


def write_logs(folder):
    trails, flows = folder / "trails", folder / "flows"
    trails.mkdir(parents=True)
    flows.mkdir()
    # Two large records among small ones, also as the last.
    (trails / "a.json.gz").write_bytes(gzip.compress(json.dumps(
        {"Records": [record(0), large(1), record(2), record(3), large(4)]}).encode()))
    # Too large as a whole: what comes before the limit was evaluated.
    (trails / "b.json.gz").write_bytes(gzip.compress(json.dumps(
        {"Records": [record(100 + i, requestParameters={"noise": random.Random(i).randbytes(1500).hex()}) for i in range(600)]}).encode()))
    # Never readable: stays, whatever is done.
    (trails / "c.json").write_text(json.dumps({"Records": [record(900)]})[:-2] + ',{"eventTime":"2026-09-14T10:00:00Z" "x"}]}\n')
    lines = [f"eni-0a1b2c3d4e5f60718 10.0.0.{i} 198.51.100.9 {40000 + i} 443 6 10 5000 {1789380000 + i} {1789380060 + i} ACCEPT"
             for i in range(1, 40)]
    (flows / "flow.log").write_text("\n".join(lines) + "\n")
    return trails, flows


def config(path, flows, fixed):
    path.write_text(PATIENT + (WIDE if fixed else TIGHT) + FLOWS.format(flows=flows) + (FORMAT if fixed else ""))
    return path


def held(picket, data_dir):
    done = picket.run("quarantine", "list", "--format", "json", "--data-dir", data_dir)
    if done.returncode != 0:
        fail(f"quarantine list ended with {done.returncode}: {done.stderr.decode()}")
    return {pathlib.Path(entry["object"]).name: entry for entry in json.loads(done.stdout)["objects"]}


def wait_for(what, seconds=30):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            fail(f"not within {seconds} s")
        time.sleep(0.1)


def run(picket, seed):
    chance = random.Random(seed)
    with Workspace() as place:
        trails, flows = write_logs(place / "logs")
        data = place / "data"
        tight = ["--config", config(place / "tight.toml", flows, False), "--watch", trails]
        wide = ["--config", config(place / "wide.toml", flows, True), "--watch", trails]

        server = Server(picket, data, *tight).wait_ready()
        server.wait_caught_up()
        wait_for(lambda: len(held(picket, data)) == 4)
        first = held(picket, data)
        counts = {name: (entry["state"], entry["recordsSetAside"]) for name, entry in first.items()}
        expected = {"a.json.gz": ("read", 2), "b.json.gz": ("failed", counts["b.json.gz"][1]), "c.json": ("read", 1),
                    "flow.log": ("read", 39)}
        if counts != expected:
            fail(f"set aside: {counts}")
        if first["a.json.gz"]["reasons"] != {"record_too_large": 2}:
            fail(f"reasons: {first['a.json.gz']}")
        shown = picket.run("quarantine", "show", first["c.json"]["id"], "--data-dir", data).stdout.decode()
        if '"2026-09-14T10:00:00Z" "x"' not in shown or "truncated_record" not in shown:
            fail(f"show: {shown}")
        before = server.metrics()
        check_balanced(before)
        if before["picket_quarantine_objects"] != 4:
            fail("metrics do not tell what is set aside")
        # Without a fix nothing changes.
        again = picket.run("quarantine", "retry", "--all", "--data-dir", data)
        if again.returncode != 3 or "0 cleared" not in again.stdout.decode():
            fail(f"retry without a fix: {again.returncode} {again.stdout.decode()} {again.stderr.decode()}")
        after = server.metrics()
        check_balanced(after)
        for name in ("records_read", "records_processed", "records_quarantined"):
            for kind in ("cloudtrail", "vpcflow"):
                if of_kind(before, name, kind) != of_kind(after, name, kind):
                    fail(f"{name} of {kind} went from {of_kind(before, name, kind)} to {of_kind(after, name, kind)}")
        server.stop()

        # With the fix, killed whenever.
        requested = False
        for attempt in range(6):
            server = Server(picket, data, *wide).wait_ready()
            if not requested:
                asked = picket.run("quarantine", "retry", "--all", "--wait", "0", "--data-dir", data)
                if asked.returncode != 3:
                    fail(f"retry: {asked.returncode} {asked.stderr.decode()}")
                requested = True
            if attempt == 5:
                break
            time.sleep(chance.uniform(0, 1.5))
            server.kill()
        wait_for(lambda: set(held(picket, data)) == {"c.json"})
        server.wait_caught_up()
        metrics = server.metrics()
        check_balanced(metrics)
        if of_kind(metrics, "records_quarantined", "cloudtrail") != 1 or of_kind(metrics, "records_quarantined", "vpcflow") != 0:
            fail("what is good now is still counted as set aside")
        if of_kind(metrics, "records_processed", "cloudtrail") != 5 + 600 + 1 or of_kind(metrics, "records_processed", "vpcflow") != 39:
            fail(f"processed: {[of_kind(metrics, 'records_processed', kind) for kind in ('cloudtrail', 'vpcflow')]}")
        if of_kind(metrics, "objects_failed", "cloudtrail") != 0:
            fail("the object that could not be read still counts as failed")
        server.stop()

        fresh = place / "fresh"
        picket.serve_to_the_end(fresh, *wide)
        check_equal(f"as if it had been right from the start (seed {seed})", picket.findings(fresh), picket.findings(data))
        listed = picket.findings(data)
        if listed.count(b"CloudTrailLoggingDisabled") < 1:
            fail("the records that were set aside raised nothing")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("root")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    for seed in range(flags.seed, flags.seed + flags.rounds):
        run(Picket(flags.binary), seed)


main()
