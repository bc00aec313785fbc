#!/usr/bin/env python3
"""What is normal, learned once and used elsewhere: `learn`, `baseline`, and `scan` with what it learned.

    learn.py BINARY SOURCE_ROOT
"""
import datetime
import json
import pathlib
import sys
import tempfile

from harness import Picket, fail

ACCOUNT = "111122223333"
FIRST = datetime.datetime(2026, 8, 3, tzinfo=datetime.timezone.utc)
ANOMALIES = "AnomalousBehavior"


def record(user, service, name, when, ip="198.51.100.7", client="aws-cli/2.15.0"):
    stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "principalId": "AIDA" + user.upper(), "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}", "accountId": ACCOUNT,
                                                     "accessKeyId": "AKIA" + user.upper(), "userName": user},
            "eventTime": stamp, "eventSource": service + ".amazonaws.com", "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": ip, "userAgent": client,
            "requestParameters": None, "responseElements": None, "eventID": f"{user}-{name}-{stamp}", "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT}


def day(number, stolen=False):
    at = FIRST + datetime.timedelta(days=number, hours=9)
    rows = [record(user, service, name, at + datetime.timedelta(minutes=n))
            for user in ("ana", "ben", "job") for n, (service, name) in enumerate((("s3", "ListBuckets"), ("sqs", "SendMessage"), ("ec2", "DescribeInstances")))]
    if stolen:
        rows += [record("job", "iam", name, at + datetime.timedelta(hours=1, minutes=n), "203.0.113.5", "python-requests/2.32")
                 for n, name in enumerate(("ListUsers", "CreateUser", "AttachUserPolicy", "CreateAccessKey"))]
    return rows


def write(folder, days):
    folder.mkdir()
    for number, rows in days.items():
        (folder / f"{number:03}.json").write_text(json.dumps({"Records": rows}))
    return folder


def anomalies_of(lines):
    return [finding["type"] for finding in map(json.loads, lines.splitlines()) if ANOMALIES in finding["type"]]


def anomalies(done):
    return anomalies_of(done.stdout)


def check(what, got, expected):
    if bool(got) != expected:
        fail(f"{what}: {got or 'nothing'}")
    print("ok:", what)


def main():
    picket = Picket(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        past = write(place / "past", {n: day(n) for n in range(20)})
        theft = write(place / "theft", {20: day(20, stolen=True)})
        quiet = write(place / "quiet", {20: day(20)})
        files = [place / name for name in ("normal.picket", "early.picket", "late.picket", "both.picket")]
        learned = picket.run("learn", past, "--out", files[0])
        if learned.returncode != 0 or b"3 principals of AWS" not in learned.stdout:
            fail(f"learn: {learned.stdout} {learned.stderr}")
        scan = lambda *arguments: anomalies(picket.scan(*arguments, "--format", "jsonl"))
        check("a day alone has nothing to compare with", scan(theft), False)
        check("what was learned tells the theft", scan(theft, "--baseline", files[0]), True)
        check("and is quiet about a day like any", scan(quiet, "--baseline", files[0]), False)
        check("the past and the day in one scan", scan(past, theft), True)

        served = {}
        for name, logs, options in (("nothing", theft, ()), ("theft", theft, ("--baseline", files[0])), ("quiet", quiet, ("--baseline", files[0]))):
            data = place / f"data-{name}"
            picket.serve_to_the_end(data, "--watch", logs, *options)
            served[name] = anomalies_of(picket.findings(data))
        check("a server without it has nothing to compare with", served["nothing"], False)
        check("a server with it tells the theft", served["theft"], True)
        check("and is quiet about a day like any, too", served["quiet"], False)
        # What was taken in stays: through a snapshot, without the flag, and with it again.
        data = place / "data-later"
        picket.serve_to_the_end(data, "--watch", quiet, "--baseline", files[0])
        for options in ((), ("--baseline", files[0])):
            picket.serve_to_the_end(data, "--watch", quiet, *options)
        picket.serve_to_the_end(data, "--watch", quiet, "--watch", theft)
        check("what was taken in once is kept", anomalies_of(picket.findings(data)), True)
        done = picket.run("serve", "--data-dir", place / "data-none", "--listen", "127.0.0.1:0", "--baseline", place / "none.picket")
        check("a file that is not there stops the start", done.returncode != 0 and b"none.picket" in done.stderr, True)

        few = write(place / "few", {n: day(n) for n in range(14, 20)})
        check("six days are too few", scan(few, theft), False)
        check("unless the user says they are enough", scan(few, theft, "--learn-until", "2026-08-23"), True)
        check("nothing is raised before", scan(past, theft, "--learn-until", "2026-08-24"), False)

        always = write(place / "always", {n: day(n, stolen=n < 3) for n in range(28)})
        check("who is there from the first day is taken for normal", scan(always), False)
        check("but not in retrospect", scan(always, "--retrospective"), True)

        for file, numbers in ((files[1], range(10)), (files[2], range(10, 20))):
            part = write(place / file.stem, {n: day(n) for n in numbers})
            if picket.run("learn", part, "--out", file).returncode != 0:
                fail("learn of a part")
        if picket.run("baseline", "merge", files[1], files[2], "--out", files[3]).returncode != 0:
            fail("merge")
        shown = [picket.run("baseline", "show", f"arn:aws:iam::{ACCOUNT}:user/job", "--baseline", file).stdout for file in (files[0], files[3])]
        if shown[0] != shown[1] or b"job of 111122223333: active on 20 of the last 64 days" not in shown[0] or b"FREQUENT    20 days" not in shown[0]:
            fail(f"show: {shown[0].decode()}\nmerged: {shown[1].decode()}")
        print("ok: two halves merged tell the same as the whole")
        check("nobody of another account", picket.run("baseline", "show", "arn:aws:iam::999988887777:user/job", "--baseline", files[0]).stdout, False)
        damaged = bytearray(files[0].read_bytes())
        damaged[-1] ^= 1
        (place / "damaged.picket").write_bytes(damaged)
        picket.scan(theft, "--baseline", place / "damaged.picket", expect=2)
        print("ok: a damaged file is refused")


main()
