#!/usr/bin/env python3
"""Writes docs/detectors.md from what the binary says of its detectors.

    generate_docs.py --picket BINARY [--check] ROOT
"""
import argparse
import json
import pathlib
import subprocess
import sys


def page(detectors):
    lines = ["# Detectors", "",
             "Written by `tools/generate_docs.py` from `picket detectors --format json`; do not edit.", "",
             "`each`: one record decides. `window`: counts over a span of event time. `bucket`: a span judged by the",
             "entity's earlier ones. `ordered`: rows judged in order of time at the watermark.", ""]
    by_detector = {}
    for entry in detectors:
        by_detector.setdefault(entry["detector"], []).append(entry)
    for name, entries in sorted(by_detector.items(), key=lambda item: item[1][0]["type"]):
        first = entries[0]
        lines += [f"## {name}", "", first["summary"], "",
                  "| finding type | severity | ATT&CK | origin |", "|---|---|---|---|"]
        seen = set()
        for entry in entries:
            row = f"| {entry['type']} | {entry['severity']:g} | {entry['tactic']} {entry['technique']} | {entry['origin']} |"
            if row not in seen:
                lines.append(row)
                seen.add(row)
        lines += ["", f"Logs: {', '.join(first['logs'])}. Order: {first['order']}."]
        if first["blind_spots"]:
            lines.append(f"Cannot see: {first['blind_spots']}")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picket", required=True)
    parser.add_argument("--check", action="store_true", help="only tell whether the page is current")
    parser.add_argument("root", type=pathlib.Path)
    arguments = parser.parse_args()
    answer = subprocess.run([arguments.picket, "detectors", "--format", "json"], capture_output=True, check=True)
    text = page(json.loads(answer.stdout))
    path = arguments.root / "docs" / "detectors.md"
    if arguments.check:
        if not path.exists() or path.read_text() != text:
            sys.exit("docs/detectors.md is not current: tools/generate_docs.py --picket BINARY .")
    else:
        path.write_text(text)


if __name__ == "__main__":
    main()
