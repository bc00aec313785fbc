#!/usr/bin/env python3
"""What is told provisionally and turns out otherwise is taken back where it was told.

    withdrawn.py BINARY SOURCE_ROOT

An instance's session is used from macOS, which only a thief would do; then a record that came late tells that the
instance is a Mac.
"""
import datetime
import json
import pathlib
import sys
import tempfile

from harness import Picket, Server, check_balanced, fail, wait_until

CASE = "src/detectors/unauthorized_access/instance_credential_exfiltration/fires_on_macos.jsonl"
INSTANCE, LATENESS = "i-0f1e2d3c4b5a69788", 60


def launched(call, kind):
    """The record of RunInstances that made the instance."""
    return dict(call, eventSource="ec2.amazonaws.com", eventName="RunInstances", sourceIPAddress="198.51.100.20",
                userIdentity={"type": "IAMUser", "principalId": "AIDA3D6CA42S2TEUSER1", "arn": "arn:aws:iam::111122223333:user/ops",
                              "accountId": "111122223333", "accessKeyId": "AKIA335SRQTQECAUSER1", "userName": "ops"},
                userAgent="console.amazonaws.com", requestParameters={"instanceType": kind},
                responseElements={"instancesSet": {"items": [{"instanceId": INSTANCE, "instanceType": kind,
                                                             "vpcId": "vpc-0a1b2c3d", "subnetId": "subnet-0a1b2c3d"}]}})


def main():
    picket, root = Picket(sys.argv[1]), pathlib.Path(sys.argv[2])
    call = json.loads((root / CASE).read_text().splitlines()[0])
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        logs, told = place / "logs", place / "events.jsonl"
        logs.mkdir()
        config = place / "picket.toml"
        config.write_text(f"""
[lateness]
cloudtrail = "{LATENESS} s"
[[respond.rule]]
name = "open"
pattern = '{{"detail": {{"service": {{"archived": [false]}}}}}}'
targets = ["events"]
[[respond.target]]
name = "events"
kind = "file"
path = "{told}"
""")
        begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=LATENESS - 20)

        def put(name, record, after, number):
            at = (begin + datetime.timedelta(seconds=after)).strftime("%Y-%m-%dT%H:%M:%SZ")
            (logs / name).write_text(json.dumps(dict(record, eventTime=at, eventID=f"00000000-0000-4000-8000-{number:012d}")) + "\n")

        def events():
            return [json.loads(line)["detail"] for line in told.read_text().splitlines()] if told.exists() else []

        server = Server(picket, place / "data", "--config", config, "--watch", logs)
        try:
            server.wait_ready()
            put("1.jsonl", call, 0, 1)
            first = wait_until("the theft is told", events)[0]
            if first["service"]["additionalInfo"]["picket"]["why"].get("provisional") != "true" or first["service"]["archived"]:
                fail(f"told at first: {first['service']}")
            put("2.jsonl", launched(call, "mac2.metal"), -10, 2)
            server.wait_caught_up()
            if not picket.findings(place / "data").strip():
                fail("the finding went before it was judged in order")
            put("3.jsonl", launched(call, "t3.micro") | {"eventName": "DescribeRegions", "responseElements": None}, LATENESS + 5, 3)
            second = wait_until("the withdrawal is told", lambda: events()[1:])[0]
            if (second["id"], second["type"]) != (first["id"], first["type"]):
                fail(f"the withdrawal is of {second['id']}, not {first['id']}")
            if not second["service"]["archived"] or second["service"]["additionalInfo"]["picket"].get("withdrawn") is not True:
                fail(f"the withdrawal says {second['service']}")
            if left := picket.findings(place / "data").strip():
                fail(f"still there: {left[:300]}")
            now = server.wait_caught_up()
            check_balanced(now)
            if now["picket_findings_withdrawn_total"] != 1 or len(events()) != 2:
                fail(f"{now['picket_findings_withdrawn_total']} withdrawn, {len(events())} events")
        finally:
            server.stop()
    print("ok: a provisional finding is withdrawn where it was told")


if __name__ == "__main__":
    main()
