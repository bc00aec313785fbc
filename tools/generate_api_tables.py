#!/usr/bin/env python3
"""Writes the C++ tables declared in src/api/tables.h.

usage: generate_api_tables.py DATA_API_DIR > api_tables.cpp

CMake runs it at build time; it needs nothing but Python 3.
"""
import json
import pathlib
import re
import sys

# Where the service is known to accept more than its model says: client test suites send an empty tag
# map, tag keys with blanks and digits are ordinary in every other AWS service, and Terraform tags malware
# protection plans by their ARN.
RELAXED = {"TagMap": {"min": 0}, "TagKey": {"pattern": "(?!aws:).*"},
           "GuardDutyArn": {"pattern": r"arn:[A-Za-z_.-]{1,20}:guardduty:[A-Za-z0-9_/.-]{0,63}:\d+:"
                                       r"(detector|malware-protection-plan)/[A-Za-z0-9_/.-]{1,264}"}}

KINDS = {"structure": "structure", "union": "structure", "list": "list", "map": "map", "string": "string",
         "boolean": "boolean", "integer": "integer", "long": "integer", "double": "number", "number": "number",
         "timestamp": "timestamp"}

FEATURES = {"EKSProtection": "EksAuditLogs", "S3Protection": "S3DataEvents", "RDSProtection": "RdsProtection",
            "LambdaProtection": "LambdaNetworkLogs", "RuntimeMonitoring": "RuntimeMonitoring",
            "MalwareProtectionEC2": "EbsVolumeScan", "AIProtection": "AiProtection"}
PARTS_OF_RESOURCE = {"Instance": ["Instance"], "AccessKey": ["AccessKey"],
                     "S3Bucket": ["AccessKey", "S3Bucket"], "EKSCluster": ["AccessKey", "EKSCluster"],
                     "ECSCluster": ["ECSCluster"], "Container": ["Instance", "Container"],
                     "RDSDBInstance": ["RDSDBInstance"], "Lambda": ["Lambda"], "S3Object": ["S3Bucket"],
                     "EC2Image": ["EC2Image"], "EBSSnapshot": ["EBSSnapshot"], "RecoveryPoint": ["RecoveryPoint"],
                     "AttackSequence": []}


def quoted(text):
    # ??x would be a trigraph to a pedantic compiler; JSON's string escapes are C++'s but for \u of ASCII.
    return json.dumps(text, ensure_ascii=False).replace("??", '?""?')


def lower_first(text):
    return text[0].lower() + text[1:]


def emit_shapes(shapes, ids):
    rows = []
    for name, shape in shapes.items():
        shape = shape | RELAXED.get(name, {})
        fields = [f".name = {quoted(name)}", f".kind = ShapeKind::{KINDS[shape['type']]}"]
        for bound in ("min", "max"):
            if bound in shape:
                fields.append(f".{bound} = {int(shape[bound])}")
        pattern = shape.get("pattern", "")
        prefix = re.match(r"\(\?!([^)]*)\)", pattern)
        if prefix:
            pattern = pattern[prefix.end():]
        if pattern not in ("", ".*"):
            fields.append(f".pattern = {quoted(pattern)}")
        if prefix:
            fields.append(f".forbidden_prefix = {quoted(prefix.group(1))}")
        if shape.get("enum"):
            print(f"constexpr std::string_view values_{ids[name]}[] = {{{', '.join(map(quoted, shape['enum']))}}};")
            fields.append(f".values = values_{ids[name]}")
        if shape.get("members"):
            required = set(shape.get("required", []))
            members = []
            for key, member in shape["members"].items():
                location = member.get("location", "body")
                wire = lower_first(member["name"]) if location == "uri" else member["name"]
                members.append(f"{{{quoted(wire)}, {ids[member['shape']]}, Location::{location}, "
                               f"{'true' if key in required else 'false'}}}")
            print(f"constexpr Member members_{ids[name]}[] = {{{', '.join(members)}}};")
            fields.append(f".members = members_{ids[name]}")
        element = shape.get("member") or shape.get("value")
        if element:
            fields.append(f".element = {ids[element]}")
        if "key" in shape:
            fields.append(f".key = {ids[shape['key']]}")
        if shape.get("sensitive"):
            fields.append(".sensitive = true")
        rows.append("    {" + ", ".join(fields) + "},")
    print("constexpr Shape shape_rows[] = {")
    print("\n".join(rows))
    print("};")


