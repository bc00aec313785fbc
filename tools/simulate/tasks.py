"""What people do: tasks made of API calls, by persona. "service:Api" once; "*N" up to N times; "?" perhaps; "!" changes."""
import json

# name: (personas that have it as part of their work, calls). Personas: dev, admin, audit, data, support, billing.
TASKS = {name: (set(personas.split()), calls.split()) for name, personas, calls in [
    ("console home", "dev admin data support audit billing", "ec2:DescribeRegions iam:ListAccountAliases? ce:GetCostAndUsage? health:DescribeEventAggregates notifications:ListNotificationHubs? cloudwatch:DescribeAlarms? servicecatalog-appregistry:ListApplications? securityhub:GetFindings?"),
    ("look at instances", "dev admin support", "ec2:DescribeInstances*3 ec2:DescribeInstanceStatus ec2:DescribeVolumes? ec2:DescribeTags? ec2:DescribeInstanceTypes? ec2:DescribeSecurityGroups ec2:DescribeVpcs? ec2:DescribeSubnets? ec2:DescribeAddresses? ec2:DescribeImages? cloudwatch:GetMetricData*4 ec2:DescribeNetworkInterfaces? autoscaling:DescribeAutoScalingGroups? elasticloadbalancing:DescribeLoadBalancers? compute-optimizer:GetEnrollmentStatus? ec2:DescribeInstanceAttribute?"),
    ("restart an instance", "admin support", "ec2:DescribeInstances ec2:RebootInstances ec2:DescribeInstanceStatus*3"),
    ("stop and start", "admin", "ec2:DescribeInstances ec2:StopInstances ec2:DescribeInstances*2 ec2:ModifyInstanceAttribute? ec2:StartInstances"),
    ("shell on an instance", "dev admin support", "ssm:DescribeInstanceInformation ssm:StartSession ssm:TerminateSession? ssm:GetConnectionStatus?"),
    ("run a command", "admin", "ssm:DescribeInstanceInformation ssm:SendCommand ssm:ListCommandInvocations*3 ssm:GetCommandInvocation*2"),
    ("change a security group", "admin", "ec2:DescribeSecurityGroups ec2:DescribeSecurityGroupRules? ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress? ec2:DescribeSecurityGroups"),
    ("read logs", "dev admin data support", "logs:DescribeLogGroups*2 logs:DescribeLogStreams*3 logs:StartQuery*3 logs:GetQueryResults*6 logs:FilterLogEvents*4 logs:GetLogEvents*3"),
    ("debug a function", "dev", "lambda:ListFunctions20150331 lambda:GetFunction20150331v2*2 lambda:GetFunctionConfiguration20150331v2 lambda:GetPolicy20150331v2? lambda:ListEventSourceMappings20150331? logs:FilterLogEvents*3 cloudwatch:GetMetricData*3 lambda:ListVersionsByFunction20150331? lambda:ListAliases20150331?"),
    ("change a function", "dev", "lambda:GetFunction20150331v2 lambda:UpdateFunctionCode20150331v2 lambda:UpdateFunctionConfiguration20150331v2? lambda:PublishVersion20150331? lambda:GetFunction20150331v2*2"),
    ("new function", "dev", "lambda:ListFunctions20150331 iam:ListRoles? iam:CreateRole? iam:AttachRolePolicy? lambda:CreateFunction20150331 lambda:AddPermission20150331v2? logs:CreateLogGroup?"),
    ("tables", "dev support", "dynamodb:ListTables dynamodb:DescribeTable*3 dynamodb:DescribeContinuousBackups? dynamodb:UpdateTable? application-autoscaling:DescribeScalableTargets?"),
    ("containers", "dev admin", "ecs:ListClusters ecs:DescribeClusters ecs:ListServices ecs:DescribeServices*3 ecs:ListTasks ecs:DescribeTasks*3 ecs:DescribeTaskDefinition? ecs:UpdateService? elasticloadbalancing:DescribeTargetHealth?"),
    ("images", "dev", "ecr:DescribeRepositories ecr:DescribeImages*2 ecr:GetAuthorizationToken? ecr:BatchGetImage? ecr:ListImages?"),
    ("cluster", "dev admin", "eks:ListClusters eks:DescribeCluster*3 eks:ListNodegroups? eks:DescribeNodegroup? eks:ListAddons? eks:AccessKubernetesApi*3"),
    ("queues", "dev support", "sqs:ListQueues sqs:GetQueueAttributes*4 sns:ListTopics? sns:ListSubscriptionsByTopic? sqs:StartMessageMoveTask? sqs:PurgeQueue?"),
    ("buckets", "dev admin data support", "s3:ListBuckets s3:GetBucketLocation*3 s3:GetBucketVersioning? s3:GetBucketPolicy? s3:GetBucketPublicAccessBlock? s3:GetBucketEncryption? s3:ListObjects*2 s3:GetObject*3"),
    ("upload", "dev data", "s3:ListObjects s3:PutObject*4"),
    ("bucket clean-up", "data admin", "s3:ListObjects*3 s3:DeleteObject*12 s3:DeleteObjects?"),
    ("bucket settings", "admin", "s3:GetBucketPolicy s3:PutBucketPolicy? s3:GetBucketLifecycle? s3:PutBucketLifecycle? s3:PutBucketTagging? s3:GetBucketLogging s3:PutBucketVersioning? s3:GetBucketAcl"),
    ("secrets", "dev", "secretsmanager:ListSecrets secretsmanager:DescribeSecret*2 secretsmanager:GetSecretValue*2"),
    ("rotate a secret", "admin", "secretsmanager:ListSecrets secretsmanager:DescribeSecret secretsmanager:PutSecretValue secretsmanager:GetSecretValue kms:Decrypt?"),
    ("parameters", "dev", "ssm:DescribeParameters*2 ssm:GetParameter*3 ssm:PutParameter? ssm:GetParametersByPath?"),
    ("own credentials", "dev admin data", "sts:GetCallerIdentity iam:GetUser? iam:ListAccessKeys? iam:ListMFADevices?"),
    ("roles and policies", "admin audit", "iam:ListRoles iam:GetRole*3 iam:ListAttachedRolePolicies*3 iam:ListRolePolicies*2 iam:GetPolicy? iam:GetPolicyVersion? iam:GetRolePolicy? iam:ListPolicies?"),
    ("change a role", "admin", "iam:GetRole iam:ListAttachedRolePolicies iam:AttachRolePolicy? iam:PutRolePolicy? iam:CreatePolicyVersion? iam:ListPolicyVersions? iam:DeletePolicyVersion? iam:UpdateAssumeRolePolicy? iam:SimulatePrincipalPolicy?"),
    ("users", "admin", "iam:ListUsers iam:GetUser*2 iam:ListAccessKeys*2 iam:ListGroupsForUser? iam:GetAccessKeyLastUsed*2 iam:ListMFADevices?"),
    ("rotate a key", "admin", "iam:ListUsers iam:ListAccessKeys iam:CreateAccessKey iam:UpdateAccessKey iam:DeleteAccessKey? iam:GetAccessKeyLastUsed"),
    ("new user", "admin", "iam:ListUsers iam:CreateUser iam:AddUserToGroup iam:CreateLoginProfile? iam:CreateAccessKey? iam:ListGroups"),
    ("network", "admin", "ec2:DescribeVpcs ec2:DescribeSubnets ec2:DescribeRouteTables ec2:DescribeNetworkAcls? ec2:DescribeInternetGateways? ec2:DescribeNatGateways? ec2:DescribeVpcEndpoints? ec2:DescribeFlowLogs? ec2:DescribeVpcPeeringConnections? ec2:DescribeTransitGatewayAttachments? ec2:CreateRoute? ec2:CreateTags?"),
    ("names", "admin", "route53:ListHostedZones route53:ListResourceRecordSets*2 route53:ChangeResourceRecordSets? route53:GetChange?"),
    ("databases", "dev admin support", "rds:DescribeDBInstances*2 rds:DescribeDBClusters rds:DescribeEvents? rds:DescribeDBSnapshots? rds:DescribeDBLogFiles? rds:DownloadDBLogFilePortion? pi:GetResourceMetrics*3"),
    ("database work", "admin", "rds:DescribeDBInstances rds:ModifyDBInstance? rds:CreateDBSnapshot? rds:DescribeDBParameters? rds:ModifyDBParameterGroup? rds:RebootDBInstance?"),
    ("snapshots", "admin", "ec2:DescribeSnapshots ec2:CreateSnapshot? ec2:DeleteSnapshot*3 ec2:DescribeVolumes ec2:DescribeImages? ec2:DeregisterImage?"),
    ("trail look-up", "admin audit support", "cloudtrail:LookupEvents*5 cloudtrail:DescribeTrails? cloudtrail:GetTrailStatus? cloudtrail:GetEventSelectors?"),
    ("keys", "admin", "kms:ListKeys kms:ListAliases kms:DescribeKey*3 kms:GetKeyPolicy? kms:GetKeyRotationStatus? kms:CreateGrant?"),
    ("alarms", "dev admin support", "cloudwatch:DescribeAlarms*2 cloudwatch:GetDashboard? cloudwatch:ListDashboards? cloudwatch:GetMetricData*5 cloudwatch:PutMetricAlarm? cloudwatch:DeleteAlarms?"),
    ("stacks", "dev admin", "cloudformation:ListStacks cloudformation:DescribeStacks*3 cloudformation:DescribeStackEvents*3 cloudformation:GetTemplate? cloudformation:UpdateStack? cloudformation:ListStackResources? cloudformation:DetectStackDrift?"),
    ("pipelines", "dev", "codepipeline:ListPipelines codepipeline:GetPipelineState*3 codebuild:BatchGetBuilds*2 codebuild:StartBuild? codepipeline:StartPipelineExecution?"),
    ("gateway", "dev", "apigateway:GetRestApis apigateway:GetResources*2 apigateway:GetStages? apigateway:UpdateStage? apigateway:CreateDeployment?"),
    ("delivery", "dev admin", "cloudfront:ListDistributions2020_05_31 cloudfront:GetDistribution2020_05_31 cloudfront:CreateInvalidation2020_05_31?"),
    ("warehouse query", "data", "athena:ListWorkGroups athena:StartQueryExecution*6 athena:GetQueryExecution*12 athena:GetQueryResults*6 glue:GetTables*2 glue:GetDatabases glue:GetPartitions*2"),
    ("notebooks", "data", "sagemaker:ListNotebookInstances sagemaker:DescribeNotebookInstance sagemaker:StartNotebookInstance? sagemaker:CreatePresignedNotebookInstanceUrl sagemaker:StopNotebookInstance?"),
    ("training", "data", "sagemaker:ListTrainingJobs sagemaker:CreateTrainingJob? sagemaker:DescribeTrainingJob*5 s3:GetObject*4 ecr:GetAuthorizationToken?"),
    ("jobs", "data", "glue:GetJobs glue:GetJobRuns*2 glue:StartJobRun? glue:GetJobRun*4 glue:UpdateJob? states:ListStateMachines? states:DescribeExecution*2 states:StartExecution?"),
    ("cluster of spark", "data", "elasticmapreduce:ListClusters elasticmapreduce:DescribeCluster*2 elasticmapreduce:ListSteps? elasticmapreduce:RunJobFlow? elasticmapreduce:TerminateJobFlows?"),
    ("download a data set", "data", "s3:ListObjects*6 s3:GetObject*60"),
    ("posture", "audit", "securityhub:GetFindings*4 guardduty:ListDetectors guardduty:ListFindings guardduty:GetFindings*2 config:DescribeComplianceByConfigRule config:GetComplianceDetailsByConfigRule*3 access-analyzer:ListFindings*2 inspector2:ListFindings?"),
    ("credential report", "audit", "iam:GenerateCredentialReport iam:GetCredentialReport iam:GetAccountSummary iam:GetAccountAuthorizationDetails? iam:GetAccountPasswordPolicy iam:ListUsers iam:ListVirtualMFADevices?"),
    ("network review", "audit", "ec2:DescribeSecurityGroups*3 ec2:DescribeFlowLogs ec2:DescribeVpcs ec2:DescribeNetworkAcls ec2:DescribeSnapshots? ec2:DescribeImages? ec2:GetEbsEncryptionByDefault?"),
    ("bucket review", "audit", "s3:ListBuckets s3:GetBucketPolicy*6 s3:GetBucketAcl*6 s3:GetBucketPublicAccessBlock*6 s3:GetBucketEncryption*3 s3:GetBucketLogging*3"),
    ("costs", "billing admin", "ce:GetCostAndUsage*6 ce:GetCostForecast ce:GetDimensionValues*2 budgets:ViewBudget? cur:DescribeReportDefinitions? ce:GetReservationUtilization? organizations:ListAccounts?"),
    ("organisation", "admin", "organizations:DescribeOrganization organizations:ListAccounts organizations:ListOrganizationalUnitsForParent? organizations:ListPolicies? organizations:DescribePolicy?"),
    ("identity center", "admin", "sso:ListInstances sso:ListPermissionSets sso:DescribePermissionSet*2 sso:ListAccountAssignments*2 sso-directory:SearchUsers? sso:CreateAccountAssignment? sso:ProvisionPermissionSet?"),
    ("limits", "admin dev", "servicequotas:ListServiceQuotas servicequotas:GetServiceQuota? servicequotas:RequestServiceQuotaIncrease? support:CreateCase? trustedadvisor:ListRecommendations?"),
    ("backups", "admin", "backup:ListBackupJobs backup:ListRecoveryPointsByBackupVault? backup:DescribeBackupVault? backup:StartBackupJob? backup:StartRestoreJob?"),
    ("certificates", "admin dev", "acm:ListCertificates acm:DescribeCertificate*2 acm:RequestCertificate?"),
    ("firewall", "admin", "wafv2:ListWebACLs wafv2:GetWebACL wafv2:UpdateIPSet? wafv2:GetSampledRequests? wafv2:UpdateWebACL?"),
    ("events", "dev", "events:ListRules events:ListTargetsByRule*2 events:DescribeRule? events:PutRule? events:PutTargets? events:DisableRule? scheduler:ListSchedules?"),
    ("cache", "dev support", "elasticache:DescribeCacheClusters elasticache:DescribeReplicationGroups? elasticache:ListTagsForResource?"),
    ("cloud shell", "dev admin data", "cloudshell:CreateEnvironment? cloudshell:CreateSession cloudshell:PutCredentials sts:GetCallerIdentity? s3:ListBuckets?"),
    ("mail", "support dev", "ses:GetSendQuota ses:GetSendStatistics? ses:ListIdentities? ses:GetAccount? ses:ListSuppressedDestinations?"),
    # Services taken up during the simulation, or never.
    ("new: models", "dev data", "bedrock:ListFoundationModels bedrock:GetFoundationModelAvailability? bedrock:PutUseCaseForModelAccess? bedrock:InvokeModel*8 bedrock:ListInferenceProfiles? bedrock:ListKnowledgeBases?"),
    ("new: step functions", "dev", "states:ListStateMachines states:CreateStateMachine? states:UpdateStateMachine states:StartExecution*3 states:DescribeExecution*4 iam:PassRole?"),
    ("new: search", "dev", "es:DescribeDomains es:ListDomainNames es:CreateDomain? es:UpdateDomainConfig? aoss:ListCollections? es:DescribeDomainConfig"),
    ("new: streams", "dev data", "kinesis:ListStreams kinesis:DescribeStreamSummary*2 kinesis:CreateStream? firehose:ListDeliveryStreams? firehose:CreateDeliveryStream? kafka:ListClustersV2?"),
    ("new: runner", "dev", "apprunner:ListServices apprunner:CreateService? apprunner:DescribeService*3 apprunner:ListOperations?"),
    ("new: transfer", "admin", "transfer:ListServers transfer:CreateServer? transfer:CreateUser transfer:ImportSshPublicKey transfer:DescribeServer"),
    ("new: lake", "data", "lakeformation:GetDataLakeSettings lakeformation:GrantPermissions*3 lakeformation:ListPermissions glue:CreateDatabase? glue:CreateCrawler? glue:StartCrawler?"),
    ("new: identity", "dev", "cognito-idp:ListUserPools cognito-idp:DescribeUserPool cognito-idp:CreateUserPoolClient? cognito-idp:AdminGetUser? cognito-idp:ListUsers?"),
    ("new: verified access", "admin", "rolesanywhere:ListTrustAnchors rolesanywhere:CreateTrustAnchor? rolesanywhere:ListProfiles rolesanywhere:CreateProfile?"),
    ("new: schedule", "dev", "scheduler:ListSchedules scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule?"),
    ("new: workspace", "admin", "workspaces:DescribeWorkspaces workspaces:CreateWorkspaces? ds:DescribeDirectories workspaces:DescribeWorkspaceBundles"),
]}
NEW = [name for name in TASKS if name.startswith("new: ")]

