"""Intrusions of several steps, for the attack sequences: each is a way from stolen credentials to harm.

A step is a technique of techniques.TECHNIQUES, a call "service:Name*times", "assume ROLE" (the session goes on as that role),
"assume ROLE elsewhere" (in another account of the organisation), or "pause HOURS".
"""
IAM, S3 = "AttackSequence:IAM/CompromisedCredentials", "AttackSequence:S3/CompromisedData"

CHAINS = {
    # The six calls of AWS's own tester.
    "six calls to a ransom": (S3, ["iam:ListUsers", "iam:ListRoles", "s3:ListBuckets", "s3:ListObjects", "s3:PutObject", "s3:DeleteObject"]),
    "key to administrator": (IAM, ["enumerate identities", "administrator user", "trail stopped", "machines for mining"]),
    "key to mining": (IAM, ["enumerate services", "access key for another", "machines for mining"]),
    "mail theft": (IAM, ["enumerate mail", "login profile", "mail abused"]),
    "models harvested": (IAM, ["enumerate services", "own policy", "models"]),
    "backdoor and leave": (IAM, ["enumerate identities", "role for outsiders", "trail deleted"]),
    "quiet persistence": (IAM, ["sts:GetCallerIdentity", "iam:ListUsers", "access key for another", "pause 5", "trail narrowed", "a few secrets"]),
    "secrets and out": (IAM, ["enumerate services", "secrets", "pause 2", "function backdoor", "disk shared"]),
    "disks shared": (IAM, ["enumerate services", "ec2:DescribeSnapshots", "detector off", "disk shared"]),
    "databases held": (IAM, ["enumerate services", "database password", "database shared", "databases destroyed"]),
    "machines by remote command": (IAM, ["enumerate services", "commands", "pause 1", "parameters", "images destroyed"]),
    "escalate by policy": (IAM, ["enumerate identities", "policy version", "users locked out"]),
    "role to role": (IAM, ["sts:GetCallerIdentity", "iam:ListRoles", "assume ci-deploy", "enumerate services", "administrator user", "flow logs removed"]),
    "into the next account": (IAM, ["sts:GetCallerIdentity", "organizations:ListAccounts", "assume OrganizationAccountAccessRole elsewhere", "enumerate services", "trust an outsider", "machines for mining"]),
    "next account's data": (S3, ["sts:GetCallerIdentity", "organizations:ListAccounts", "assume OrganizationAccountAccessRole elsewhere", "buckets surveyed", "objects stolen"]),
    "console and keys": (IAM, ["console", "enumerate services", "access key for another", "port opened"]),
    "console and data": (S3, ["console", "buckets surveyed", "objects stolen"]),
    "ransom": (S3, ["sts:GetCallerIdentity", "buckets surveyed", "objects encrypted", "objects destroyed"]),
    "ransom in batches": (S3, ["buckets surveyed", "s3:PutBucketVersioning", "objects destroyed in batches", "s3:PutObject*2"]),
    "theft, then opening": (S3, ["enumerate services", "objects stolen", "buckets opened"]),
    "blinded, then theft": (S3, ["trail stopped", "buckets surveyed", "objects stolen"]),
    "slow theft": (S3, ["sts:GetCallerIdentity", "pause 3", "s3:ListBuckets", "s3:GetBucketPolicy*3", "pause 4", "objects stolen slowly"]),
    "role to role to data": (S3, ["iam:ListRoles", "assume ci-deploy", "buckets surveyed", "objects stolen", "lifecycle of the trail"]),
    "secrets to data": (S3, ["enumerate services", "a few secrets", "buckets surveyed", "objects destroyed"]),
}
HARM = ("Impact", "Exfiltration", "S3 Exfiltration", "S3 Delete", "S3 Write")
HARMFUL_CALLS = ("s3:DeleteObject", "s3:DeleteObjects")
