#!/usr/bin/env python3
"""A bucket as a source: announced in every form, twice or not at all, behind 503s and cut answers, killed meanwhile.

    source_s3.py BINARY SOURCE_ROOT [--rounds N] [--seed N]

S3, SQS, SNS and STS are moto's, in the venv of tests/api. A proxy between picket and them fails as networks do, and
checks every signature for S3 against botocore's. The end is compared with one scan of the same objects.
"""
import argparse
import collections
import http.client
import http.server
import json
import pathlib
import random
import re
import subprocess
import sys
import threading
import time
import urllib.parse

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)

if pathlib.Path(sys.prefix) != clients.VENV:
    clients.install_python_clients()
    sys.exit(subprocess.run([clients.VENV / "bin/python", *sys.argv], check=False).returncode)

import logging  # noqa: E402

import boto3  # noqa: E402
from botocore.auth import S3SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

from harness import (KINDS, PATIENT, Picket, Server, Workspace, check_balanced, check_equal, fail, files_below, late_and_evicted,
                     of_kind)  # noqa: E402

logging.getLogger("werkzeug").setLevel(logging.ERROR)
REGION, BUCKET = "eu-west-1", "trail-logs"
KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret/of+the=caller"}
ROLE, EXTERNAL_ID = "arn:aws:iam::123456789012:role/reader of logs", "tenant-17/ä"
# What signers get wrong: every Parquet flow-log path, CloudTrail's times, and what people name folders.
AWKWARD = ["year=2026/month=09/it's (a) name.json.gz", "a+b c/é:ü@x,y;z!.json.gz", "per%20cent/100%/~tilde*.json.gz",
           "&amp/<tag>/#hash?query=1.json.gz"]


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


def write_config(path, cloud, queue=True, lateness="", snapshot="200 ms", list_every="1 s"):
    credentials = path.with_suffix(".credentials")
    credentials.write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in KEYS.items()))
    source = {"url": f"s3://{BUCKET}/", "name": "trail", "region": REGION, "endpoint": cloud.endpoint, "role": ROLE,
              "external_id": EXTERNAL_ID, "credentials": str(credentials), "list_every": list_every}
    if queue:
        source["queue"] = cloud.queue_through_proxy
    path.write_text("[[source]]\n" + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in source.items()) +
                    lateness + f'[engine]\nsnapshot_interval = "{snapshot}"\n')
    return path


def sources(picket, data, name="trail"):
    told = json.loads(picket.run("sources", "--data-dir", data, "--format", "json").stdout)
    return next(source for source in told["sources"] if source["name"] == name)


def wait_until(what, condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail(f"not within {seconds} s: {what}")
        time.sleep(0.2)


def read_objects(archive):
    """The sample archive, some of it under awkward keys, and what is no log."""
    objects = {str(path.relative_to(archive)): path.read_bytes() for path in files_below(archive)}
    trails = [key for key in objects if "/CloudTrail/" in key]
    for key, awkward in zip(trails, AWKWARD):
        objects[awkward] = objects.pop(key)
    objects["AWSLogs/777788889999/elasticloadbalancing/eu-west-1/2026/09/14/balancer.log.gz"] = b"not ours"
    return objects


def check_deletion(picket, cloud, work):
    """A message stays until a snapshot covers what it announced, and a foreign one stays for good."""
    key = "AWSLogs/777788889999/CloudTrail/eu-west-1/2026/09/14/777788889999_CloudTrail_eu-west-1_20260914T0000Z_x.json"
    cloud.announce(key, cloud.put(key, b'{"Records": []}'), "S3")
    cloud.announce("other", "00", "S3", bucket="another-bucket")
    config = write_config(work / "slow.toml", cloud, lateness=PATIENT, snapshot="1 h")
    server = Server(picket, work / "slow", "--config", config).wait_ready()
    server.wait_caught_up(120)
    time.sleep(1)
    if cloud.messages() != 2:
        fail(f"{cloud.messages()} messages while no snapshot covers the object")
    server.stop()
    if cloud.messages() != 1:
        fail(f"{cloud.messages()} messages after the snapshot")
    print("ok: a message is deleted after the snapshot that covers its object, a foreign one never", flush=True)
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    cloud.s3.delete_object(Bucket=BUCKET, Key=key)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    picket, moments, cloud = Picket(options.binary), random.Random(options.seed), Cloud()
    with Workspace() as work:
        check_deletion(picket, cloud, work)
        objects = read_objects(options.root / "samples/archive")
        local = work / "local"
        for key, data in objects.items():
            path = local / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        Proxy.trouble = 0.2
        config, data = write_config(work / "patient.toml", cloud, lateness=PATIENT), work / "data"
        feeder = Feeder(cloud, objects, 1.5 * options.rounds, options.seed)
        feeder.start()
        for _ in range(options.rounds):
            server = Server(picket, data, "--config", config).wait_ready()
            time.sleep(moments.uniform(0.1, 2.5))
            server.kill()
        feeder.join(timeout=300)
        if feeder.is_alive() or feeder.error:
            fail(f"the feeder did not end well: {feeder.error}")
        server = Server(picket, data, "--config", config).wait_ready()
        metrics = server.wait_caught_up(120)
        wait_until("the queue is empty", lambda: cloud.messages() == 0, 200)
        told = sources(picket, data)
        words = picket.run("sources", "--data-dir", data).stdout.decode()
        server.stop()
        print(f"killed {options.rounds} times; {len(objects)} objects, announced by {dict(feeder.forms)}; proxy: {dict(Proxy.seen)}",
              flush=True)
        print(words, flush=True)
        check_balanced(metrics)
        if Proxy.wrong:
            fail(f"signatures that botocore makes otherwise: {Proxy.wrong}")
        for what in ("AssumeRole", "signed with the role", "503", "cut"):
            if Proxy.seen[what] == 0:
                fail(f"never happened: {what}")
        ledger = told["ledger"]
        if ledger["recordsRead"] != sum(ledger[name] for name in ("processed", "filtered", "duplicate", "quarantined")):
            fail(f"the source's ledger: {ledger}")
        if any(late_and_evicted(metrics)):
            fail(f"late and evicted: {late_and_evicted(metrics)}")
        Proxy.trouble = 0
        picket.serve_to_the_end(data, "--config", write_config(work / "end.toml", cloud))
        stats, _ = picket.stats(local, "--assume-region", REGION, "--save", work / "undisturbed", "--quiet")
        for kind in KINDS:
            once = stats["kinds"][kind]
            for name in ("records_processed", "records_filtered", "records_duplicate", "records_quarantined", "objects_failed"):
                if of_kind(metrics, name, kind) != once[name.removeprefix("records_")]:
                    fail(f"{kind}: {name} {of_kind(metrics, name, kind)}, a scan has {once[name.removeprefix('records_')]}")
        if ledger["recordsRead"] != sum(stats["kinds"][kind]["records_read"] for kind in KINDS):
            fail(f"the source read {ledger['recordsRead']} records")
        expected = picket.findings(work / "undisturbed")
        check_equal("with a queue, killed", expected, picket.findings(data))
        if list((data / "spool").iterdir()):
            fail(f"left in the spool: {list((data / 'spool').iterdir())}")
        picket.serve_to_the_end(work / "listed", "--config", write_config(work / "listed.toml", cloud, queue=False))
        check_equal("by listing alone", expected, picket.findings(work / "listed"))
    cloud.stop()


main()
