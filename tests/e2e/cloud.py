"""AWS for tests: S3, SQS, SNS and STS as moto serves them, behind a proxy that fails as networks do and checks every
signature for S3 against botocore's. Runs in the venv of tests/api.
"""
import collections
import http.client
import http.server
import json
import logging
import random
import re
import sys
import threading
import time
import urllib.parse

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
REGION, BUCKET = "eu-west-1", "trail-logs"
KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret/of+the=caller"}
ROLE, EXTERNAL_ID = "arn:aws:iam::123456789012:role/reader of logs", "tenant-17/ä"


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = None
    chance = random.Random(1)
    trouble = 0.0  # share of answers that fail
    seen = collections.Counter()
    secrets = {KEYS["aws_access_key_id"]: KEYS["aws_secret_access_key"]}
    wrong = []  # signatures

    def handle_any(self):
        kind = type(self)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "/s3/" in self.headers.get("Authorization", ""):
            self.check_signature()
            if "X-Amz-Security-Token" in self.headers:
                kind.seen["signed with the role"] += 1
            if kind.chance.random() < kind.trouble / 2:
                kind.seen["503"] += 1
                return self.answer(503, {}, b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>")
        connection = http.client.HTTPConnection(*kind.upstream, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        if b"AssumeRole" in body:
            kind.seen["AssumeRole"] += 1
            if urllib.parse.parse_qs(body.decode())["ExternalId"] != [EXTERNAL_ID]:
                kind.wrong.append("ExternalId")
            kind.secrets[re.search(rb"<AccessKeyId>(.+?)<", data)[1].decode()] = \
                re.search(rb"<SecretAccessKey>(.+?)<", data)[1].decode()
        headers = {name: value for name, value in response.getheaders()
                   if name.lower() not in ("content-length", "transfer-encoding", "connection")}
        cut = "/s3/" in self.headers.get("Authorization", "") and len(data) > 100 and kind.chance.random() < kind.trouble / 2
        if cut:
            kind.seen["cut"] += 1
        self.answer(response.status, headers, data, cut)

    do_GET = do_POST = do_PUT = handle_any

    def answer(self, status, headers, data, cut=False):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def check_signature(self):
        told = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)",
                        self.headers["Authorization"])
        access, region, names, signature = told.groups()
        request = AWSRequest(method=self.command, url=f"http://{self.headers['Host']}{self.path}",
                             headers={name: self.headers[name] for name in names.split(";")})
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        signer = S3SigV4Auth(Credentials(access, type(self).secrets[access]), "s3", region)
        canonical = signer.canonical_request(request)
        if signer.signature(signer.string_to_sign(request, canonical), request) != signature:
            type(self).wrong.append(self.path)
        type(self).seen["signatures"] += 1

    def log_message(self, *_):
        pass


class ProxyServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that was killed hangs up; anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Cloud:
    def __init__(self):
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.moto.start()
        Proxy.upstream = ("127.0.0.1", self.moto.get_host_and_port()[1])
        self.proxy = ProxyServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.proxy.server_port}"
        self.s3, self.sqs, self.sns = (boto3.client(name, endpoint_url=f"http://127.0.0.1:{Proxy.upstream[1]}", region_name=REGION,
                                                    **KEYS) for name in ("s3", "sqs", "sns"))
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.queue = self.sqs.create_queue(QueueName="notices")["QueueUrl"]
        self.queue_through_proxy = self.endpoint + urllib.parse.urlparse(self.queue).path
        self.topic = self.sns.create_topic(Name="notices")["TopicArn"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def put(self, key, data):
        return self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)["ETag"].strip('"')

    def announce(self, key, etag, form, bucket=BUCKET):
        direct = {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
            "bucket": {"name": bucket}, "object": {"key": urllib.parse.quote_plus(key, safe="/"), "eTag": etag, "size": 1}}}]}
        if form == "SNS":
            self.sns.publish(TopicArn=self.topic, Message=json.dumps(direct))
            return
        told = direct if form == "S3" else {
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag, "size": 1}}}
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(told))

    def messages(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(told[name]) for name in names)

    def stop(self):
        self.proxy.shutdown()
        self.moto.stop()


class Feeder(threading.Thread):
    """Puts the objects into the bucket in random order and announces each somehow; keeps them in a folder too."""

    def __init__(self, cloud, objects, seconds, seed):
        super().__init__(daemon=True)
        self.cloud, self.seconds, self.random = cloud, seconds, random.Random(seed)
        self.objects = list(objects.items())
        self.random.shuffle(self.objects)
        self.forms = collections.Counter()
        self.error = None

    def run(self):
        try:
            for key, data in self.objects:
                etag = self.cloud.put(key, data)
                form = self.random.choice(["S3", "SNS", "EventBridge", "twice", "nobody"])
                self.forms[form] += 1
                for one in {"twice": ["S3", "EventBridge"], "nobody": []}.get(form, [form]):
                    self.cloud.announce(key, etag, one)
                time.sleep(self.seconds / len(self.objects))
        except Exception as error:  # told by the main thread
            self.error = error


def source_config(path, cloud, queue=True, list_every="1 s"):
    """The bucket as [[source]]; its credentials lie beside `path`."""
    credentials = path.with_suffix(".credentials")
    credentials.write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in KEYS.items()))
    source = {"url": f"s3://{BUCKET}/", "name": "trail", "region": REGION, "endpoint": cloud.endpoint, "role": ROLE,
              "external_id": EXTERNAL_ID, "credentials": str(credentials), "list_every": list_every}
    if queue:
        source["queue"] = cloud.queue_through_proxy
    return "[[source]]\n" + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in source.items())
