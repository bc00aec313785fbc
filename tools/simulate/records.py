"""CloudTrail records: who acts (identities) and what is recorded."""
import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from generate_samples import DAY, HOUR, base32_id, iso, stable_id  # noqa: E402  (the sample archive's ids and times)

DOMAIN = "meridian.example"
READ = ("Get", "List", "Describe", "Head", "Lookup", "Assume", "Decrypt", "BatchGet", "Search", "Filter", "Simulate",
        "Scan", "Query", "Batch", "Check", "Discover")
GLOBAL = {"iam", "organizations", "route53", "cloudfront", "account", "ce", "support", "health", "sso-directory", "route53domains"}
HOSTS = {"cloudwatch": "monitoring", "sso-directory": "sso-directory"}


def uuid(rng):
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


@functools.lru_cache(maxsize=200_000)
def session_key(text):
    return "ASIA" + base32_id(text, 16)


@functools.lru_cache(maxsize=20_000)
def role_id(account, role):
    return "AROA" + base32_id(f"role/{account}/{role}", 17)


def role(account, name, session, created, *, path="", mfa=False, delivery=None, invoked_by=None, key=None, federated=None,
         source_identity=None, scope=None):
    issuer = role_id(account, name)
    context = {"sessionIssuer": {"type": "Role", "principalId": issuer, "arn": f"arn:aws:iam::{account}:role/{path}{name}",
                                 "accountId": account, "userName": name}}
    if federated:
        context["webIdFederationData"] = {"federatedProvider": federated, "attributes": {}}
    context["attributes"] = {"creationDate": iso(created), "mfaAuthenticated": "true" if mfa else "false"}
    if source_identity:
        context["sourceIdentity"] = source_identity
    if delivery:
        context["ec2RoleDelivery"] = delivery
    identity = {"type": "AssumedRole", "principalId": f"{issuer}:{session}",
                "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}", "accountId": account,
                "accessKeyId": key or session_key(f"{account}/{name}/{session}/{int(created)}"), "sessionContext": context}
    if scope:
        identity["inScopeOf"] = scope
    if invoked_by:
        identity["invokedBy"] = invoked_by
    return identity


def of_function(account, region, name):
    """What CloudTrail says since 2025 of whom temporary credentials were issued to."""
    return {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": f"arn:aws:lambda:{region}:{account}:function:{name}"}


def sso(account, permissions, user, created):
    name = f"AWSReservedSSO_{permissions}_{stable_id(account + permissions, 16)}"
    return role(account, name, f"{user}@{DOMAIN}", created, path="aws-reserved/sso.amazonaws.com/eu-west-1/")


def iam_user(account, name, key=None, mfa=None, created=None):
    identity = {"type": "IAMUser", "principalId": "AIDA" + base32_id(f"user/{account}/{name}", 17),
                "arn": f"arn:aws:iam::{account}:user/{name}", "accountId": account,
                "accessKeyId": key or user_key(account, name), "userName": name}
    if created is not None:
        identity["sessionContext"] = {"attributes": {"creationDate": iso(created), "mfaAuthenticated": "true" if mfa else "false"}}
    return identity


@functools.lru_cache(maxsize=10_000)
def user_key(account, name, number=0):
    return "AKIA" + base32_id(f"key/{account}/{name}/{number}", 16)


def service(name):
    return {"type": "AWSService", "invokedBy": name}


def service_role(account, name, host, t):
    return role(account, name, name.removeprefix("AWSServiceRoleFor"), int(t) // HOUR * HOUR, path=f"aws-service-role/{host}/",
                invoked_by=host)


def host_of(name):
    return HOSTS.get(name, name) + ".amazonaws.com"


def record(rng, t, account, identity, api, ip, agent, request=None, response=None, *, region, error=None, data=False,
           resources=None, extra=None, event_type="AwsApiCall", read=None, error_message=None):
    """The record of `api`, written "service:Name"."""
    name_of_service, name = api.split(":")
    if name_of_service in GLOBAL or (name_of_service == "sts" and region == "us-east-1"):
        region = "us-east-1"
    if read is None:
        read = name.startswith(READ)
    event = {"eventVersion": "1.11", "userIdentity": identity, "eventTime": iso(t), "eventSource": host_of(name_of_service),
             "eventName": name, "awsRegion": region, "sourceIPAddress": ip, "userAgent": agent}
    if error:
        event["errorCode"], event["errorMessage"] = error
        response = None
    if error_message:
        event["errorMessage"] = error_message
    event["requestParameters"], event["responseElements"] = request, response
    event["requestID"] = f"{rng.getrandbits(80):020X}"[:16] if name_of_service == "s3" else uuid(rng)
    event["eventID"] = uuid(rng)
    event["readOnly"] = read
    if resources:
        event["resources"] = resources
    event["eventType"], event["managementEvent"], event["recipientAccountId"] = event_type, not data, account
    if extra:
        event.update(extra)
    event["eventCategory"] = "Data" if data else "Management"
    if event_type == "AwsApiCall" and not ip.endswith("amazonaws.com") and ip != "AWS Internal":
        event["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                               "clientProvidedHostHeader": f"{name_of_service}.{region}.amazonaws.com"}
    return t, account, region, event


OBJECT_CALLS = ("GetObject", "PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "HeadObject", "ListObjects",
                "ListObjectVersions", "GetObjectTagging", "UploadPart", "CompleteMultipartUpload", "GetObjectAcl", "PutObjectAcl")


def s3(rng, t, account, identity, name, bucket, ip, agent, key=None, request=None, *, region, owner=None, size=None, extra=None, **more):
    parameters = {"bucketName": bucket, "Host": f"{bucket}.s3.{region}.amazonaws.com"}
    if key:
        parameters["key"] = key
    if name == "ListObjects":
        parameters |= {"list-type": "2", "prefix": "", "encoding-type": "url"}
    parameters |= request or {}
    owner = owner or account
    resources = [{"accountId": owner, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
    if key:
        resources.insert(0, {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"})
    size = size if size is not None else int(rng.paretovariate(0.8) * 2000) % 50_000_000
    details = {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256",
               "bytesTransferredIn": size if name in ("PutObject", "UploadPart") else 0, "AuthenticationMethod": "AuthHeader",
               "bytesTransferredOut": 243 if more.get("error") else size if name == "GetObject" else 0 if read_none(name) else 600}
    return record(rng, t, account, identity, "s3:" + name, ip, agent, parameters, None, region=region,
                  data=name in OBJECT_CALLS, resources=resources, extra={"additionalEventData": details} | (extra or {}), **more)


def read_none(name):
    return name.startswith(("Put", "Delete", "Copy", "Upload"))
