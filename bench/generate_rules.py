#!/usr/bin/env python3
"""Makes rules to measure with: N Sigma rules for CloudTrail, the same for the same seed, and the same logic as SQL.

    generate_rules.py OUT [--count 800] [--seed 1]       writes OUT/NNNN.yml and OUT/rules.sql

The rules are invented; their shapes and how often each comes are those of rule sets in use: most name a service and
one or a few of its calls, many ask for an error or for a word in a request parameter, some leave out a caller, few look
at every record (user agents, prefixes of names, addresses). The calls are weighted as rule writers weight them: by what
they do, not by how often they are made; the frequent reads of any account are among them.
rules.sql counts the records of a table `events` that each rule matches, for DuckDB.
"""
import argparse
import pathlib
import random

CALLS = {
    'iam': 'CreateUser CreateRole CreateAccessKey CreateLoginProfile UpdateLoginProfile AttachUserPolicy AttachRolePolicy '
           'PutUserPolicy PutRolePolicy AddUserToGroup DeactivateMFADevice DeleteVirtualMFADevice UpdateAssumeRolePolicy '
           'CreatePolicyVersion SetDefaultPolicyVersion ListUsers ListRoles ListAccessKeys GetUser GetAccountSummary '
           'GetAccountAuthorizationDetails PassRole CreateSAMLProvider UpdateSAMLProvider DeleteAccountPasswordPolicy',
    'sts': 'AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity GetSessionToken GetCallerIdentity GetFederationToken',
    's3': 'PutBucketPolicy PutBucketAcl DeleteBucketPolicy PutBucketLogging PutBucketLifecycle PutBucketVersioning '
          'PutBucketReplication PutBucketPublicAccessBlock DeleteBucket GetObject PutObject DeleteObject ListBuckets '
          'GetBucketAcl GetBucketPolicy HeadObject ListObjects',
    'ec2': 'RunInstances TerminateInstances AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress CreateSnapshot '
           'ModifySnapshotAttribute ModifyImageAttribute CreateKeyPair ImportKeyPair DisableEbsEncryptionByDefault '
           'DeleteFlowLogs CreateRoute CreateVpcPeeringConnection ModifyInstanceAttribute GetPasswordData GetConsoleScreenshot '
           'DescribeInstances DescribeSecurityGroups DescribeSnapshots CreateTags DescribeNetworkInterfaces',
    'cloudtrail': 'StopLogging DeleteTrail UpdateTrail PutEventSelectors LookupEvents DescribeTrails',
    'config': 'StopConfigurationRecorder DeleteConfigurationRecorder DeleteDeliveryChannel DeleteConfigRule',
    'guardduty': 'DeleteDetector UpdateDetector CreateIPSet DeleteMembers DisassociateFromMasterAccount',
    'lambda': 'CreateFunction20150331 UpdateFunctionCode20150331v2 UpdateFunctionConfiguration20150331v2 AddPermission20150331v2 '
              'Invoke CreateEventSourceMapping20150331',
    'kms': 'DisableKey ScheduleKeyDeletion PutKeyPolicy Decrypt GenerateDataKey CreateGrant',
    'rds': 'ModifyDBInstance RestoreDBInstanceFromDBSnapshot CreateDBSnapshot ModifyDBSnapshotAttribute StartExportTask',
    'secretsmanager': 'GetSecretValue BatchGetSecretValue DeleteSecret PutResourcePolicy',
    'ssm': 'StartSession SendCommand GetParameter GetParameters CreateAssociation',
    'eks': 'CreateCluster UpdateClusterConfig DeleteCluster AssociateAccessPolicy',
    'ecs': 'RegisterTaskDefinition RunTask UpdateService CreateCluster',
    'logs': 'DeleteLogGroup DeleteLogStream PutRetentionPolicy CreateLogStream PutSubscriptionFilter',
    'organizations': 'LeaveOrganization DetachPolicy RemoveAccountFromOrganization DisablePolicyType',
    'signin': 'ConsoleLogin SwitchRole PasswordRecoveryRequested',
    'ses': 'UpdateAccountSendingEnabled VerifyEmailIdentity GetSendQuota CreateEmailIdentity',
    'bedrock': 'InvokeModel DeleteModelInvocationLoggingConfiguration PutFoundationModelEntitlement',
}
PARAMETERS = ['bucketName', 'userName', 'roleName', 'policyArn', 'policyDocument', 'groupId', 'instanceId', 'functionName',
              'name', 'secretId', 'keyId', 'roleArn', 'roleSessionName', 'instanceType', 'attributeType', 'cidrIp']
WORDS = 'admin prod backup payroll finance root public temp test deploy billing vault audit export shadow mirror relay ' \
        'crypto miner xlarge gpu AdministratorAccess PowerUserAccess IAMFullAccess 0.0.0.0/0 ::/0 PrincipalAny all'.split()
