#!/usr/bin/env python3
"""Playbooks against AWS's services as moto serves them, and a Kubernetes API server of this test's own.

    playbooks.py BINARY SOURCE_ROOT

For each playbook: a preview changes nothing, a run has its effect, the next one has nothing to do, what is protected is
refused, undoing is refused when somebody changed the thing since, and else restores what was there. A run that is killed
in the midst goes on. Picket's own calls raise nothing when CloudTrail tells of them; the same calls by others do.
"""
import base64
import datetime
import gzip
import hashlib
import http.server
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)

clients.enter_venv()

import boto3  # noqa: E402
from botocore.auth import SigV4QueryAuth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from moto.ec2 import ec2_backends  # noqa: E402
from moto.ec2.models.elastic_network_interfaces import NetworkInterface  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

from harness import PATIENT, Picket, Server, Workspace, fail  # noqa: E402

ACCOUNT, REGION = "123456789012", "eu-west-1"  # the account moto takes callers for
ATTACKER, LISTED = "198.51.100.201", "203.0.113.99"
READS = ("Describe", "Get", "List")


def check(condition, what):
    if not condition:
        fail(what)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Between picket and moto: notes what is called, and may kill the caller in the midst."""
    upstream = None
    changes = []  # names of calls that are no reads
    kill_at = None  # (name of a call, which of them, whether before it takes effect, whom)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if not name and body.startswith(b"Action="):
            name = body[7:].split(b"&")[0].decode()
        name = name or f"{self.command} {self.path.partition('?')[2].rstrip('=')}"
        cls = type(self)
        if not name.startswith(READS) and not name.startswith("GET"):
            cls.changes.append(name)
        if cls.kill_at and cls.kill_at[0] == name:
            _, number, before, process = cls.kill_at
            if number > 1:
                cls.kill_at = (name, number - 1, before, process)
            else:
                cls.kill_at = None
                if before:
                    process().kill()
                    return
                self.forward(body, answer=False)
                process().kill()
                return
        self.forward(body)

    def forward(self, body, answer=True):
        request = urllib.request.Request(self.upstream + self.path, data=body or None, method=self.command)
        for header, value in self.headers.items():
            if header.lower() not in ("content-length", "connection", "accept-encoding"):
                request.add_header(header, value)
        try:
            with urllib.request.urlopen(request) as got:
                status, headers, data = got.status, got.headers, got.read()
        except urllib.error.HTTPError as error:
            status, headers, data = error.code, error.headers, error.read()
        if not answer:
            return
        self.send_response(status)
        for header, value in headers.items():
            if header.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(header, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *_):
        pass


def is_eks_token(header):
    """As EKS's authenticator judges a token: a call of GetCallerIdentity, presigned for this cluster by a key of the account."""
    if not header.startswith("Bearer k8s-aws-v1."):
        return False
    token = header.removeprefix("Bearer k8s-aws-v1.")
    url = urllib.parse.urlparse(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    query = dict(urllib.parse.parse_qsl(url.query, strict_parsing=True))
    signature, access = query.pop("X-Amz-Signature"), query["X-Amz-Credential"].split("/")[0]
    issued = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    age = (datetime.datetime.now(datetime.timezone.utc) - issued).total_seconds()
    check((url.scheme, url.netloc, url.path) == ("https", f"sts.{REGION}.amazonaws.com", "/") and
          query["Action"] == "GetCallerIdentity" and query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id" and -60 < age < 60 and
          query["X-Amz-Expires"] == "60", f"a token for {url}")
    request = AWSRequest(method="GET", url=f"https://{url.netloc}/?" + urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote),
                         headers={"host": url.netloc, "x-k8s-aws-id": "parcel"})
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = SigV4QueryAuth(Credentials(access, os.environ["AWS_SECRET_ACCESS_KEY"], query.get("X-Amz-Security-Token")), "sts", REGION)
    canonical = "\n".join(["GET", "/", "&".join(f"{urllib.parse.quote(name, safe='-_.~')}={urllib.parse.quote(value, safe='-_.~')}"
                                               for name, value in sorted(query.items())),
                           f"host:{url.netloc}", "x-k8s-aws-id:parcel", "", "host;x-k8s-aws-id", hashlib.sha256(b"").hexdigest()])
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    Kubernetes.eks_tokens += signature == expected
    return signature == expected


