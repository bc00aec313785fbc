#!/usr/bin/env python3
"""Names prove nothing: rewrites accounts, user agents, names of users, buckets, trails and files in every fires_ case,
and runs the cases again. Each must raise the same types.

    mutate.py PICKET_CASES ROOT

What a detector is about is left alone: the user agents of detectors that judge by them, and names that belong to AWS
or Kubernetes (managed policies and documents, "system:", "eks:", kube-system and the objects in it).
"""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# Their subject is the client's own word on the system it runs on, or in.
JUDGED_BY_USER_AGENT = re.compile(r"penetration_test_linux|on_macos|client_left_it|new_client|strange_client")
BESIDE = (".intel.csv", ".geo.csv", ".aws.json")
ACCOUNT = re.compile(r"(?<![\w.-])(\d{12})(?![\w.-]|\.\d)|(?<=:)(\d{12})(?=[:\"])|(?<=/)(\d{12})(?=/)")
# Members whose value somebody chose.
NAMES = re.compile(r'"(userName|bucketName|roleSessionName|functionName|sessionName|logGroupName|dBInstanceIdentifier|'
                   r'dBSnapshotIdentifier|dBClusterSnapshotIdentifier)":"([A-Za-z0-9_+=,.@-]{3,64})"')
TRAIL = re.compile(r'"requestParameters":\{"(?:name|trailName)":"([A-Za-z0-9_.-]{3,128})"')
USER = re.compile(r'"user":\{"username":"([A-Za-z0-9_.-]{3,64})"')
AGENT = re.compile(r'"userAgent":"([^"]*)"')
KEPT = re.compile(r"^(system:|eks:|kube|aws-auth|default$|admin$|root$|HIDDEN_DUE|i-[0-9a-f]{8}|[0-9a-f]{32}$|eks-)")


def other(name, kind):
    digest = hashlib.sha256(name.encode()).hexdigest()
    if kind == "account":
        return str(int(digest[:15], 16))[:12].rjust(12, "7")
    return "q" + "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:9])


def mutated(text, keep_agents):
    accounts = {found for groups in ACCOUNT.findall(text) for found in groups if found}
    for account in sorted(accounts):
        text = re.sub(rf"(?<!\d){account}(?!\d)", other(account, "account"), text)
    names = {name for _, name in NAMES.findall(text)} | set(TRAIL.findall(text)) | set(USER.findall(text))
    for name in sorted(names, key=len, reverse=True):
        if not KEPT.match(name):
            text = re.sub(rf"(?<![A-Za-z0-9_-]){re.escape(name)}(?![A-Za-z0-9_-])", other(name, "name"), text)
    if not keep_agents:
        text = AGENT.sub(lambda agent: f'"userAgent":"vv/9 ({other(agent[1], "name")})"', text)
    return text


def rename_account(root, path):
    """In the path as in the text, unless that is packed."""
    try:
        (root / path).read_bytes().decode()
    except UnicodeDecodeError:
        return
    renamed = root / re.sub(r"(?<!\d)\d{12}(?!\d)", lambda account: other(account[0], "account"), str(path))
    if renamed != root / path:
        renamed.parent.mkdir(parents=True, exist_ok=True)
        (root / path).rename(renamed)


def copy_case(source, target, keep_agents):
    if source.is_dir():
        for entry in sorted(source.rglob("*")):
            if entry.is_file():
                copy_case(entry, target / entry.relative_to(source), keep_agents)
                rename_account(target, entry.relative_to(source))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    data = source.read_bytes()
    try:
        target.write_text(mutated(data.decode(), keep_agents))
    except UnicodeDecodeError:
        target.write_bytes(data)  # Packed: as it is.


def main():
    cases, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    written = 0
    with tempfile.TemporaryDirectory() as scratch:
        for expected in sorted((root / "src/detectors").rglob("fires_*.findings.json")):
            name = expected.name.removesuffix(".findings.json")
            folder = pathlib.Path(scratch) / expected.parent.relative_to(root)
            inputs = [entry for entry in expected.parent.iterdir()
                      if entry.name.split(".")[0] == name and not entry.name.endswith((".findings.json", *BESIDE))]
            renamed = "fires_" + other(name, "name")
            keep_agents = JUDGED_BY_USER_AGENT.search(f"{expected.parent.name}/{name}") is not None
            for entry in inputs:
                copy_case(entry, folder / (renamed + entry.name[len(name):]), keep_agents)
            for suffix in BESIDE:
                beside = expected.parent / (name + suffix)
                if beside.exists():
                    shutil.copy(beside, folder / (renamed + suffix))
            shared = expected.parent / "baseline.jsonl"
            if shared.exists() and not (folder / shared.name).exists():
                copy_case(shared, folder / shared.name, keep_agents)
            if (expected.parent / "geo.csv").exists():
                shutil.copy(expected.parent / "geo.csv", folder / "geo.csv")
            types = [{"type": finding["type"]} for finding in json.loads(expected.read_text())]
            (folder / f"{renamed}.findings.json").write_text(json.dumps(types))
            written += 1
        done = subprocess.run([cases, scratch], capture_output=True, text=True, check=False)
        print(done.stdout, end="")
        if done.returncode != 0 or f"{written} passed" not in done.stdout:
            sys.exit(f"of {written} mutated cases some no longer fire: a detector reads a name")


if __name__ == "__main__":
    main()
