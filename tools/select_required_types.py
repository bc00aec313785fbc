#!/usr/bin/env python3
"""Writes tests/required_types.json: the GuardDuty finding types that follow from logs picket reads and need no
learning. The catalogue is a JSON list of types with their sources and technique.

    select_required_types.py CATALOGUE > tests/required_types.json
"""
import json
import sys

SOURCES = {"cloudtrail-management", "cloudtrail-s3-data", "cloudtrail-ai-data", "vpc-flow", "dns", "eks-audit", "lambda-network"}
TECHNIQUES = {"threat-intel", "signature-rule", "rate-or-volume"}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        catalogue = json.load(file)
    rows = [{"type": entry["type"], "plan": entry["plan"], "action": entry["action"],
             "severity": entry["severity"]["label"], "severity_varies": entry["severity"]["varies"]}
            for entry in catalogue if set(entry["sources"]) <= SOURCES and entry["technique"] in TECHNIQUES]
    print("[")
    print(",\n".join("  " + json.dumps(row) for row in sorted(rows, key=lambda row: row["type"])))
    print("]")


if __name__ == "__main__":
    main()
