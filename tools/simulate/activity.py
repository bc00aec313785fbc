"""A day of ordinary CloudTrail: AWS's services, workloads, pipelines, scheduled jobs, people."""
import random

import agents
import places
import records
import tasks
from organisation import LOAD_BY_HOUR
from records import DAY, HOUR, record, s3, stable_id

CONSOLE = {"sessionCredentialFromConsole": "true"}


def expand(rng, call):
    """How often a call of a task is made: "a:B" once, "a:B?" perhaps, "a:B*3" up to three times."""
    if call.endswith("?"):
        return call[:-1], int(rng.random() < 0.35)
    name, _, most = call.partition("*")
    return name, rng.randint(1, int(most)) if most else 1


class Day:
    def __init__(self, org, day):
        self.org, self.day, self.start = org, day, org.start + day * DAY
        self.weekend = day % 7 >= 5
        self.out = []

    def rng(self, *what):
        return random.Random("/".join(map(str, (self.org.seed, self.day, *what))))

    def load(self, hour):
        growth = 1 + 0.003 * self.day
        return LOAD_BY_HOUR[hour] * (0.45 if self.weekend else 1) * growth

    def make(self):
        for account in self.org.accounts:
            self.services(account)
            self.scaling(account)
            for workload in account.workloads:
                self.workload(account, workload)
            self.pipelines(account)
        self.jobs()
        for person in self.org.people:
            self.person(person)
        return self.out

    # ---- AWS's own

    def services(self, account):
        rng, region = self.rng("services", account.number), account.region
        factor = self.org.events / 4500 * account.scale
        b, out = account.buckets, self.out

        def at():
            return self.start + rng.randrange(DAY)

        def by(host, api, request=None, count=1, identity=None, **more):
            for _ in range(int(count * factor + rng.random())):
                out.append(record(rng, at(), account.id, identity or records.service(host), api, host, host, request and request(),
                                  region=region, **more))
        security = self.org.account("security")
        trail = f"org-trail-{stable_id(self.org.seed, 6)}"
        for _ in range(int(288 * (1 + factor) / 2) if account is security else 0):
            out.append(s3(rng, at(), account.id, records.service("cloudtrail.amazonaws.com"), "GetBucketAcl", trail, "cloudtrail.amazonaws.com",
                          "cloudtrail.amazonaws.com", region=region, size=0))
        for _ in range(int(420 * factor)):
            host = rng.choice(("delivery.logs.amazonaws.com", "logging.s3.amazonaws.com", "delivery.logs.amazonaws.com"))
            out.append(s3(rng, at(), account.id, records.service(host), "PutObject", b[5], host, host,
                          f"AWSLogs/{account.id}/vpcflowlogs/{rng.getrandbits(64):016x}.log.gz", region=region))
        key = f"arn:aws:kms:{region}:{account.id}:key/{stable_id('kms' + account.id, 8)}-1111-4222-8333-{stable_id('k' + account.id, 12)}"
        for host in ("cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com"):
            by(host, "kms:GenerateDataKey", lambda: {"keyId": key, "keySpec": "AES_256"}, 190)
        for function in account.functions:
            by("lambda.amazonaws.com", "sts:AssumeRole", lambda: {"roleArn": f"arn:aws:iam::{account.id}:role/{function}-role", "roleSessionName": function}, 14)
        for name, host, calls in (
                ("AWSServiceRoleForConfig", "config.amazonaws.com", ["ec2:DescribeSecurityGroups", "ec2:DescribeVolumes", "iam:ListRoles", "s3:GetBucketPolicy", "lambda:ListFunctions20150331",
                                                                     "rds:DescribeDBInstances", "kms:ListKeys", "iam:GetAccountAuthorizationDetails", "ec2:DescribeInstances"]),
                ("AWSServiceRoleForAccessAnalyzer", "access-analyzer.amazonaws.com", ["iam:GetRole", "s3:GetBucketAcl", "kms:GetKeyPolicy", "s3:ListBuckets"]),
                ("AWSServiceRoleForTrustedAdvisor", "trustedadvisor.amazonaws.com", ["ec2:DescribeReservedInstances", "iam:GetAccountSummary", "s3:GetBucketVersioning", "rds:DescribeDBSnapshots"]),
                ("AWSServiceRoleForAmazonEKS", "eks.amazonaws.com", ["ec2:DescribeNetworkInterfaces", "ec2:DescribeInstances", "elasticloadbalancing:DescribeLoadBalancers"]),
                ("AWSServiceRoleForSecurityHub", "securityhub.amazonaws.com", ["config:DescribeConfigurationRecorders", "config:DescribeComplianceByConfigRule", "iam:GetAccountSummary"])):
            for call in calls:
                for _ in range(int(16 * factor + rng.random())):
                    t = at()
                    out.append(record(rng, t, account.id, records.service_role(account.id, name, host, t), call, host, host, None, region=region))
        backup = records.role(account.id, "AWSBackupDefaultServiceRole", "AWSBackup-" + stable_id(f"{account.id}{self.day}", 8), self.start + 5 * HOUR,
                              path="service-role/", invoked_by="backup.amazonaws.com")
        for n in range(int(6 * factor + 1)):
            for api in ("ec2:CreateSnapshot", "ec2:DescribeSnapshots", "ec2:CreateTags", "ec2:DeleteSnapshot", "rds:CreateDBSnapshot"):
                out.append(record(rng, self.start + 5 * HOUR + 40 * n + rng.randrange(30), account.id, backup, api, "backup.amazonaws.com",
                                  "backup.amazonaws.com", tasks.parameters(rng, api, account), region=region))

    def scaling(self, account):
        host, rng = "autoscaling.amazonaws.com", self.rng("scaling", account.number)
        for i in account.instances:
            first = self.day == 0 and i.since < self.start
            if first or self.start <= i.since < self.start + DAY:
                t = self.start + 60 + rng.randrange(300) if first else i.since
                service = records.service_role(account.id, "AWSServiceRoleForAutoScaling", host, t)
                self.out.append(record(rng, t - 8, account.id, service, "ec2:RunInstances", host, host, *launch(account, i, t), region=account.region))
                self.out.append(record(rng, t - 4, account.id, records.service("ec2.amazonaws.com"), "sts:AssumeRole", "ec2.amazonaws.com", "ec2.amazonaws.com",
                                       {"roleArn": f"arn:aws:iam::{account.id}:role/{i.group.role}", "roleSessionName": i.id},
                                       {"credentials": {"accessKeyId": records.session_key(f"{i.id}/{t}"), "sessionToken": "HIDDEN", "expiration": "Jun 1, 2026, 6:00:00 AM"}},
                                       region=account.region))
                if i.public:
                    self.out.append(record(rng, t - 2, account.id, service, "ec2:AssociateAddress", host, host, {"instanceId": i.id, "publicIp": i.public},
                                           {"_return": True, "associationId": "eipassoc-0" + stable_id(i.id, 16)}, region=account.region))
            if self.start <= i.until < self.start + DAY and i.until < self.org.end:
                service = records.service_role(account.id, "AWSServiceRoleForAutoScaling", host, i.until)
                self.out.append(record(rng, i.until + 5, account.id, service, "ec2:TerminateInstances", host, host,
                                       {"instancesSet": {"items": [{"instanceId": i.id}]}},
                                       {"instancesSet": {"items": [{"instanceId": i.id, "currentState": {"code": 32, "name": "shutting-down"},
                                                                    "previousState": {"code": 16, "name": "running"}}]}}, region=account.region))
        if self.day == 0:
            who = records.role(account.id, "terraform", "run-first", self.start, path="automation/")
            ip, agent = self.org.tf_cloud[0], agents.terraform(0)
            self.out.append(record(rng, self.start + 20, account.id, who, "ec2:CreateNatGateway", ip, agent,
                                   {"CreateNatGatewayRequest": {"SubnetId": "subnet-0" + stable_id(account.id, 16), "AllocationId": "eipalloc-0" + stable_id(account.nat, 16)}},
                                   {"CreateNatGatewayResponse": {"natGateway": {"natGatewayId": "nat-0" + stable_id(account.nat, 16), "vpcId": account.vpc, "state": "pending",
                                                                                "natGatewayAddressSet": {"item": {"allocationId": "eipalloc-0" + stable_id(account.nat, 16), "publicIp": account.nat}}}}},
                                   region=account.region))
            self.out.append(record(rng, self.start + 10, account.id, who, "ec2:AllocateAddress", ip, agent, {"domain": "vpc"},
                                   {"publicIp": account.nat, "allocationId": "eipalloc-0" + stable_id(account.nat, 16), "domain": "vpc"}, region=account.region))
            self.out.append(record(rng, self.start + 30, account.id, who, "ec2:CreateVpcEndpoint", ip, agent,
                                   {"CreateVpcEndpointRequest": {"VpcId": account.vpc, "ServiceName": f"com.amazonaws.{account.region}.s3"}},
                                   {"CreateVpcEndpointResponse": {"vpcEndpoint": {"vpcEndpointId": account.vpce, "vpcId": account.vpc, "state": "available"}}}, region=account.region))

    # ---- programs

    def workload(self, account, w):
        rng, org = self.rng("workload", account.number, w.name), self.org
        factor = org.events / 4500 * account.scale * w.rate * {"instance": 1.6, "function": 1.4, "container": 1.4}.get(w.kind, 1)
        outage = org.outages.get((account.id, self.day))
        agent = agents.of_workload(w, self.day, org.seed)
        region = account.region
        for hour in range(24):
            busy = self.load(hour) if w.kind in ("instance", "function", "container") else 1
            rounds = int(factor * busy + rng.random())
            if outage == hour:
                rounds *= 4
            for _ in range(rounds):
                t = self.start + hour * HOUR + rng.randrange(HOUR - 60)
                extra, ip = None, account.nat
                if w.kind == "instance":
                    up = [i for i in account.instances if i.group is w.group and i.since + 120 < t < i.until - 120]
                    if not up:
                        continue
                    i = rng.choice(up)
                    created = max(i.since, t // (6 * HOUR) * 6 * HOUR + int(stable_id(i.id, 3), 16))
                    if created > t:
                        created -= 6 * HOUR
                    who, ip = records.role(account.id, w.name, i.id, max(created, i.since), delivery="2.0"), i.public or account.nat
                    if rng.random() < 0.4 and not i.public:
                        extra, ip = {"vpcEndpointId": account.vpce, "vpcEndpointAccountId": account.id}, i.private
                elif w.kind == "function":
                    function = w.name.removesuffix("-role")
                    who = records.role(account.id, w.name, function, t // (3 * HOUR) * 3 * HOUR, scope=records.of_function(account.id, region, function))
                    ip = places.lambda_address(random.Random(f"{w.name}/{t // (2 * HOUR)}"), region) if len(w.name) % 3 else account.nat
                elif w.kind == "container":
                    session = stable_id(f"{w.name}/{account.id}/{t // (9 * HOUR)}/{rng.randrange(2)}", 32)
                    who = records.role(account.id, w.name, session, t // (3 * HOUR) * 3 * HOUR)
                elif w.kind == "pod":
                    who = records.role(account.id, w.name, f"botocore-session-{t // HOUR * HOUR}" if len(w.name) % 2 else str(t // HOUR * HOUR * 10**9), t // HOUR * HOUR,
                                       federated=f"arn:aws:iam::{account.id}:oidc-provider/oidc.eks.{region}.amazonaws.com/id/{stable_id(account.cluster, 32).upper()}")
                else:
                    key = records.user_key(account.id, w.name, int(self.day >= 30 and len(w.name) % 2))  # rotated once
                    who = records.iam_user(account.id, w.name, key)
                    ip = {"key office": org.datacentre, "key outside": org.monitor[0]}.get(w.kind) or places.BY_PREFIX["20.160.0.0/12"].address(rng)
                for call in w.calls:
                    api, count = expand(rng, call)
                    for _ in range(count):
                        t += rng.random() * 3
                        self.program_call(rng, t, account, who, api, ip, agent, extra, outage == hour)

    def program_call(self, rng, t, account, who, api, ip, agent, extra, trouble):
        kind, _, what = api.partition(":")
        error = None
        if trouble and rng.random() < 0.5:
            error = ("ThrottlingException", "Rate exceeded")
        elif rng.random() < 0.004:
            error = ("InternalFailure", "We encountered an internal error. Please try again.")
        if kind in ("s3get", "s3put"):
            if error:
                error = ("SlowDown", "Please reduce your request rate.")
            elif kind == "s3get" and rng.random() < 0.01:
                error = ("NoSuchKey", "The specified key does not exist.")
            key = f"{rng.choice(('daily', 'items', 'part'))}/{rng.randrange(400):04d}-{int(t) % 97:02d}.{rng.choice(('json', 'parquet', 'jpg'))}"
            self.out.append(s3(rng, t, account.id, who, "GetObject" if kind == "s3get" else "PutObject", what, ip, agent, key, region=account.region, error=error, extra=extra))
        elif api == "s3:ListObjects":
            self.out.append(s3(rng, t, account.id, who, "ListObjects", account.buckets[2], ip, agent, region=account.region, error=error, extra=extra))
        else:
            api, request = {"secret": ("secretsmanager:GetSecretValue", {"secretId": what}),
                            "param": ("ssm:GetParameter", {"name": what, "withDecryption": True})}.get(kind, (api, None))
            if request is None:
                request = {"instanceId": who["principalId"].split(":")[1], "agentVersion": "3.3.2299.0", "platformType": "Linux"} if api == "ssm:UpdateInstanceInformation" else tasks.parameters(rng, api, account)
            self.out.append(record(rng, t, account.id, who, api, ip, agents.SSM_AGENT if "InstanceInformation" in api else agent, request, None, region=account.region, error=error, extra=extra))

    # ---- pipelines

    def pipelines(self, account):
        if account.kind in ("management", "security"):
            runs = 0.3
        else:
            runs = {"staging": 9, "prod": 4, "data": 3, "sandbox": 1}[account.kind]
        rng = self.rng("pipelines", account.number)
        if self.weekend:
            runs *= 0.15
        if self.day % 7 == 3 and account.kind == "prod":
            runs *= 2.5  # the day of releases
        for _ in range(int(runs + rng.random())):
            t = self.start + int(min(max(rng.gauss(13, 3), 6), 22) * HOUR)
            self.deploy(rng, t, account)
        if rng.random() < (0.05 if self.weekend else 0.5):
            self.terraform(rng, self.start + int(min(max(rng.gauss(14, 2.5), 7), 21) * HOUR), account)

    def web_identity(self, rng, t, account, name, ip):
        provider = f"arn:aws:iam::{account.id}:oidc-provider/token.actions.githubusercontent.com"
        key = records.session_key(f"{name}/{account.id}/{int(t)}")
        self.out.append(record(rng, t, account.id, {"type": "WebIdentityUser", "principalId": f"{provider}:sts.amazonaws.com:repo:meridian/{name}:ref:refs/heads/main",
                                                    "userName": f"repo:meridian/{name}:ref:refs/heads/main", "identityProvider": provider},
                               "sts:AssumeRoleWithWebIdentity", ip, agents.node("action"), {"roleArn": f"arn:aws:iam::{account.id}:role/{name}", "roleSessionName": "GitHubActions"},
                               {"credentials": {"accessKeyId": key, "sessionToken": "HIDDEN", "expiration": "Jun 1, 2026, 6:00:00 AM"},
                                "assumedRoleUser": {"arn": f"arn:aws:sts::{account.id}:assumed-role/{name}/GitHubActions"}}, region=account.region))
        return records.role(account.id, name, "GitHubActions", t, key=key, federated=provider)

    def deploy(self, rng, t, account):
        ip = places.BY_PREFIX[rng.choice(["20.160.0.0/12", "20.32.0.0/11"])].address(rng)
        agent, region, service = agents.boto("ci", self.day, self.org.seed), account.region, rng.choice(account.services)
        who = self.web_identity(rng, t, account, "ci-deploy", ip)
        call = lambda dt, api, request=None, **more: self.out.append(record(rng, t + dt, account.id, more.pop("who", who), api, more.pop("ip", ip), more.pop("agent", agent), request, region=region, **more))
        stack = {"stackName": service}
        call(2, "sts:GetCallerIdentity")
        call(4, "ecr:GetAuthorizationToken")
        for n, api in enumerate(("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage")):
            call(6 + 3 * n, api, {"repositoryName": service})
        for n in range(rng.randrange(1, 4)):
            self.out.append(s3(rng, t + 20 + n, account.id, who, "PutObject", account.buckets[3], ip, agent, f"{service}/{rng.getrandbits(32):08x}.zip", region=region))
        call(30, "cloudformation:DescribeStacks", stack)
        call(33, "cloudformation:CreateChangeSet", stack | {"changeSetName": f"release-{int(t)}", "capabilities": ["CAPABILITY_IAM"]})
        for poll in range(rng.randrange(2, 7)):
            call(36 + 4 * poll, "cloudformation:DescribeChangeSet", stack, error=("ThrottlingException", "Rate exceeded") if rng.random() < 0.08 else None)
        call(70, "cloudformation:ExecuteChangeSet", stack)
        forwarded, host = dict(who, invokedBy="cloudformation.amazonaws.com"), "cloudformation.amazonaws.com"
        pool = ["lambda:UpdateFunctionCode20150331v2", "lambda:UpdateFunctionConfiguration20150331v2", "ecs:RegisterTaskDefinition", "ecs:UpdateService", "iam:GetRole", "iam:PutRolePolicy",
                "iam:CreateRole", "iam:AttachRolePolicy", "s3:PutBucketPolicy", "lambda:AddPermission20150331v2", "logs:CreateLogGroup", "logs:PutRetentionPolicy", "sqs:SetQueueAttributes", "events:PutRule",
                "events:PutTargets", "dynamodb:UpdateTable", "ec2:AuthorizeSecurityGroupIngress", "cloudwatch:PutMetricAlarm", "apigateway:CreateDeployment", "elasticloadbalancing:ModifyTargetGroup"]
        for n in range(rng.randrange(2, 9)):
            api = pool[int(rng.random() ** 2.5 * len(pool))]
            request = tasks.parameters(rng, api, account)
            if api == "lambda:AddPermission20150331v2" or request is None or api.startswith("lambda"):
                request = (request or {}) | {"functionName": rng.choice(account.functions)}
            call(75 + 6 * n, api, request, who=forwarded, ip=host, agent=host)
        for poll in range(rng.randrange(3, 9)):
            call(80 + 10 * poll, "cloudformation:DescribeStackEvents", stack)
        if rng.random() < 0.3:
            call(160, "cloudfront:CreateInvalidation2020_05_31")
        if rng.random() < 0.03:
            call(170, "cloudformation:RollbackStack", stack)

    def terraform(self, rng, t, account):
        ip, agent, region = rng.choice(self.org.tf_cloud), agents.terraform(self.day), account.region
        who = records.role(account.id, "terraform", f"run-{stable_id(f'{account.id}{t}', 16)}", t, path="automation/")
        reads = ["ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeRouteTables", "iam:GetRole", "iam:ListRolePolicies",
                 "iam:ListAttachedRolePolicies", "iam:GetPolicy", "iam:GetPolicyVersion", "s3:GetBucketPolicy", "s3:GetBucketVersioning", "s3:GetBucketAcl", "s3:GetBucketLogging", "s3:GetBucketEncryption",
                 "s3:GetBucketPublicAccessBlock", "s3:GetBucketLifecycle", "s3:GetBucketTagging", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "rds:DescribeDBInstances", "rds:ListTagsForResource", "lambda:GetFunction20150331v2",
                 "lambda:GetPolicy20150331v2", "eks:DescribeCluster", "logs:DescribeLogGroups", "logs:ListTagsForResource", "route53:GetHostedZone", "route53:ListResourceRecordSets", "ec2:DescribeInstances", "elasticloadbalancing:DescribeLoadBalancers",
                 "elasticloadbalancing:DescribeListeners", "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "ec2:DescribeFlowLogs", "ec2:DescribeNatGateways"]
        at = t
        for n in range(rng.randrange(60, 180)):
            at += rng.random() * 0.4
            api = reads[n % len(reads)]
            self.out.append(record(rng, at, account.id, who, api, ip, agent, tasks.parameters(rng, api, account), region=region,
                                   error=("NoSuchBucketPolicy", "The bucket policy does not exist") if api == "s3:GetBucketPolicy" and rng.random() < 0.3 else
                                   ("Client.RequestLimitExceeded", "Request limit exceeded.") if api.startswith("ec2") and rng.random() < 0.01 else None))
        if rng.random() < 0.5:  # plan only
            return
        writes = ["ec2:CreateTags", "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "iam:PutRolePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "s3:PutBucketPolicy", "s3:PutBucketLifecycle",
                  "s3:PutBucketPublicAccessBlock", "iam:CreateRole", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy", "kms:CreateKey", "kms:PutKeyPolicy", "ec2:CreateRoute", "ec2:CreateSecurityGroup", "route53:ChangeResourceRecordSets",
                  "secretsmanager:CreateSecret", "iam:DeleteRole", "iam:DetachRolePolicy", "eks:UpdateNodegroupVersion", "rds:ModifyDBInstance", "ec2:CreateVpcEndpoint", "cloudtrail:PutEventSelectors", "iam:CreateUser", "iam:CreateAccessKey",
                  "s3:CreateBucket", "ec2:CreateFlowLogs", "lambda:UpdateFunctionConfiguration20150331v2", "ec2:ModifyVpcAttribute", "ec2:DeleteSecurityGroup"]
        for n in range(rng.randrange(1, 9)):
            api = writes[int(rng.random() ** 1.8 * len(writes))]
            request = tasks.parameters(rng, api, account)
            if api == "s3:PutBucketPublicAccessBlock":
                request = {"bucketName": rng.choice(account.buckets), "publicAccessBlock": "", "PublicAccessBlockConfiguration":
                           {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}}
            if api == "cloudtrail:PutEventSelectors":
                request = {"trailName": "org-trail", "eventSelectors": [{"readWriteType": "All", "includeManagementEvents": True, "dataResources": [
                    {"type": "AWS::S3::Object", "values": [f"arn:aws:s3:::{account.buckets[0]}/"]}], "excludeManagementEventSources": []}]}
            self.out.append(record(rng, at + 5 + 2 * n, account.id, who, api, ip, agent, request, region=region))

    # ---- jobs

    def jobs(self):
        org, rng = self.org, self.rng("jobs")
        security = org.account("security")
        for hour in range(0, 24, 4):  # the inventory walks every account
            for account in org.accounts:
                t = self.start + hour * HOUR + 600 + rng.randrange(900)
                key = records.session_key(f"inventory/{account.id}/{t}")
                runner = records.role(security.id, "scanner", "i-0" + stable_id("inventory" + org.seed, 16), t // (6 * HOUR) * 6 * HOUR)
                runner = records.role(security.id, "inventory-runner", "inventory", t // HOUR * HOUR) if runner else runner
                self.out.append(record(rng, t, account.id, runner, "sts:AssumeRole", security.nat, agents.boto("inventory", self.day, org.seed),
                                       {"roleArn": f"arn:aws:iam::{account.id}:role/inventory-reader", "roleSessionName": "inventory"},
                                       {"credentials": {"accessKeyId": key, "sessionToken": "HIDDEN", "expiration": "Jun 1, 2026, 6:00:00 AM"}}, region=account.region))
                who = records.role(account.id, "inventory-reader", "inventory", t, key=key)
                for n, api in enumerate(["ec2:DescribeInstances", "ec2:DescribeVpcs", "ec2:DescribeSnapshots", "ec2:DescribeSecurityGroups", "s3:ListBuckets", "iam:ListUsers", "iam:ListRoles",
                                         "lambda:ListFunctions20150331", "rds:DescribeDBInstances", "ec2:DescribeImages"] + (["iam:GetAccountAuthorizationDetails", "organizations:ListAccounts"] if hour == 0 else [])):
                    self.out.append(record(rng, t + 3 + 2 * n, account.id, who, api, security.nat, agents.boto("inventory", self.day, org.seed), tasks.parameters(rng, api, account), region=account.region))
        for account in org.accounts:  # the monitoring vendor reads every quarter of an hour
            for n in range(0, 24 * 4, 1 if account.kind == "prod" else 3):
                t = self.start + n * 900 + rng.randrange(200)
                key = records.session_key(f"monitor/{account.id}/{t}")
                ip, agent = rng.choice(org.monitor), "python-botocore/1.34.162 md/Botocore#1.34.162 ua/2.0 os/linux#6.1.0 md/arch#x86_64 lang/python#3.12.6"
                if n % 4 == 0:
                    self.out.append(record(rng, t, account.id, {"type": "AWSAccount", "principalId": f"AROA{stable_id(org.seed, 17).upper()}:metrics", "accountId": org.monitor_account},
                                           "sts:AssumeRole", ip, agent, {"roleArn": f"arn:aws:iam::{account.id}:role/MonitoringIntegrationRole", "roleSessionName": "metrics", "externalId": stable_id(org.seed, 12)},
                                           {"credentials": {"accessKeyId": key, "sessionToken": "HIDDEN", "expiration": "Jun 1, 2026, 6:00:00 AM"}}, region=account.region))
                who = records.role(account.id, "MonitoringIntegrationRole", "metrics", t // HOUR * HOUR)
                for api in rng.sample(["cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "ec2:DescribeInstances", "rds:DescribeDBInstances", "lambda:ListFunctions20150331", "ecs:DescribeServices", "sqs:ListQueues", "elasticache:DescribeCacheClusters", "tag:GetResources"], 3):
                    self.out.append(record(rng, t + 5 + rng.random() * 30, account.id, who, api, ip, agent, tasks.parameters(rng, api, account), region=account.region))
        if self.day % 7 == 0:  # a new fleet image each Monday
            account = org.account("prod")
            who = records.role(account.id, "image-builder", f"build-{self.day}", self.start + 3 * HOUR)
            for n, api in enumerate(["ec2:RunInstances", "ec2:DescribeInstances", "ssm:SendCommand", "ssm:GetCommandInvocation", "ec2:CreateImage", "ec2:DescribeImages", "ec2:TerminateInstances", "ec2:CreateLaunchTemplateVersion", "ec2:DeregisterImage", "ec2:DeleteSnapshot", "ec2:ModifyImageAttribute"]):
                request = {"imageId": "ami-0" + stable_id(str(self.day), 16), "launchPermission": {"add": {"items": [{"userId": org.account("staging").id}]}}} if api == "ec2:ModifyImageAttribute" else tasks.parameters(rng, api, account)
                self.out.append(record(rng, self.start + 3 * HOUR + 300 * n, account.id, who, api, account.nat, "packer-plugin-amazon/1.3.7 " + agents.go("packer"), request, region=account.region))
        if self.day % 30 == 1:  # month's end: finance and key rotation, by programs
            for account in org.accounts:
                who = records.role(account.id, "monthly-report", "monthly", self.start + 2 * HOUR)
                for n, api in enumerate(["ce:GetCostAndUsage", "ce:GetCostForecast", "ce:GetReservationUtilization", "iam:GenerateCredentialReport", "iam:GetCredentialReport", "kms:ListKeys", "kms:EnableKeyRotation", "secretsmanager:RotateSecret", "s3:ListBuckets"] * 3):
                    self.out.append(record(rng, self.start + 2 * HOUR + 9 * n, account.id, who, api, places.lambda_address(rng, account.region), agents.boto("monthly", self.day, org.seed), None, region=account.region))
        if rng.random() < 0.04:  # break glass, during an outage or a drill
            account = rng.choice([a for a in org.accounts if a.kind in ("prod", "management")] or org.accounts)
            t = self.start + rng.randrange(DAY - HOUR)
            person = rng.choice([p for p in org.people if p.persona == "admin"])
            ip = self.address(person, t, rng)
            who = records.iam_user(account.id, "break-glass", records.session_key(f"bg{t}"), True, t)
            self.login(rng, t, account, {k: v for k, v in who.items() if k not in ("accessKeyId", "sessionContext")}, ip, agents.browser(person.number, self.day, org.seed), True)
            for name in ("look at instances", "stop and start", "roles and policies", "change a role"):
                t = self.task(rng, t + 60, account, who, name, ip, agents.browser(person.number, self.day, org.seed), CONSOLE, "admin")

    # ---- people

    def address(self, person, t, rng):
        org = self.org
        for a, b, hotel, seed in person.trips:
            if a <= self.day < b:
                return org.vpn if person.corporate_vpn and rng.random() < 0.6 else hotel.address(random.Random(seed))
        at_home = random.Random(f"{org.seed}/{person.number}/{self.day}/home").random() < person.home_days or self.weekend
        if not at_home:
            return person.office
        if person.uses_vpn and rng.random() < 0.5:
            which = random.Random(f"{org.seed}/{person.number}/{self.day // 3}/exit")
            return places.place(which, "vpn").address(which)
        if person.corporate_vpn and rng.random() < 0.7:
            return org.vpn
        if rng.random() < 0.05:
            return places.place(rng, "mobile", person.country).address(rng)
        return person.home.address(random.Random(f"{org.seed}/{person.number}/{self.day // 13}/line"))  # a new lease now and then

    def login(self, rng, t, account, identity, ip, agent, mfa, error=None):
        self.out.append(record(rng, t, account.id, identity, "signin:ConsoleLogin", ip, agent, None, {"ConsoleLogin": "Failure" if error else "Success"},
                               region="us-east-1" if identity["type"] == "IAMUser" else account.region, event_type="AwsConsoleSignIn", read=False,
                               error_message="Failed authentication" if error else None, extra={"additionalEventData": {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "Yes" if mfa else "No"}}))

    def person(self, person):
        org = self.org
        if not person.at(self.day):
            return
        rng = self.rng("person", person.number)
        often = person.sessions * (0.06 if self.weekend else 1) * (1.8 if self.day % 7 == 3 and person.persona in ("dev", "admin") else 1)
        if person.starts == self.day or 0 < self.day - person.starts < 5:
            often = max(often, 2)
        for _ in range(int(often + rng.random())):
            hour = rng.gauss(13, 2.5) if not (person.night_owl and rng.random() < 0.3) else rng.gauss(21, 1.5)
            t = self.start + int(min(max(hour + person.offset, 4), 23.2) * HOUR)
            usable = person.accounts
            if not usable:
                continue
            account = usable[int(rng.random() ** 2 * len(usable))]
            permissions = person.sets[account.kind]
            ip, console = self.address(person, t, rng), rng.random() < person.console
            who = records.sso(account.id, permissions, person.name, t)
            if person.persona in ("billing", "support"):  # not yet moved to single sign-on
                who, console = records.iam_user(account.id, person.name, records.session_key(f"console/{person.name}/{t}"), True, t), True
            if console:
                agent, extra = agents.browser(person.number, self.day, org.seed), CONSOLE
                iam = who["type"] == "IAMUser"
                hidden = ("accessKeyId", "sessionContext") if iam else ("accessKeyId",)
                if iam and rng.random() < 0.06:  # mistyped
                    self.login(rng, t - 20, account, {k: v for k, v in who.items() if k not in hidden}, ip, agent, True, True)
                self.login(rng, t, account, {k: v for k, v in who.items() if k not in hidden}, ip, agent, iam)
                t = self.task(rng, t + 4, account, who, "console home", ip, agent, extra, person.persona)
            else:
                agent, extra = None, None
            if rng.random() < 0.12 and person.persona in ("dev", "admin") and account.kind == "prod":
                t, who = self.on_call(rng, t, account, who, person, ip)
                extra = None
                agent = None
            for _ in range(rng.choice([1, 1, 2, 3, 5])):
                name = self.choose(rng, person)
                calls_by = agent or (agents.boto(person.number, self.day, org.seed) if rng.random() < 0.2 else agents.cli(person.number, self.day, org.seed, name.replace(" ", "-")))
                t = self.task(rng, t + 20 + rng.expovariate(1 / 180), account, who, name, ip, calls_by, extra, person.persona)

    def on_call(self, rng, t, account, who, person, ip):
        """Many people take the same role when they are on call."""
        key = records.session_key(f"oncall/{person.name}/{int(t)}")
        self.out.append(record(rng, t + 2, account.id, who, "sts:AssumeRole", ip, agents.cli(person.number, self.day, self.org.seed, "sts.assume-role"),
                               {"roleArn": f"arn:aws:iam::{account.id}:role/OnCall", "roleSessionName": person.name},
                               {"credentials": {"accessKeyId": key, "sessionToken": "HIDDEN", "expiration": "Jun 1, 2026, 6:00:00 AM"}}, region=account.region))
        return t + 5, records.role(account.id, "OnCall", person.name, t, key=key)

    def choose(self, rng, person):
        adopted = [name for name, day in person.adopts.items() if day <= self.day]
        if adopted and rng.random() < 0.15:
            return rng.choice(adopted)
        if rng.random() < person.explore:
            return rng.choice([name for name in tasks.TASKS if name not in tasks.NEW])
        if rng.random() < 0.04:
            return rng.choice(person.also)
        return rng.choices(list(person.likes), list(person.likes.values()))[0]

    def task(self, rng, t, account, who, name, ip, agent, extra, persona):
        region = account.region
        for call in tasks.TASKS[name][1]:
            api, count = expand(rng, call)
            for _ in range(count):
                t += rng.expovariate(1 / 3) if extra else rng.expovariate(1 / 9)
                error = None
                limited = persona in ("dev", "data", "support", "billing") and api.startswith(tasks.DENIED_TO_DEV)
                if limited and account.kind != "sandbox" and persona != "billing":
                    error = tasks.denied(who, api)
                elif rng.random() < 0.01:
                    error = tasks.MISSING.get(api.split(":")[0])
                if api == "signin:ConsoleLogin":
                    continue
                kind, what = api.split(":")
                if kind == "s3" and what in records.OBJECT_CALLS:
                    bucket = account.buckets[int(rng.random() ** 2 * 6)]
                    key = None if what.startswith("List") else f"{rng.choice(('daily', 'items', 'part'))}/{rng.randrange(2000):04d}.json"
                    self.out.append(s3(rng, t, account.id, who, what, bucket, ip, agent, key, region=region, extra=extra, error=error))
                else:
                    self.out.append(record(rng, t, account.id, who, api, ip, agent, tasks.parameters(rng, api, account), None, region=region, error=error, extra=extra))
                if error and limited and rng.random() < 0.7:
                    return t  # gives up
        return t


def launch(account, i, t):
    """Request and response of RunInstances."""
    profile = f"arn:aws:iam::{account.id}:instance-profile/{i.group.role}"
    image, subnet = "ami-0" + stable_id(f"{account.id}/{i.group.name}/{int(t) // (7 * DAY)}", 16), "subnet-0" + stable_id(f"{account.id}/{i.private.rsplit('.', 1)[0]}", 16)
    tags = {"items": [{"key": "aws:autoscaling:groupName", "value": i.group.name}, {"key": "Name", "value": i.group.name}]}
    request = {"instancesSet": {"items": [{"imageId": image, "minCount": 1, "maxCount": 1}]}, "instanceType": "m7i.large", "subnetId": subnet,
               "iamInstanceProfile": {"arn": profile}, "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": tags["items"]}]}}
    interface = {"networkInterfaceId": i.eni, "subnetId": subnet, "vpcId": account.vpc, "ownerId": account.id, "status": "in-use", "privateIpAddress": i.private,
                 "interfaceType": "interface", "privateIpAddressesSet": {"item": [{"privateIpAddress": i.private, "primary": True}]}}
    item = {"instanceId": i.id, "imageId": image, "instanceState": {"code": 0, "name": "pending"}, "instanceType": "m7i.large", "launchTime": int(t) * 1000,
            "subnetId": subnet, "vpcId": account.vpc, "privateIpAddress": i.private, "tagSet": tags, "networkInterfaceSet": {"items": [interface]},
            "iamInstanceProfile": {"arn": profile}}
    return request, {"reservationId": "r-0" + stable_id(i.id, 16), "ownerId": account.id, "instancesSet": {"items": [item]}}
