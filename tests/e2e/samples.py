#!/usr/bin/env python3
"""The sample archive raises what its story says, and its background alone raises nothing.

    samples.py BINARY SOURCE_ROOT
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from harness import Picket, fail

# Raised besides the steps' own types, with the reason.
ALSO = {
    # AWS's custom detection rules name single calls of the steps.
    "Exfiltration:S3/TransferDataToCloudAccount": "the bucket policy that opens the exports",
    "InitialAccess:IAM/ValidAccounts": "root logs in without a second factor",
    "CredentialAccess:Kubernetes/ClusterSecretsListed": "the anonymous list of secrets is one of every namespace",
    "Persistence:IAM/AccountManipulation": "an access key for another user",
    "PrivilegeEscalation:IAM/AccountManipulation": "AdministratorAccess for that user",
}


# What the whole of it is: told once the steps are judged together.
SEQUENCES = {"AttackSequence:IAM/CompromisedCredentials", "AttackSequence:S3/CompromisedData"}


def types_of(output):
    return {json.loads(line)["type"] for line in output.splitlines()}


def main():
    picket, root = Picket(sys.argv[1]), pathlib.Path(sys.argv[2])
    told = json.loads((root / "samples/intrusion.json").read_text())
    steps = told if isinstance(told, list) else told["steps"]
    expected = {kind for step in steps for kind in step["finding_types"]} | SEQUENCES
    known = {entry["type"] for entry in json.loads(picket.run("detectors", "--format", "json").stdout)}
    for kind in sorted(expected - known):
        print("NOT COVERED YET:", kind)
    raised = types_of(picket.scan(root / "samples/archive", "--format", "jsonl").stdout)
    if missing := (expected & known) - raised:
        fail(f"the intrusion is missed: {sorted(missing)}")
    if surplus := raised - expected - set(ALSO):
        fail(f"nothing in the story explains {sorted(surplus)}")
    print(f"ok: {len(raised)} types of the intrusion are found, nothing else")

    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, root / "tools/generate_samples.py", "--out", place, "--no-intrusion", "--scale", "2",
                        "--days", "5", "--seed", "11"], check=True, capture_output=True)
        quiet = picket.scan(pathlib.Path(place) / "archive", "--format", "jsonl").stdout
        if quiet:
            fail(f"the background raises {sorted(types_of(quiet))}:\n{quiet.decode()[:2000]}")
    print("ok: the background alone raises nothing")


main()
