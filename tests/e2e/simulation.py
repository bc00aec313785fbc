#!/usr/bin/env python3
"""The simulated organisation (tools/simulate) is valid and always the same, its attacks are labelled with records that are there,
and measuring on it works.

    simulation.py BINARY SOURCE_ROOT
"""
import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

from harness import Picket, fail

SIZE = ["--accounts", "3", "--days", "8", "--events", "900", "--traffic", "0.3", "--quiet-days", "4"]
# AWS's custom detection rules name calls that administrators and pipelines of the simulation make as well.
USUAL = {"Persistence:IAM/AccountManipulation", "Exfiltration:EC2/TransferDataToCloudAccount"}
# Types that learn. Eight days are all the history there is here, so some findings are borne, but not many.
LEARNED, LEARNED_MAX = ("AttackSequence:", "AnomalousBehavior"), 3


def simulate(root, out, *arguments):
    subprocess.run([sys.executable, root / "tools/simulate", out, "--seed", "test", *SIZE, *arguments], check=True, capture_output=True)
    return pathlib.Path(out)


def scan(picket, out):
    stats, done = picket.stats(out / "archive/AWSLogs", out / "archive/exportedlogs", "--config", out / "picket.toml", "--format", "jsonl")
    for kind in ("cloudtrail", "vpcflow", "dns", "k8saudit"):
        ledger = stats["kinds"][kind]
        if ledger["quarantined"] or not ledger["processed"] or ledger["records_read"] != ledger["processed"] + ledger["filtered"] + ledger["duplicate"]:
            fail(f"{kind}: {ledger}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def digest(out):
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.rglob("*")) if file.is_file()}


def main():
    picket, root = Picket(sys.argv[1]), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        place = pathlib.Path(scratch)
        first, again = simulate(root, place / "first"), simulate(root, place / "again", "--jobs", "1")
        if digest(first) != digest(again):
            fail("the same arguments gave other bytes")
        labels = json.loads((first / "labels.json").read_text())
        ids = {record["eventID"] for file in (first / "archive").rglob("*_CloudTrail_*.json.gz") for record in json.loads(gzip.open(file).read())["Records"]}
        for label in labels:
            if not label["expected"] or not set(label["event_ids"]) <= ids:
                fail(f"label without a type, or with records that are not there: {label['id']} {label['technique']}")
        kinds = {label["kind"] for label in labels}
        if kinds != {"api", "theft", "phishing", "sequence", "network", "dns", "cluster"}:
            fail(f"kinds of attacks: {sorted(kinds)}")
        found = scan(picket, first)
        if not found:
            fail("no attack is found")
        print(f"ok: {len(labels)} attacks, {len(ids)} CloudTrail records, the same bytes again; {len(found)} findings")

        quiet = scan(picket, simulate(root, place / "quiet", "--no-attacks", "--instances", "150"))
        learned = [finding["type"] for finding in quiet if any(part in finding["type"] for part in LEARNED)]
        surplus = {finding["type"] for finding in quiet} - USUAL - set(learned)
        if surplus or len(learned) > LEARNED_MAX:
            fail(f"without attacks there are {sorted(surplus)} and {learned}")
        print(f"ok: without attacks nothing but rules that name a call, and {len(learned)} findings of types that learn")

        sys.path.insert(0, str(root / "bench"))
        import simulated
        (first / "made.json").write_text("")
        lines, summary, problems = simulated.measure(picket.binary, first, {})
        if problems or "simulated" not in summary or not any(line.startswith("| anomalous API sessions") for line in lines):
            fail(f"the report is not whole: {problems}, {summary}")
        low, high = simulated.wilson(8, 10)
        if not (0.489 < low < 0.491 and 0.942 < high < 0.944):
            fail(f"Wilson's interval of 8 in 10 is {low}, {high}")
        print("ok: recall, false alarms and baselines are measured")


if __name__ == "__main__":
    main()
