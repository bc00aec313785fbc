#!/usr/bin/env python3
"""Rules of one's own: what the commands say of them, the findings they raise, and that they do not depend on threads.

    rules.py BINARY SOURCE_ROOT
"""
import gzip
import json
import pathlib
import re
import sys
import tempfile

from harness import Picket, Server, fail

LOGSOURCE = "logsource: {product: aws, service: cloudtrail}\n"
RULES = {
    "policy.yml": "title: Password policy touched\nid: p1\nlevel: critical\ntags: [attack.t1556]\n" + LOGSOURCE
                  + "detection: {s: {eventName|endswith: AccountPasswordPolicy, eventName|startswith: [Update, Delete]}, condition: s}\n",
    "denied.yml": "title: Denied\nname: denied\n" + LOGSOURCE + "detection: {s: {errorCode|contains: AccessDenied}, condition: s}\n"
                  "---\ntitle: Denied again and again\ncorrelation:\n  type: event_count\n  rules: [denied]\n"
                  "  group-by: [userIdentity.arn]\n  timespan: 1h\n  condition: {gte: 3}\n",
    "queries.yml": "title: Mining pool asked for\nlogsource: {category: dns}\ndetection: {s: {query|startswith: crypto.}, condition: s}\n",
    "silent.yml": "title: Never\n" + LOGSOURCE + "detection: {s: {eventName: NoSuchCall}, condition: s}\n",
    "broken.yml": "title: Broken\n" + LOGSOURCE + "detection:\n  s: {CommandLine: x}\n  condition: s\n",
}


def expect(done, code, *words):
    text = (done.stdout + done.stderr).decode()
    if done.returncode != code:
        fail(f"{done.args[1:]} ended with {done.returncode}, not {code}:\n{text}")
    for word in words:
        if word not in text:
            fail(f"{done.args[1:]} does not say {word!r}:\n{text}")


def try_dry_run(picket, archive, place):
    """Counted once a record, whatever is delivered twice, kept over a restart, and nothing is raised."""
    denied = {record["eventID"] for path in archive.rglob("*CloudTrail_*.json.gz") for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
              if "AccessDenied" in (record.get("errorCode") or "")}
    (place / "counted").mkdir()
    (place / "counted/denied.yml").write_text("title: Denied\nid: denied\n" + LOGSOURCE
                                              + "detection: {s: {errorCode|contains: AccessDenied}, condition: s}\n")
    (place / "counted/pool.yml").write_text("title: Pool\nid: pool\nlogsource: {category: dns}\ndetection: {s: {query|startswith: crypto.}, condition: s}\n")
    (place / "counted/often.yml").write_text("title: Often\ncorrelation:\n  type: event_count\n  rules: [denied]\n  group-by: [userIdentity.arn]\n"
                                             "  timespan: 1h\n  condition: {gte: 3}\n")
    config = place / "dry.toml"
    config.write_text('rules_dry_run = ["counted"]\n')
    for _ in range(2):
        server = Server(picket, place / "dry-data", "--config", config, "--watch", archive)
        try:
            server.wait_ready()
            server.wait_caught_up(60)
            counts = {"denied": 0, "pool": 0}
            for name, count in server.metrics().items():
                if rule := re.search(r'dry_run_matches_total\{rule="rule (\w+)"', name):
                    counts[rule[1]] += int(count)
        finally:
            server.stop()
        if counts["denied"] != len(denied) or not counts["pool"]:
            fail(f"the dry run counted {counts}, there are {len(denied)} refused calls")
    found = picket.run("findings", "--data-dir", place / "dry-data", "--format", "jsonl", "--all").stdout.decode()
    if "Custom:" in found or "Backdoor:" not in found:
        fail("a rule on dry run raised something")
    expect(picket.scan(archive, "--config", config), 0, "counted/often.yml", "there is no dry run of correlations")


def main():
    picket, archive = Picket(sys.argv[1]), pathlib.Path(sys.argv[2]) / "samples/archive"
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        rules = place / "rules"
        rules.mkdir()
        for name, text in RULES.items():
            (rules / name).write_text(text)
        broken = f"{rules / 'broken.yml'}:4: Broken: cloudtrail records have no field CommandLine"
        expect(picket.run("rules", "check", rules), 2, broken, "5 rules of 5 files can be used, 1 cannot")
        expect(picket.run("rules", "list", rules), 0, "Custom:IAMUser/PasswordPolicyTouched", "critical", "(for correlations only)")
        expect(picket.run("rules", "import", rules, "--into", place / "ours"), 2, broken, "4 of 5 files copied")
        expect(picket.run("rules", "check", place / "ours"), 0)
        expect(picket.run("rules", "test", place / "ours", archive), 1, "Never")
        (place / "ours/silent.yml").unlink()
        expect(picket.run("rules", "test", place / "ours", archive), 0)
        expect(picket.scan(archive, "--rules", rules, "--explain"), 0, "rule refused: " + str(rules / "broken.yml"), "no record matched",
               "eventName=")

        config = place / "picket.toml"
        config.write_text('rules = ["ours"]\n')
        expect(picket.run("detectors", "--config", config), 0, "Custom:EC2/MiningPoolAskedFor")
        plain = picket.scan(archive, "--format", "jsonl").stdout.splitlines()
        try_dry_run(picket, archive, place)
        runs = [picket.scan(archive, "--format", "jsonl", "--config", config, "--threads", threads).stdout for threads in (1, 2, 3)]
        if len(set(runs)) != 1:
            fail("findings of rules depend on the number of threads")
        findings = [json.loads(line) for line in runs[0].splitlines()]
        custom = [finding for finding in findings if finding["type"].startswith("Custom:")]
        if [json.loads(line)["id"] for line in plain] != [f["id"] for f in findings if f not in custom]:
            fail("rules change what the detectors raise")
        types = {finding["type"] for finding in custom}
        wanted = {"Custom:IAMUser/PasswordPolicyTouched", "Custom:IAMUser/DeniedAgainAndAgain", "Custom:EC2/MiningPoolAskedFor"}
        if types != wanted:
            fail(f"rules raise {sorted(types)}, not {sorted(wanted)}")
        policy = next(f for f in custom if f["type"].endswith("PasswordPolicyTouched"))
        if policy["severity"] != 9 or policy["title"] != "Password policy touched":
            fail(f"the finding is not as its rule says: {policy['severity']} {policy['title']}")
        data = place / "data"
        picket.serve_to_the_end(data, "--config", config, "--watch", archive)
        served = {json.loads(line)["type"] for line in picket.findings(data).splitlines()}
        if not wanted <= served:
            fail(f"serve lacks {sorted(wanted - served)}")
    print(f"ok: rules are checked, imported, tested and raise {len(custom)} findings in scan and serve")


main()
