"""What intruders call, by tactic: the catalogue the injected sessions are drawn from.

A step is (call, parameters or None, how often (low, high)). Parameters are made by a function of (rng, account).
"""
import json

OUTSIDER = "210987654329"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OUTSIDER}:root"}, "Action": "sts:AssumeRole"}]})
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def some(*names):
    """Parameters by the names of an account's things."""
    def make(rng, account):
        return {key: rng.choice(getattr(account, pool)) if hasattr(account, pool) else pool for key, pool in names}
    return make


def fixed(**values):
    return lambda rng, account: dict(values)


def hexid(prefix):
    return lambda rng: f"{prefix}-0{rng.getrandbits(64):016x}"


def user(name):
    return lambda rng, account: {"userName": name}


def ingress(rng, account):
    return {"groupId": rng.choice(account.groups), "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {},
            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}, "ipv6Ranges": {}, "prefixListIds": {}}]}}


def share_snapshot(rng, account):
    return {"snapshotId": hexid("snap")(rng), "attributeType": "CREATE_VOLUME_PERMISSION", "createVolumePermission": {"add": {"items": [{"userId": OUTSIDER}]}}}


def share_image(rng, account):
    return {"imageId": hexid("ami")(rng), "attributeType": "launchPermission", "launchPermission": {"add": {"items": [{"userId": OUTSIDER}]}}}


def open_policy(rng, account):
    return {"bucketName": rng.choice(account.buckets), "policy": "", "bucketPolicy": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OUTSIDER}:root"}, "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::*"]}]}}


def launch(rng, account):
    return {"instancesSet": {"items": [{"imageId": hexid("ami")(rng), "minCount": 1, "maxCount": rng.choice([1, 5, 20])}]}, "instanceType": rng.choice(["p3.16xlarge", "g5.48xlarge", "c7i.24xlarge"])}


def instance(rng, account):
    return {"instancesSet": {"items": [{"instanceId": rng.choice(account.instance_ids)}]}}


