#!/usr/bin/env python3
"""Writes docs/detectors.md and docs/attack_coverage.md from what the binary says of its detectors, and the rules of
docs/custom-rules.md from their catalogue.

    generate_docs.py --picket BINARY [--check] ROOT
"""
import argparse
import json
import pathlib
import subprocess
import sys

import tomllib

RULES_HEADING = "## The rules\n"


def page(detectors):
    lines = ["# Detectors", "",
             "Written by `tools/generate_docs.py` from `picket detectors --format json`; do not edit.", "",
             "`each`: one record decides. `window`: counts over a span of event time. `bucket`: a span judged by the",
             "entity's earlier ones. `learned`: a host's day judged by the 30 days before it, or what a principal does by what is",
             "normal for it, its peers, the account and the organisation. `ordered`: rows judged in order of time at the",
             "watermark.", ""]
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


def coverage(detectors, root):
    """One line per ATT&CK technique of the IaaS matrix, and per technique of a public attack tool."""
    by_technique, raised = {}, {entry["type"] for entry in detectors}
    for entry in detectors:
        by_technique.setdefault(entry["technique"], {}).setdefault(entry["detector"], set()).update(entry["logs"])
    # A sub-technique counts for its parent as well.
    for technique in [name for name in by_technique if "." in name]:
        for detector, logs in by_technique[technique].items():
            by_technique.setdefault(technique.split(".")[0], {}).setdefault(detector, set()).update(logs)
    matrix = json.loads((root / "tools/attack_iaas.json").read_text())
    covered = sum(row["id"] in by_technique for row in matrix)
    lines = ["# ATT&CK coverage", "",
             "Written by `tools/generate_docs.py` from `picket detectors --format json`; do not edit. A technique is covered",
             "when a detector names it as what its finding shows; the cases beside each detector show how. What no detector",
             "names is not seen, whatever the logs hold.", "",
             f"## ATT&CK for IaaS, version 18: {covered} of {len(matrix)} techniques", "",
             "| id | technique | tactics | logs that can show it | detectors |", "|---|---|---|---|---|"]
    for row in matrix:
        names = ", ".join(sorted(by_technique.get(row["id"], {}))) or "–"
        lines.append(f"| {row['id']} | {row['name']} | {row['tactics']} | {row['seen_in']} | {names} |")
    listed = {row["id"] for row in matrix}
    others = sorted(name for name in by_technique if name and name not in listed)
    lines += ["", "Techniques outside that matrix (containers, networks, models): "
              + ", ".join(f"{name} ({', '.join(sorted(by_technique[name]))})" for name in others) + ".", ""]
    techniques = json.loads((root / "tools/public_techniques.json").read_text())
    found = sum(any(name in raised for name in row["types"]) for row in techniques)
    lines += [f"## Stratus Red Team's AWS, EKS and Kubernetes techniques: {found} of {len(techniques)}", "",
              "What each leaves in the logs, the finding type it raises, and what is missing where none is raised.", "",
              "| technique | leaves | raises | still needs |", "|---|---|---|---|"]
    for row in techniques:
        types = ", ".join(name for name in row["types"] if name in raised)
        needs = row.get("needs") or ("" if types else "its finding type, which is not in this build")
        lines.append(f"| {row['technique']} | {row['leaves']} | {types or '–'} | {needs} |")
    blind = [f"- **{entry['detector']}**: {entry['blind_spots']}" for entry in
             {entry["detector"]: entry for entry in detectors}.values() if entry["blind_spots"]]
    return "\n".join([*lines, "", "## Blind spots of each detector", "", *sorted(blind), ""])


def rules_page(page, rules):
    """The page with its last section, the rules, written anew."""
    lines = [page[:page.index(RULES_HEADING)] + RULES_HEADING]
    for rule in sorted(rules, key=lambda rule: rule["name"]):
        lines += [f"### {rule['name']}", "", rule["description"], "",
                  f"`{rule['type']}`, {rule['severity'].lower()}; {rule['tactic']['name']}, {rule['technique']['name']} "
                  f"({rule['technique']['id']}); version {rule['version']}.", "",
                  "```sql", rule["expression"], "```", "", f"Cannot see: {rule['blind_spots']}", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picket", required=True)
    parser.add_argument("--check", action="store_true", help="only tell whether the page is current")
    parser.add_argument("root", type=pathlib.Path)
    arguments = parser.parse_args()
    answer = subprocess.run([arguments.picket, "detectors", "--format", "json"], capture_output=True, check=True)
    detectors = json.loads(answer.stdout)
    catalogue = tomllib.loads((arguments.root / "data/rules/custom_detection_rules.toml").read_text())
    docs = arguments.root / "docs"
    pages = {docs / "detectors.md": page(detectors), docs / "attack_coverage.md": coverage(detectors, arguments.root),
             docs / "custom-rules.md": rules_page((docs / "custom-rules.md").read_text(), catalogue["rule"])}
    stale = []
    for path, text in pages.items():
        if not arguments.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(f"docs/{path.name}")
    if stale:
        sys.exit(f"not current: {', '.join(stale)}; tools/generate_docs.py --picket BINARY .")


if __name__ == "__main__":
    main()
