#!/usr/bin/env python3
"""Attack sequences and honest days that look like them, as CloudTrail records, and how picket judges them.

usage: attack_chains.py --out DIR [--cells N] [--days N] [--seed N]      writes AWSLogs/… and labels.json
       attack_chains.py --check DIR --picket BINARY   scans, and prints recall, delay and false alarms

An organisation of cells. Each cell has two accounts and people and jobs who work in them day by day: an
administrator, developers, a Terraform pipeline that assumes a role in both accounts, a nightly backup, a weekly audit,
a data migration, an incident responder, instances of an application. On one of the last days one intruder acts in the cell,
by one of the scripted chains below. Everything is drawn from the seed; nothing was recorded anywhere.
"""
import argparse
import collections
import datetime
import gzip
import json
import pathlib
import random
import subprocess
import sys
import uuid

START = datetime.datetime(2026, 3, 2, tzinfo=datetime.timezone.utc)
REGION = "eu-west-1"
GLOBAL = {"iam", "sts", "signin", "organizations"}
READS = ("Get", "List", "Describe", "Head", "Lookup", "Generate", "Simulate", "Decrypt")


class Identity:
    """Who signs calls: an access key, where from, with what client."""

    def __init__(self, kind, account, name, ip, agent, rng, session=None, role_id=None):
        self.kind, self.account, self.name, self.ip, self.agent, self.session = kind, account, name, ip, agent, session
        self.rng = rng
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        token = "".join(rng.choice(letters) for _ in range(16))
        self.key = ("AKIA" if kind == "user" else "ASIA") + token
        seeded = random.Random(account + name)
        self.id = role_id or ("AIDA" if kind == "user" else "AROA") + "".join(seeded.choice(letters) for _ in range(17))
        self.console = False

    def json(self):
        if self.kind == "user":
            identity = {"type": "IAMUser", "principalId": self.id, "arn": f"arn:aws:iam::{self.account}:user/{self.name}",
                        "accountId": self.account, "accessKeyId": self.key, "userName": self.name}
            return identity
        return {"type": "AssumedRole", "principalId": f"{self.id}:{self.session}",
                "arn": f"arn:aws:sts::{self.account}:assumed-role/{self.name}/{self.session}", "accountId": self.account,
                "accessKeyId": self.key,
                "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": self.id, "accountId": self.account,
                                                     "arn": f"arn:aws:iam::{self.account}:role/{self.name}",
                                                     "userName": self.name},
                                   "attributes": {"mfaAuthenticated": "false"}}}

    def at(self, ip=None, agent=None):
        """The same key used from elsewhere."""
        other = Identity.__new__(Identity)
        other.__dict__.update(self.__dict__)
        other.ip, other.agent = ip or self.ip, agent or self.agent
        return other


