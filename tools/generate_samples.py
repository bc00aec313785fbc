#!/usr/bin/env python3
"""Writes samples/archive: some days of an invented organisation's AWS logs, with one intrusion in them.

    tools/generate_samples.py --out samples              the committed sample, byte for byte
    tools/generate_samples.py --out DIR --scale 5 --days 14 --seed 7
    tools/generate_samples.py --out DIR --no-intrusion    the ordinary background alone
    tools/generate_samples.py --check samples             parse all of it back

DIR receives archive/ (objects under AWS's own keys) and, with the intrusion, intrusion.json: what a detector
should find, record by record. The same arguments give the same bytes on any machine with the same zlib.
Everybody outside the organisation has an address of RFC 5737, except the Tor exit.
"""

import argparse
import base64
import calendar
import collections
import gzip
import hashlib
import io
import json
import random
import shutil
import sys
import time
from pathlib import Path

REGION = "eu-west-1"
ORG = "o-7w2kq9d4lx"
MANAGEMENT, SECURITY, PROD = "111122223333", "444455556666", "777788889999"
STAGING, DATA = "222233334444", "555566667777"
CLUSTER = "parcel-prod"
CLUSTER_GROUP = f"/aws/eks/{CLUSTER}/cluster"
FIRST_DAY = calendar.timegm((2026, 9, 14, 0, 0, 0))  # a Monday
HOUR, DAY = 3600, 86400
FLOW_WINDOW = 600  # seconds of one aggregation interval, AWS's default

OFFICE = ["203.0.113.10", "203.0.113.11"]
HOME = {"tamsin.ode": "192.0.2.21", "jonas.wirth": "192.0.2.34", "priya.nair": "192.0.2.47"}
CI_HOSTED = [f"203.0.113.{n}" for n in range(130, 158)]
PAYMENTS, COURIER_API, TIME_SERVER = "203.0.113.200", "203.0.113.205", "203.0.113.123"
SCANNERS = [f"198.51.100.{n}" for n in range(2, 50)]
CLIENTS = [f"192.0.2.{n}" for n in range(60, 254) if n != 150] + [f"198.51.100.{n}" for n in range(100, 190)]
# The organisation's own public addresses lie in AWS's published eu-west-1 ranges.
EIP = {"prod_nat": "34.251.17.18", "bastion": "34.251.17.40", "data_nat": "34.251.99.7", "staging_nat": "34.251.60.21",
       "security_nat": "34.251.61.9"}
LAMBDA_EGRESS = ["3.250.11.34", "3.250.48.190", "3.250.201.17"]

EXPORTS = "larkspur-customer-exports"
GUESSER, THIEF = "203.0.113.66", "198.51.100.201"
C2, POOL, VICTIM = "198.51.100.60", "198.51.100.61", "192.0.2.150"
TOR_EXIT = "185.220.101.1"

FLOW_V2 = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
           "log-status").split()
FLOW_V5 = ("version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport "
           "pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status region az-id "
           "flow-direction traffic-path pkt-src-aws-service pkt-dst-aws-service").split()

CLI = ("aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0-1031-aws md/arch#x86_64 lang/python#3.13.7 "
       "cfg/retry-mode#standard md/command#")
BOTO = "Boto3/1.40.31 md/Botocore#1.40.31 ua/2.1 os/linux#6.1.147 md/arch#x86_64 lang/python#3.12.11"
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.13.2 (+https://www.terraform.io) terraform-provider-aws/6.12.0"
BROWSER = ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
           "Chrome/140.0.0.0 Safari/537.36")
SSM_AGENT = "aws-sdk-go/1.55.6 (go1.23.8; linux; amd64) amazon-ssm-agent/3.3.2746.0"


def stable_id(text, length, alphabet="0123456789abcdef"):
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest() * 2, "big")
    out = []
    for _ in range(length):
        digest, digit = divmod(digest, len(alphabet))
        out.append(alphabet[digit])
    return "".join(out)


