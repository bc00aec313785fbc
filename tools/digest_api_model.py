#!/usr/bin/env python3
"""Writes data/api/guardduty.json, the facts of GuardDuty's service model that picket needs.

usage: digest_api_model.py BOTOCORE_DATA_DIR > data/api/guardduty.json

BOTOCORE_DATA_DIR is botocore/data of an installed botocore. Names, numbers and types are kept, none of the prose; but
the attribute paths by which findings can be filtered are named nowhere else, so they are read from its lists.
"""
import gzip
import json
import pathlib
import re
import sys

MEMBER_FACTS = ("location", "idempotencyToken", "deprecated", "timestampFormat")
SHAPE_FACTS = ("min", "max", "pattern", "enum", "sensitive")


def filter_paths(prose):
    """The attribute paths that a list in the prose names, and how times are written."""
    found = {}
    for item in prose.split("<li>")[1:]:
        text = re.sub(r"<[^>]+>", " ", item)
        path = re.match(r"\s*([a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)*)(?=\s|$)", text)
        if path:
            found[path[1]] = "epochMillis" if "millisecond" in text else "string"
    return found


def filterable(shapes):
    found = {}
    for operation in ("CreateFilter", "UpdateFilter", "ListFindings"):
        paths = filter_paths(shapes[operation + "Request"]["members"]["FindingCriteria"].get("documentation", ""))
        same = next((name for name, others in found.items() if others == paths), None)
        if paths:
            found[operation] = f"as {same}" if same else paths
    return found


def is_paginated(row, shapes):
    sent = shapes.get(row.get("input", {}).get("shape"), {}).get("members", {})
    answered = shapes.get(row.get("output", {}).get("shape"), {}).get("members", {})
    return "MaxResults" in sent and "NextToken" in sent and "NextToken" in answered


def operation_facts(row, shapes):
    facts = {"method": row["http"]["method"], "uri": row["http"]["requestUri"],
             "status": row["http"].get("responseCode", 200), "input": row.get("input", {}).get("shape"),
             "output": row.get("output", {}).get("shape"), "errors": [error["shape"] for error in row.get("errors", [])]}
    return facts | ({"paginated": True} if is_paginated(row, shapes) else {})


def shape_facts(shape):
    kind = shape["type"]
    facts = {"type": kind}
    if kind == "structure":
        if shape.get("exception"):
            facts["error"] = shape["error"]["httpStatusCode"]
        if shape.get("required"):
            facts["required"] = shape["required"]
        facts["members"] = {
            name: {"shape": member["shape"], "name": member.get("locationName", name)} |
                  {fact: member[fact] for fact in MEMBER_FACTS if fact in member}
            for name, member in shape.get("members", {}).items()}
    if kind == "list":
        facts["member"] = shape["member"]["shape"]
    if kind == "map":
        facts |= {"key": shape["key"]["shape"], "value": shape["value"]["shape"]}
    if kind == "timestamp":
        facts["format"] = shape.get("timestampFormat", "epochSeconds")
    return facts | {fact: shape[fact] for fact in SHAPE_FACTS if fact in shape}


def section(rows):
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(rows[name], separators=(',', ':'))}"
                              for name in sorted(rows)) + "\n}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[1])
    folder = max((data / "guardduty").iterdir())
    model = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    version = re.search(r"__version__ = '([^']+)'", (data.parent / "__init__.py").read_text(encoding="utf-8"))[1]
    meta = model["metadata"]
    service = {key: meta[key] for key in ("apiVersion", "serviceId", "signingName", "signatureVersion", "endpointPrefix")}
    operations = {name: operation_facts(row, model["shapes"]) for name, row in model["operations"].items()}
    shapes = {name: shape_facts(shape) for name, shape in model["shapes"].items()}
    print("{")
    print('"service":', json.dumps({"protocol": "restJson1"} | service) + ",")
    print('"sources":', json.dumps([{"label": f"botocore {version}", "operations": len(operations)}]) + ",")
    print('"filterable":', section(filterable(model["shapes"])) + ",")
    print('"operations":', section(operations) + ",")
    print('"shapes":', section(shapes))
    print("}")


main()
