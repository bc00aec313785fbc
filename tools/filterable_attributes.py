#!/usr/bin/env python3
"""Writes src/store/filterable_attributes.inc from a digest of GuardDuty's service model.

usage: filterable_attributes.py DIGEST.json > src/store/filterable_attributes.inc

The digest is JSON with "filterable" (operation -> attribute paths, which the model has only in its
documentation) and "shapes" (as in the model, with each member's wire "name").
"""
import json
import sys

KINDS = {"string": "text", "integer": "number", "long": "number", "double": "number",
         "boolean": "boolean", "timestamp": "time"}
# Strings in the model, times in their content.
TIMES = {"createdAt", "updatedAt", "service.eventFirstSeen", "service.eventLastSeen",
         "resource.instanceDetails.launchTime"}


def leaves(shapes, shape, path):
    kind = shapes[shape]["type"]
    if kind == "structure":
        for member, value in shapes[shape]["members"].items():
            if path.count(value.get("name", member)) < 2:
                yield from leaves(shapes, value["shape"], path + [value.get("name", member)])
    elif kind == "list":
        yield from leaves(shapes, shapes[shape]["member"], path)
    else:
        yield ".".join(path).lower(), kind


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        digest = json.load(file)
    kinds = dict(leaves(digest["shapes"], "Finding", []))
    listed = set(digest["filterable"]["ListFindings"])
    paths = sorted(listed | set(digest["filterable"]["CreateFilter"]))
    if len({path.lower() for path in paths}) != len(paths):
        sys.exit("two paths differ only in case")
    print("// Written by tools/filterable_attributes.py. PATH, kind, in ListFindings.")
    for path in paths:
        kind = "time" if path in TIMES else KINDS.get(kinds.get(path.lower()), "text")
        print(f'FILTERABLE("{path}", {kind}, {str(path in listed).lower()})')


main()
