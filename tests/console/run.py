#!/usr/bin/env python3
"""Tries the console with Debian's Chromium against a real `picket serve` on the bundled samples and hostile logs.

usage: run.py PICKET ROOT [--shots FOLDER] [--only PATTERN ...]

Exits 77 (skipped) where there is no Chromium or picket was built without the console. The screenshots of the tour
(docs/console.md) go to FOLDER, else they are thrown away. Playwright is installed once beside this file.
"""
import argparse
import gzip
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import harness  # noqa: E402
import mmdb  # noqa: E402

SKIPPED = 77
SECRET = "of picket & its provider: 100 %"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# What an attacker may write into a log; each must be shown as the text it is.
PAYLOADS = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "'><svg/onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "{{constructor.constructor('window.pwned=1')()}}${window.pwned=1}",
    "</title></script></textarea><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "cod\u202egnp.exe\u202c\u2066hidden\u2069",
    "bell\u0007esc\u001b[31mred\u0000nul\u0085next\u2028line",
    "zero\u200bwidth\u200d\ufeffjoin\u00adsoft\U000e0041tag",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dalgo" * 3,
    "=cmd|' /C calc'!A0",
    "W" * 600,
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "../../../etc/passwd%00%0d%0aSet-Cookie:x=1",
]


def cloudtrail_record(number, payload):
    return {
        "eventVersion": "1.09", "eventTime": f"2026-09-16T0{number // 60 % 10}:{number % 60:02}:00Z",
        "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "awsRegion": "eu-west-1",
        "userIdentity": {"type": "IAMUser", "principalId": f"AIDAHOSTILE{number:09}", "arn": f"arn:aws:iam::777788889999:user/{payload}",
                         "accountId": "777788889999", "accessKeyId": f"AKIAHOSTILE{number:09}", "userName": payload},
        "sourceIPAddress": payload if number % 2 else "198.51.100.66", "userAgent": payload,
        "requestParameters": {"name": payload, "bucketName": payload}, "responseElements": None,
        "requestID": f"00000000-0000-4000-8000-{number:012}", "eventID": f"00000000-0000-4000-9000-{number:012}",
        "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": "777788889999",
        "eventCategory": "Management"}