NEW_NAMES = ["support-sync", "svc-telemetry", "backup2", "audit.reader", "deployer"]
# technique: (tactic, steps). Tactics are ATT&CK's; the type name follows from the tactic.
TECHNIQUES = {
    "enumerate identities": ("Discovery", [("iam:ListUsers", None, (1, 2)), ("iam:ListRoles", None, (1, 1)), ("iam:GetAccountAuthorizationDetails", None, (1, 3)), ("iam:ListAttachedUserPolicies", some(("userName", "users")), (2, 6)), ("iam:ListGroupsForUser", some(("userName", "users")), (1, 4)), ("iam:ListUserPolicies", some(("userName", "users")), (1, 3)), ("organizations:DescribeOrganization", None, (1, 1)), ("iam:GetAccountSummary", None, (0, 1))]),
    "enumerate services": ("Discovery", [("ec2:DescribeInstances", None, (1, 4)), ("s3:ListBuckets", None, (1, 2)), ("lambda:ListFunctions20150331", None, (1, 1)), ("rds:DescribeDBInstances", None, (1, 1)), ("secretsmanager:ListSecrets", None, (1, 2)), ("dynamodb:ListTables", None, (1, 1)), ("ecr:DescribeRepositories", None, (0, 1)), ("eks:ListClusters", None, (0, 1)), ("sns:ListTopics", None, (0, 1)), ("ses:GetAccount", None, (0, 1)), ("bedrock:ListFoundationModels", None, (0, 1)), ("lightsail:GetInstances", None, (0, 1))]),
    "enumerate mail": ("Discovery", [("ses:GetAccountSendingEnabled", None, (1, 4)), ("ses:GetSendQuota", None, (1, 4)), ("ses:ListIdentities", None, (1, 4)), ("ses:GetAccount", None, (0, 2)), ("sns:GetSMSAttributes", None, (0, 2))]),
    "user data": ("Discovery", [("ec2:DescribeInstances", None, (1, 1)), ("ec2:DescribeInstanceAttribute", lambda rng, account: {"instanceId": rng.choice(account.instance_ids), "attribute": "userData"}, (4, 15))]),
    "federation token": ("InitialAccess", [("sts:GetCallerIdentity", None, (1, 2)), ("sts:GetFederationToken", fixed(name="console", policy=json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})), (1, 1)), ("signin:GetSigninToken", None, (0, 1))]),
    "session manager": ("InitialAccess", [("ssm:DescribeInstanceInformation", None, (1, 1)), ("ssm:StartSession", some(("target", "instance_ids")), (2, 6))]),
    "access key for another": ("Persistence", [("iam:ListUsers", None, (0, 1)), ("iam:CreateAccessKey", some(("userName", "users")), (1, 2))]),
    "login profile": ("Persistence", [("iam:ListUsers", None, (0, 1)), ("iam:CreateLoginProfile", lambda rng, account: {"userName": rng.choice(account.users), "passwordResetRequired": False}, (1, 2))]),
    "role for outsiders": ("Persistence", [("iam:CreateRole", lambda rng, account: {"roleName": rng.choice(NEW_NAMES), "assumeRolePolicyDocument": TRUST}, (1, 1)), ("iam:AttachRolePolicy", lambda rng, account: {"roleName": "support-sync", "policyArn": ADMIN}, (1, 1))]),
    "trust an outsider": ("Persistence", [("iam:ListRoles", None, (0, 1)), ("iam:UpdateAssumeRolePolicy", lambda rng, account: {"roleName": rng.choice(account.roles), "policyDocument": TRUST}, (1, 2))]),
    "function backdoor": ("Persistence", [("lambda:ListFunctions20150331", None, (0, 1)), ("lambda:AddPermission20150331v2", lambda rng, account: {"functionName": rng.choice(account.functions), "statementId": "x", "action": "lambda:InvokeFunction", "principal": "*"}, (1, 1))]),
    "function overwritten": ("Persistence", [("lambda:GetFunction20150331v2", some(("functionName", "functions")), (1, 3)), ("lambda:UpdateFunctionCode20150331v2", some(("functionName", "functions")), (1, 3))]),
    "layer": ("Persistence", [("lambda:PublishLayerVersion20181031", fixed(layerName="telemetry"), (1, 1)), ("lambda:UpdateFunctionConfiguration20150331v2", lambda rng, account: {"functionName": rng.choice(account.functions), "layers": [f"arn:aws:lambda:us-east-1:{OUTSIDER}:layer:telemetry:1"]}, (1, 2))]),
    "trust anchor": ("Persistence", [("rolesanywhere:CreateTrustAnchor", fixed(name="anchor", enabled=True), (1, 1)), ("rolesanywhere:CreateProfile", fixed(name="profile"), (1, 1))]),
    "cluster access": ("Persistence", [("eks:ListClusters", None, (0, 1)), ("eks:CreateAccessEntry", lambda rng, account: {"name": account.cluster, "principalArn": f"arn:aws:iam::{account.id}:user/{rng.choice(account.users)}"}, (1, 1)), ("eks:AssociateAccessPolicy", lambda rng, account: {"name": account.cluster, "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}, (1, 1))]),
    "administrator user": ("PrivilegeEscalation", [("iam:CreateUser", user("svc-telemetry"), (1, 1)), ("iam:AttachUserPolicy", lambda rng, account: {"userName": "svc-telemetry", "policyArn": ADMIN}, (1, 1)), ("iam:CreateAccessKey", user("svc-telemetry"), (1, 1))]),
    "own policy": ("PrivilegeEscalation", [("iam:PutUserPolicy", lambda rng, account: {"userName": rng.choice(account.users), "policyName": "p", "policyDocument": json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})}, (1, 2)), ("iam:ListUserPolicies", some(("userName", "users")), (0, 1))]),
    "password of another": ("PrivilegeEscalation", [("iam:UpdateLoginProfile", lambda rng, account: {"userName": rng.choice(account.users), "passwordResetRequired": False}, (1, 2))]),
    "policy version": ("PrivilegeEscalation", [("iam:ListPolicies", None, (0, 1)), ("iam:CreatePolicyVersion", lambda rng, account: {"policyArn": f"arn:aws:iam::{account.id}:policy/base", "setAsDefault": True, "policyDocument": json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})}, (1, 1)), ("iam:SetDefaultPolicyVersion", lambda rng, account: {"policyArn": f"arn:aws:iam::{account.id}:policy/base", "versionId": "v1"}, (0, 1))]),
    "user data script": ("Execution", [("ec2:StopInstances", instance, (1, 1)), ("ec2:ModifyInstanceAttribute", lambda rng, account: {"instanceId": rng.choice(account.instance_ids), "userData": "<sensitiveDataRemoved>"}, (1, 1)), ("ec2:StartInstances", instance, (1, 1))]),
    "commands": ("Execution", [("ssm:DescribeInstanceInformation", None, (1, 1)), ("ssm:SendCommand", lambda rng, account: {"documentName": "AWS-RunShellScript", "instanceIds": sorted(set(rng.choices(account.instance_ids, k=4))), "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}, (1, 3)), ("ssm:GetCommandInvocation", None, (1, 3))]),
    "notebook script": ("Execution", [("sagemaker:ListNotebookInstances", None, (1, 1)), ("sagemaker:StopNotebookInstance", fixed(notebookInstanceName="research"), (1, 1)), ("sagemaker:UpdateNotebookInstance", fixed(notebookInstanceName="research", lifecycleConfigName="start"), (1, 1)), ("sagemaker:StartNotebookInstance", fixed(notebookInstanceName="research"), (1, 1))]),
    "trail stopped": ("DefenseEvasion", [("cloudtrail:DescribeTrails", None, (1, 1)), ("cloudtrail:StopLogging", fixed(name="org-trail"), (1, 1))]),
    "trail deleted": ("DefenseEvasion", [("cloudtrail:DescribeTrails", None, (0, 1)), ("cloudtrail:DeleteTrail", fixed(name="org-trail"), (1, 1))]),
    "trail narrowed": ("DefenseEvasion", [("cloudtrail:GetEventSelectors", fixed(trailName="org-trail"), (0, 1)), ("cloudtrail:PutEventSelectors", fixed(trailName="org-trail", eventSelectors=[{"readWriteType": "ReadOnly", "includeManagementEvents": False, "dataResources": [], "excludeManagementEventSources": []}]), (1, 1))]),
    "flow logs removed": ("DefenseEvasion", [("ec2:DescribeFlowLogs", None, (1, 1)), ("ec2:DeleteFlowLogs", lambda rng, account: {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": account.flow_log}}}, (1, 1))]),
    "query logs removed": ("DefenseEvasion", [("route53resolver:ListResolverQueryLogConfigs", None, (1, 1)), ("route53resolver:DeleteResolverQueryLogConfig", fixed(resolverQueryLogConfigId="rqlc-4473f20ca554c07"), (1, 1))]),
    "detector off": ("DefenseEvasion", [("guardduty:ListDetectors", None, (1, 1)), ("guardduty:UpdateDetector", fixed(detectorId="12abc34d567e8fa901bc2d34e56789f0", enable=False), (0, 1)), ("guardduty:DeleteDetector", fixed(detectorId="12abc34d567e8fa901bc2d34e56789f0"), (1, 1))]),
    "recorder off": ("DefenseEvasion", [("config:DescribeConfigurationRecorders", None, (0, 1)), ("config:StopConfigurationRecorder", fixed(configurationRecorderName="default"), (1, 1)), ("config:DeleteConfigRule", fixed(configRuleName="root-mfa"), (0, 2))]),
    "port opened": ("DefenseEvasion", [("ec2:DescribeSecurityGroups", None, (0, 1)), ("ec2:AuthorizeSecurityGroupIngress", ingress, (1, 2))]),
    "leave the organisation": ("DefenseEvasion", [("organizations:DescribeOrganization", None, (0, 1)), ("organizations:LeaveOrganization", None, (1, 1))]),
    "secrets": ("CredentialAccess", [("secretsmanager:ListSecrets", None, (1, 2)), ("secretsmanager:GetSecretValue", some(("secretId", "secrets")), (5, 20))]),
    "a few secrets": ("CredentialAccess", [("secretsmanager:GetSecretValue", some(("secretId", "secrets")), (1, 4))]),
    "secrets in batches": ("CredentialAccess", [("secretsmanager:BatchGetSecretValue", fixed(filters=[{"key": "tag-key", "values": ["!x"]}]), (2, 5))]),
    "parameters": ("CredentialAccess", [("ssm:DescribeParameters", None, (1, 5)), ("ssm:GetParameters", lambda rng, account: {"names": rng.sample(account.parameters, 8), "withDecryption": True}, (2, 5))]),
    "passwords of machines": ("CredentialAccess", [("ec2:DescribeInstances", None, (0, 1)), ("ec2:GetPasswordData", some(("instanceId", "instance_ids")), (5, 30))]),
    "database password": ("CredentialAccess", [("rds:DescribeDBInstances", None, (0, 1)), ("rds:ModifyDBInstance", lambda rng, account: {"dBInstanceIdentifier": rng.choice(account.databases), "masterUserPassword": "****", "applyImmediately": True}, (1, 1))]),
    "ssh key pushed": ("LateralMovement", [("ec2:DescribeInstances", None, (0, 1)), ("ec2-instance-connect:SendSSHPublicKey", lambda rng, account: {"instanceId": rng.choice(account.instance_ids), "instanceOSUser": "ec2-user"}, (1, 3))]),
    "serial console": ("LateralMovement", [("ec2:EnableSerialConsoleAccess", None, (1, 1)), ("ec2-instance-connect:SendSerialConsoleSSHPublicKey", lambda rng, account: {"instanceId": rng.choice(account.instance_ids), "serialPort": 0}, (1, 3))]),
    "disk shared": ("Exfiltration", [("ec2:DescribeSnapshots", None, (0, 1)), ("ec2:CreateSnapshot", lambda rng, account: {"volumeId": hexid("vol")(rng)}, (0, 1)), ("ec2:ModifySnapshotAttribute", share_snapshot, (1, 3))]),
    "image shared": ("Exfiltration", [("ec2:CreateImage", some(("instanceId", "instance_ids")), (0, 1)), ("ec2:ModifyImageAttribute", share_image, (1, 2))]),
    "database shared": ("Exfiltration", [("rds:CreateDBSnapshot", some(("dBInstanceIdentifier", "databases")), (0, 1)), ("rds:ModifyDBSnapshotAttribute", lambda rng, account: {"dBSnapshotIdentifier": "before-1", "attributeName": "restore", "valuesToAdd": [OUTSIDER]}, (1, 1))]),
    "bucket shared": ("Exfiltration", [("s3:GetBucketPolicy", some(("bucketName", "buckets")), (0, 1)), ("s3:PutBucketPolicy", open_policy, (1, 1))]),
    "models": ("Impact", [("bedrock:ListFoundationModels", None, (0, 1)), ("bedrock:PutUseCaseForModelAccess", None, (0, 1)), ("bedrock:CreateFoundationModelAgreement", None, (0, 1)), ("bedrock:InvokeModel", fixed(modelId="anthropic.claude-opus-4-20250514-v1:0"), (3, 40))]),
    "machines for mining": ("Impact", [("ec2:DescribeRegions", None, (0, 1)), ("servicequotas:ListServiceQuotas", None, (0, 1)), ("ec2:CreateKeyPair", fixed(keyName="k1"), (0, 1)), ("ec2:CreateSecurityGroup", fixed(groupName="g1"), (0, 1)), ("ec2:RunInstances", launch, (1, 8))]),
    "images destroyed": ("Impact", [("ec2:DescribeImages", None, (1, 1)), ("ec2:DeregisterImage", lambda rng, account: {"imageId": hexid("ami")(rng)}, (2, 8)), ("ec2:DeleteSnapshot", lambda rng, account: {"snapshotId": hexid("snap")(rng)}, (2, 8))]),
    "databases destroyed": ("Impact", [("rds:DescribeDBInstances", None, (1, 1)), ("rds:DeleteDBInstance", lambda rng, account: {"dBInstanceIdentifier": rng.choice(account.databases), "skipFinalSnapshot": True}, (1, 3))]),
    "mail abused": ("Impact", [("ses:GetSendQuota", None, (0, 1)), ("ses:VerifyEmailIdentity", fixed(emailAddress="a@b.example"), (1, 1)), ("ses:UpdateAccountSendingEnabled", fixed(enabled=True), (0, 1)), ("ses:PutAccountDetails", fixed(productionAccessEnabled=True), (0, 1))]),
    "lifecycle of the trail": ("Impact", [("s3:GetBucketLifecycle", some(("bucketName", "buckets")), (0, 1)), ("s3:PutBucketLifecycle", lambda rng, account: {"bucketName": rng.choice(account.buckets), "lifecycle": "", "LifecycleConfiguration": {"Rule": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}}, (1, 1))]),
    "users locked out": ("Impact", [("iam:ListUsers", None, (0, 1)), ("iam:DeleteLoginProfile", some(("userName", "users")), (1, 3)), ("iam:DeleteAccessKey", lambda rng, account: {"userName": rng.choice(account.users), "accessKeyId": "AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOP", k=16))}, (1, 3))]),
    # S3, with data events.
    "objects stolen": ("S3 Exfiltration", [("s3:ListBuckets", None, (0, 1)), ("s3:ListObjects", None, (1, 5)), ("s3:GetObject", None, (40, 400))]),
    "objects stolen slowly": ("S3 Exfiltration", [("s3:ListObjects", None, (1, 3)), ("s3:GetObject", None, (30, 80))]),
    "objects destroyed": ("S3 Delete", [("s3:ListObjectVersions", None, (1, 4)), ("s3:GetObject", None, (5, 40)), ("s3:DeleteObject", None, (30, 150))]),
    "objects destroyed in batches": ("S3 Delete", [("s3:ListObjectVersions", None, (1, 4)), ("s3:DeleteObjects", None, (3, 15))]),
    "objects encrypted": ("S3 Write", [("s3:ListObjects", None, (1, 2)), ("s3:GetObject", None, (10, 60)), ("s3:CopyObject", None, (20, 80)), ("s3:PutObject", None, (1, 2))]),
    "buckets surveyed": ("S3 Discovery", [("s3:ListBuckets", None, (1, 1)), ("s3:GetBucketAcl", some(("bucketName", "buckets")), (3, 9)), ("s3:GetBucketPolicy", some(("bucketName", "buckets")), (3, 9)), ("s3:ListObjects", None, (3, 9))]),
    "buckets opened": ("S3 Permission", [("s3:PutBucketPublicAccessBlock", lambda rng, account: {"bucketName": rng.choice(account.buckets), "publicAccessBlock": "", "PublicAccessBlockConfiguration": {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}}, (1, 2)), ("s3:PutBucketPolicy", open_policy, (1, 1)), ("s3:PutBucketAcl", lambda rng, account: {"bucketName": rng.choice(account.buckets), "acl": "", "x-amz-acl": "public-read"}, (0, 1))]),
}

IAM = ("Discovery", "InitialAccess", "Persistence", "PrivilegeEscalation", "DefenseEvasion", "CredentialAccess", "Impact", "Exfiltration")
S3_TYPES = {"S3 Exfiltration": ["Exfiltration:S3/AnomalousBehavior"], "S3 Delete": ["Impact:S3/AnomalousBehavior.Delete"], "S3 Write": ["Impact:S3/AnomalousBehavior.Write"],
            "S3 Discovery": ["Discovery:S3/AnomalousBehavior"], "S3 Permission": ["Impact:S3/AnomalousBehavior.Permission"]}


def expected(tactic):
    """The type that names the tactic, then all that would also tell the session is anomalous."""
    first = S3_TYPES.get(tactic) or [f"{ {'Execution': 'Persistence', 'LateralMovement': 'InitialAccess'}.get(tactic, tactic)}:IAMUser/AnomalousBehavior"]
    rest = [f"{t}:IAMUser/AnomalousBehavior" for t in IAM] + [t[0] for t in S3_TYPES.values()] + ["Impact:IAMUser/AnomalousModelInvocation"]
    return first, first + [t for t in rest if t not in first]