DENIED_TO_DEV = ("iam:Create", "iam:Attach", "iam:Put", "iam:Update", "iam:Delete", "organizations:", "sso", "ec2:Authorize", "kms:Create",
                 "ce:", "budgets:", "cloudtrail:", "guardduty:", "securityhub:", "iam:List", "iam:Get", "support:", "route53:Change")


def parameters(rng, api, account):
    """Request parameters as the service writes them: only what a detector or an analyst would look at is detailed."""
    service, name = api.split(":")
    pick = rng.choice
    instance = lambda: {"instancesSet": {"items": [{"instanceId": pick(account.instance_ids)}]}}
    made = {
        "ec2:DescribeInstances": lambda: {"instancesSet": {}, "filterSet": {}, "maxResults": 50},
        "ec2:RebootInstances": instance, "ec2:StopInstances": instance, "ec2:StartInstances": instance,
        "ec2:ModifyInstanceAttribute": lambda: {"instanceId": pick(account.instance_ids), "instanceType": {"value": "m7i.large"}},
        "ec2:DescribeInstanceAttribute": lambda: {"instanceId": pick(account.instance_ids), "attribute": "disableApiTermination"},
        "ec2:AuthorizeSecurityGroupIngress": lambda: {
            "groupId": pick(account.groups), "ipPermissions": {"items": [{
                "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "groups": {},
                "ipRanges": {"items": [{"cidrIp": f"10.{rng.randrange(256)}.0.0/16"}]}, "ipv6Ranges": {}, "prefixListIds": {}}]}},
        "ec2:RevokeSecurityGroupIngress": lambda: {"groupId": pick(account.groups), "ipPermissions": {"items": [{
            "ipProtocol": "tcp", "fromPort": 8080, "toPort": 8080, "groups": {}, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}}]}},
        "ec2:DeleteSnapshot": lambda: {"snapshotId": f"snap-0{rng.getrandbits(64):016x}", "force": False},
        "ec2:CreateSnapshot": lambda: {"volumeId": f"vol-0{rng.getrandbits(64):016x}", "description": "before change"},
        "ec2:CreateTags": lambda: {"resourcesSet": {"items": [{"resourceId": pick(account.instance_ids)}]},
                                   "tagSet": {"items": [{"key": "owner", "value": "platform"}]}},
        "ssm:StartSession": lambda: {"target": pick(account.instance_ids)},
        "ssm:TerminateSession": lambda: {"sessionId": f"session-{rng.getrandbits(68):017x}"},
        "ssm:SendCommand": lambda: {"documentName": "AWS-RunShellScript", "instanceIds": [pick(account.instance_ids)],
                                    "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS", "interactive": False},
        "ssm:GetParameter": lambda: {"name": pick(account.parameters), "withDecryption": rng.random() < 0.6},
        "ssm:GetParametersByPath": lambda: {"path": "/" + account.kind, "recursive": True, "withDecryption": False},
        "ssm:PutParameter": lambda: {"name": pick(account.parameters), "type": "SecureString", "overwrite": True,
                                     "value": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        "secretsmanager:GetSecretValue": lambda: {"secretId": pick(account.secrets)},
        "secretsmanager:DescribeSecret": lambda: {"secretId": pick(account.secrets)},
        "secretsmanager:PutSecretValue": lambda: {"secretId": pick(account.secrets), "clientRequestToken": f"{rng.getrandbits(128):032x}"},
        "iam:CreateAccessKey": lambda: {"userName": pick(account.users)},
        "iam:UpdateAccessKey": lambda: {"userName": pick(account.users), "accessKeyId": "AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)), "status": "Inactive"},
        "iam:ListAccessKeys": lambda: {"userName": pick(account.users)},
        "iam:CreateUser": lambda: {"userName": f"svc-{rng.randrange(10**4):04d}"},
        "iam:AddUserToGroup": lambda: {"userName": pick(account.users), "groupName": "read-only"},
        "iam:CreateLoginProfile": lambda: {"userName": pick(account.users), "passwordResetRequired": True},
        "iam:AttachRolePolicy": lambda: {"roleName": pick(account.roles), "policyArn": f"arn:aws:iam::aws:policy/{pick(['AmazonS3ReadOnlyAccess', 'CloudWatchReadOnlyAccess', 'AmazonSSMManagedInstanceCore'])}"},
        "iam:PutRolePolicy": lambda: {"roleName": pick(account.roles), "policyName": "inline", "policyDocument": json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": f"arn:aws:sqs:{account.region}:{account.id}:jobs"}]})},
        "iam:UpdateAssumeRolePolicy": lambda: {"roleName": pick(account.roles), "policyDocument": json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})},
        "iam:CreateRole": lambda: {"roleName": f"fn-{rng.randrange(10**5)}", "assumeRolePolicyDocument": json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})},
        "s3:PutBucketPolicy": lambda: {"bucketName": pick(account.buckets), "policy": "", "bucketPolicy": {"Version": "2012-10-17", "Statement": [
            {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}},
        "s3:PutBucketLifecycle": lambda: {"bucketName": pick(account.buckets), "lifecycle": "", "LifecycleConfiguration": {
            "Rule": [{"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 30}}]}},
        "s3:PutBucketVersioning": lambda: {"bucketName": pick(account.buckets), "versioning": "", "VersioningConfiguration": {"Status": "Enabled"}},
        "lambda:AddPermission20150331v2": lambda: {"functionName": pick(account.functions), "statementId": f"s3-{rng.randrange(10**4)}", "action": "lambda:InvokeFunction",
                                                    "principal": "s3.amazonaws.com", "sourceArn": f"arn:aws:s3:::{pick(account.buckets)}"},
        "kms:Decrypt": lambda: {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {"SecretARN": f"arn:aws:secretsmanager:{account.region}:{account.id}:secret:{pick(account.secrets)}"}},
        "bedrock:InvokeModel": lambda: {"modelId": "anthropic.claude-sonnet-4-20250514-v1:0"},
        "rds:ModifyDBInstance": lambda: {"dBInstanceIdentifier": pick(account.databases), "allocatedStorage": 200, "applyImmediately": False},
        "rds:CreateDBSnapshot": lambda: {"dBInstanceIdentifier": pick(account.databases), "dBSnapshotIdentifier": f"before-{rng.randrange(10**5)}"},
        "logs:FilterLogEvents": lambda: {"logGroupName": f"/aws/lambda/{pick(account.functions)}", "startTime": 1780000000000, "interleaved": True},
        "cloudtrail:LookupEvents": lambda: {"maxResults": 50, "lookupAttributes": [{"attributeKey": "EventName", "attributeValue": "ConsoleLogin"}]},
    }.get(api)
    if made:
        return made()
    if service == "lambda" and "Function" in name and not name.startswith("List"):
        return {"functionName": pick(account.functions)}
    if service == "s3" and name != "ListBuckets":
        return {"bucketName": pick(account.buckets)}
    if service == "dynamodb" and name != "ListTables":
        return {"tableName": pick(account.tables)}
    if service == "eks" and name != "ListClusters":
        return {"name": account.cluster}
    if service == "iam" and "Role" in name and name != "ListRoles":
        return {"roleName": pick(account.roles)}
    return {"maxResults": 100} if name.startswith(("List", "Describe")) else None


MISSING = {"ec2": ("Client.InvalidInstanceID.NotFound", "The instance ID does not exist"),
           "s3": ("NoSuchBucketPolicy", "The bucket policy does not exist"), "lambda": ("ResourceNotFoundException", "Function not found"),
           "iam": ("NoSuchEntityException", "The role cannot be found.")}


def denied(identity, api):
    return ("Client.UnauthorizedOperation" if api.startswith("ec2:") else "AccessDenied" if api.startswith(("iam:", "s3:", "sts:")) else "AccessDeniedException",
            f"User: {identity['arn']} is not authorized to perform: {api.split('2015')[0].split('2020')[0]} because no identity-based policy allows the action")