def emit_operations(operations, ids):
    def shape_id(name):
        return ids[name] if name else "no_shape"

    print("constexpr Operation operation_rows[] = {")
    for name, row in sorted(operations.items()):
        uri = re.sub(r"\{(\w+)\}", lambda m: "{" + lower_first(m.group(1)) + "}", row["uri"])
        print(f"    {{{quoted(name)}, {quoted(row['method'])}, {quoted(uri)}, {row['status']}, "
              f"{shape_id(row.get('input'))}, {shape_id(row.get('output'))}}},")
    print("};")


def sample(name, row, parts):
    resources = row.get("resource") or ["AccessKey"]
    plan = row["plan"]
    kind = resources[0]
    details = {}
    for part in PARTS_OF_RESOURCE[kind]:
        details |= parts["resources"][part]
    resource = {"resourceType": kind} | details
    action = ""
    if "action" in row:
        body = json.loads(json.dumps(parts["actions"][row["action"]]))
        if "networkConnectionAction" in body:
            body["networkConnectionAction"]["connectionDirection"] = row.get("direction", "OUTBOUND").split("|")[0]
        action = json.dumps({"actionType": row["action"]} | body, ensure_ascii=False, separators=(",", ":"))
    extra = parts["service"].get(plan, {})
    threat = re.search(r"\.B\b|C&C|Bitcoin|Malicious|Tor|DropPoint|Blackhole|Phishing|DriveBy|DGA|Reputation", name)
    if threat and plan in ("Foundational", "EKSProtection", "S3Protection", "LambdaProtection", "RDSProtection"):
        extra = extra | parts["service"]["threat intelligence"]
    if "AnomalousBehavior" in name:
        extra = extra | parts["service"]["anomaly"]
    role = row.get("role") or ("ACTOR" if row.get("direction") == "OUTBOUND" else "TARGET")
    compact = json.dumps(extra, ensure_ascii=False, separators=(",", ":"))[1:-1]
    fields = [quoted(name), str(float(row.get("severity", 5))),
              quoted(json.dumps(resource, ensure_ascii=False, separators=(",", ":"))), quoted(action),
              quoted(compact), quoted(role), quoted(FEATURES.get(plan, ""))]
    return "    {" + ", ".join(fields) + "},"


def main():
    folder = pathlib.Path(sys.argv[1])
    model = json.loads((folder / "guardduty.json").read_text(encoding="utf-8"))
    types = json.loads((folder / "finding_types.json").read_text(encoding="utf-8"))
    parts = json.loads((folder / "sample_parts.json").read_text(encoding="utf-8"))
    ids = {name: number for number, name in enumerate(model["shapes"])}
    print("// Written by tools/generate_api_tables.py from data/api.")
    print('#include "api/tables.h"\n\n#include <algorithm>\n\nnamespace picket::api {\n\nnamespace {\n')
    emit_shapes(model["shapes"], ids)
    emit_operations(model["operations"], ids)
    print("constexpr SampleType sample_rows[] = {")
    print("\n".join(sample(name, row, parts) for name, row in sorted(types.items())))
    print("};")
    print("""
}  // namespace

std::span<const Operation> operations() { return operation_rows; }
std::span<const Shape> shapes() { return shape_rows; }
std::span<const SampleType> sample_types() { return sample_rows; }

const Operation* find_operation(std::string_view name) {
  const auto found = std::ranges::lower_bound(operation_rows, name, {}, &Operation::name);
  return found != std::end(operation_rows) && found->name == name ? &*found : nullptr;
}

}  // namespace picket::api""")


main()