ERRORS = ['AccessDenied', 'Client.UnauthorizedOperation', 'UnauthorizedOperation', 'NoSuchEntity', 'ThrottlingException']
AGENTS = ['kali', 'parrot', 'powershell', 'python-requests', 'curl/', 'Go-http-client', 'okhttp', 'Boto', 'terraform', 'S3 Browser']


def field(name, operator, *values):
    return (name, operator, list(values))


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.calls = [(f'{service}.amazonaws.com', name) for service, names in CALLS.items() for name in names.split()]

    def word(self):
        """A word of an invented name: distinct for most rules, as names in rules are."""
        return f'{self.random.choice(WORDS)}-{self.random.randrange(10_000):04}' if self.random.random() < 0.6 else self.random.choice(WORDS)

    def named(self):
        source, name = self.random.choice(self.calls)
        names = [name] + [other for s, other in self.calls if s == source and other != name and self.random.random() < 0.08]
        return [field('eventSource', '', source), field('eventName', '', *names)]

    def parameter(self):
        return field(f'requestParameters.{self.random.choice(PARAMETERS)}',
                     self.random.choice(['contains', 'contains', 'startswith', '']), self.word())

    def rule(self):
        """The tests that must all pass, and those of which none may."""
        shape = self.random.random()
        if shape < 0.40:
            return self.named(), []
        if shape < 0.55:
            return self.named() + [field('errorCode', '', *self.random.sample(ERRORS, 2))], []
        if shape < 0.72:
            return self.named() + [self.parameter()], []
        if shape < 0.82:
            return self.named(), [self.random.choice([field('userIdentity.type', '', 'AWSService'),
                                                      field('userAgent', 'contains', self.random.choice(AGENTS)),
                                                      field('userIdentity.arn', 'contains', self.word())])]
        if shape < 0.88:
            return [field('userAgent', 'contains', self.random.choice(AGENTS) + self.word())], []
        if shape < 0.92:
            source, name = self.random.choice(self.calls)
            return [field('eventSource', '', source), field('eventName', 'startswith', name[:self.random.randrange(4, 9)]),
                    field('errorCode', '', self.random.choice(ERRORS))], []
        if shape < 0.96:
            return [field('userIdentity.arn', 'endswith', '/' + self.word())], [field('eventSource', '', 'sts.amazonaws.com')]
        return self.named() + [field('userIdentity.arn', 're', rf'assumed-role/[a-z]+-{self.random.randrange(100)}/')], []


def yaml_text(number, rule):
    lines = [f'title: Measured rule {number:04}', f'id: measured-{number:04}', 'status: test', 'level: medium',
             'logsource: {product: aws, service: cloudtrail}', 'detection:']
    wanted, unwanted = rule
    for identifier, tests in (('selection', wanted), ('filter', unwanted)):
        if tests:
            lines.append(f'  {identifier}:')
        for name, operator, values in tests:
            quoted = ', '.join("'" + value.replace("'", "''") + "'" for value in values)
            lines.append(f'    {name}{"|" + operator if operator else ""}: [{quoted}]')
    lines.append(f'  condition: selection{" and not filter" if unwanted else ""}')
    return '\n'.join(lines) + '\n'


def sql_column(name):
    parts = name.split('.')
    if parts[0] == 'requestParameters':
        return f"requestParameters->>'$.{'.'.join(parts[1:])}'"
    return '.'.join(parts)


def sql_text(rule):
    def literal(value):
        return "'" + value.replace("'", "''") + "'"

    def test(name, operator, values):
        column = sql_column(name)
        if operator == 're':
            return ' or '.join(f'regexp_matches({column}, {literal(value)})' for value in values)
        lower = f'lower({column})'
        if operator == '':
            return f'{lower} in ({", ".join(literal(value.lower()) for value in values)})'
        function = {'contains': 'contains', 'startswith': 'starts_with', 'endswith': 'ends_with'}[operator]
        return ' or '.join(f'{function}({lower}, {literal(value.lower())})' for value in values)

    wanted, unwanted = rule
    parts = [f'({test(*one)})' for one in wanted] + [f'not coalesce(({test(*one)}), false)' for one in unwanted]
    return ' and '.join(parts)


def generate(out, count, seed):
    maker = Maker(seed)
    rules = [maker.rule() for _ in range(count)]
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob('*.yml'):
        old.unlink()
    for number, rule in enumerate(rules):
        (out / f'{number:04}.yml').write_text(yaml_text(number, rule))
    columns = ',\n'.join(f'count(*) filter (where {sql_text(rule)}) as r{number:04}' for number, rule in enumerate(rules))
    (out / 'rules.sql').write_text(f'select {columns} from events\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=pathlib.Path)
    parser.add_argument('--count', type=int, default=800)
    parser.add_argument('--seed', type=int, default=1)
    arguments = parser.parse_args()
    generate(arguments.out, arguments.count, arguments.seed)


if __name__ == '__main__':
    main()