class Kubernetes(http.server.BaseHTTPRequestHandler):
    """Role bindings of an API server, which refuses what was read before another's change, as the real one does."""
    token = "a-token-of-the-cluster"
    eks_tokens = 0  # that were good
    objects = {}  # path -> object

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.headers["Authorization"] != f"Bearer {self.token}" and not is_eks_token(self.headers["Authorization"]):
            return self.answer(401, {"message": "Unauthorized"})
        if self.path in self.objects:
            return self.answer(200, self.objects[self.path])
        kind = self.path.rsplit("/", 1)[1]
        items = [value for path, value in self.objects.items() if f"/{kind}/" in path]
        self.answer(200, {"kind": "List", "items": items})

    def do_PUT(self):
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        held = self.objects[self.path]
        if value["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"]:
            return self.answer(409, {"message": "the object has been modified"})
        self.change(self.path, value)
        self.answer(200, value)

    @classmethod
    def change(cls, path, value):
        version = int(value["metadata"].get("resourceVersion", "0"))
        cls.objects[path] = value | {"metadata": value["metadata"] | {"resourceVersion": str(version + 1)}}

    def log_message(self, *_):
        pass


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def teach_moto():
    """A filter of DescribeNetworkInterfaces that AWS has and moto does not."""
    known = NetworkInterface.get_filter_value

    def more(self, name, method_name=None):
        return self.public_ip if name == "association.public-ip" else known(self, name, method_name)
    NetworkInterface.get_filter_value = more


class Aws:
    """The account: what playbooks act on."""

    def __init__(self, endpoint):
        make = lambda service: boto3.client(service, endpoint_url=endpoint, region_name=REGION)
        self.ec2, self.iam, self.s3, self.waf, self.scaling = make("ec2"), make("iam"), make("s3"), make("wafv2"), make("autoscaling")
        self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.image = self.ec2.describe_images()["Images"][0]["ImageId"]
        self.groups = sorted(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
                             for name in ("web", "ssh"))
        self.acl = self.ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"]
        self.set = self.waf.create_ip_set(Name="blocked", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.1/32"])["Summary"]

    def instance(self, name, **tags):
        tags = [{"Key": key, "Value": value} for key, value in ({"Name": name} | tags).items()]
        made = self.ec2.run_instances(ImageId=self.image, MinCount=1, MaxCount=1, SubnetId=self.subnet, SecurityGroupIds=self.groups,
                                      TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])["Instances"][0]
        second = self.ec2.create_network_interface(SubnetId=self.subnet, Groups=self.groups[:1])["NetworkInterface"]
        self.ec2.attach_network_interface(DeviceIndex=1, InstanceId=made["InstanceId"], NetworkInterfaceId=second["NetworkInterfaceId"])
        # Of moto alone: it adds the instance's first groups to those that an interface is given.
        ec2_backends[ACCOUNT][REGION].get_instance(made["InstanceId"]).security_groups = []
        first = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
        self.ec2.modify_network_interface_attribute(NetworkInterfaceId=first, Groups=self.groups)
        return made["InstanceId"]

    def scale(self, instance):
        self.scaling.create_launch_configuration(LaunchConfigurationName="web", ImageId=self.image, InstanceType="t3.micro")
        self.scaling.create_auto_scaling_group(AutoScalingGroupName="web", LaunchConfigurationName="web", MinSize=0, MaxSize=99,
                                               DesiredCapacity=0, VPCZoneIdentifier=self.subnet)
        self.scaling.attach_instances(AutoScalingGroupName="web", InstanceIds=[instance])

    def scaling_group(self, instance):
        found = self.scaling.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"]
        return found[0]["AutoScalingGroupName"] if found else None

    def interfaces(self, instance):
        held = self.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])
        return {one["NetworkInterfaceId"]: sorted(group["GroupId"] for group in one["Groups"]) for one in held["NetworkInterfaces"]}

    def snapshots(self, instance):
        return self.ec2.describe_snapshots(Filters=[{"Name": "tag:picket:instance", "Values": [instance]}])["Snapshots"]

    def group(self, name):
        return self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]

    def isolation(self):
        return [group["GroupId"] for group in self.group("picket-isolation")]

    def user(self, name):
        self.iam.create_user(UserName=name)
        return self.iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]

    def key_status(self, user):
        return self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"][0]["Status"]

    def policies(self, role):
        return {name: self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]}

    def block(self, bucket):
        try:
            return self.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        except self.s3.exceptions.ClientError as error:
            check(error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration", f"{error}")
            return None

    def denied(self):
        entries = self.ec2.describe_network_acls(NetworkAclIds=[self.acl])["NetworkAcls"][0]["Entries"]
        return sorted((entry["Egress"], entry["CidrBlock"]) for entry in entries
                      if entry["RuleAction"] == "deny" and entry["CidrBlock"] != "0.0.0.0/0")

    def listed(self):
        return self.waf.get_ip_set(Name="blocked", Scope="REGIONAL", Id=self.set["Id"])["IPSet"]["Addresses"]


# ---- logs

def call(name, source, identity, parameters, address=ATTACKER, **more):
    return {"eventVersion": "1.09", "eventTime": "2026-09-16T05:00:00Z", "eventSource": f"{source}.amazonaws.com", "eventName": name,
            "awsRegion": REGION, "sourceIPAddress": address, "userAgent": "aws-cli/2", "userIdentity": identity,
            "requestParameters": parameters, "responseElements": None, "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()),
            "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT} | more


def user_identity(name, key):
    return {"type": "IAMUser", "principalId": "AIDA" + name.upper().ljust(17, "X"), "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
            "accountId": ACCOUNT, "accessKeyId": key, "userName": name}


def role_identity(name, principal):
    return {"type": "AssumedRole", "principalId": principal + ":s", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s",
            "accountId": ACCOUNT, "accessKeyId": "ASIA" + name.upper()[:16].ljust(16, "X"),
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": principal, "arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
                                                 "accountId": ACCOUNT, "userName": name},
                               "attributes": {"mfaAuthenticated": "false", "creationDate": "2026-09-16T04:00:00Z"}}}