def bucket_record(number, payload):
    record = cloudtrail_record(number, payload)
    record |= {"eventSource": "s3.amazonaws.com", "eventName": "PutBucketPublicAccessBlock",
               "requestParameters": {"bucketName": payload, "Host": payload, "PublicAccessBlockConfiguration": {
                   "BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}}}
    return record


def audit_record(number, payload):
    return {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
            "auditID": f"00000000-0000-4000-a000-{number:012}", "verb": "create",
            "requestURI": f"/api/v1/namespaces/default/pods/{payload}/exec",
            "user": {"username": "system:anonymous", "groups": ["system:unauthenticated", payload]},
            "sourceIPs": ["198.51.100.77"], "userAgent": payload,
            "objectRef": {"resource": "pods", "namespace": "kube-system", "name": payload, "apiVersion": "v1", "subresource": "exec"},
            "responseStatus": {"code": 200}, "requestReceivedTimestamp": f"2026-09-16T08:{number % 60:02}:00.000000Z",
            "stageTimestamp": f"2026-09-16T08:{number % 60:02}:00.100000Z"}


def write_hostile(folder):
    records = [make(2 * index + kind, payload) for kind, make in enumerate((cloudtrail_record, bucket_record))
               for index, payload in enumerate(PAYLOADS)]
    trail = folder / "AWSLogs/777788889999/CloudTrail/eu-west-1/2026/09/16/777788889999_CloudTrail_eu-west-1_20260916T0900Z_hostile.json.gz"
    trail.parent.mkdir(parents=True)
    trail.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    audit = folder / "audit/hostile.jsonl"
    audit.parent.mkdir(parents=True)
    audit.write_text("".join(json.dumps(audit_record(index, payload)) + "\n" for index, payload in enumerate(PAYLOADS)), encoding="utf-8")


def start_aws():
    """What playbooks call, in the venv of tests/api."""
    subprocess.run([sys.executable, "-c", "import run; run.install_python_clients()"], cwd=HERE.parent / "api", check=True)
    python = HERE.parent / "api/.venv/bin/python"
    process = subprocess.Popen([python, HERE / "aws.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_provider(redirect):
    process = subprocess.Popen(["node", HERE / "provider.mjs", redirect, SECRET], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    return process, process.stdout.readline().strip()


SIGMA = "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {%s}, condition: s}\n"
RULES = {
    "live/policy.yml": "title: The password policy was touched\nid: policy\nlevel: high\ntags: [attack.t1556]\n" + SIGMA % "eventName: UpdateAccountPasswordPolicy",
    "live/broken.yml": "title: Broken\n" + SIGMA % "CommandLine: x",
    "counted/denied.yml": "title: Something was refused\nid: denied\n" + SIGMA % "errorCode|contains: AccessDenied",
}


def write_rules(folder):
    for name, text in RULES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def configuration(root, hostile, aws, issuer, redirect):
    rules = f'rules = ["{hostile}/rules/live"]\nrules_dry_run = ["{hostile}/rules/counted"]\n'
    text = rules + (root / "samples/picket.toml").read_text(encoding="utf-8").replace('path = "archive', f'path = "{root}/samples/archive')
    mmdb.write(hostile / "places.mmdb", {
        "198.51.100.0/25": mmdb.place("NL", 52.37, 4.9, 64500, "Example Hosting"),
        "198.51.100.128/25": mmdb.place("BR", -23.55, -46.63, 64501, PAYLOADS[0]),
        "203.0.113.0/24": mmdb.place("DE", 50.11, 8.68, 64502, "Example Office"),
        "52.0.0.0/8": mmdb.place("US", 39.04, -77.49, 16509, "AMAZON-02")})
    return text + f"""
[geoip]
databases = ["{hostile}/places.mmdb"]

[[source]]
name = "hostile"
path = "{hostile}/AWSLogs"

[[source]]
name = "hostile-audit"
path = "{hostile}/audit"
kind = "k8saudit"
account = "777788889999"
region = "eu-west-1"
cluster = "parcel-prod"

[network]
allow_hosts = ["127.0.0.1", "localhost"]

[console.oidc]
name = "Example SSO"
issuer = "{issuer}"
client_id = "picket"
client_secret_file = "{hostile}/secret"
redirect_url = "{redirect}"
scopes = ["openid", "profile", "groups"]

[[console.oidc.grant]]
value = "soc"
role = "responder"

[[console.oidc.grant]]
value = "gone"
profile = "no-such-profile"

[respond.playbooks]
endpoint = "{aws}"
role = "arn:aws:iam::*:role/picket-responder"
external_id = "of-the-tests"

[[respond.playbook]]
name = "revoke"
action = "revoke_role_sessions"
mode = "by_hand"

[[respond.playbook]]
name = "isolate"
action = "isolate_instance"

[[respond.playbook]]
name = "key"
action = "disable_access_key"

[[respond.rule]]
name = "everything"
targets = ["archive", "isolate", "key"]

[[respond.target]]
name = "archive"
kind = "file"
path = "{hostile}/findings.jsonl"
"""


def install():
    stamp, lock = HERE / "node_modules/.installed", (HERE / "package-lock.json").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != lock:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
        stamp.write_bytes(lock)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picket", type=pathlib.Path)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--shots", type=pathlib.Path)
    parser.add_argument("--only", action="append", default=[], help="tests whose names match; signing in comes first")
    arguments = parser.parse_args()
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None or shutil.which("npm") is None:
        print("skipped: no Chromium, or no npm")
        sys.exit(SKIPPED)
    install()
    root = arguments.root.resolve()
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIARESPONDEREXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    aws, endpoint = start_aws()
    port = free_port()
    redirect = f"http://127.0.0.1:{port}/console/api/oidc/callback"
    provider, issuer = start_provider(redirect)
    with harness.Workspace() as space:
        write_hostile(space / "hostile")
        write_rules(space / "hostile/rules")
        (space / "hostile/secret").write_text(SECRET + "\n", encoding="utf-8")
        (space / "picket.toml").write_text(configuration(root, space / "hostile", endpoint, issuer, redirect), encoding="utf-8")
        shots = (arguments.shots or space / "shots").resolve()
        shots.mkdir(parents=True, exist_ok=True)
        picket = harness.Picket(arguments.picket)
        server = harness.Server(picket, space / "data", "--config", space / "picket.toml", listen=f"127.0.0.1:{port}")
        try:
            server.wait_ready()
            told = server.process.stdout.readline()
            if "#/setup/" not in told:
                print(f"skipped: {told.strip()}")
                sys.exit(SKIPPED)
            server.wait_caught_up(120)
            environment = os.environ | {
                "PICKET_URL": server.url, "PICKET_SETUP": told.split("at ", 1)[1].strip(), "PICKET_BROWSER": browser,
                "PICKET_BINARY": str(arguments.picket.resolve()), "PICKET_DATA": str(space / "data"), "PICKET_SHOTS": str(shots),
                "PICKET_PAYLOADS": json.dumps(PAYLOADS)}
            only = [f"--test-name-pattern={pattern}" for pattern in arguments.only and ["signing in", *arguments.only]]
            code = subprocess.run(["node", "--test", "--test-reporter=spec", *only, HERE / "console.mjs"], env=environment, check=False).returncode
        finally:
            server.kill() if sys.exc_info()[0] else server.stop()
            aws.communicate()
            provider.communicate()
        sys.exit(code)


if __name__ == "__main__":
    main()