class Log:
    def __init__(self, rng):
        self.rng = rng
        self.records = collections.defaultdict(list)  # (account, region, day) -> records

    def call(self, who, when, api, error=None, request=None, response=None, account=None, shared=None, identity=None):
        service, name = api.split(":")
        region = "us-east-1" if service in GLOBAL else REGION
        account = account or who.account
        data = service == "s3" and "Object" in name and not name.startswith("PutBucket")
        record = {"eventVersion": "1.09", "userIdentity": identity or who.json(),
                  "eventTime": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": f"{service}.amazonaws.com",
                  "eventName": name, "awsRegion": region, "sourceIPAddress": who.ip, "userAgent": who.agent,
                  "requestParameters": request, "responseElements": response,
                  "eventID": str(uuid.UUID(int=self.rng.getrandbits(128), version=4)), "readOnly": name.startswith(READS),
                  "eventType": "AwsApiCall", "managementEvent": not data, "recipientAccountId": account,
                  "eventCategory": "Data" if data else "Management"}
        if error:
            record |= {"errorCode": error, "errorMessage": "not allowed"}
        if shared:
            record["sharedEventID"] = shared
        if who.console:
            record["sessionCredentialFromConsole"] = "true"
        self.records[(account, region, when.date())].append(record)
        return record["eventID"]

    def s3(self, who, when, name, bucket, key=None, error=None):
        request = {"bucketName": bucket, "Host": f"{bucket}.s3.{REGION}.amazonaws.com"}
        if key:
            request["key"] = key
        return self.call(who, when, f"s3:{name}", error, request)

    def assume(self, who, when, account, role, session, ip=None, agent=None):
        """AssumeRole as both accounts record it; the session."""
        made = Identity("role", account, role, ip or who.ip, agent or who.agent, self.rng, session)
        request = {"roleArn": f"arn:aws:iam::{account}:role/{role}", "roleSessionName": session}
        response = {"credentials": {"accessKeyId": made.key, "expiration": "Mar 1, 2027, 1:00:00 AM"},
                    "assumedRoleUser": {"assumedRoleId": f"{made.id}:{session}",
                                        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}"}}
        shared = str(uuid.UUID(int=self.rng.getrandbits(128), version=4)) if account != who.account else None
        self.call(who, when, "sts:AssumeRole", None, request, response, shared=shared)
        if shared:
            mine = who.json()
            foreign = {"type": "AWSAccount", "principalId": mine["principalId"], "accountId": who.account}
            self.call(who, when, "sts:AssumeRole", None, request, response, account=account, shared=shared, identity=foreign)
        return made

    def write(self, out):
        for (account, region, day), records in self.records.items():
            folder = out / f"AWSLogs/o-chains0001/{account}/CloudTrail/{region}/{day:%Y/%m/%d}"
            folder.mkdir(parents=True, exist_ok=True)
            records.sort(key=lambda record: record["eventTime"])
            halves = collections.defaultdict(list)
            for record in records:
                halves[int(record["eventTime"][11:13]) // 6 * 6].append(record)
            for hour, part in halves.items():
                name = f"{account}_CloudTrail_{region}_{day:%Y%m%d}T{hour:02}00Z_{region}{account[-4:]}.json.gz"
                text = json.dumps({"Records": part}, separators=(",", ":")).encode()
                (folder / name).write_bytes(gzip.compress(text, 1, mtime=0))


# ---- the honest ------------------------------------------------------------------------------------------------------

CONSOLE = ["iam:ListUsers", "iam:ListRoles", "iam:GetAccountSummary", "iam:ListGroups", "iam:ListAccountAliases", "s3:ListBuckets",
           "ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSecurityGroups", "ec2:DescribeSnapshots",
           "lambda:ListFunctions20150331", "rds:DescribeDBInstances", "cloudtrail:DescribeTrails", "kms:ListKeys",
           "secretsmanager:ListSecrets", "cloudwatch:DescribeAlarms", "iam:ListPolicies", "iam:ListMFADevices"]
ADMIN = ["iam:CreateUser", "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateRole", "iam:AttachRolePolicy",
         "iam:PutRolePolicy", "iam:DeleteAccessKey", "iam:UpdateAccessKey", "iam:DeleteUser", "iam:CreateLoginProfile",
         "iam:UpdateLoginProfile", "iam:AddUserToGroup", "s3:PutBucketPolicy", "s3:PutBucketLifecycle", "s3:DeleteBucket",
         "ec2:AuthorizeSecurityGroupIngress", "ec2:StopInstances", "ec2:TerminateInstances", "ec2:RunInstances",
         "ec2:CreateSnapshot", "ec2:DeleteSnapshot", "ec2:CreateKeyPair", "ec2:ModifyInstanceAttribute",
         "secretsmanager:GetSecretValue", "ssm:SendCommand", "ssm:StartSession", "rds:CreateDBSnapshot", "kms:DisableKey",
         "cloudtrail:UpdateTrail", "lambda:UpdateFunctionCode20150331v2", "iam:UpdateAssumeRolePolicy"]
TERRAFORM_READ = ["sts:GetCallerIdentity", "iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:GetPolicy",
                  "iam:GetPolicyVersion", "s3:GetBucketPolicy", "s3:GetBucketAcl", "s3:GetBucketVersioning", "s3:HeadBucket",
                  "ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeInstances",
                  "ec2:DescribeRouteTables", "kms:DescribeKey", "lambda:GetFunction20150331v2", "rds:DescribeDBInstances"]
TERRAFORM_WRITE = ["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRole",
                   "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:CreateInstanceProfile",
                   "iam:AddRoleToInstanceProfile", "s3:CreateBucket", "s3:PutBucketPolicy", "s3:PutBucketEncryption",
                   "s3:PutBucketVersioning", "s3:PutBucketPublicAccessBlock", "s3:PutBucketLifecycle", "s3:DeleteBucket",
                   "ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "ec2:RunInstances", "ec2:TerminateInstances",
                   "ec2:CreateVpcEndpoint", "ec2:DeleteSecurityGroup", "kms:CreateKey", "kms:PutKeyPolicy",
                   "kms:ScheduleKeyDeletion", "lambda:CreateFunction20150331", "lambda:AddPermission20150331v2",
                   "rds:ModifyDBInstance", "rds:CreateDBInstance", "ec2:CreateRoute", "ec2:ModifyInstanceAttribute"]
AUDIT = ["iam:GetAccountAuthorizationDetails", "iam:GenerateCredentialReport", "iam:GetCredentialReport", "iam:ListUsers",
         "iam:ListRoles", "iam:ListPolicies", "iam:ListAccessKeys", "iam:GetAccountPasswordPolicy", "iam:ListMFADevices",
         "iam:GetAccountSummary", "s3:ListBuckets", "s3:GetBucketPolicy", "s3:GetBucketAcl", "s3:GetBucketLogging",
         "ec2:DescribeSecurityGroups", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeImages",
         "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "kms:ListKeys",
         "kms:GetKeyPolicy", "rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "lambda:ListFunctions20150331",
         "secretsmanager:ListSecrets", "ssm:DescribeParameters", "guardduty:ListDetectors", "config:DescribeConfigRules"]
RESPONSE = ["iam:ListUsers", "iam:ListAccessKeys", "iam:GetUser", "iam:UpdateAccessKey", "iam:DeleteLoginProfile",
            "iam:PutUserPolicy", "iam:DeleteAccessKey", "cloudtrail:LookupEvents", "cloudtrail:DescribeTrails",
            "ec2:DescribeInstances", "ec2:CreateSnapshot", "ec2:ModifyInstanceAttribute", "ec2:StopInstances",
            "ec2:DescribeSecurityGroups", "ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupIngress", "s3:ListBuckets",
            "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:GetBucketLogging", "iam:ListRoles", "iam:PutRolePolicy",
            "secretsmanager:RotateSecret", "ssm:SendCommand"]


class Cell:
    def __init__(self, number, days, log, rng):
        self.number, self.days, self.log, self.rng = number, days, log, rng
        self.accounts = [f"{610000000000 + number * 2:012}", f"{610000000001 + number * 2:012}"]
        self.buckets = [f"cell{number}-{name}" for name in ("customers", "invoices", "archive", "web", "logs")]
        prod = self.accounts[0]
        cli, console = "aws-cli/2.15.30 Python/3.11.8 Linux/6.1", "AWS Internal"
        self.office = f"{rng.randint(60, 99)}.{number % 250}.{rng.randint(1, 250)}.10"
        person = lambda name, role: Identity("role", prod, role, self.office, cli, rng, f"{name}@cell{number}.example")
        self.admin = person("ada", "Administrators")
        self.audit = person("aude", "SecurityAudit")
        self.responder = person("iris", "IncidentResponse")
        self.developers = [person(name, "Developers") for name in ("dan", "dee", "dot")]
        self.uploader = Identity("user", prod, "uploader", f"{rng.randint(100, 120)}.{number % 250}.7.7", cli, rng)
        self.legacy_admin = Identity("user", prod, "ops-legacy", self.office, "Boto3/1.34.50 md/Botocore#1.34.50", rng)
        self.ci = Identity("user", prod, "ci-runner", f"{rng.randint(140, 150)}.{number % 250}.9.9", "Terraform/1.7", rng)
        self.nat = f"{rng.randint(34, 54)}.{rng.randint(200, 240)}.{number % 250}.11"

    def live(self, day):
        """One day of everybody's work."""
        log, rng = self.log, self.rng
        noon = START + datetime.timedelta(days=day)
        weekday = day % 7 < 5
        at = lambda low, high: noon + datetime.timedelta(seconds=rng.randint(int(low * 3600), int(high * 3600)))
        prod, other = self.accounts
        if weekday:
            self.administrate(noon, at)
            for developer in self.developers:
                if developer.session.startswith("dot") and day < self.days // 2:
                    continue  # joins later
                if developer.session.startswith("dee") and day % 9 == 4:
                    developer = developer.at(ip=f"{rng.randint(151, 180)}.{rng.randint(1, 250)}.3.3")  # travels
                self.develop(developer, at)
        for _ in range(rng.randint(1, 3) if weekday else rng.randint(0, 1)):
            self.deploy(at)
        self.back_up(noon)
        self.serve(noon, at)
        for _ in range(rng.randint(1, 4)):
            log.s3(self.uploader, at(6, 18), "PutObject", self.buckets[3], "feed.csv")
        if day % 7 == 2:
            self.examine(at)
        if day == 9 + self.number % 5:
            self.respond(at)
        if 11 <= day - self.number % 4 <= 13:
            self.migrate(noon)

    def administrate(self, noon, at):
        log, rng = self.log, self.rng
        page = self.admin.at(agent="AWS Internal")
        page.console = True
        for _ in range(rng.randint(1, 4)):
            for api in rng.sample(CONSOLE, rng.randint(4, 12)):
                log.call(page, at(9, 17), api)
        for api in rng.sample(ADMIN, rng.randint(1, 6)):
            log.call(rng.choice([page, self.admin]), at(9, 17), api, request={"userName": "somebody"},
                     error="AccessDenied" if rng.random() < 0.03 else None)
        for name in ("ListObjects", "GetObject", "PutObject", "DeleteObject"):
            if rng.random() < 0.5:
                log.s3(self.admin, at(9, 17), name, rng.choice(self.buckets), "notes.txt")
        if rng.random() < 0.3:
            role = log.assume(self.admin, at(9, 16), self.accounts[1], "OrganizationAdmin", "ada")
            for api in rng.sample(CONSOLE + ADMIN, 6):
                log.call(role, at(16, 17), api)
        if rng.random() < 0.3:
            for api in rng.sample(ADMIN + CONSOLE, 4):
                log.call(self.legacy_admin, at(10, 15), api)

    def develop(self, developer, at):
        log, rng = self.log, self.rng
        for api in rng.sample(CONSOLE, rng.randint(2, 8)):
            log.call(developer, at(9, 18), api, error="AccessDenied" if api.startswith("iam") and rng.random() < 0.3 else None)
        for api in rng.sample(["lambda:UpdateFunctionCode20150331v2", "logs:FilterLogEvents", "ssm:StartSession",
                               "secretsmanager:GetSecretValue", "ssm:GetParameter", "ecr:GetAuthorizationToken",
                               "ec2:RunInstances", "ec2:TerminateInstances", "dynamodb:Scan"], rng.randint(1, 4)):
            log.call(developer, at(9, 18), api)
        for name in rng.sample(["ListObjects", "GetObject", "PutObject", "DeleteObject"], rng.randint(0, 4)):
            log.s3(developer, at(9, 18), name, self.buckets[3], "build.zip")

    def deploy(self, at):
        log, rng = self.log, self.rng
        when = at(8, 20)
        step = lambda: datetime.timedelta(seconds=rng.randint(0, 3))
        for account in rng.sample(self.accounts, rng.randint(1, 2)):
            role = log.assume(self.ci, when, account, "TerraformDeploy", f"run-{rng.randint(1, 10 ** 9)}")
            for api in rng.sample(TERRAFORM_READ, rng.randint(8, len(TERRAFORM_READ))):
                when += step()
                log.call(role, when, api)
            for api in rng.sample(TERRAFORM_WRITE, rng.randint(2, 12)):
                when += step()
                log.call(role, when, api)
            for name in ("GetObject", "PutObject", "DeleteObject"):
                log.s3(role, when, name, "cell-state", "terraform.tfstate")

    def back_up(self, noon):
        log, rng = self.log, self.rng
        when = noon + datetime.timedelta(hours=1, minutes=rng.randint(0, 30))
        role = Identity("role", self.accounts[0], "BackupJob", self.nat, "Boto3/1.34.50 Botocore/1.34.50", rng, "backup")
        log.call(role, when, "s3:ListBuckets")
        for bucket in self.buckets[:3]:
            log.s3(role, when, "ListObjectsV2", bucket)
            for n in range(rng.randint(3, 8)):
                when += datetime.timedelta(seconds=rng.randint(1, 20))
                log.s3(role, when, "GetObject", bucket, f"part-{n}")
                log.s3(role, when, "PutObject", self.buckets[2], f"copy-{n}")
        for api in ("ec2:DescribeVolumes", "ec2:CreateSnapshot", "ec2:DescribeSnapshots", "ec2:DeleteSnapshot"):
            log.call(role, when, api)
        if rng.random() < 0.4:
            log.s3(role, when, "DeleteObject", self.buckets[2], "old")

    def serve(self, noon, at):
        log, rng = self.log, self.rng
        for n in range(2):
            instance = f"i-{self.number:08x}{n:09x}"
            role = Identity("role", self.accounts[0], "AppServer", self.nat, "Boto3/1.34.50 Botocore/1.34.50", rng, instance)
            for _ in range(rng.randint(5, 12)):
                log.s3(role, at(0, 24), rng.choice(["GetObject", "PutObject"]), self.buckets[0], f"c-{rng.randint(1, 99)}")
            log.call(role, at(0, 24), "secretsmanager:GetSecretValue")
            log.call(role, at(0, 24), "kms:Decrypt")

    def examine(self, at):
        log, rng = self.log, self.rng
        for api in rng.sample(AUDIT, rng.randint(18, len(AUDIT))):
            log.call(self.audit, at(9, 12), api, error="AccessDenied" if rng.random() < 0.05 else None)
        role = log.assume(self.audit, at(12, 13), self.accounts[1], "SecurityAuditRemote", "aude")
        for api in rng.sample(AUDIT, 20):
            log.call(role, at(13, 15), api)

    def respond(self, at):
        for api in RESPONSE:
            self.log.call(self.responder, at(19, 22), api, request={"userName": "somebody"})
        for name in ("ListObjects", "GetObject"):
            self.log.s3(self.responder, at(19, 22), name, self.buckets[4], "trail.json.gz")

    def migrate(self, noon):
        log, rng = self.log, self.rng
        when = noon + datetime.timedelta(hours=20)
        role = Identity("role", self.accounts[0], "DataMigration", self.nat, "aws-cli/2.15.30 Python/3.11.8", rng, "move")
        log.call(role, when, "sts:GetCallerIdentity")
        log.call(role, when, "s3:ListBuckets")
        for n in range(30):
            when += datetime.timedelta(seconds=rng.randint(1, 40))
            log.s3(role, when, "ListObjectsV2", self.buckets[0])
            for name in ("GetObject", "PutObject", "CopyObject", "DeleteObject"):
                log.s3(role, when, name, rng.choice(self.buckets[:2]), f"m-{n}")
        for api in ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:PutBucketReplication"):
            log.call(role, when, api, request={"bucketName": self.buckets[0]})


# ---- the intruders -----------------------------------------------------------------------------------------------------

LOOK = ["sts:GetCallerIdentity", "iam:ListUsers", "iam:ListRoles", "iam:ListAttachedUserPolicies", "iam:GetAccountSummary",
        "s3:ListBuckets", "ec2:DescribeInstances", "secretsmanager:ListSecrets", "lambda:ListFunctions20150331",
        "iam:GetAccountAuthorizationDetails", "ec2:DescribeSnapshots", "rds:DescribeDBInstances", "iam:ListAccessKeys"]
STAY = {"user": ["iam:CreateUser", "iam:AttachUserPolicy", "iam:CreateAccessKey"], "login": ["iam:CreateLoginProfile", "iam:UpdateLoginProfile"],
        "role": ["iam:CreateRole", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy"], "key": ["iam:CreateAccessKey"], "none": [],
        "lambda": ["lambda:UpdateFunctionCode20150331v2", "lambda:AddPermission20150331v2"]}
HIDE = {"trail": ["cloudtrail:StopLogging", "cloudtrail:DeleteTrail"], "detector": ["guardduty:DeleteDetector"], "none": [],
        "flow": ["ec2:DeleteFlowLogs"], "selectors": ["cloudtrail:PutEventSelectors"]}
# The harm; its first call is the first impact step.
HARM = {
    "ransom": ["s3:ListObjects", "!s3:PutObject", "s3:DeleteObject", "s3:DeleteObject"],
    "wipe": ["s3:ListObjects", "!s3:DeleteObjects", "s3:DeleteObjects", "s3:PutObject"],
    "reencrypt": ["s3:ListObjects", "s3:GetObject", "!s3:CopyObject", "s3:CopyObject", "s3:PutObject"],
    "expire": ["s3:GetBucketVersioning", "!s3:PutBucketVersioning", "s3:PutBucketLifecycle", "s3:PutObject"],
    "theft": ["s3:ListObjects", "!s3:GetObject", "s3:GetObject", "s3:GetObject", "s3:GetObject"],
    "open": ["s3:GetBucketPolicy", "!s3:DeleteBucketPublicAccessBlock", "s3:PutBucketPolicy"],
    "mine": ["ec2:DescribeRegions", "ec2:CreateKeyPair", "ec2:CreateSecurityGroup", "!ec2:RunInstances", "ec2:RunInstances"],
    "snapshot": ["ec2:DescribeVolumes", "ec2:CreateSnapshot", "!ec2:ModifySnapshotAttribute"],
    "secrets": ["secretsmanager:ListSecrets", "!secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "ssm:GetParametersByPath"],
    "keys": ["kms:ListKeys", "!kms:ScheduleKeyDeletion", "kms:DisableKey"],
    "shell": ["ssm:DescribeInstanceInformation", "!ssm:SendCommand", "ec2:TerminateInstances"],
    "database": ["rds:DescribeDBInstances", "rds:CreateDBSnapshot", "!rds:ModifyDBSnapshotAttribute", "rds:DeleteDBInstance"],
}
ENTRIES = ("key", "admin_key", "session", "chain", "console", "dormant", "six")
PLANS = [(entry, stay, hide, harm)
         for entry, stay, hide, harm in [
             ("six", "none", "none", "ransom"), ("key", "user", "trail", "ransom"), ("key", "none", "none", "ransom"),
             ("key", "key", "none", "theft"), ("key", "login", "none", "wipe"), ("key", "user", "none", "mine"),
             ("key", "none", "trail", "snapshot"), ("key", "role", "none", "secrets"), ("key", "none", "none", "expire"),
             ("key", "lambda", "none", "keys"), ("session", "none", "none", "theft"), ("session", "none", "none", "ransom"),
             ("session", "user", "none", "mine"), ("session", "none", "trail", "wipe"), ("session", "role", "none", "snapshot"),
             ("session", "none", "none", "secrets"), ("session", "key", "flow", "database"), ("chain", "none", "none", "ransom"),
             ("chain", "user", "none", "snapshot"), ("chain", "role", "trail", "wipe"), ("chain", "none", "none", "secrets"),
             ("chain", "key", "none", "mine"), ("chain", "none", "selectors", "reencrypt"), ("chain", "none", "none", "theft"),
             ("console", "user", "none", "mine"), ("console", "login", "none", "theft"), ("console", "none", "trail", "ransom"),
             ("console", "role", "none", "keys"), ("console", "user", "detector", "open"), ("console", "none", "none", "snapshot"),
             ("admin_key", "user", "trail", "keys"), ("admin_key", "none", "none", "ransom"), ("admin_key", "role", "none", "mine"),
             ("admin_key", "login", "detector", "database"), ("admin_key", "none", "none", "expire"), ("dormant", "user", "none", "ransom"),
             ("dormant", "none", "none", "theft"), ("dormant", "key", "trail", "shell"), ("dormant", "none", "none", "reencrypt"),
             ("dormant", "role", "none", "open"), ("six", "none", "none", "wipe"), ("session", "lambda", "none", "shell"),
             ("key", "user", "none", "database"), ("chain", "login", "flow", "keys")]]


def intrude(cell, plan, day):
    entry, stay, hide, harm = plan
    log, rng = cell.log, cell.rng
    prod, other = cell.accounts
    when = START + datetime.timedelta(days=day, hours=rng.randint(0, 22), minutes=rng.randint(0, 59))
    outside = f"{rng.randint(185, 195)}.{rng.randint(1, 250)}.{rng.randint(1, 250)}.{rng.randint(1, 250)}"
    agent = rng.choice(["aws-cli/2.13.0 Python/3.11.4 Linux/6.5", "Boto3/1.28.1 Botocore/1.31.1", "python-requests/2.31.0"])
    wait = lambda: datetime.timedelta(seconds=rng.choice([2, 5, 20, 60, 300]))
    steps = []  # event ids in order

    who = {"key": cell.uploader, "admin_key": cell.legacy_admin, "chain": cell.developers[0], "console": cell.developers[1],
           "dormant": Identity("user", prod, "former-contractor", outside, agent, rng),
           "session": Identity("role", prod, "AppServer", outside, agent, rng, f"i-{cell.number:08x}{0:09x}"),
           "six": Identity("role", prod, "TesterRole", cell.nat, "aws-cli/2.15.30 Python/3.11.8", rng, "tester")}[entry]
    if entry != "six":
        who = who.at(outside, agent)
    if entry == "console":
        who.console, who.agent = True, "AWS Internal"
        log.call(who, when, "signin:ConsoleLogin", response={"ConsoleLogin": "Success"})
    powerless = entry in ("key", "session") and stay == "none"

    def do(api, impact=False):
        nonlocal when
        when += datetime.timedelta(seconds=rng.randint(1, 9)) if entry == "six" else wait()
        error = "AccessDenied" if powerless and api.startswith("iam:") and rng.random() < 0.6 else None
        service, name = api.split(":")
        if service == "s3" and name not in ("ListBuckets",):
            event = log.s3(who, when, name, cell.buckets[0], "customers.csv" if "Object" in name else None, error)
        else:
            event = log.call(who, when, api, error, {"userName": "svc-monitor"} if service == "iam" else {})
        steps.append((event, when, impact))

    if entry == "six":
        for api in ("iam:ListUsers", "iam:ListRoles", "s3:ListBuckets"):
            do(api)
    else:
        for api in rng.sample(LOOK, rng.randint(4, 9)):
            do(api)
        if entry == "chain":
            when += wait()
            who = log.assume(who, when, prod, "ReleaseManager", "release")
            for api in rng.sample(LOOK, 3):
                do(api)
            when += wait()
            who = log.assume(who, when, other, "OrganizationAdmin", "admin")
            for api in rng.sample(LOOK, 3):
                do(api)
    for api in STAY[stay] + HIDE[hide]:
        do(api)
    for api in HARM[harm]:
        do(api.lstrip("!"), api.startswith("!"))
    return {"cell": cell.number, "accounts": cell.accounts, "plan": list(plan), "begin": steps[0][1].isoformat(),
            "impact": next(at for _, at, impact in steps if impact).isoformat(), "end": steps[-1][1].isoformat(),
            "events": [event for event, _, _ in steps]}


def generate(arguments):
    labels = []
    for number in range(arguments.cells):
        rng = random.Random(arguments.seed * 100_003 + number)
        log = Log(rng)
        cell = Cell(number, arguments.days, log, rng)
        for day in range(arguments.days):
            cell.live(day)
        if not arguments.quiet:
            day = arguments.on_day if arguments.on_day is not None else arguments.days - 1 - number % 3
            labels.append(intrude(cell, PLANS[number % len(PLANS)], day))
        log.write(arguments.out)
    truth = {"cells": arguments.cells, "days": arguments.days, "account_days": arguments.cells * arguments.days * 2, "chains": labels}
    (arguments.out / "labels.json").write_text(json.dumps(truth, indent=1))


# ---- the judgement -----------------------------------------------------------------------------------------------------

def parse(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def check(arguments):
    truth = json.loads((arguments.check / "labels.json").read_text())
    done = subprocess.run([arguments.picket, "scan", str(arguments.check / "AWSLogs"), "--format", "jsonl", "--quiet"],
                          capture_output=True, check=True)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    sequences = [finding for finding in findings if finding["type"].startswith("AttackSequence:")]
    chain_of = {event: number for number, chain in enumerate(truth["chains"]) for event in chain["events"]}
    found, false = {}, []
    for finding in sequences:
        records = finding["service"]["additionalInfo"]["picket"]["records"]
        hits = collections.Counter(chain_of[record["event_id"]] for record in records if record.get("event_id") in chain_of)
        if not hits:
            false.append(finding)
            continue
        number = hits.most_common(1)[0][0]
        created = parse(finding["createdAt"])
        if number not in found or created < found[number][0]:
            found[number] = (created, finding["type"])
    early = delays = 0
    minutes = []
    for number, chain in enumerate(truth["chains"]):
        if number not in found:
            print("missed", chain["cell"], *chain["plan"])
            continue
        late = (found[number][0] - parse(chain["impact"])).total_seconds() / 60
        minutes.append(late)
        early += late <= 0
        if late > 0:
            print(f"late by {late:.0f} min", *chain["plan"])
    for finding in false:
        why = finding["service"]["additionalInfo"]["picket"]["why"]
        print("false", finding["createdAt"], finding["type"], why["root"], why["score"], why["tactics"])
        if arguments.verbose:
            for line in why["chain"]:
                print("    ", line)
    minutes.sort()
    result = {"chains": len(truth["chains"]), "found": len(found), "at_or_before_impact": early,
              "median_minutes_after_impact": minutes[len(minutes) // 2] if minutes else None, "false": len(false),
              "account_days": truth["account_days"], "false_per_1000_account_days": 1000 * len(false) / truth["account_days"]}
    print(json.dumps(result))
    if arguments.min_recall is not None and result["found"] < arguments.min_recall * result["chains"]:
        sys.exit("too few chains were found")
    if arguments.max_false is not None and result["false_per_1000_account_days"] > arguments.max_false:
        sys.exit("too many false sequences")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--cells", type=int, default=len(PLANS))
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="honest days only")
    parser.add_argument("--on-day", type=int, help="day of the intrusions, from 0; the last days unless given")
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--picket", default="build/release/picket")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--min-recall", type=float)
    parser.add_argument("--max-false", type=float, help="per 1,000 account-days")
    arguments = parser.parse_args()
    if arguments.out:
        generate(arguments)
    if arguments.check:
        check(arguments)


if __name__ == "__main__":
    main()