def trail_of(place, name, records):
    path = place / f"logs/AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/09/16/{ACCOUNT}_CloudTrail_{REGION}_20260916T0505Z_{name}.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = place / f"{name}.part"
    hidden.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    os.rename(hidden, path)


def stop_logging(identity, trail):
    return call("StopLogging", "cloudtrail", identity, {"name": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{trail}"})


def flows_of(place, interface, address):
    path = (place / f"logs/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2026/09/16/"
            f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-01234567890abcdef_20260916T0500Z_00000000.log.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    start = 1789534800
    lines = ["version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status",
             f"2 {ACCOUNT} {interface} {address} {LISTED} 44667 443 6 20 4000 {start} {start + 60} ACCEPT OK",
             f"2 {ACCOUNT} {interface} {LISTED} {address} 443 44667 6 18 9000 {start} {start + 60} ACCEPT OK"]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def dns_of(place, vpc, instance):
    path = place / f"logs/AWSLogs/{ACCOUNT}/vpcdnsquerylogs/{vpc}/2026/09/16/{vpc}_vpcdnsquerylogs_{ACCOUNT}_20260916T0500Z_00000000.log.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    query = {"version": "1.100000", "account_id": ACCOUNT, "region": REGION, "vpc_id": vpc, "query_timestamp": "2026-09-16T05:00:00Z",
             "query_name": "guarddutyc2activityb.com.", "query_type": "A", "query_class": "IN", "rcode": "NOERROR",
             "answers": [{"Rdata": "198.51.100.9", "Type": "A", "Class": "IN"}], "srcaddr": "172.31.0.9", "srcport": "40000",
             "transport": "UDP", "srcids": {"instance": instance}}
    path.write_bytes(gzip.compress((json.dumps(query) + "\n").encode()))


def audit_of(place, accounts):
    events = [{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "stage": "ResponseStarted",
               "auditID": str(uuid.uuid4()), "verb": "create",
               "requestURI": "/api/v1/namespaces/kube-system/pods/aws-node/exec?command=sh",
               "user": {"username": f"system:serviceaccount:{account}", "groups": ["system:serviceaccounts", "system:authenticated"]},
               "sourceIPs": [ATTACKER], "userAgent": "kubectl",
               "objectRef": {"resource": "pods", "namespace": "kube-system", "name": "aws-node", "apiVersion": "v1", "subresource": "exec"},
               "responseStatus": {"code": 101}, "requestReceivedTimestamp": "2026-09-16T05:00:00.000000Z",
               "stageTimestamp": "2026-09-16T05:00:00.100000Z"} for account in accounts]
    folder = place / "audit"
    folder.mkdir()
    (folder / "audit.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def binding(kind, name, namespace, subjects):
    root = "/apis/rbac.authorization.k8s.io/v1/"
    path = f"{root}namespaces/{namespace}/{kind}/{name}" if namespace else f"{root}{kind}/{name}"
    Kubernetes.change(path, {"metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
                             "roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": subjects})
    return path


# ---- picket

class Playbooks:
    """`picket playbook`, as a person at a terminal uses it."""

    def __init__(self, picket, config, data):
        self.picket, self.config, self.data = picket, config, data
        self.findings = [json.loads(line) for line in picket.findings(data).splitlines()]

    def finding(self, kind, says):
        found = [one["id"] for one in self.findings if one["type"] == kind and says in json.dumps(one["resource"])]
        check(len(found) == 1, f"{len(found)} findings of type {kind} name {says}: {sorted({one['type'] for one in self.findings})}")
        return found[0]

    def arguments(self, *words):
        return (self.picket.binary, "playbook", *words, "--config", str(self.config), "--data-dir", str(self.data), "--format", "json")

    def call(self, *words, code=0):
        done = subprocess.run(self.arguments(*words), capture_output=True, timeout=120, check=False)
        check(done.returncode == code, f"playbook {words} ended with {done.returncode}, not {code}: {done.stderr.decode()}{done.stdout.decode()}")
        return json.loads(done.stdout) if done.stdout.strip() else done.stderr.decode()

    def history(self):
        done = self.picket.run("playbook", "history", "--data-dir", self.data, "--format", "json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def cycle(self, name, finding, state, wanted, meddle, mend):
        """What holds for every playbook. `state` reads the thing, `meddle` changes it as somebody else would, `mend` takes that back."""
        before = state()
        Proxy.changes.clear()
        preview = self.call("preview", name, finding)
        check(preview["state"] == "previewed" and preview["steps"], f"{name}: the preview tells {preview}")
        check(state() == before and not Proxy.changes, f"{name}: a preview changed something: {Proxy.changes}")
        run = self.call("run", name, finding)
        check(run["state"] == "done", f"{name}: {run}")
        after = state()
        check(wanted(after), f"{name}: a run left {after}")
        Proxy.changes.clear()
        again = self.call("run", name, finding)
        check(again["state"] == "already" and state() == after and not Proxy.changes, f"{name}: the second run did {Proxy.changes}: {again}")
        meddle()
        changed = state()
        refusal = self.call("undo", run["id"], code=2)
        check("somebody changed it since" in refusal and state() == changed, f"{name}: undone though it was changed: {refusal}")
        mend()
        check(state() == after, f"{name}: the test did not take back its own change")
        undone = self.call("undo", run["id"])
        check(undone["state"] == "undone" and state() == before, f"{name}: undoing left {state()}, not {before}")
        self.call("undo", run["id"], code=2)
        print(f"ok: {name}: preview, run, run again, undo refused, undo", flush=True)

    def refused(self, name, finding, why, state):
        before = state()
        Proxy.changes.clear()
        run = self.call("run", name, finding, code=1)
        check(run["state"] == "refused" and why in run["why"], f"{name}: not refused for '{why}': {run}")
        check(state() == before and not Proxy.changes, f"{name}: refused, but something was changed: {Proxy.changes}")
        print(f"ok: {name}: refused: {run['why']}", flush=True)


def configuration(place, proxy, cluster, aws):
    (place / "token").write_text(Kubernetes.token + "\n")
    (place / "token").chmod(0o600)
    (place / "threats.txt").write_text(LISTED + "\n")
    (place / "ip-ranges.json").write_text(json.dumps({
        "syncToken": "1", "createDate": "2026-09-16-00-00-00", "ipv6_prefixes": [], "prefixes": [
            {"ip_prefix": "192.0.2.0/28", "region": REGION, "service": "AMAZON", "network_border_group": REGION}]}))
    arn = f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/ipset/blocked/{aws.set['Id']}"
    text = PATIENT + f"""
[network]
allow_hosts = ["127.0.0.1"]
[inventory]
files = ["instances.json"]
[aws]
ip_ranges = "ip-ranges.json"
[[intel.list]]
name = "threats"
kind = "threat"
path = "threats.txt"
[[source]]
path = "logs"
[[source]]
path = "audit"
kind = "k8saudit"
account = "{ACCOUNT}"
region = "{REGION}"
cluster = "parcel"
[respond.playbooks]
endpoint = "{proxy}"
protected = ["break-glass*", "kept-bucket", "i-00000000000000000"]
[[respond.cluster]]
name = "parcel"
endpoint = "{cluster}"
token_file = "token"
[[respond.rule]]
name = "logging"
pattern = '{{"detail": {{"type": ["Stealth:IAMUser/CloudTrailLoggingDisabled"]}}}}'
targets = ["auto-key", "dry-key"]
"""
    for name, action, mode, more in (
            ("isolate", "isolate_instance", "by_hand", "runs_per_hour = 0"), ("key", "disable_access_key", "by_hand", "runs_per_hour = 0"),
            ("sessions", "revoke_role_sessions", "by_hand", "runs_per_hour = 0"), ("bucket", "block_public_bucket", "by_hand", "runs_per_hour = 1"),
            ("quarantine", "quarantine_service_account", "by_hand", ""),
            ("acl", "block_address", "by_hand", f'network_acls = ["{aws.acl}"]'), ("waf", "block_address", "by_hand", f'ip_set = "{arn}"'),
            ("auto-key", "disable_access_key", "automatic", "runs_per_hour = 1"), ("dry-key", "disable_access_key", "dry_run", "")):
        text += f'[[respond.playbook]]\nname = "{name}"\naction = "{action}"\nmode = "{mode}"\n{more}\n'
    (place / "picket.toml").write_text(text)
    return place / "picket.toml"


def wait_for(what, condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail(f"{what}: not after {seconds} s")
        time.sleep(0.2)


def try_all(aws, books, instances, keys):
    isolated = lambda state: (all(groups == aws.isolation() for groups in state[0].values()) and
                              len(state[0]) == 2 and state[1] is None)
    instance = instances["web"]
    caller = books.finding("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", instance)
    first = sorted(aws.interfaces(instance))[0]
    set_groups = lambda groups: aws.ec2.modify_network_interface_attribute(NetworkInterfaceId=first, Groups=groups)
    books.cycle("isolate", caller, lambda: (aws.interfaces(instance), aws.scaling_group(instance)), isolated,
                lambda: set_groups(aws.groups[1:]), lambda: set_groups(aws.isolation()))
    group = aws.group("picket-isolation")[0]
    check(not group["IpPermissions"] and not group["IpPermissionsEgress"], f"the isolation group has rules: {group}")
    check(aws.snapshots(instance), "there is no snapshot")
    books.refused("isolate", books.finding("Backdoor:EC2/C&CActivity.B!DNS", instances["asked"]), "could be forged",
                  lambda: aws.interfaces(instances["asked"]))

    logging_disabled = lambda says: books.finding("Stealth:IAMUser/CloudTrailLoggingDisabled", says)
    key_cycle(aws, books, logging_disabled(keys["mallory"]), keys["mallory"])
    books.refused("key", logging_disabled(keys["break-glass-1"]), "is protected", lambda: aws.key_status("break-glass-1"))
    books.refused("key", logging_disabled('"deployer"'), "revoke the role's sessions", lambda: None)

    put = lambda document: aws.iam.put_role_policy(RoleName="deployer", PolicyName="PicketRevokeOlderSessions", PolicyDocument=document)
    kept = {}

    def meddle():
        kept["document"] = aws.policies("deployer")["PicketRevokeOlderSessions"]
        put(json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}))
    books.cycle("sessions", logging_disabled('"deployer"'), lambda: aws.policies("deployer"),
                lambda state: "aws:TokenIssueTime" in json.dumps(state), meddle, lambda: put(json.dumps(kept["document"])))
    for says, role, why in (("AWSServiceRoleForSupport", "AWSServiceRoleForSupport", "is protected"),
                            ("ASIAAWSRESERVEDSSO", "AWSReservedSSO_Admin_0123456789abcdef", "sessions of people"),
                            ("ASIAREPLACED", "replaced", "not of the role")):
        books.refused("sessions", logging_disabled(says), why, lambda role=role: aws.policies(role))

    public = lambda name: books.finding("Policy:S3/BucketBlockPublicAccessDisabled", name)
    some = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    block = lambda to: aws.s3.put_public_access_block(Bucket="exports", PublicAccessBlockConfiguration=to)
    books.cycle("bucket", public("exports"), lambda: aws.block("exports"), lambda state: all(state.values()),
                lambda: block(some), lambda: block(dict.fromkeys(some, True)))
    books.refused("bucket", public("kept-bucket"), "is protected", lambda: aws.block("kept-bucket"))
    capped = books.call("run", "bucket", public("exports"), code=2)
    check("cap of 1 runs an hour" in capped and aws.block("exports") is None, f"the cap did not hold: {capped}")

    web = {"kind": "ServiceAccount", "name": "web", "namespace": "apps"}
    other = {"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}
    paths = [binding("rolebindings", "deploy", "apps", [other, {"kind": "ServiceAccount", "name": "web"}]),
             binding("clusterrolebindings", "readers", None, [web])]
    binding("clusterrolebindings", "others", None, [other])
    subjects = lambda: [Kubernetes.objects[path]["subjects"] for path in paths]
    change = lambda to: Kubernetes.change(paths[1], Kubernetes.objects[paths[1]] | {"subjects": to})
    executed = lambda user: books.finding("Execution:Kubernetes/ExecInKubeSystemPod", f"system:serviceaccount:{user}")
    books.cycle("quarantine", executed("apps:web"), subjects, lambda state: state == [[other], []],
                lambda: change([web, other]), lambda: change([]))
    books.refused("quarantine", executed("kube-system:node"), "is protected", subjects)

    cidr = f"{ATTACKER}/32"
    entry = {"NetworkAclId": aws.acl, "Egress": False, "Protocol": "-1", "RuleNumber": 99}
    replace = lambda to: aws.ec2.replace_network_acl_entry(**entry, RuleAction="deny", CidrBlock=to)
    books.cycle("acl", logging_disabled(keys["mallory"]), aws.denied, lambda state: state == [(False, cidr), (True, cidr)],
                lambda: replace("198.51.100.0/24"), lambda: replace(cidr))
    edit = lambda addresses: aws.waf.update_ip_set(Name="blocked", Scope="REGIONAL", Id=aws.set["Id"], Addresses=addresses,
                                                   LockToken=aws.waf.get_ip_set(Name="blocked", Scope="REGIONAL", Id=aws.set["Id"])["LockToken"])
    run = books.call("run", "waf", logging_disabled(keys["mallory"]))
    check(run["state"] == "done" and sorted(aws.listed()) == ["192.0.2.1/32", cidr], f"waf: {run}, {aws.listed()}")
    check(books.call("run", "waf", logging_disabled(keys["mallory"]))["state"] == "already", "waf: the second run had something to do")
    edit(["192.0.2.1/32", "192.0.2.2/32", cidr])  # of others, who keep it
    check(books.call("undo", run["id"])["state"] == "undone" and sorted(aws.listed()) == ["192.0.2.1/32", "192.0.2.2/32"], f"waf: undone: {aws.listed()}")
    print("ok: waf: run, run again, undo beside another's change", flush=True)
    for name, why in (("from-cdn", "content delivery"), ("from-aws", "belongs to AWS"), ("from-self", "address of this account")):
        books.refused("acl", logging_disabled(keys[name]), why, aws.denied)


def key_cycle(aws, books, finding, key):
    """A key that somebody enabled again is as it was: undoing has nothing to do then, so the refusal is tried with a deleted one."""
    state = lambda: aws.key_status("mallory")
    Proxy.changes.clear()
    check(books.call("preview", "key", finding)["state"] == "previewed" and state() == "Active" and not Proxy.changes, "key: a preview changed it")
    run = books.call("run", "key", finding)
    check(run["state"] == "done" and state() == "Inactive", f"key: {run}")
    check(books.call("run", "key", finding)["state"] == "already", "key: the second run had something to do")
    check(books.call("undo", run["id"])["state"] == "undone" and state() == "Active", "key: not undone")
    run = books.call("run", "key", finding)
    aws.iam.delete_access_key(UserName="mallory", AccessKeyId=key)
    check("somebody changed it since" in books.call("undo", run["id"], code=2), "key: undone though it is gone")
    print("ok: key: preview, run, run again, undo, undo refused", flush=True)


def try_kills(picket, books, aws, config, data, instance, caller):
    """Killed before and behind each change of an isolation, and of its undoing."""
    steps = [("CreateSnapshots", 1), ("DetachInstances", 1)] + [("ModifyNetworkInterfaceAttribute", number) for number in (1, 2, 3, 4)]
    before = (aws.interfaces(instance), aws.scaling_group(instance))
    whole = lambda: (all(groups == aws.isolation() for groups in aws.interfaces(instance).values()) and
                     aws.scaling_group(instance) is None)
    for name, number in steps:
        for early in (True, False):
            process = None
            Proxy.kill_at = (name, number, early, lambda: process)
            process = subprocess.Popen(books.arguments("run", "isolate", caller), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            process.wait(timeout=120)
            check(process.returncode == -signal.SIGKILL, f"the run was not killed at {name} {number}: {process.returncode}")
            Proxy.kill_at = None
            run = books.history()[0]
            check(run["state"] == "running", f"killed at {name} {number}, the run is {run['state']}")
            # Any other run goes on with it first.
            again = books.call("run", "isolate", caller)
            check(again["state"] == "already" and whole(), f"after a kill at {name} {number}: {again}")
            done = next(one for one in books.history() if one["id"] == run["id"])
            check(done["state"] == "done", f"the run did not go on: {done}")
            process = None
            if name == "ModifyNetworkInterfaceAttribute" and number <= 2:
                Proxy.kill_at = (name, number, early, lambda: process)
                process = subprocess.Popen(books.arguments("undo", run["id"]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                process.wait(timeout=120)
                check(process.returncode == -signal.SIGKILL, "the undoing was not killed")
                server = Server(picket, data, "--config", config).wait_ready()
                wait_for("the server goes on with the undoing", lambda: books.history() and next(
                    one for one in books.history() if one["id"] == run["id"])["state"] == "undone")
                server.stop()
            else:
                books.call("undo", run["id"])
            check((aws.interfaces(instance), aws.scaling_group(instance)) == before, f"undone after a kill at {name} {number}: {aws.interfaces(instance)}")
    print(f"ok: killed {2 * len(steps)} times in the midst of a run and 4 times of its undoing, all went on", flush=True)


def try_eks(books, config):
    """A cluster of EKS is called with tokens that STS vouches for."""
    text = config.read_text()
    config.write_text(text.replace('token_file = "token"', f'region = "{REGION}"'))
    finding = books.finding("Execution:Kubernetes/ExecInKubeSystemPod", "system:serviceaccount:apps:web")
    run = books.call("preview", "quarantine", finding)
    config.write_text(text)
    check(run["state"] == "previewed" and Kubernetes.eks_tokens > 0, f"with a token of STS: {run}, {Kubernetes.eks_tokens} good tokens")
    print(f"ok: quarantine: {Kubernetes.eks_tokens} calls with tokens of STS, signed as botocore does", flush=True)


def try_own_calls(picket, place, config, data, books):
    """CloudTrail tells of what picket called itself."""
    undo = [one for run in books.history() if run["playbook"] == "bucket" and run["state"] == "undone" for one in run["calls"]
            if one["eventName"] == "DeleteBucketPublicAccessBlock"]
    check(undo and undo[0].get("requestID"), f"the history does not tell the call: {undo}")
    own = undo[0]
    identity = user_identity("responder", own["accessKeyId"])
    record = lambda bucket, **more: call("DeleteBucketPublicAccessBlock", "s3", identity, {"bucketName": bucket, "Host": "s3"},
                                         eventTime="2026-09-16T05:10:00Z", **more)
    thief = identity | {"accessKeyId": "AKIATHIEFTHIEFTHIEF1"}
    trail_of(place, "own", [record("by-picket", requestID=own["requestID"]), record("by-thief-of-the-key"),
                            call("DeleteBucketPublicAccessBlock", "s3", thief, {"bucketName": "by-other-key", "Host": "s3"},
                                 requestID=own["requestID"])])
    server = Server(picket, data, "--config", config).wait_ready()
    server.wait_caught_up()
    count = server.metrics()['picket_records_filtered_total{kind="cloudtrail"}']
    server.stop()
    found = {bucket["name"] for one in map(json.loads, picket.findings(data).splitlines())
             if one["type"] == "Policy:S3/BucketBlockPublicAccessDisabled" for bucket in one["resource"]["s3BucketDetails"]}
    check({"by-thief-of-the-key", "by-other-key"} <= found, f"somebody else's calls pass for picket's: {found}")
    check("by-picket" not in found, "picket raised a finding on its own call")
    check(count >= 1, "own calls are not counted")
    print("ok: picket's own call raises nothing; with another key or another request it does", flush=True)


def main():
    picket = Picket(sys.argv[1])
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIARESPONDEREXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "NO_PROXY": "127.0.0.1"}
    os.environ.pop("AWS_SESSION_TOKEN", None)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each call
    teach_moto()
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    Proxy.upstream = "http://{}:{}".format(*moto.get_host_and_port())
    aws = Aws(Proxy.upstream)
    proxy, cluster = serve(Proxy), serve(Kubernetes)
    with Workspace() as place:
        instances = {name: aws.instance(name) for name in ("web", "asked")}
        aws.scale(instances["web"])
        described = aws.ec2.describe_instances()
        (place / "instances.json").write_text(json.dumps(described, default=str))
        mine = "198.51.100.88"  # moto lends addresses of 127.0.0.0/8
        lent = aws.ec2.allocate_address(Domain="vpc")["AllocationId"]
        next(one for one in ec2_backends[ACCOUNT][REGION].addresses if one.allocation_id == lent).public_ip = mine
        keys = {name: aws.user(name) for name in ("mallory", "break-glass-1", "from-cdn", "from-aws", "from-self", "first", "second")}
        roles = {role: aws.iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument="{}")["Role"]["RoleId"] for role, path in (
            ("deployer", "/"), ("AWSServiceRoleForSupport", "/"), ("replaced", "/"),
            ("AWSReservedSSO_Admin_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/"))}
        roles["replaced"] = "AROAOFTHEROLEBEFOREIT"
        for bucket in ("exports", "kept-bucket"):
            aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        records = [stop_logging(user_identity(name, keys[name]), name) for name in ("mallory", "break-glass-1")]
        for name, address in (("from-cdn", "104.16.0.9"), ("from-aws", "192.0.2.5"), ("from-self", mine)):
            records.append(stop_logging(user_identity(name, keys[name]), name) | {"sourceIPAddress": address})
        records += [stop_logging(role_identity(role, principal), role) for role, principal in roles.items()]
        records += [call("DeleteBucketPublicAccessBlock", "s3", user_identity("mallory", keys["mallory"]), {"bucketName": bucket, "Host": "s3"})
                    for bucket in ("exports", "kept-bucket")]
        trail_of(place, "first", records)
        web = next(one for group in described["Reservations"] for one in group["Instances"] if one["InstanceId"] == instances["web"])
        flows_of(place, web["NetworkInterfaces"][0]["NetworkInterfaceId"], web["PrivateIpAddress"])
        dns_of(place, aws.vpc, instances["asked"])
        audit_of(place, ["apps:web", "kube-system:node"])
        config, data = configuration(place, proxy, cluster, aws), place / "data"
        done = picket.run("config", "check", config)
        check(done.returncode == 0, f"the configuration is refused: {done.stderr.decode()}")

        # The rule's automatic playbook disables one key an hour; the one on dry run only tells.
        server = Server(picket, data, "--config", config).wait_ready()
        server.wait_caught_up()
        wait_for("an automatic run", lambda: any(one["state"] == "done" for one in Playbooks(picket, config, data).history()))
        books = Playbooks(picket, config, data)
        automatic = [one for one in books.history() if one["playbook"] == "auto-key"]
        wait_for("dry runs", lambda: len([one for one in books.history() if one["playbook"] == "dry-key"]) >= 8)
        server.stop()
        done = [one for one in automatic if one["state"] == "done"]
        check(len(done) == 1 and done[0]["actor"] == "rule/logging", f"one run an hour, but {done}")
        dry = [one for one in books.history() if one["playbook"] == "dry-key"]
        check(all(one["state"] in ("previewed", "refused") for one in dry), f"a dry run did something: {dry}")
        audited = "".join(gzip.decompress(file.read_bytes()).decode() for file in (data / "audit").rglob("*.json.gz"))
        check(done[0]["id"] in audited, "the audit log does not tell of the run")
        check(books.call("undo", done[0]["id"])["state"] == "undone", "the automatic run cannot be undone")
        print("ok: rule: one automatic run within the cap, dry runs only tell, audited, undone by hand", flush=True)

        try_all(aws, books, instances, keys)
        try_eks(books, config)
        try_kills(picket, books, aws, config, data, instances["web"],
                  books.finding("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", instances["web"]))
        try_own_calls(picket, place, config, data, books)
    moto.stop()


main()