def base32_id(text, length):
    return stable_id(text, length, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def iso(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Ids:
    """Random ids of one log; each log has its own stream, so a change in one leaves the others' bytes alone."""

    def __init__(self, seed, name):
        self.random = random.Random(f"{seed}/{name}")

    def uuid(self):
        h = f"{self.random.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def s3_request(self):
        return "".join(self.random.choices("ABCDEFGHJKMNPQRSTVWXYZ0123456789", k=16))


class Machine:
    def __init__(self, account, name, vpc, private, role="", public="", kind="instance", image="web", group=""):
        self.account, self.name, self.vpc, self.private, self.public = account, name, vpc, private, public
        self.role, self.kind, self.group = role, kind, group
        self.id = "i-0" + stable_id(f"instance/{account}/{name}", 16) if kind == "instance" else ""
        self.eni = "eni-0" + stable_id(f"eni/{account}/{name}", 16)
        self.subnet = "subnet-0" + stable_id(f"subnet/{account}/{private.rsplit('.', 1)[0]}", 16)
        self.image = "ami-0" + stable_id(f"image/{image}", 16)
        self.type = {"web": "c7i.large", "node": "m7i.xlarge", "etl": "r7i.2xlarge"}.get(image, "t3.medium")
        self.since, self.until = 0, 1 << 62  # when its interface exists

    def up(self, t):
        return self.since <= t < self.until


VPC = {name: "vpc-0" + stable_id(f"vpc/{name}", 16) for name in ("prod", "data", "staging")}
FLOW_LOG = {"prod": (PROD, FLOW_V2), "data": (DATA, FLOW_V5), "staging": (STAGING, FLOW_V2)}


class Organisation:
    def __init__(self, scale, days, seed):
        self.days, self.scale = days, scale
        self.start, self.end = FIRST_DAY, FIRST_DAY + days * DAY
        self.bastion = Machine(PROD, "bastion", "prod", "10.20.0.10", "bastion-ops", EIP["bastion"], image="base")
        self.balancers = [Machine(PROD, f"lb-{n}", "prod", f"10.20.0.{30 + n}", kind="load_balancer") for n in (1, 2)]
        self.nat = Machine(PROD, "nat", "prod", "10.20.0.5", public=EIP["prod_nat"], kind="nat_gateway")
        self.database = Machine(PROD, "orders-db", "prod", "10.20.3.15", kind="rds")
        self.webs = [Machine(PROD, f"web-{n}", "prod", f"10.20.1.{20 + n}", "web", group="web")
                     for n in range(1, 2 * min(scale, 40) + 1)]
        self.worker = Machine(PROD, "worker-1", "prod", "10.20.2.31", "worker", image="base")
        self.nodes = [Machine(PROD, f"node-{n}", "prod", f"10.20.2.{60 + n}", "eks-node", image="node", group="node")
                      for n in range(1, 3)]
        # Scaled out at eight and in again at seven, every working day.
        self.bursts = []
        for day in range(days):
            opening = self.start + day * DAY + 8 * HOUR
            if time.gmtime(opening).tm_wday < 5:
                burst = Machine(PROD, f"web-burst-{day}", "prod", f"10.20.1.{120 + day % 100}", "web", group="web")
                burst.since, burst.until = opening + 130, opening + 11 * HOUR + 40
                self.bursts.append(burst)
        self.etl = [Machine(DATA, f"etl-{n}", "data", f"10.30.1.{40 + n}", "etl", image="etl") for n in (1, 2)]
        self.forwarder = Machine(DATA, "dns-forwarder", "data", "10.30.1.53", "dns-forwarder", image="base")
        self.warehouse = Machine(DATA, "warehouse", "data", "10.30.2.20", kind="rds")
        self.data_nat = Machine(DATA, "nat", "data", "10.30.0.5", public=EIP["data_nat"], kind="nat_gateway")
        self.staging = Machine(STAGING, "stg-web-1", "staging", "10.40.1.20", "web", image="web")
        self.founded = [self.bastion, *self.webs, self.worker, *self.nodes, *self.etl, self.forwarder, self.staging]
        for order, machine in enumerate(self.founded):
            machine.since = self.start + 500 + 6 * (order % 30)

    def machines(self, vpc):
        all_machines = [*self.founded, *self.balancers, self.nat, self.database, *self.bursts, self.warehouse,
                        self.data_nat]
        return [m for m in all_machines if m.vpc == vpc]

    def load(self, t):
        """Share of a busy hour's traffic: working days peak in the afternoon, nights keep a quarter."""
        moment = time.gmtime(t)
        day = (0.25, 0.22, 0.2, 0.2, 0.22, 0.3, 0.4, 0.55, 0.75, 0.9, 1, 1, 0.95, 1, 1, 1, 0.95, 0.9, 0.8, 0.7, 0.6,
               0.5, 0.4, 0.3)[moment.tm_hour]
        return day * (0.5 if moment.tm_wday >= 5 else 1)


class Archive:
    """Objects by key. A record may carry a step of the intrusion; the truth file tells where it came to lie."""

    def __init__(self, root):
        self.root, self.objects, self.bytes = root, 0, 0
        self.truth = collections.defaultdict(list)
        self.hashes = {}

    def write(self, key, text):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as out:
            out.write(text.encode())
        path.write_bytes(buffer.getvalue())
        self.objects += 1
        self.bytes += len(buffer.getvalue())
        self.hashes[key] = hashlib.sha256(text.encode()).hexdigest()

    def mark(self, step, log, t, key, position, event_id):
        if step:
            self.truth[step].append({"time": iso(t), "log": log, "object": f"archive/{key}", "position": position,
                                     "event_id": event_id})


def day_path(t):
    return time.strftime("%Y/%m/%d", time.gmtime(t))


def periods(records, span, time_of):
    """(start of period, its records) in time order."""
    groups = collections.defaultdict(list)
    for record in records:
        groups[int(time_of(record)) // span * span].append(record)
    return sorted(groups.items())


# ---- CloudTrail


class CloudTrail:
    OBJECT_SPAN = 4 * HOUR  # real objects come every five minutes; fewer, larger ones keep the sample small

    def __init__(self, organisation, seed):
        self.org, self.ids = organisation, Ids(seed, "cloudtrail")
        self.random = self.ids.random
        self.records = []  # (time, step, account, region, event)

    # Who acts.

    def role(self, account, role, session, t, path="", mfa=False, delivery=None, invoked_by=None, session_hours=1):
        created = int(t) // (session_hours * HOUR) * session_hours * HOUR + stable_int(role + session, 240)
        if created > t:
            created -= session_hours * HOUR
        issuer_id = "AROA" + base32_id(f"role/{account}/{role}", 17)
        context = {"sessionIssuer": {"type": "Role", "principalId": issuer_id,
                                     "arn": f"arn:aws:iam::{account}:role/{path}{role}", "accountId": account,
                                     "userName": role},
                   "attributes": {"creationDate": iso(created), "mfaAuthenticated": "true" if mfa else "false"}}
        if delivery:
            context["ec2RoleDelivery"] = delivery
        identity = {"type": "AssumedRole", "principalId": f"{issuer_id}:{session}",
                    "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}", "accountId": account,
                    "accessKeyId": "ASIA" + base32_id(f"key/{account}/{role}/{session}/{created}", 9) + "EXAMPLE",
                    "sessionContext": context}
        if invoked_by:
            identity["invokedBy"] = invoked_by
        return identity

    def sso(self, account, permissions, user, t):
        role = f"AWSReservedSSO_{permissions}_{stable_id(account + permissions, 16)}"
        return self.role(account, role, f"{user}@larkspur.example", t,
                         path=f"aws-reserved/sso.amazonaws.com/{REGION}/", session_hours=8)

    def instance(self, machine, t):
        return self.role(machine.account, machine.role, machine.id, t, delivery="2.0", session_hours=6)

    def user(self, account, name, key=None):
        identity = {"type": "IAMUser", "principalId": "AIDA" + base32_id(f"user/{account}/{name}", 17),
                    "arn": f"arn:aws:iam::{account}:user/{name}", "accountId": account}
        if key is not None:
            identity["accessKeyId"] = key
        identity["userName"] = name
        return identity

    def service(self, name):
        return {"type": "AWSService", "invokedBy": name}

    # What is recorded.

    def call(self, t, account, identity, source, name, ip, agent, request=None, response=None, *, region=REGION,
             read=None, error=None, data=False, resources=None, extra=None, event_type="AwsApiCall", step=None):
        service = source.split(".")[0]
        if read is None:
            read = name.startswith(("Get", "List", "Describe", "Head", "Lookup", "Assume", "Decrypt"))
        event = {"eventVersion": "1.11", "userIdentity": identity, "eventTime": iso(t), "eventSource": source,
                 "eventName": name, "awsRegion": region, "sourceIPAddress": ip, "userAgent": agent}
        if error:
            event["errorCode"], event["errorMessage"] = error
        event["requestParameters"], event["responseElements"] = request, response
        event["requestID"] = self.ids.s3_request() if service == "s3" else self.ids.uuid()
        event["eventID"] = self.ids.uuid()
        event["readOnly"] = read
        if resources:
            event["resources"] = resources
        event.update({"eventType": event_type, "managementEvent": not data, "recipientAccountId": account})
        event.update(extra or {})
        event["eventCategory"] = "Data" if data else "Management"
        if not ip.endswith("amazonaws.com") and event_type == "AwsApiCall":
            host = "s3." + region if service == "s3" else f"{service}.{region}"
            event["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                                   "clientProvidedHostHeader": f"{host}.amazonaws.com"}
        if isinstance(response, dict) and response.get("requestId") == "":
            response["requestId"] = event["requestID"]
        self.records.append((t, step, account, region, event))
        return event

    def s3(self, t, account, identity, name, bucket, ip, agent, key=None, request=None, **options):
        parameters = {"bucketName": bucket, "Host": f"{bucket}.s3.{REGION}.amazonaws.com"}
        if key:
            parameters["key"] = key
        parameters.update(request or {})
        down = self.random.randrange(400, 90000) if name == "GetObject" else 0
        up = self.random.randrange(400, 90000) if name == "PutObject" else 0
        if options.get("error"):
            down = 243
        extra = {"additionalEventData": {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256",
                                         "bytesTransferredIn": up, "AuthenticationMethod": "AuthHeader",
                                         "bytesTransferredOut": down}}
        extra.update(options.pop("extra", {}))
        resources = [{"accountId": account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
        if key:
            resources.insert(0, {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"})
        self.call(t, account, identity, "s3.amazonaws.com", name, ip, agent, parameters, data=key is not None,
                  resources=resources, extra=extra, **options)

    def assume(self, t, account, caller, role, session, ip, agent, *, caller_account=None, path="", step=None):
        shared = self.ids.uuid()
        arn = f"arn:aws:iam::{account}:role/{path}{role}"
        request = {"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600}
        response = {"credentials": {"accessKeyId": "ASIA" + base32_id(f"{role}/{session}/{t}", 9) + "EXAMPLE",
                                    "sessionToken": "IQoJb3JpZ2luX2VjEXAMPLETOKEN",
                                    "expiration": time.strftime("%b %d, %Y, %I:%M:%S %p", time.gmtime(t + HOUR))},
                    "assumedRoleUser": {"assumedRoleId": f"AROA{base32_id(f'role/{account}/{role}', 17)}:{session}",
                                        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}"}}
        resources = [{"accountId": account, "type": "AWS::IAM::Role", "ARN": arn}]
        extra = {"sharedEventID": shared}
        self.call(t, account, caller, "sts.amazonaws.com", "AssumeRole", ip, agent, request, response,
                  resources=resources, extra=extra, step=step)
        if caller_account and caller_account != account:  # the caller's account has its own record
            self.call(t, caller_account, caller, "sts.amazonaws.com", "AssumeRole", ip, agent, request, response,
                      resources=resources, extra=dict(extra))

    def run_instances(self, t, machine, identity, ip, agent):
        token = self.ids.uuid()
        profile = f"arn:aws:iam::{machine.account}:instance-profile/{machine.role}"
        group = {"items": [{"groupId": "sg-0" + stable_id(f"sg/{machine.role}", 16), "groupName": machine.role}]}
        dns = f"ip-{machine.private.replace('.', '-')}.{REGION}.compute.internal"
        tags = [{"key": "Name", "value": machine.name}, {"key": "team", "value": "platform"}]
        if machine.group == "web":
            tags.append({"key": "aws:autoscaling:groupName", "value": "web"})
        if machine.group == "node":
            tags.append({"key": "eks:cluster-name", "value": CLUSTER})
        request = {"instancesSet": {"items": [{"imageId": machine.image, "minCount": 1, "maxCount": 1}]},
                   "instanceType": machine.type, "blockDeviceMapping": {}, "monitoring": {"enabled": False},
                   "subnetId": machine.subnet, "disableApiTermination": False, "clientToken": token,
                   "iamInstanceProfile": {"arn": profile},
                   "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": tags}]}}
        vpc = VPC[machine.vpc]
        addresses = {"item": [{"privateIpAddress": machine.private, "privateDnsName": dns, "primary": True}]}
        interface = {"networkInterfaceId": machine.eni, "subnetId": machine.subnet, "vpcId": vpc,
                     "ownerId": machine.account, "status": "in-use",
                     "macAddress": "02:" + ":".join(stable_id(machine.eni, 10)[i:i + 2] for i in range(0, 10, 2)),
                     "privateIpAddress": machine.private, "privateDnsName": dns, "sourceDestCheck": True,
                     "interfaceType": "interface", "groupSet": group,
                     "attachment": {"attachmentId": "eni-attach-0" + stable_id("attach" + machine.eni, 16),
                                    "deviceIndex": 0, "networkCardIndex": 0, "status": "attaching",
                                    "attachTime": int(t) * 1000, "deleteOnTermination": True},
                     "privateIpAddressesSet": addresses, "ipv6AddressesSet": {}, "tagSet": {}}
        item = {"instanceId": machine.id, "imageId": machine.image, "instanceState": {"code": 0, "name": "pending"},
                "privateDnsName": dns, "amiLaunchIndex": 0, "productCodes": {}, "instanceType": machine.type,
                "launchTime": int(t) * 1000, "placement": {"availabilityZone": f"{REGION}a", "tenancy": "default"},
                "monitoring": {"state": "pending"}, "subnetId": machine.subnet, "vpcId": vpc,
                "privateIpAddress": machine.private, "stateReason": {"code": "pending", "message": "pending"},
                "architecture": "x86_64", "rootDeviceType": "ebs", "rootDeviceName": "/dev/xvda",
                "blockDeviceMapping": {}, "virtualizationType": "hvm", "hypervisor": "xen",
                "tagSet": {"items": tags}, "clientToken": token, "groupSet": group, "sourceDestCheck": True,
                "networkInterfaceSet": {"items": [interface]},
                "iamInstanceProfile": {"arn": profile, "id": "AIPA" + base32_id(profile, 17)}, "ebsOptimized": False,
                "metadataOptions": {"state": "pending", "httpTokens": "required", "httpPutResponseHopLimit": 2,
                                    "httpEndpoint": "enabled"}}
        response = {"requestId": "", "reservationId": "r-0" + stable_id("reservation" + machine.id, 16),
                    "ownerId": machine.account, "groupSet": {}, "instancesSet": {"items": [item]}}
        self.call(t, machine.account, identity, "ec2.amazonaws.com", "RunInstances", ip, agent, request, response,
                  read=False)
        # EC2 fetches the role's credentials on the instance's behalf.
        self.assume(t + 4, machine.account, self.service("ec2.amazonaws.com"), machine.role, machine.id,
                    "ec2.amazonaws.com", "ec2.amazonaws.com")

    # Ordinary days.

    def founding(self):
        """Terraform rebuilds the networks in the first minutes, so the logs themselves hold the inventory."""
        org, t = self.org, self.org.start + 60
        agent = TERRAFORM
        for vpc, (account, _) in FLOW_LOG.items():
            ip = CI_HOSTED[3]
            terraform = self.role(account, "platform-terraform", "GitHubActions", t)
            self.web_identity(t - 20, account, "platform-terraform", "larkspur/platform", ip)
            nat = {"prod": org.nat, "data": org.data_nat}.get(vpc)
            addresses = [(EIP["bastion"], "bastion")] if vpc == "prod" else []
            addresses.append((EIP[f"{vpc}_nat"], "nat"))
            for public, use in addresses:
                self.call(t, account, terraform, "ec2.amazonaws.com", "AllocateAddress", ip, agent,
                          {"domain": "vpc"}, {"requestId": "", "publicIp": public, "domain": "vpc",
                                              "publicIpv4Pool": "amazon", "networkBorderGroup": REGION,
                                              "allocationId": "eipalloc-0" + stable_id(public, 16)}, read=False)
                t += 3
            nat_subnet = nat.subnet if nat else "subnet-0" + stable_id(f"subnet/{account}/10.40.0", 16)
            nat_id = "nat-0" + stable_id(f"nat/{vpc}", 16)
            allocation = "eipalloc-0" + stable_id(EIP[f"{vpc}_nat"], 16)
            self.call(t, account, terraform, "ec2.amazonaws.com", "CreateNatGateway", ip, agent,
                      {"CreateNatGatewayRequest": {"SubnetId": nat_subnet, "AllocationId": allocation}},
                      {"CreateNatGatewayResponse": {
                          "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/",
                          "natGateway": {"subnetId": nat_subnet, "vpcId": VPC[vpc], "natGatewayId": nat_id,
                                         "connectivityType": "public", "state": "pending", "createTime": iso(t),
                                         "natGatewayAddressSet": {"item": {"allocationId": allocation}}}}},
                      read=False)
            t += 5
            for machine in org.machines(vpc):
                if machine.kind == "instance":
                    continue
                owner, text = {"load_balancer": ("elasticloadbalancing.amazonaws.com", f"ELB app/shop/{machine.name}"),
                               "nat_gateway": ("ec2.amazonaws.com", f"Interface for NAT Gateway {nat_id}"),
                               "rds": ("rds.amazonaws.com", "RDSNetworkInterface")}[machine.kind]
                service_role = {"load_balancer": "AWSServiceRoleForElasticLoadBalancing",
                                "rds": "AWSServiceRoleForRDS"}.get(machine.kind)
                identity = (self.role(account, service_role, "service", t, path=f"aws-service-role/{owner}/",
                                      invoked_by=owner) if service_role else self.service(owner))
                # Balancers' and databases' interfaces are plain ones by type; only description and requester tell.
                kind = "nat_gateway" if machine.kind == "nat_gateway" else "interface"
                interface = {"networkInterfaceId": machine.eni, "subnetId": machine.subnet, "vpcId": VPC[vpc],
                             "availabilityZone": f"{REGION}a", "description": text, "ownerId": account,
                             "requesterId": owner, "requesterManaged": True, "status": "pending",
                             "privateIpAddress": machine.private, "sourceDestCheck": False,
                             "interfaceType": kind, "groupSet": {},
                             "privateIpAddressesSet": {"item": [{"privateIpAddress": machine.private,
                                                                 "primary": True}]}}
                self.call(t, account, identity, "ec2.amazonaws.com", "CreateNetworkInterface", owner, owner,
                          {"subnetId": machine.subnet, "description": text, "privateIpAddress": machine.private},
                          {"requestId": "", "networkInterface": interface}, read=False)
                t += 2
            t += 15
        self.founding_bucket(EXPORTS)
        for machine in org.founded:
            terraform = self.role(machine.account, "platform-terraform", "GitHubActions", machine.since)
            if machine.group == "web":
                self.scaling(machine.since - 10, machine, launch=True)
            else:
                self.run_instances(machine.since - 10, machine, terraform, CI_HOSTED[3], agent)
            if machine.public:
                allocation = "eipalloc-0" + stable_id(machine.public, 16)
                self.call(machine.since + 20, machine.account, terraform, "ec2.amazonaws.com", "AssociateAddress",
                          CI_HOSTED[3], agent,
                          {"instanceId": machine.id, "publicIp": machine.public, "allocationId": allocation},
                          {"requestId": "", "_return": True,
                           "associationId": "eipassoc-0" + stable_id("association" + machine.public, 16)}, read=False)

    def founding_bucket(self, bucket):
        """Created closed and logged; the same calls the other way round are what the intruder makes."""
        t = self.org.start + 300
        who = self.role(PROD, "platform-terraform", "GitHubActions", t)
        blocked = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True,
                   "RestrictPublicBuckets": True}
        logged = {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
                  "LoggingEnabled": {"TargetBucket": "larkspur-access-logs", "TargetPrefix": f"{bucket}/"}}
        for n, (name, request) in enumerate([
                ("CreateBucket", {"CreateBucketConfiguration": {"LocationConstraint": REGION}}),
                ("PutBucketPublicAccessBlock", {"publicAccessBlock": "", "PublicAccessBlockConfiguration": blocked}),
                ("PutBucketLogging", {"logging": "", "BucketLoggingStatus": logged})]):
            self.s3(t + 4 * n, PROD, who, name, bucket, CI_HOSTED[3], TERRAFORM, request=request, read=False)

    def scaling(self, t, machine, launch):
        service = "autoscaling.amazonaws.com"
        identity = self.role(machine.account, "AWSServiceRoleForAutoScaling", "AutoScaling", t,
                             path=f"aws-service-role/{service}/", invoked_by=service)
        if launch:
            self.run_instances(t, machine, identity, service, service)
            return
        states = {"instanceId": machine.id, "currentState": {"code": 32, "name": "shutting-down"},
                  "previousState": {"code": 16, "name": "running"}}
        self.call(t, machine.account, identity, "ec2.amazonaws.com", "TerminateInstances", service, service,
                  {"instancesSet": {"items": [{"instanceId": machine.id}]}},
                  {"requestId": "", "instancesSet": {"items": [states]}}, read=False)

    def web_identity(self, t, account, role, repository, ip):
        provider = f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"
        subject = f"repo:{repository}:ref:refs/heads/main"
        arn = f"arn:aws:iam::{account}:role/{role}"
        self.call(t, account, {"type": "WebIdentityUser", "principalId": f"{provider}:sts.amazonaws.com:{subject}",
                               "userName": subject, "identityProvider": provider},
                  "sts.amazonaws.com", "AssumeRoleWithWebIdentity", ip, BOTO,
                  {"roleArn": arn, "roleSessionName": "GitHubActions", "durationSeconds": 3600},
                  {"credentials": {"accessKeyId": "ASIA" + base32_id(f"{role}{t}", 9) + "EXAMPLE",
                                   "sessionToken": "IQoJb3JpZ2luX2VjEXAMPLETOKEN",
                                   "expiration": time.strftime("%b %d, %Y, %I:%M:%S %p", time.gmtime(t + HOUR))},
                   "subjectFromWebIdentityToken": subject, "provider": provider, "audience": "sts.amazonaws.com",
                   "assumedRoleUser": {"assumedRoleId": f"AROA{base32_id(f'role/{account}/{role}', 17)}:GitHubActions",
                                       "arn": f"arn:aws:sts::{account}:assumed-role/{role}/GitHubActions"}},
                  resources=[{"accountId": account, "type": "AWS::IAM::Role", "ARN": arn}], read=True)

    def pipeline(self, t, account, stack):
        rng, ip = self.random, self.random.choice(CI_HOSTED)
        self.web_identity(t, account, "ci-deploy", "larkspur/" + stack, ip)
        ci = self.role(account, "ci-deploy", "GitHubActions", t + 2)
        call = lambda dt, name, request, response=None, **more: self.call(
            t + dt, account, ci, "cloudformation.amazonaws.com", name, ip, BOTO, request, response, **more)
        arn = f"arn:aws:cloudformation:{REGION}:{account}:stack/{stack}/{stable_id(account + stack, 12)}"
        call(3, "DescribeStacks", {"stackName": stack})
        call(5, "CreateChangeSet", {"stackName": stack, "changeSetName": f"release-{int(t)}",
                                    "capabilities": ["CAPABILITY_IAM"]}, {"stackId": arn}, read=False)
        for poll in range(3):
            error = ("ThrottlingException", "Rate exceeded") if poll == 1 and rng.random() < 0.3 else None
            call(8 + 3 * poll, "DescribeChangeSet", {"stackName": stack, "changeSetName": f"release-{int(t)}"},
                 error=error)
        call(18, "ExecuteChangeSet", {"stackName": stack, "changeSetName": f"release-{int(t)}"}, read=False)
        forwarded = dict(ci, invokedBy="cloudformation.amazonaws.com")
        function = f"{stack}-handler"
        self.call(t + 25, account, forwarded, "lambda.amazonaws.com", "UpdateFunctionCode20150331v2",
                  "cloudformation.amazonaws.com", "cloudformation.amazonaws.com",
                  {"functionName": function, "s3Bucket": f"larkspur-artifacts-{account}",
                   "s3Key": f"{stack}/bundle.zip", "publish": False, "dryRun": False},
                  {"functionName": function, "runtime": "python3.13", "handler": "app.handler", "codeSize": 184233,
                   "functionArn": f"arn:aws:lambda:{REGION}:{account}:function:{function}"}, read=False)
        self.s3(t + 27, account, forwarded, "PutBucketPolicy", f"larkspur-{stack}-{account}",
                "cloudformation.amazonaws.com", "cloudformation.amazonaws.com", read=False, request={
                    "policy": "", "bucketPolicy": {"Version": "2012-10-17", "Statement": [
                        {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                         "Resource": f"arn:aws:s3:::larkspur-{stack}-{account}/*",
                         "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}})
        if rng.random() < 0.15:
            self.s3(t + 30, account, ci, "PutBucketPublicAccessBlock", f"larkspur-{stack}-{account}", ip, BOTO,
                    read=False, request={"publicAccessBlock": "", "PublicAccessBlockConfiguration": {
                        "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True,
                        "RestrictPublicBuckets": True}})

    def person(self, t, account, permissions, user):
        """One look around in the console or with the CLI, signed in through Identity Center."""
        rng = self.random
        office = rng.random() < 0.75
        ip = HOME[user] if user in HOME and not office else OFFICE[stable_int(user, 2)]
        who = self.sso(account, permissions, user, t)
        if rng.random() < 0.35:
            self.call(t, account, who, "signin.amazonaws.com", "ConsoleLogin", ip, BROWSER, None,
                      {"ConsoleLogin": "Success"}, read=False, event_type="AwsConsoleSignIn",
                      extra={"additionalEventData": {"MobileVersion": "No", "MFAUsed": "No"}})
        console = {"sessionCredentialFromConsole": "true"}
        reads = [("ec2.amazonaws.com", "DescribeInstances", {"maxResults": 50, "instancesSet": {}, "filterSet": {}}),
                 ("logs.amazonaws.com", "DescribeLogGroups", {"limit": 50}),
                 ("logs.amazonaws.com", "StartQuery", {"queryLanguage": "CWLI", "limit": 1000}),
                 ("lambda.amazonaws.com", "ListFunctions20150331", {"maxItems": 50}),
                 ("cloudwatch.amazonaws.com", "DescribeAlarms", {"maxRecords": 100}),
                 ("eks.amazonaws.com", "DescribeCluster", {"name": CLUSTER}),
                 ("iam.amazonaws.com", "ListRoles", {"maxItems": 1000}),
                 ("rds.amazonaws.com", "DescribeDBInstances", None)]
        for n, (source, name, request) in enumerate(rng.sample(reads, rng.randrange(2, 5))):
            error = None
            if permissions == "ReadOnly" and source == "iam.amazonaws.com":
                error = ("AccessDenied", f"User: {who['arn']} is not authorized to perform: iam:{name} on resource: "
                         f"arn:aws:iam::{account}:role/ because no identity-based policy allows the action")
            region = "us-east-1" if source == "iam.amazonaws.com" else REGION
            self.call(t + 20 + 30 * n, account, who, source, name, ip, BROWSER, request, read=True, region=region,
                      error=error, extra=console)
        if permissions == "PlatformAdmin" and rng.random() < 0.4:
            group = f"sg-0{stable_id('sg/web', 16)}"
            self.call(t + 200, account, who, "ec2.amazonaws.com", "CreateTags", ip, CLI + "ec2.create-tags",
                      {"resourcesSet": {"items": [{"resourceId": group}]},
                       "tagSet": {"items": [{"key": "reviewed", "value": iso(t)[:10]}]}},
                      {"requestId": "", "_return": True}, read=False)

    def background_hour(self, hour):
        rng, org = self.random, self.org
        load, moment = org.load(hour), time.gmtime(hour)
        within = lambda: hour + rng.randrange(1, HOUR - 300)
        times = lambda rate: int(rate * org.scale + rng.random())
        bucket = f"larkspur-artifacts-{PROD}"

        # AWS's own services: most of any account's trail.
        for account in (MANAGEMENT, SECURITY, PROD, STAGING, DATA):
            for _ in range(times(1.2 if account == PROD else 0.6)):
                t, config = within(), self.role(account, "AWSServiceRoleForConfig", "AWSConfig-Describe", hour,
                                                path="aws-service-role/config.amazonaws.com/",
                                                invoked_by="config.amazonaws.com")
                name, request = rng.choice([("DescribeSecurityGroups", {"securityGroupSet": {}}),
                                            ("DescribeVolumes", {"volumeSet": {}, "filterSet": {}})])
                self.call(t, account, config, "ec2.amazonaws.com", name, "config.amazonaws.com",
                          "config.amazonaws.com", request)
            for _ in range(times(0.5)):
                self.s3(within(), SECURITY, self.service("cloudtrail.amazonaws.com"), "GetBucketAcl",
                        "larkspur-org-trail", "cloudtrail.amazonaws.com", "cloudtrail.amazonaws.com",
                        request={"acl": ""})
        for _ in range(times(1)):
            self.assume(within(), PROD, self.service("lambda.amazonaws.com"), "orders-fn", "orders-fn",
                        "lambda.amazonaws.com", "AWS Internal")

        # Instance roles: through the NAT gateway, a public address of their own, or the S3 gateway endpoint.
        fleet = [m for m in [*org.webs, *org.bursts, org.worker] if m.up(hour) and m.until > hour + HOUR]
        for _ in range(times(3 * max(load, 0.4))):
            machine = rng.choice(fleet)
            t = max(within(), machine.since + 60)
            self.s3(t, PROD, self.instance(machine, t), "GetObject", bucket, machine.private, BOTO,
                    f"releases/shop/{moment.tm_mday:02d}/asset-{rng.randrange(40):03d}.tar",
                    extra={"vpcEndpointId": "vpce-0" + stable_id("vpce/s3", 16), "vpcEndpointAccountId": PROD})
        for machine in [*org.founded, *org.bursts]:
            if machine.up(hour) and machine.up(hour + HOUR) and rng.random() < 0.22 and machine.vpc != "staging":
                t = within()
                egress = machine.public or EIP[f"{machine.vpc}_nat"]
                self.call(max(t, machine.since + 60), machine.account, self.instance(machine, t), "ssm.amazonaws.com",
                          "UpdateInstanceInformation", egress, SSM_AGENT,
                          {"instanceId": machine.id, "agentVersion": "3.3.2746.0", "agentStatus": "Active",
                           "platformType": "Linux", "platformName": "Amazon Linux", "platformVersion": "2023"},
                          read=False)
        for _ in range(times(1.2)):
            t = max(within(), org.start + 700)
            etl = rng.choice(org.etl)
            who = self.instance(etl, t)
            self.s3(t, DATA, who, "PutObject", "larkspur-warehouse", EIP["data_nat"], BOTO,
                    f"daily/{day_path(t)}/part-{rng.randrange(1000):05d}.parquet", read=False)
            self.call(t + 2, DATA, who, "kms.amazonaws.com", "GenerateDataKey", EIP["data_nat"], BOTO,
                      {"keyId": f"arn:aws:kms:{REGION}:{DATA}:key/{stable_id('warehouse', 8)}", "keySpec": "AES_256"},
                      read=True)

        # Functions.
        for _ in range(times(2.5 * load)):
            t = within()
            who = self.role(PROD, "orders-fn", "orders-fn", t)
            ip = rng.choice(LAMBDA_EGRESS)
            self.s3(t, PROD, who, "GetObject", "larkspur-labels", ip, BOTO, f"labels/{rng.randrange(10**6):06d}.pdf")
            self.call(t + 1, PROD, who, "secretsmanager.amazonaws.com", "GetSecretValue", ip, BOTO,
                      {"secretId": "prod/orders/courier-api"}, read=True)

        # The security team's inventory walks every account.
        if moment.tm_hour % 2 == 0:
            t = hour + 900
            auditor = self.role(SECURITY, "inventory-runner", "nightly-inventory", t)
            for account in (MANAGEMENT, PROD, STAGING, DATA):
                self.assume(t, account, auditor, "inventory-reader", "inventory", EIP["security_nat"], BOTO,
                            caller_account=SECURITY)
                reader = self.role(account, "inventory-reader", "inventory", t)
                for name, request in (("DescribeInstances", {"instancesSet": {}, "filterSet": {}}),
                                      ("DescribeVpcs", {"vpcSet": {}}), ("DescribeSnapshots", {"snapshotSet": {}})):
                    t += 7
                    error = None
                    if rng.random() < 0.04:
                        error = ("Client.RequestLimitExceeded", "Request limit exceeded.")
                    self.call(t, account, reader, "ec2.amazonaws.com", name, EIP["security_nat"], BOTO, request,
                              error=error)
                if account == MANAGEMENT:
                    self.call(t + 2, account, reader, "organizations.amazonaws.com", "ListAccounts",
                              EIP["security_nat"], BOTO, None, region="us-east-1")
                    self.call(t + 4, account, reader, "account.amazonaws.com", "GetContactInformation",
                              EIP["security_nat"], BOTO, None, region="us-east-1", read=True,
                              error=("AccessDenied", f"User: {reader['arn']} is not authorized to perform: "
                                     "account:GetContactInformation"))

        # The old upload key of the label printer: daily, from the office, and the reason it was never retired.
        if moment.tm_hour == 9:
            self.s3(within(), PROD, self.user(PROD, "deploy-legacy", LEGACY_KEY), "PutObject", "larkspur-labels",
                    OFFICE[0], CLI + "s3.cp", f"printer/{day_path(hour)}.csv", read=False)
        if moment.tm_hour == 7 and moment.tm_wday == 0:
            alarm = self.user(MANAGEMENT, "finance-export")
            self.call(within(), MANAGEMENT, alarm, "signin.amazonaws.com", "ConsoleLogin", OFFICE[0], BROWSER, None,
                      {"ConsoleLogin": "Success"}, read=False, region="us-east-1", event_type="AwsConsoleSignIn",
                      extra={"additionalEventData": {"MobileVersion": "No", "MFAUsed": "Yes",
                                                     "MFAIdentifier": f"arn:aws:iam::{MANAGEMENT}:mfa/finance"}})

        # People and releases, in working hours.
        if 7 <= moment.tm_hour < 18 and moment.tm_wday < 5:
            staff = [("tamsin.ode", "PlatformAdmin", PROD), ("jonas.wirth", "Developer", STAGING),
                     ("priya.nair", "DataEngineer", DATA), ("marek.holub", "Developer", STAGING),
                     ("ines.carro", "ReadOnly", PROD), ("rhys.pell", "SecurityAudit", SECURITY),
                     ("odile.brandt", "Billing", MANAGEMENT)]
            for user, permissions, account in staff:
                for _ in range(times(0.4)):
                    self.person(within(), account, permissions, user)
            for account, rate in ((STAGING, 0.6), (PROD, 0.3), (DATA, 0.15)):
                for _ in range(times(rate)):
                    self.pipeline(within(), account, rng.choice(["shop", "orders", "labels", "tracking"]))

    def background(self):
        self.founding()
        for burst in self.org.bursts:
            self.scaling(burst.since - 10, burst, launch=True)
            self.scaling(burst.until + 20, burst, launch=False)
        for hour in range(self.org.start + HOUR, self.org.end, HOUR):
            self.background_hour(hour)

    def object_key(self, organisation_trail, account, region, start):
        prefix = f"AWSLogs/{ORG}/{account}" if organisation_trail else f"AWSLogs/{account}"
        name = f"{prefix}/{account}_{region}_{start}"
        stamp = time.strftime("%Y%m%dT%H%MZ", time.gmtime(start + self.OBJECT_SPAN))
        unique = stable_id(name, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        return (f"{prefix}/CloudTrail/{region}/{day_path(start)}/"
                f"{account}_CloudTrail_{region}_{stamp}_{unique}.json.gz")

    def write(self, archive, trail_stopped):
        streams = collections.defaultdict(list)
        for record in self.records:
            if record[0] < self.org.end:
                streams[record[2], record[3]].append(record)
        for (account, region), records in sorted(streams.items()):
            for start, group in periods(records, self.OBJECT_SPAN, lambda r: r[0]):
                group.sort(key=lambda r: (r[0], r[4]["eventID"]))
                key = self.object_key(True, account, region, start)
                archive.write(key, compact({"Records": [r[4] for r in group]}))
                for position, (t, step, _, _, event) in enumerate(group, 1):
                    archive.mark(step, "cloudtrail", t, key, position, event["eventID"])
                # Prod's own older trail delivers the same events once more, until somebody stops it.
                in_day = (start - self.org.start) % DAY
                if account == PROD and in_day in (0, 8 * HOUR) and start < trail_stopped:
                    archive.write(self.object_key(False, account, region, start),
                                  compact({"Records": [r[4] for r in group]}))
        self.write_digests(archive)

    def write_digests(self, archive):
        for day in range(self.org.start, self.org.end, DAY):
            prefix = f"AWSLogs/{ORG}/{PROD}/CloudTrail/{REGION}/{day_path(day)}/"
            files = [{"s3Bucket": "larkspur-org-trail", "s3Object": key, "hashValue": archive.hashes[key],
                      "hashAlgorithm": "SHA-256"} for key in sorted(archive.hashes) if key.startswith(prefix)]
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(day + DAY))
            key = (f"AWSLogs/{ORG}/{PROD}/CloudTrail-Digest/{REGION}/{day_path(day)}/"
                   f"{PROD}_CloudTrail-Digest_{REGION}_org-trail_{REGION}_{stamp}.json.gz")
            archive.write(key, compact({
                "awsAccountId": PROD, "digestStartTime": iso(day), "digestEndTime": iso(day + DAY),
                "digestS3Bucket": "larkspur-org-trail", "digestS3Object": key,
                "digestPublicKeyFingerprint": stable_id("fingerprint", 32), "digestSignatureAlgorithm": "SHA256withRSA",
                "newestEventTime": iso(day + DAY - 1), "oldestEventTime": iso(day), "previousDigestS3Bucket": None,
                "previousDigestS3Object": None, "previousDigestHashValue": None, "previousDigestSignature": None,
                "logFiles": files}))


def stable_int(text, below):
    return int(stable_id(text, 8), 16) % below


LEGACY_KEY = "AKIA" + base32_id("deploy-legacy", 9) + "EXAMPLE"
METRICS_KEY = "AKIA" + base32_id("svc-metrics", 9) + "EXAMPLE"


# ---- VPC flow logs

TCP, UDP, ICMP = 6, 17, 1
SYN, SYN_ACK_FIN, SYN_FIN, RST = 2, 19, 3, 4


class Flow:
    OBJECT_SPAN = 6 * HOUR

    def __init__(self, organisation, seed):
        self.org, self.random = organisation, random.Random(f"{seed}/vpcflow")
        self.records = collections.defaultdict(list)  # by VPC: (machine, step, fields)
        self.by_address = {m.private: m for vpc in VPC for m in organisation.machines(vpc)}

    def record(self, machine, source, destination, ports, protocol, packets, size, start, end, action="ACCEPT",
               flags=0, packet_source=None, packet_destination=None, step=None):
        """One direction on one interface, cut at the aggregation windows as AWS cuts it."""
        start, end = int(start), int(max(end, start))
        if not machine.up(start) or start < self.org.start + 700:
            return
        first, last = start // FLOW_WINDOW, end // FLOW_WINDOW
        pieces = min(last - first + 1, packets)
        for n in range(pieces):
            begin = start if n == 0 else (first + n) * FLOW_WINDOW
            finish = end if n == pieces - 1 else (first + n + 1) * FLOW_WINDOW - 1
            finish = max(begin, min(finish, (first + n + 1) * FLOW_WINDOW - 1))
            share = lambda total: total * (n + 1) // pieces - total * n // pieces
            self.records[machine.vpc].append((machine, step, {
                "srcaddr": source, "dstaddr": destination, "srcport": ports[0], "dstport": ports[1],
                "protocol": protocol, "packets": share(packets), "bytes": share(size), "start": begin, "end": finish,
                "action": action, "tcp-flags": flags, "pkt-srcaddr": packet_source or source,
                "pkt-dstaddr": packet_destination or destination}))

    def talk(self, t, client, server, port, protocol, up, down, seconds, client_port=None, step=None, **more):
        """Both directions of a conversation, on each interface of ours that carries it. up, down: (packets, bytes)."""
        client_port = client_port or self.random.randrange(32768, 60999)
        for address in {client: 0, server: 0}:
            machine = self.by_address.get(address)
            if not machine:
                continue
            flags = (SYN_FIN, SYN_ACK_FIN) if protocol == TCP else (0, 0)
            self.record(machine, client, server, (client_port, port), protocol, *up, t, t + seconds, flags=flags[0],
                        step=step, **more)
            if down[0]:
                self.record(machine, server, client, (port, client_port), protocol, *down, t, t + seconds,
                            flags=flags[1], step=step)

    def refused(self, t, source, machine, port, protocol=TCP, step=None):
        self.record(machine, source, machine.private, (self.random.randrange(32768, 60999), port), protocol, 1,
                    44 if protocol == TCP else 60, t, t, "REJECT", SYN if protocol == TCP else 0, step=step)

    def out(self, t, machine, gateway, address, port, up, down, seconds):
        """From a private subnet through its NAT gateway, whose interface sees each packet twice."""
        source = self.random.randrange(32768, 60999)
        translated = self.random.randrange(1024, 65000)
        ends = t + seconds
        inner = (machine.private, address, (source, port), TCP, *up, t, ends)
        back = (address, machine.private, (port, source), TCP, *down, t, ends)
        self.record(machine, *inner, flags=SYN_FIN)
        self.record(machine, *back, flags=SYN_ACK_FIN)
        self.record(gateway, machine.private, address, (source, port), TCP, *up, t, ends, flags=SYN_FIN)
        self.record(gateway, gateway.private, address, (translated, port), TCP, *up, t, ends, flags=SYN_FIN,
                    packet_source=machine.private if self.random.random() < 0.5 else None)
        self.record(gateway, address, gateway.private, (port, translated), TCP, *down, t, ends, flags=SYN_ACK_FIN)

    def sizes(self, up_bytes, down_bytes):
        jitter = self.random.uniform(0.6, 1.6)
        up, down = int(up_bytes * jitter), int(down_bytes * jitter)
        return (4 + up // 900, up + 52 * 4), (3 + down // 1300, down + 52 * 3)

    def background_window(self, window):
        org, rng = self.org, self.random
        load, moment = org.load(window), time.gmtime(window)
        at = lambda: window + rng.randrange(0, FLOW_WINDOW - 60)
        times = lambda rate: int(rate * org.scale + rng.random())
        webs = [m for m in [*org.webs, *org.bursts] if m.up(window) and m.up(window + FLOW_WINDOW)]

        for balancer in org.balancers:
            for _ in range(times(4.5 * load)):
                self.talk(at(), rng.choice(CLIENTS), balancer.private, rng.choice([443, 443, 443, 80]), TCP,
                          *self.sizes(2500, 40000), rng.randrange(1, 50))
            for web in webs:
                if rng.random() < 0.35:  # pooled requests and health checks on one connection
                    self.talk(at(), balancer.private, web.private, 8080, TCP, *self.sizes(9000, 120000 * load), 45)
        for public in [org.bastion, *org.balancers]:
            for _ in range(times(0.9)):
                scanner = rng.choice(SCANNERS)
                port = rng.choice([21, 23, 445, 1433, 2375, 3306, 3389, 5060, 5432, 5900, 6379, 8081, 8443, 9200, 27017,
                                   rng.randrange(1024, 65535)])
                self.refused(at(), scanner, public, port, UDP if port == 5060 else TCP)
        if rng.random() < 0.06:  # a scanner finds the open port, says hello and leaves
            self.talk(at(), rng.choice(SCANNERS), org.bastion.private, 22, TCP, (5, 300), (4, 360), 2)
        if rng.random() < 0.05:  # path discovery
            self.record(org.bastion, rng.choice(CLIENTS), org.bastion.private, (0, 0), ICMP, 1, 84, at(), at() + 60)
        for web in webs:
            if rng.random() < 0.5:
                self.talk(at(), web.private, org.database.private, 5432, TCP, *self.sizes(8000, 60000 * load), 55)
            if rng.random() < 0.3 * load:
                self.out(at(), web, org.nat, rng.choice([PAYMENTS, COURIER_API]), 443, *self.sizes(3000, 9000), 4)
        if rng.random() < 0.4:
            self.out(at(), org.worker, org.nat, COURIER_API, 443, *self.sizes(20000, 15000), 12)
        for machine in [org.worker, *org.nodes, org.bastion]:
            if rng.random() < 0.06:
                server = TIME_SERVER if machine.public else "10.99.0.123"  # on premises, behind the VPN
                self.talk(at(), machine.private, server, 123, UDP, (1, 76), (1, 76), 0)
        for node in org.nodes:
            other = org.nodes[1] if node is org.nodes[0] else org.nodes[0]
            if rng.random() < 0.6:
                self.talk(at(), node.private, other.private, rng.choice([10250, 8080, 9090]), TCP,
                          *self.sizes(5000, 20000), 50)
            if rng.random() < 0.3:
                self.out(at(), node, org.nat, PAYMENTS, 443, *self.sizes(4000, 12000), 5)
        # Administrators come through the bastion and configure hosts from there.
        if 8 <= moment.tm_hour < 17 and moment.tm_wday < 5 and rng.random() < 0.09:
            t = at()
            self.talk(t, rng.choice(OFFICE), org.bastion.private, 22, TCP, *self.sizes(40000, 160000),
                      rng.randrange(300, 1500))
            for target in rng.sample([*webs, org.worker, *org.nodes], 3):
                self.talk(t + rng.randrange(5, 50), org.bastion.private, target.private, 22, TCP,
                          *self.sizes(6000, 18000), 20)
        if moment.tm_hour == 1 and moment.tm_min == 20:  # nightly backup
            self.out(window + 5, org.worker, org.nat, "52.218.24.11", 443, (260000, 360_000_000), (52000, 2_900_000),
                     540)
            self.out(window + 9, org.etl[0], org.data_nat, "52.218.24.12", 443, (190000, 250_000_000),
                     (41000, 2_300_000), 420)

        for etl in org.etl:
            if rng.random() < 0.7:
                self.talk(at(), etl.private, org.warehouse.private, 5439, TCP, *self.sizes(50000, 400000), 55)
            if rng.random() < 0.3:
                self.out(at(), etl, org.data_nat, "52.218.24.12", 443, *self.sizes(300000, 9000), 20)
            for _ in range(times(0.8)):  # flow logs show these; never the look-ups at Amazon's resolver
                self.talk(at(), etl.private, org.forwarder.private, 53, UDP, (1, 72), (1, 140), 0)
        self.talk(at(), org.forwarder.private, "10.99.0.53", 53, UDP, (1, 72), (1, 140), 0)
        if rng.random() < 0.5:
            self.talk(at(), "10.40.0.31", org.staging.private, 8080, TCP, *self.sizes(900, 3000), 3)

    def background(self):
        for window in range(self.org.start, self.org.end, FLOW_WINDOW):
            self.background_window(window)

    def line(self, columns, machine, fields):
        account = machine.account
        incoming = fields["dstaddr"] == machine.private
        path = "-"
        if not incoming:
            path = "1" if fields["dstaddr"].startswith("10.") else "8"
        # S3's addresses are the only ones of a named AWS service here.
        service = lambda address: "S3" if address.startswith("52.218.") else "-"
        values = {"version": "5" if columns is FLOW_V5 else "2", "vpc-id": VPC[machine.vpc],
                  "subnet-id": machine.subnet, "instance-id": machine.id or "-", "interface-id": machine.eni,
                  "account-id": account, "type": "IPv4", "log-status": "OK", "region": REGION, "az-id": "euw1-az2",
                  "flow-direction": "ingress" if incoming else "egress", "traffic-path": path,
                  "pkt-src-aws-service": service(fields["pkt-srcaddr"]),
                  "pkt-dst-aws-service": service(fields["pkt-dstaddr"]), **fields}
        return " ".join(str(values[c]) for c in columns)

    def gap(self, columns, machine, window, status):
        known = {"version": "5" if columns is FLOW_V5 else "2", "vpc-id": VPC[machine.vpc],
                 "subnet-id": machine.subnet, "instance-id": machine.id or "-", "interface-id": machine.eni,
                 "account-id": machine.account, "start": window, "end": window + FLOW_WINDOW - 1, "log-status": status,
                 "region": REGION, "az-id": "euw1-az2"}
        return " ".join(str(known.get(c, "-")) for c in columns)

    def write(self, archive):
        for vpc, (account, columns) in FLOW_LOG.items():
            records = [r for r in self.records[vpc] if r[2]["end"] < self.org.end]
            quiet = collections.defaultdict(list)  # interfaces without traffic in a window say so
            busy = {(r[0].eni, r[2]["start"] // FLOW_WINDOW) for r in records}
            for machine in self.org.machines(vpc):
                for window in range(self.org.start + 2 * FLOW_WINDOW, self.org.end, FLOW_WINDOW):
                    if machine.up(window) and (machine.eni, window // FLOW_WINDOW) not in busy:
                        # Once a day at most a window is lost to an internal capacity limit.
                        lost = machine.kind == "instance" and stable_int(f"{machine.eni}{window}", 700) == 0
                        quiet[window // self.OBJECT_SPAN * self.OBJECT_SPAN].append(
                            (window + FLOW_WINDOW - 1, machine, "SKIPDATA" if lost else "NODATA"))
            log_id = "fl-0" + stable_id(f"flowlog/{vpc}", 16)
            for start, group in periods(records, self.OBJECT_SPAN, lambda r: r[2]["end"]):
                rows = [(f["end"] // FLOW_WINDOW, m.eni, f["start"], f["end"], self.line(columns, m, f), step)
                        for m, step, f in group]
                rows += [(end // FLOW_WINDOW, m.eni, end, end, self.gap(columns, m, end + 1 - FLOW_WINDOW, status),
                          None) for end, m, status in quiet[start]]
                rows.sort(key=lambda r: r[:5])
                stamp = time.strftime("%Y%m%dT%H%MZ", time.gmtime(start))
                key = (f"AWSLogs/{account}/vpcflowlogs/{REGION}/{day_path(start)}/{account}_vpcflowlogs_{REGION}_"
                       f"{log_id}_{stamp}_{stable_id(f'{log_id}{start}', 8)}.log.gz")
                archive.write(key, "\n".join([" ".join(columns), *(r[4] for r in rows)]) + "\n")
                for position, row in enumerate(rows, 2):
                    archive.mark(row[5], "vpcflow", row[2], key, position, None)


# ---- Route 53 Resolver query logs


class Dns:
    OBJECT_SPAN = 6 * HOUR
    NAMES = {  # name -> answer; None does not exist
        "api.payments.example.": PAYMENTS, "rest.courier.example.": COURIER_API,
        "larkspur-labels.s3.eu-west-1.amazonaws.com.": "52.218.24.11",
        "ssm.eu-west-1.amazonaws.com.": "52.119.240.11", "ec2messages.eu-west-1.amazonaws.com.": "52.119.241.20",
        "sts.eu-west-1.amazonaws.com.": "52.119.240.95", "logs.eu-west-1.amazonaws.com.": "52.119.242.70",
        "orders-db.c9xk2mfexample.eu-west-1.rds.amazonaws.com.": "10.20.3.15",  # public name, private answer
        "al2023-repos-eu-west-1-de612dc2.s3.dualstack.eu-west-1.amazonaws.com.": "52.218.24.90",
        "time.larkspur.example.": TIME_SERVER, "internal-shop-lb.larkspur.example.": "10.20.0.31",
        "d2x7k4qexample.cloudfront.net.": "203.0.113.180", "registry.larkspur.example.": "203.0.113.181"}

    def __init__(self, organisation, seed):
        self.org, self.random = organisation, random.Random(f"{seed}/dns")
        self.records = collections.defaultdict(list)

    def query(self, t, machine, name, answer=None, kind="A", rcode=None, step=None, transport="UDP"):
        rng = self.random
        answers = []
        for value in answer if isinstance(answer, list) else [answer] if answer else []:
            answers.append({"Rdata": value, "Type": kind, "Class": "IN"})
        entry = {"version": "1.100000", "account_id": machine.account, "region": REGION, "vpc_id": VPC[machine.vpc],
                 "query_timestamp": iso(t), "query_name": name, "query_type": kind, "query_class": "IN",
                 "rcode": rcode or "NOERROR", "answers": answers, "srcaddr": machine.private,
                 "srcport": str(rng.randrange(32768, 60999)), "transport": transport,
                 "srcids": {"instance": machine.id}}
        self.records[machine.vpc].append((t, step, entry))

    def background_hour(self, hour):
        org, rng, load = self.org, self.random, self.org.load(hour)
        within = lambda: hour + rng.randrange(0, HOUR)
        names = list(self.NAMES)
        for vpc in VPC:
            for machine in org.machines(vpc):
                if machine.kind != "instance" or not machine.up(hour) or not machine.up(hour + HOUR):
                    continue
                for _ in range(int(4 * max(load, 0.4) * org.scale + rng.random())):
                    t, name = within(), rng.choice(names)
                    self.query(t, machine, name, self.NAMES[name])
                    if rng.random() < 0.3:
                        self.query(t, machine, name, None, "AAAA")
                if rng.random() < 0.3:
                    self.query(within(), machine, f"{rng.randrange(20, 70)}.1.20.10.in-addr.arpa.",
                               f"ip-10-20-1-{rng.randrange(20, 70)}.{REGION}.compute.internal.", "PTR")
                if rng.random() < 0.1:
                    self.query(within(), machine, f"{rng.randrange(2, 250)}.2.0.192.in-addr.arpa.", None, "PTR",
                               "NXDOMAIN")
        for node in org.nodes:  # pods resolve with ndots:5: every outside name is tried under each search domain first
            for _ in range(int(2 * load * org.scale + rng.random())):
                t = within()
                name, answer = rng.choice([("api.payments.example", PAYMENTS), ("rest.courier.example", COURIER_API)])
                for suffix in (f".{REGION}.compute.internal.", ".larkspur.example."):
                    self.query(t, node, name + suffix, None, "A", "NXDOMAIN")
                self.query(t, node, name + ".", answer)
        if rng.random() < 0.2:
            self.query(within(), org.worker, "wpad.", None, "A", "NXDOMAIN")
        if rng.random() < 0.2:
            self.query(within(), org.worker, "selector1._domainkey.courier.example.",
                       '"v=DKIM1; k=rsa; p=MIGfEXAMPLE"', "TXT")
        if rng.random() < 0.1:
            self.query(within(), org.worker, "tracking.larkspur.example.", None, "A", "SERVFAIL")

    def background(self):
        for hour in range(self.org.start + HOUR, self.org.end, HOUR):  # machines stand after the first hour
            self.background_hour(hour)

    def write(self, archive):
        for vpc, records in self.records.items():
            account, vpc_id = FLOW_LOG[vpc][0], VPC[vpc]
            records = [r for r in records if r[0] < self.org.end]
            for start, group in periods(records, self.OBJECT_SPAN, lambda r: r[0]):
                group.sort(key=lambda r: (r[0], r[2]["query_name"], r[2]["srcport"]))
                stamp = time.strftime("%Y%m%dT%H%MZ", time.gmtime(start))
                key = (f"AWSLogs/{account}/vpcdnsquerylogs/{vpc_id}/{day_path(start)}/{vpc_id}_vpcdnsquerylogs_"
                       f"{account}_{stamp}_{stable_id(f'{vpc_id}{start}', 8)}.log.gz")
                archive.write(key, "".join(compact(r[2]) + "\n" for r in group))
                for position, (t, step, _) in enumerate(group, 1):
                    archive.mark(step, "dns", t, key, position, None)


# ---- EKS audit


class Audit:
    VERBS = {"create": "POST", "update": "PUT", "patch": "PATCH"}

    def __init__(self, organisation, seed):
        self.org, self.ids = organisation, Ids(seed, "eks")
        self.random = self.ids.random
        self.records = []  # (time, step, event)

    def member(self, name, groups, arn=None, session=None):
        user = {"username": name, "groups": [*groups, "system:authenticated"]}
        if arn:
            role = arn.split("/")[1]
            account = arn.split(":")[4]
            user["uid"] = f"aws-iam-authenticator:{account}:AROA{base32_id(f'role/{account}/{role}', 17)}"
            user["extra"] = {"accessKeyId": ["ASIA" + base32_id(arn, 9) + "EXAMPLE"], "arn": [arn],
                             "canonicalArn": [f"arn:aws:iam::{account}:role/{role}"], "sessionName": [session]}
        return user

    def request(self, t, user, verb, uri, source, agent, resource=None, code=200, reason="", body=None, stages=None,
                step=None):
        audit_id = self.ids.uuid()
        stamp = lambda when: iso(int(when))[:-1] + f".{self.random.randrange(10**6):06d}Z"
        received = stamp(t)
        for stage in stages or ["ResponseComplete"]:
            event = {"kind": "Event", "apiVersion": "audit.k8s.io/v1",
                     "level": "RequestResponse" if body else "Metadata",
                     "auditID": audit_id, "stage": stage, "requestURI": uri, "verb": verb, "user": user,
                     "sourceIPs": [source], "userAgent": agent}
            if resource:
                event["objectRef"] = resource
            status = {"metadata": {}, "code": code}
            if code >= 400:
                status.update({"status": "Failure", "reason": "Forbidden",
                               "message": f'forbidden: User "{user["username"]}" cannot {verb} path "{uri}"'})
            event["responseStatus"] = status
            if body:
                event["requestObject"] = body
            event["requestReceivedTimestamp"] = received
            event["stageTimestamp"] = stamp(t + (0 if stage == "ResponseStarted" else 1))
            event["annotations"] = {"authorization.k8s.io/decision": "forbid" if code == 403 else "allow",
                                    "authorization.k8s.io/reason": reason}
            self.records.append((t if stage != "ResponseComplete" else t + 0.5, step, event))

    def background_hour(self, hour):
        org, rng, moment = self.org, self.random, time.gmtime(hour)
        within = lambda: hour + rng.randrange(0, HOUR - 200)
        lease = lambda name, space="kube-system": (
            f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases/{name}",
            {"resource": "leases", "namespace": space, "name": name, "apiGroup": "coordination.k8s.io",
             "apiVersion": "v1"})
        bound = lambda role, who: f'RBAC: allowed by ClusterRoleBinding "{role}" of ClusterRole "{role}" to {who}'
        for component in ("kube-controller-manager", "kube-scheduler"):
            user = self.member(f"system:{component}", [])
            for _ in range(6):
                uri, ref = lease(component)
                self.request(within(), user, "update", uri, "172.16.54.9", f"{component}/v1.33.4 (linux/amd64)", ref,
                             reason=bound(f"system:{component}", f'User "system:{component}"'))
        for node in org.nodes:
            name = f"ip-{node.private.replace('.', '-')}.{REGION}.compute.internal"
            user = self.member(f"system:node:{name}", ["system:bootstrappers", "system:nodes"],
                               f"arn:aws:sts::{PROD}:assumed-role/eks-node/{node.id}", node.id)
            kubelet = "kubelet/v1.33.4 (linux/amd64) kubernetes/6e0be2c"
            for _ in range(5):
                uri, ref = lease(name, "kube-node-lease")
                self.request(within(), user, "update", uri, node.private, kubelet, ref)
            self.request(within(), user, "patch", f"/api/v1/nodes/{name}/status?timeout=10s", node.private, kubelet,
                         {"resource": "nodes", "name": name, "apiVersion": "v1", "subresource": "status"})
            self.request(within(), user, "watch", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}&watch=true",
                         node.private, kubelet, {"resource": "pods", "apiVersion": "v1"},
                         stages=["ResponseStarted", "ResponseComplete"])
        for account, space, resource in (("coredns", "kube-system", "endpointslices"),
                                         ("aws-node", "kube-system", "pods"),
                                         ("horizontal-pod-autoscaler", "kube-system", "pods"),
                                         ("ingress", "ingress", "ingresses")):
            user = self.member(f"system:serviceaccount:{space}:{account}",
                               ["system:serviceaccounts", f"system:serviceaccounts:{space}"])
            for _ in range(3):
                self.request(within(), user, "list", f"/api/v1/{resource}?limit=500", rng.choice(org.nodes).private,
                             f"{account}/v1 (linux/amd64)", {"resource": resource, "apiVersion": "v1"},
                             reason=bound(account, f'ServiceAccount "{account}/{space}"'))
        public = ('RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" of ClusterRole '
                  '"system:public-info-viewer" to Group "system:unauthenticated"')
        anonymous = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
        for _ in range(2):
            self.request(within(), anonymous, "get", rng.choice(["/livez", "/readyz", "/healthz"]), "172.16.54.9",
                         "ELB-HealthChecker/2.0", reason=public)
        if rng.random() < 0.3:
            self.request(within(), anonymous, "get", "/version", rng.choice(SCANNERS), "Go-http-client/1.1",
                         reason=public)
        if rng.random() < 0.4:
            uri = rng.choice(["/", "/api/v1/pods", "/.env", "/actuator/health", "/api/v1/namespaces"])
            self.request(within(), anonymous, "get", uri, rng.choice(SCANNERS), "Mozilla/5.0 zgrab/0.x", code=403)
        if 8 <= moment.tm_hour < 17 and moment.tm_wday < 5:
            if rng.random() < 0.4:
                self.deploy(within())
            if rng.random() < 0.3:
                self.operator(within())

    def ci(self):
        return self.member("ci-deploy", ["deployers"], f"arn:aws:sts::{PROD}:assumed-role/ci-deploy/GitHubActions",
                           "GitHubActions")

    def deploy(self, t):
        agent, ip = "Helm/3.18.6", self.random.choice(CI_HOSTED)
        name = self.random.choice(["shop", "orders", "tracking"])
        path = "/apis/apps/v1/namespaces/shop/deployments/" + name
        ref = {"resource": "deployments", "namespace": "shop", "name": name, "apiGroup": "apps", "apiVersion": "v1"}
        self.request(t, self.ci(), "get", path, ip, agent, ref)
        image = f"registry.larkspur.example/{name}:{int(t) % 100000}"
        self.request(t + 3, self.ci(), "patch", path, ip, agent, ref,
                     body={"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}})
        for n in range(3):
            self.request(t + 8 + 10 * n, self.ci(), "get", path, ip, agent, ref)
        if self.random.random() < 0.2:  # a named account gets a role in its own namespace
            self.request(t + 50, self.ci(), "create", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
                         ip, agent, {"resource": "rolebindings", "namespace": "shop", "name": f"{name}-view",
                                     "apiGroup": "rbac.authorization.k8s.io", "apiVersion": "v1"}, code=201,
                         body=binding("RoleBinding", f"{name}-view", "view",
                                      {"kind": "ServiceAccount", "name": name, "namespace": "shop"}))

    def operator(self, t):
        role = f"AWSReservedSSO_PlatformAdmin_{stable_id(PROD + 'PlatformAdmin', 16)}"
        session = "tamsin.ode@larkspur.example"
        user = self.member("platform-admin", ["platform-admins"], f"arn:aws:sts::{PROD}:assumed-role/{role}/{session}",
                           session)
        ip, agent = OFFICE[stable_int("tamsin.ode", 2)], "kubectl/v1.33.4 (darwin/arm64) kubernetes/6e0be2c"
        self.request(t, user, "list", "/api/v1/namespaces/shop/pods?limit=500", ip, agent,
                     {"resource": "pods", "namespace": "shop", "apiVersion": "v1"})
        pod = f"orders-7c9d8b6f5-{stable_id(str(int(t)), 5, 'bcdfghjklmnpqrstvwxz')}"
        base = f"/api/v1/namespaces/shop/pods/{pod}"
        ref = {"resource": "pods", "namespace": "shop", "name": pod, "apiVersion": "v1"}
        self.request(t + 20, user, "get", f"{base}/log?container=orders", ip, agent, dict(ref, subresource="log"))
        if self.random.random() < 0.4:
            self.request(t + 60, user, "get", f"{base}/exec?command=sh&stdin=true&tty=true", ip, agent,
                         dict(ref, subresource="exec"), code=101, stages=["ResponseStarted", "ResponseComplete"])
        self.request(t + 90, user, "list", "/api/v1/namespaces/kube-system/pods?limit=500", ip, agent,
                     {"resource": "pods", "namespace": "kube-system", "apiVersion": "v1"})

    def background(self):
        for hour in range(self.org.start + HOUR, self.org.end, HOUR):
            for _ in range(self.org.scale):
                self.background_hour(hour)

    def write(self, archive):
        """CloudWatch exports, one object a day; the last day through a CloudWatch subscription instead."""
        stream = f"kube-apiserver-audit-{stable_id('apiserver', 32)}"
        days = periods([r for r in self.records if r[0] < self.org.end], DAY, lambda r: r[0])
        for n, (day, group) in enumerate(days):
            group.sort(key=lambda r: (r[0], r[2]["auditID"], r[2]["stage"]))
            export = f"exportedlogs{CLUSTER_GROUP}/{day_path(day)}/{Ids(day, 'export').uuid()}"
            if n < len(days) - 1 or n == 0:
                key = f"{export}/{stream}/000000.gz"
                archive.write(key, "".join(f"{event['stageTimestamp'][:23]}Z {compact(event)}\n"
                                           for _, _, event in group))
            else:
                key = f"subscription{CLUSTER_GROUP}/{day_path(day)}/audit-1-{stable_id(str(day), 16)}.gz"
                archive.write(key, "".join(compact(self.envelope(stream, group[i:i + 40])) + "\n"
                                           for i in range(0, len(group), 40)))
            archive.write(f"{export}/authenticator-{stable_id('authenticator', 32)}/000000.gz", "".join(
                f"{iso(day + h * HOUR)[:-1]}.000Z time=\"{iso(day + h * HOUR)}\" level=info msg=\"access granted\" "
                f"arn=\"arn:aws:iam::{PROD}:role/eks-node\" client=\"127.0.0.1:5{h:04d}\" groups=\"[system:nodes]\" "
                f"method=POST path=/authenticate\n" for h in range(24)))
            for position, (t, step, event) in enumerate(group, 1):
                archive.mark(step, "k8saudit", t, key, position, event["auditID"])

    def envelope(self, stream, group):
        events = []
        for t, _, event in group:
            number = f"{int(t * 1000)}{stable_int(event['auditID'] + event['stage'], 10**9):09d}"
            events.append({"id": number.zfill(56), "timestamp": int(t * 1000), "message": compact(event)})
        return {"messageType": "DATA_MESSAGE", "owner": PROD, "logGroup": CLUSTER_GROUP, "logStream": stream,
                "subscriptionFilters": ["audit-to-archive"], "logEvents": events}


def binding(kind, name, role, subject):
    return {"kind": kind, "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name},
            "subjects": [subject], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                                               "name": role}}


# ---- The intrusion

# What each step should raise. `later` names types that need a learned baseline or a classifier.
STEPS = {
    "ssh-guessing": (
        ["UnauthorizedAccess:EC2/SSHBruteForce"], [],
        "220 SSH connections of nearly equal size in half an hour from one outside address, then a long one"),
    "c2-dns": (
        ["Backdoor:EC2/C&CActivity.B!DNS"], [],
        "the bastion looks up AWS's documented command-and-control test domain"),
    "mining-dns": (
        ["CryptoCurrency:EC2/BitcoinTool.B!DNS"], [],
        "the bastion looks up AWS's documented mining test domain"),
    "port-scan": (
        ["Recon:EC2/Portscan"], [],
        "240 ports of worker-1 tried from the bastion in eight minutes, nearly all refused"),
    "instance-credentials": (
        ["UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"], [],
        "the bastion's role session is used from an address outside AWS"),
    "tor-recon": (
        ["Recon:IAMUser/TorIPCaller"], [],
        "deploy-legacy's access key lists and reads IAM from a Tor exit"),
    "tor-persistence": (
        ["UnauthorizedAccess:IAMUser/TorIPCaller"], ["Persistence:IAMUser/AnomalousBehavior"],
        "the same key creates a user, its key and an administrator grant from the Tor exit"),
    "root-use": (
        ["Policy:IAMUser/RootCredentialUsage"], ["UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B"],
        "root signs in without MFA and works in the console"),
    "trail-stopped": (
        ["Stealth:IAMUser/CloudTrailLoggingDisabled"], [],
        "the account's own trail is stopped; the organisation's goes on"),
    "password-policy": (
        ["Stealth:IAMUser/PasswordPolicyChange"], [],
        "minimum length 6 and no required classes"),
    "bucket-block": (
        ["Policy:S3/BucketBlockPublicAccessDisabled"], [],
        "Block Public Access of the export bucket deleted"),
    "bucket-public": (
        ["Policy:S3/BucketAnonymousAccessGranted"], [],
        "a bucket policy allows s3:GetObject to everyone"),
    "bucket-logging": (
        ["Stealth:S3/ServerAccessLoggingDisabled"], [],
        "server access logging switched off"),
    "mass-download": (
        [], ["Exfiltration:S3/AnomalousBehavior"],
        "180 customer exports read from outside in 20 minutes"),
    "eks-anonymous-binding": (
        ["Policy:Kubernetes/AnonymousAccessGranted"], [],
        "system:anonymous bound to a cluster role"),
    "eks-default-admin": (
        ["Policy:Kubernetes/AdminAccessToDefaultServiceAccount"], [],
        "cluster-admin bound to the default service account"),
    "eks-exec": (
        ["Execution:Kubernetes/ExecInKubeSystemPod"], [],
        "a shell in a kube-system pod (one audit id, two stages)"),
    "eks-anonymous-pods": (
        ["Discovery:Kubernetes/SuccessfulAnonymousAccess"], [],
        "pods listed without signing in"),
    "eks-anonymous-secrets": (
        ["CredentialAccess:Kubernetes/SuccessfulAnonymousAccess"], [],
        "secrets listed without signing in"),
    "metadata-rebind": (
        ["UnauthorizedAccess:EC2/MetadataDNSRebind"], [],
        "an outside name resolves to 169.254.169.254 for web-1, whose link preview fetches any address"),
    "dns-tunnel": (
        [], ["Trojan:EC2/DNSDataExfiltration"],
        "500 TXT queries with long random labels under one zone"),
    "udp-flood": (
        ["Backdoor:EC2/DenialOfService.Udp"], [],
        "640,000 datagrams of 256 bytes to one address in two minutes, no reply"),
}


def intrude(org, trail, flow, dns, audit):
    """Night of the second-last day. Returns when the prod trail was stopped."""
    night = org.start + max(0, org.days - 2) * DAY
    at = lambda clock: night + int(clock[:2]) * HOUR + int(clock[3:5]) * 60
    rng = random.Random("intrusion")
    bastion, worker, web = org.bastion, org.worker, org.webs[0]

    for n in range(220):
        flow.talk(at("02:10") + 8 * n + rng.randrange(4), GUESSER, bastion.private, 22, TCP,
                  (rng.randrange(17, 21), rng.randrange(2500, 2800)),
                  (rng.randrange(15, 18), rng.randrange(3000, 3300)),
                  rng.randrange(2, 6), step="ssh-guessing")
    flow.talk(at("02:42"), GUESSER, bastion.private, 22, TCP, (6200, 610_000), (7400, 5_300_000),
              at("06:32") - at("02:42"), step="ssh-guessing")

    for n in range(16):
        t = at("02:52") + n * 900 + rng.randrange(60)
        dns.query(t, bastion, "guarddutyc2activityb.com.", C2, step="c2-dns")
        flow.talk(t + 1, bastion.private, C2, 443, TCP, (9, 1240), (8, 2210), 3)
    for n in range(6):
        t = at("02:58") + n * 1800
        dns.query(t, bastion, "crypto.guarddutyc2activityb.com.", POOL, step="mining-dns")
        flow.talk(t + 1, bastion.private, POOL, 3333, TCP, (180, 21000), (150, 33000), 500)

    ports = rng.sample(range(1, 10000), 234) + [22, 80, 443, 3306, 5432, 8080]
    for n, port in enumerate(ports):
        t = at("03:05") + 2 * n
        source = rng.randrange(32768, 60999)
        pair = (bastion.private, worker.private, (source, port), TCP)
        if port == 22:
            flow.talk(t, bastion.private, worker.private, 22, TCP, (4, 216), (3, 172), 0, source, step="port-scan")
            continue
        flow.record(bastion, *pair, 1, 60, t, t, flags=SYN, step="port-scan")
        flow.record(worker, *pair, 1, 60, t, t, "REJECT", SYN, step="port-scan")

    stolen, agent = trail.instance(bastion, at("03:30")), CLI
    arn = stolen["arn"]
    denied = lambda action: ("AccessDenied", f"User: {arn} is not authorized to perform: {action} because no "
                             "identity-based policy allows the action")
    calls = [("sts.amazonaws.com", "GetCallerIdentity", None, None), ("s3.amazonaws.com", "ListBuckets", None, None),
             ("iam.amazonaws.com", "ListUsers", None, "iam:ListUsers"),
             ("iam.amazonaws.com", "CreateAccessKey", {"userName": "deploy-legacy"}, "iam:CreateAccessKey"),
             ("secretsmanager.amazonaws.com", "ListSecrets", {"maxResults": 100}, "secretsmanager:ListSecrets"),
             ("ec2.amazonaws.com", "DescribeInstances", {"instancesSet": {}, "filterSet": {}}, None)]
    for n, (source, name, request, action) in enumerate(calls):
        trail.call(at("03:30") + 40 * n, PROD, stolen, source, name, THIEF, agent + name.lower(), request,
                   region="us-east-1" if source.startswith("iam") else REGION, error=denied(action) if action else None,
                   step="instance-credentials")
    trail.s3(at("03:41"), PROD, stolen, "GetObject", f"larkspur-artifacts-{PROD}", THIEF, agent + "s3.cp",
             "ops/label-printer/credentials.env", step="instance-credentials")

    legacy = trail.user(PROD, "deploy-legacy", LEGACY_KEY)
    metrics_arn = f"arn:aws:iam::{PROD}:user/svc-metrics"
    iam = lambda clock, name, request, response, step: trail.call(
        at(clock), PROD, legacy, "iam.amazonaws.com", name, TOR_EXIT, BOTO, request, response, region="us-east-1",
        step=step)
    iam("04:05", "GetUser", None, None, "tor-recon")
    iam("04:06", "ListAttachedUserPolicies", {"userName": "deploy-legacy"}, None, "tor-recon")
    iam("04:07", "ListUsers", None, None, "tor-recon")
    iam("04:09", "CreateUser", {"userName": "svc-metrics"},
        {"user": {"path": "/", "userName": "svc-metrics", "arn": metrics_arn, "createDate": iso(at("04:09")),
                  "userId": "AIDA" + base32_id(f"user/{PROD}/svc-metrics", 17)}}, "tor-persistence")
    iam("04:10", "AttachUserPolicy",
        {"userName": "svc-metrics", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, None,
        "tor-persistence")
    iam("04:11", "CreateAccessKey", {"userName": "svc-metrics"},
        {"accessKey": {"userName": "svc-metrics", "accessKeyId": METRICS_KEY, "status": "Active",
                       "createDate": iso(at("04:11"))}}, "tor-persistence")

    root = {"type": "Root", "principalId": PROD, "arn": f"arn:aws:iam::{PROD}:root", "accountId": PROD,
            "accessKeyId": ""}
    trail.call(at("04:40"), PROD, root, "signin.amazonaws.com", "ConsoleLogin", THIEF, BROWSER, None,
               {"ConsoleLogin": "Success"}, read=False, region="us-east-1", event_type="AwsConsoleSignIn",
               extra={"additionalEventData": {"MobileVersion": "No", "MFAUsed": "No",
                                              "LoginTo": "https://console.aws.amazon.com/console/home"}},
               step="root-use")
    root_session = dict(root, accessKeyId="ASIA" + base32_id("root", 9) + "EXAMPLE",
                        sessionContext={"attributes": {"creationDate": iso(at("04:40")), "mfaAuthenticated": "false"}})
    for n, (source, name, request) in enumerate([("s3.amazonaws.com", "ListBuckets", None),
                                                 ("iam.amazonaws.com", "GetAccountSummary", None),
                                                 ("account.amazonaws.com", "GetAlternateContact",
                                                  {"alternateContactType": "SECURITY"})]):
        trail.call(at("04:42") + 50 * n, PROD, root_session, source, name, THIEF, BROWSER, request,
                   region=REGION if source.startswith("s3") else "us-east-1", step="root-use")

    metrics = trail.user(PROD, "svc-metrics", METRICS_KEY)
    trail.call(at("04:55"), PROD, metrics, "cloudtrail.amazonaws.com", "StopLogging", THIEF,
               CLI + "cloudtrail.stop-logging", {"name": f"arn:aws:cloudtrail:{REGION}:{PROD}:trail/prod-trail"}, None,
               read=False, step="trail-stopped")
    trail.call(at("04:57"), PROD, metrics, "iam.amazonaws.com", "UpdateAccountPasswordPolicy", THIEF,
               CLI + "iam.update-account-password-policy",
               {"minimumPasswordLength": 6, "requireSymbols": False, "requireNumbers": False,
                "requireUppercaseCharacters": False, "requireLowercaseCharacters": False,
                "allowUsersToChangePassword": True, "hardExpiry": False}, None, region="us-east-1", read=False,
               step="password-policy")
    bucket = EXPORTS
    trail.s3(at("05:00"), PROD, metrics, "DeleteBucketPublicAccessBlock", bucket, THIEF,
             CLI + "s3api.delete-public-access-block", request={"publicAccessBlock": ""}, read=False,
             step="bucket-block")
    trail.s3(at("05:01"), PROD, metrics, "PutBucketPolicy", bucket, THIEF, CLI + "s3api.put-bucket-policy", read=False,
             request={"policy": "", "bucketPolicy": {"Version": "2012-10-17", "Statement": [
                 {"Sid": "Share", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                  "Resource": f"arn:aws:s3:::{bucket}/*"}]}}, step="bucket-public")
    trail.s3(at("05:02"), PROD, metrics, "PutBucketLogging", bucket, THIEF, CLI + "s3api.put-bucket-logging",
             read=False, step="bucket-logging",
             request={"logging": "", "BucketLoggingStatus": {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/"}})
    for n in range(180):
        trail.s3(at("05:10") + n * 6.5, PROD, metrics, "GetObject", bucket, THIEF, CLI + "s3.sync",
                 f"exports/2026/customers-{n:04d}.csv.gz", step="mass-download")

    trail.assume(at("05:42"), PROD, metrics, "ci-deploy", "GitHubActions", THIEF, BOTO)
    kubectl = "kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0"
    ci, rbac = audit.ci(), "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    reference = lambda name: {"resource": "clusterrolebindings", "name": name, "apiGroup": "rbac.authorization.k8s.io",
                              "apiVersion": "v1"}
    grant = 'RBAC: allowed by ClusterRoleBinding "deployers" of ClusterRole "cluster-admin" to Group "deployers"'
    everyone = {"kind": "User", "name": "system:anonymous", "apiGroup": "rbac.authorization.k8s.io"}
    audit.request(at("05:46"), ci, "create", rbac, THIEF, kubectl, reference("metrics-view"), 201, grant,
                  binding("ClusterRoleBinding", "metrics-view", "cluster-admin", everyone),
                  step="eks-anonymous-binding")
    audit.request(at("05:47"), ci, "create", rbac, THIEF, kubectl, reference("metrics-default"), 201, grant,
                  binding("ClusterRoleBinding", "metrics-default", "cluster-admin",
                          {"kind": "ServiceAccount", "name": "default", "namespace": "default"}),
                  step="eks-default-admin")
    pod = "aws-node-x7k2p"
    audit.request(at("05:50"), ci, "get",
                  f"/api/v1/namespaces/kube-system/pods/{pod}/exec?command=sh&stdin=true&tty=true", THIEF, kubectl,
                  {"resource": "pods", "namespace": "kube-system", "name": pod, "apiVersion": "v1",
                   "subresource": "exec"}, 101, grant, stages=["ResponseStarted", "ResponseComplete"], step="eks-exec")
    anonymous = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
    by_new_binding = ('RBAC: allowed by ClusterRoleBinding "metrics-view" of ClusterRole "cluster-admin" to User '
                      '"system:anonymous"')
    audit.request(at("05:55"), anonymous, "list", "/api/v1/pods?limit=500", THIEF, "curl/8.14.1",
                  {"resource": "pods", "apiVersion": "v1"}, reason=by_new_binding, step="eks-anonymous-pods")
    audit.request(at("05:56"), anonymous, "list", "/api/v1/secrets?limit=500", THIEF, "curl/8.14.1",
                  {"resource": "secrets", "apiVersion": "v1"}, reason=by_new_binding, step="eks-anonymous-secrets")

    for n in range(3):
        dns.query(at("06:02") + 4 * n, web, "preview.cardlink-cdn.example.", "169.254.169.254", step="metadata-rebind")
    for n in range(500):
        chunk = base64.b32encode(rng.randbytes(60)).decode().rstrip("=").lower()
        dns.query(at("06:05") + n * 1.1, bastion, f"{chunk[:48]}.{chunk[48:96]}.{n:x}.sync.parcel-stats.example.", None,
                  "TXT", step="dns-tunnel")
    for n in range(2):
        t = at("06:20") + 60 * n
        flow.record(bastion, bastion.private, VICTIM, (41000 + n, 30120), UDP, 320_000, 320_000 * 284, t, t + 58,
                    step="udp-flood")
    return at("04:55")


def write_truth(archive, path):
    entries = []
    for step, records in archive.truth.items():
        records.sort(key=lambda r: (r["time"], r["object"], r["position"]))
        first, last = records[0], records[-1]
        entry = {"step": step, "time": first["time"], "last_time": last["time"], "log": first["log"],
                 "object": first["object"], "position": first["position"], "event_id": first["event_id"],
                 "finding_types": STEPS[step][0], "needs_learning": STEPS[step][1], "why": STEPS[step][2],
                 "records_total": len(records)}
        # All records of short steps; of long ones the first and the last.
        entry["records"] = [{k: r[k] for k in ("time", "object", "position", "event_id")}
                            for r in (records if len(records) <= 20 else [first, last])]
        entries.append(entry)
    entries.sort(key=lambda e: (e["time"], e["step"]))
    for number, entry in enumerate(entries, 1):
        entries[number - 1] = {"id": number, **entry}
    path.write_text(json.dumps(entries, indent=1) + "\n")


def generate(out, scale, days, seed, intrusion):
    root = out / "archive"
    if root.exists():
        shutil.rmtree(root)
    truth = out / "intrusion.json"
    truth.unlink(missing_ok=True)
    org = Organisation(scale, days, seed)
    logs = trail, flow, dns, audit = (CloudTrail(org, seed), Flow(org, seed), Dns(org, seed), Audit(org, seed))
    for log in logs:
        log.background()
    stopped = intrude(org, *logs) if intrusion else org.end
    archive = Archive(root)
    trail.write(archive, stopped)
    for log in (flow, dns, audit):
        log.write(archive)
    if intrusion:
        write_truth(archive, truth)
    print(f"{archive.objects} objects, {archive.bytes / 1e6:.2f} MB compressed in {root}")


# ---- Reading it back


def check(out):
    """Reads every object as its format demands. Returns the complaints."""
    wrong, counts = [], collections.Counter()
    located = {}  # (key, position) -> the vendor's id of the record, or its time where it has none
    seen_events, seen_audits, first_copy = {}, set(), {}
    root = out / "archive"

    def complain(key, position, what):
        wrong.append(f"{key}:{position}: {what}")

    def cloudtrail(key, text):
        records = json.loads(text)["Records"]
        last = ""
        for position, event in enumerate(records, 1):
            counts["cloudtrail"] += 1
            located[key, position] = event["eventID"]
            if event["eventTime"] < last:
                complain(key, position, "events out of order")
            last = event["eventTime"]
            for member in ("eventVersion", "userIdentity", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
                           "requestParameters", "responseElements", "recipientAccountId", "eventCategory"):
                if member not in event:
                    complain(key, position, f"no {member}")
            if f"/{event['recipientAccountId']}/CloudTrail/{event['awsRegion']}/" not in key:
                complain(key, position, "account or Region differs from the key")
            line = compact(event)
            if seen_events.setdefault(event["eventID"], line) != line:
                complain(key, position, "one eventID, two contents")
            if (event["eventID"] in first_copy) and first_copy[event["eventID"]] != key:
                counts["cloudtrail second deliveries"] += 1
            first_copy.setdefault(event["eventID"], key)

    def flow(key, text):
        lines = text.splitlines()
        columns = lines[0].split()
        if columns not in (FLOW_V2, FLOW_V5):
            complain(key, 1, "unknown header")
        previous = 0
        for position, line in enumerate(lines[1:], 2):
            values = dict(zip(columns, line.split(), strict=True))
            counts["vpcflow"] += 1
            counts[f"vpcflow {values['log-status']}"] += 1
            start, end = int(values["start"]), int(values["end"])
            located[key, position] = iso(start)
            if not 0 <= end - start < FLOW_WINDOW or end // FLOW_WINDOW < previous:
                complain(key, position, "times outside their window or out of order")
            previous = end // FLOW_WINDOW
            if values["log-status"] == "OK" and not (int(values["packets"]) > 0 and int(values["bytes"]) >= 28
                                                     and 0 <= int(values["srcport"]) <= 65535
                                                     and values["action"] in ("ACCEPT", "REJECT")):
                complain(key, position, "impossible flow")

    def dns(key, text):
        last = ""
        for position, line in enumerate(text.splitlines(), 1):
            entry = json.loads(line)
            counts["dns"] += 1
            located[key, position] = entry["query_timestamp"]
            if entry["query_timestamp"] < last:
                complain(key, position, "queries out of order")
            last = entry["query_timestamp"]
            if any(len(label) > 63 for label in entry["query_name"].split(".")) or len(entry["query_name"]) > 254:
                complain(key, position, "impossible name")
            if entry["vpc_id"] not in key or entry["account_id"] not in key:
                complain(key, position, "VPC or account differs from the key")

    def audit(key, text):
        events = []
        for line in text.splitlines():
            if key.startswith("subscription/"):
                events += [json.loads(e["message"]) for e in json.loads(line)["logEvents"]]
            else:
                events.append(json.loads(line.split(" ", 1)[1]))
        for position, event in enumerate(events, 1):
            counts["k8saudit"] += 1
            located[key, position] = event["auditID"]
            identity = (event["auditID"], event["stage"])
            if identity in seen_audits:
                complain(key, position, "auditID and stage twice")
            seen_audits.add(identity)

    objects = sorted(p for p in root.rglob("*.gz"))
    for path in objects:
        key = path.relative_to(root).as_posix()
        try:
            data = path.read_bytes()
            if data[4:8] != bytes(4):
                complain(key, 0, "gzip header carries a time")
            text = gzip.decompress(data).decode()
            if "/CloudTrail-Digest/" in key:
                json.loads(text)
                counts["digests"] += 1
            elif "/CloudTrail/" in key:
                cloudtrail(key, text)
            elif "/vpcflowlogs/" in key:
                flow(key, text)
            elif "/vpcdnsquerylogs/" in key:
                dns(key, text)
            elif "/kube-apiserver-audit-" in key or key.startswith("subscription/"):
                audit(key, text)
            elif "/authenticator-" in key:
                counts["authenticator lines"] += len(text.splitlines())
            else:
                complain(key, 0, "unexpected object")
        except (OSError, ValueError, KeyError) as error:
            complain(key, 0, repr(error))
    for kind in ("cloudtrail", "vpcflow", "dns", "k8saudit"):
        if not counts[kind]:
            wrong.append(f"no {kind} records")

    truth = out / "intrusion.json"
    if truth.exists():
        entries = json.loads(truth.read_text())
        if [e["id"] for e in entries] != list(range(1, len(entries) + 1)):
            wrong.append("intrusion.json: ids are not 1, 2, 3, …")
        if [e["time"] for e in entries] != sorted(e["time"] for e in entries):
            wrong.append("intrusion.json: not in order of time")
        if {e["step"] for e in entries} != set(STEPS):
            wrong.append(f"intrusion.json: steps missing: {set(STEPS) - {e['step'] for e in entries}}")
        for entry in entries:
            for record in (entry, *entry["records"]):
                place = (record["object"].removeprefix("archive/"), record["position"])
                if located.get(place) != (record["event_id"] or record["time"]):
                    wrong.append(f"intrusion.json {entry['id']}: no such record: {place}")
            counts["intrusion records"] += entry["records_total"]
    print(f"{len(objects)} objects: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="receives archive/ (replaced) and intrusion.json")
    parser.add_argument("--scale", type=int, default=1, help="how many times the sample's activity (default 1)")
    parser.add_argument("--days", type=int, default=4, help="days from 14 September 2026 (default 4)")
    parser.add_argument("--seed", type=int, default=20260914)
    parser.add_argument("--no-intrusion", action="store_true", help="only the ordinary background")
    parser.add_argument("--check", type=Path, metavar="DIR", help="parse DIR/archive and DIR/intrusion.json back")
    options = parser.parse_args()
    if (options.out is None) == (options.check is None):
        parser.error("give either --out or --check")
    if options.check:
        wrong = check(options.check)
        for line in wrong[:50]:
            print(line, file=sys.stderr)
        return 1 if wrong else 0
    if options.scale < 1 or options.days < 1:
        parser.error("--scale and --days must be at least 1")
    generate(options.out, options.scale, options.days, options.seed, not options.no_intrusion)
    return 0


if __name__ == "__main__":
    sys.exit(main())
