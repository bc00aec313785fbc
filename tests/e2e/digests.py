#!/usr/bin/env python3
"""A running server verifies the digest chains of what it watches: each way to tamper raises a finding, nothing else does.

    digests.py BINARY SOURCE_ROOT
"""
import json
import pathlib
import shutil
import subprocess
import sys
import time

from harness import Picket, Server, Workspace, fail

ROOT = pathlib.Path(sys.argv[2])


def looks(server, more):
    """Waits for so many looks at the chains."""
    wanted = server.metrics()["picket_digest_looks_total"] + more
    deadline = time.monotonic() + 60
    while server.metrics()["picket_digest_looks_total"] < wanted:
        if time.monotonic() > deadline:
            fail("the chains are not looked at")
        time.sleep(0.2)


def faults(picket, data):
    found = [json.loads(line) for line in picket.findings(data).splitlines()]
    return sorted((finding["region"], value(finding, "fault")) for finding in found if finding["type"] == "Stealth:S3/LogDigestBroken")


def value(finding, name):
    told = finding["service"]["evidence"] if name in finding["service"].get("evidence", {}) else finding["service"]["additionalInfo"]
    text = json.dumps(told)
    return next((kind for kind in ("log_modified", "log_missing", "digest_missing", "log_unlisted", "chain_cut", "digest_modified")
                 if f'"{kind}"' in text), text)


def main():
    picket = Picket(sys.argv[1])
    with Workspace() as place:
        template = place / "template"
        subprocess.run([sys.executable, ROOT / "tools/generate_trail.py", "--out", template], check=True, stdout=subprocess.DEVNULL)

        def case(name, tamper, expected):
            archive, data = place / "archive", place / name.replace(" ", "-")
            shutil.rmtree(archive, ignore_errors=True)
            shutil.copytree(template, archive)
            config = place / "picket.toml"
            config.write_text(f'[integrity]\nkeys = ["{archive}/keys.json"]\nevery = "1 s"\n')
            server = Server(picket, data, "--config", config, "--watch", archive / "AWSLogs").wait_ready()
            server.wait_caught_up()
            looks(server, 3)
            before = server.metrics()
            if faults(picket, data) or before["picket_digest_chains"] != 2 or before['picket_digest_proven{what="logs"}'] != 24:
                fail(f"{name}: before it {faults(picket, data)}, {before['picket_digest_chains']} chains")
            logs = sorted((archive / "AWSLogs").rglob("*/CloudTrail/us-east-1/*/*.json.gz"))
            logs = logs or sorted(path for path in (archive / "AWSLogs").rglob("*.json.gz") if "/CloudTrail/us-east-1/" in str(path))
            digests = sorted(path for path in (archive / "AWSLogs").rglob("*.json.gz") if "/CloudTrail-Digest/us-east-1/" in str(path))
            tamper(logs, digests)
            looks(server, 4)
            server.wait_caught_up()
            if faults(picket, data) != expected:
                fail(f"{name}: {faults(picket, data)}, expected {expected}")
            # It is told once, also by the next start.
            server.kill()
            server = Server(picket, data, "--config", config, "--watch", archive / "AWSLogs").wait_ready()
            looks(server, 3)
            counts = {json.loads(line)["service"]["count"] for line in picket.findings(data).splitlines()
                      if json.loads(line)["type"] == "Stealth:S3/LogDigestBroken"}
            server.stop()
            if faults(picket, data) != expected or counts - {1}:
                fail(f"{name}, after a restart: {faults(picket, data)}, counts {counts}")
            print(f"ok: {name}", flush=True)

        def modify(logs, digests):
            import gzip
            logs[3].write_bytes(gzip.compress(gzip.decompress(logs[3].read_bytes()).replace(b"us-east-1", b"us-east-2", 1)))

        case("untouched", lambda logs, digests: None, [])
        case("a log was changed", modify, [("us-east-1", "log_modified")])
        case("a log was removed", lambda logs, digests: logs[4].unlink(), [("us-east-1", "log_missing")])
        case("a digest was removed", lambda logs, digests: digests[2].unlink(), [("us-east-1", "digest_missing")])
        case("the newest digests were removed", lambda logs, digests: [path.unlink() for path in digests[-3:]], [("us-east-1", "chain_cut")])


main()
