#!/usr/bin/env python3
"""Bad input gets a clear line and a reason, the rest is processed, and the exit code tells.

    bad_input.py BINARY SOURCE_ROOT
"""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import check_stats

BINARY = sys.argv[1]


def record(number, **more):
    made = {"eventVersion": "1.11", "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root",
                                                     "accountId": "111122223333", "principalId": "111122223333"},
            "eventTime": f"2026-09-14T10:{number % 60:02}:00Z", "eventSource": "iam.amazonaws.com", "eventName": "ListUsers",
            "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.7", "eventID": f"event-{number}",
            "recipientAccountId": "111122223333", "eventType": "AwsApiCall"}
    return made | more


def trail(records):
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def scan(folder, *flags):
    stats = folder.parent / "stats.json"
    done = subprocess.run([BINARY, "scan", str(folder), "--format", "jsonl", "--stats", str(stats), *flags],
                          capture_output=True, text=True, timeout=120)
    told = json.loads(stats.read_text())
    check_stats(told)
    return done, told["kinds"]["cloudtrail"]


def case(name, files, code, processed, quarantined=0, said="", flags=()):
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "logs"
        folder.mkdir()
        (folder / "good.json.gz").write_bytes(gzip.compress(trail([record(i) for i in range(5)])))
        for path, content in files.items():
            if callable(content):
                content(folder / path)
            else:
                (folder / path).write_bytes(content)
        done, counts = scan(folder, *flags)
        assert done.returncode == code, f"{name}: exit {done.returncode}, expected {code}\n{done.stderr}"
        assert counts["processed"] == processed, f"{name}: {counts['processed']} processed, expected {processed}\n{done.stderr}"
        assert counts["quarantined"] == quarantined, f"{name}: {counts}"
        assert said in done.stderr, f"{name}: {said!r} is not in\n{done.stderr}"
        assert '"type":"Policy:IAMUser/RootCredentialUsage"' in done.stdout, f"{name}: the good file's finding is missing"
    print("ok:", name)


def truncated():
    packed = gzip.compress(trail([record(100 + i, requestParameters={"noise": os.urandom(900).hex()}) for i in range(50)]))
    return packed[:len(packed) // 2]


def broken_in_the_middle():
    text = trail([record(200 + i) for i in range(9)])
    at = text.index(b'"event-204"')
    return text[:at] + b'"event-2\x01 {{{' + text[at + 4:]


def deep():
    return trail([record(300)])[:-2] + b',{"eventTime":"2026-09-14T10:00:00Z","requestParameters":' + b"[" * 500 + b"]" * 500 + b"}]}"


case("nothing bad", {}, 0, 5)
with tempfile.TemporaryDirectory() as where:
    gone = subprocess.run([BINARY, "scan", where + "/none"], capture_output=True, text=True)
    assert gone.returncode == 3 and "none" in gone.stderr, gone.stderr
    print("ok: missing path")
with tempfile.TemporaryDirectory() as where:
    folder = pathlib.Path(where) / "logs"
    folder.mkdir()
    (folder / "good.json.gz").write_bytes(gzip.compress(trail([record(i) for i in range(5)])))
    (folder / "cut.json.gz").write_bytes(truncated())
    done, counts = scan(folder)
    assert done.returncode == 3 and "cut.json.gz" in done.stderr, done.stderr
    assert 5 < counts["processed"] < 55 and counts["objects_failed"] == 1, counts
    print("ok: truncated gzip")
case("gzip bomb", {"bomb.json.gz": gzip.compress(trail([record(500)])[:-2] + b"," + b" " * (200 << 20), 9)}, 3, 5 + 1, 0, "FAILED bomb.json.gz")
case("broken JSON in the middle", {"middle.json": broken_in_the_middle()}, 0, 5 + 8, 1, "quarantined")
case("quarantine is a failure with --strict", {"middle.json": broken_in_the_middle()}, 3, 5 + 8, 1, flags=("--strict",))
case("a nested record too deep", {"deep.json": deep()}, 0, 5 + 1, 1, "too_deep")
case("a record of two MiB", {"big.json": trail([record(400), record(401, requestParameters={"x": "y" * (2 << 20)}), record(402)])},
     0, 5 + 2, 1, "record_too_large")
case("binary junk", {"junk.bin": bytes(range(256)) * 64}, 0, 5, said="skipped")
case("binary junk under a log's key",
     {"111122223333_CloudTrail_us-east-1_20260914T1000Z_abcdefghijklmnop.json.gz": bytes(range(256)) * 64}, 3, 5, said="FAILED")
case("an empty file", {"empty.json": b""}, 0, 5)
case("labels and a README", {"labels.csv": b"a,b\n1,2\n", "README.md": b"# logs\n"}, 0, 5, said="skipped")
case("a dangling link", {"gone.json.gz": lambda path: path.symlink_to("/nowhere/at/all")}, 3, 5, said="dangling link")
case("--fail-on is reached", {}, 1, 5, flags=("--fail-on", "low"))
case("--fail-on is not reached", {}, 0, 5, flags=("--fail-on", "high"))
wrong = subprocess.run([BINARY, "scan", "--no-such-flag"], capture_output=True)
assert wrong.returncode == 2
print("ok: wrong usage")
