#!/usr/bin/env python3
"""Findings reach every kind of target, at least once, though the webhook fails, is slow and picket is killed meanwhile.

    respond.py BINARY SOURCE_ROOT

EventBridge, SNS, SQS, Lambda, Step Functions, Security Hub and CloudWatch are moto's, in the venv of tests/api; the webhook,
the syslog receivers and the mail server are this test's.
"""
import base64
import collections
import datetime
import email
import hashlib
import hmac
import http.server
import io
import json
import logging
import os
import pathlib
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import zipfile

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)

clients.enter_venv()

import boto3  # noqa: E402
from moto.core.config import default_user_config  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

from harness import PATIENT, Picket, Server, Workspace, fail  # noqa: E402

ACCOUNT, REGION = "123456789012", "eu-west-1"  # the account moto takes callers for
SECRET = b"a secret of at least 16 bytes"


def check(condition, what):
    if not condition:
        fail(what)


class Webhook(http.server.BaseHTTPRequestHandler):
    """Fails, is slow or answers; keeps what it said yes to."""
    mode = "failing"
    taken = collections.Counter()  # by finding id
    ids = collections.defaultdict(set)  # finding id -> webhook-ids
    tries = collections.Counter()  # by mode

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = type(self).mode
        type(self).tries[mode] += 1
        if mode == "slow":
            time.sleep(3)
        if mode == "answering":
            sign = ".".join((self.headers["webhook-id"], self.headers["webhook-timestamp"])).encode() + b"." + body
            expected = "v1," + base64.b64encode(hmac.new(SECRET, sign, hashlib.sha256).digest()).decode()
            if self.headers["webhook-signature"] != expected:
                type(self).taken["wrong signature"] += 1
            finding = json.loads(body)["detail"]["id"]
            type(self).taken[finding] += 1
            type(self).ids[finding].add(self.headers["webhook-id"])
        try:
            self.send_response(200 if mode == "answering" else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass  # picket did not wait

    def log_message(self, *_):
        pass


class Syslog(socketserver.StreamRequestHandler):
    messages = []

    def handle(self):
        data = self.rfile.read()
        size, _, rest = data.partition(b" ")
        check(int(size) == len(rest), f"a message of {len(rest)} bytes is said to have {size}")
        self.messages.append(rest.decode())


class SyslogUdp(socketserver.DatagramRequestHandler):
    messages = []

    def handle(self):
        self.messages.append(self.rfile.read().decode())


class Smtp(socketserver.StreamRequestHandler):
    """Takes mails from who has encrypted the connection and signed in."""
    tls = None  # the server's context
    mails = []

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.talk()
        except ConnectionError:
            pass  # picket was killed

    def talk(self):
        encrypted = signed_in = False
        self.say("220 mail.example")
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EHLO":
                self.say("250-mail.example")
                self.say("250 AUTH PLAIN" if encrypted else "250 STARTTLS")
            elif verb == b"STARTTLS":
                self.say("220 go on")
                self.connection = self.tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
                encrypted = True
            elif verb == b"AUTH":
                given = line.split()[2] if len(line.split()) > 2 else None
                if given is None:
                    self.say("334 ")
                    given = self.rfile.readline()
                signed_in = encrypted and base64.b64decode(given) == b"\0picket\0secret"
                self.say("235 welcome" if signed_in else "535 no")
            elif verb == b"DATA":
                self.say("354 go on" if signed_in else "530 sign in first")
                lines = []
                while signed_in and (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                self.mails.append(email.message_from_bytes(b"".join(lines)))
                self.say("250 taken")
            elif verb == b"QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")


def make_certificate(place):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", place / "key.pem", "-out", place / "ca.pem"], check=True, capture_output=True)
    Smtp.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    Smtp.tls.load_cert_chain(place / "ca.pem", place / "key.pem")


class Aws:
    """What picket sends to, and what is there of it."""

    def __init__(self, endpoint):
        make = lambda service: boto3.client(service, endpoint_url=endpoint, region_name=REGION)
        self.sqs, self.sns, self.events = make("sqs"), make("sns"), make("events")
        self.states, self.hub, self.iam, self.functions = make("stepfunctions"), make("securityhub"), make("iam"), make("lambda")
        self.queues = {name: self.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if name.endswith(".fifo") else {})
                       ["QueueUrl"] for name in ("direct", "ordered.fifo", "from-topic", "from-bus")}
        arn = lambda name: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        self.topic = self.sns.create_topic(Name="findings")["TopicArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn("from-topic"), Attributes={"RawMessageDelivery": "true"})
        self.events.create_event_bus(Name="security")
        self.events.put_rule(Name="all", EventBusName="security", EventPattern='{"source": ["picket.guardduty"]}')
        self.events.put_targets(Rule="all", EventBusName="security", Targets=[{"Id": "1", "Arn": arn("from-bus")}])
        role = self.iam.create_role(RoleName="responder", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
        self.machine = self.states.create_state_machine(name="respond", definition=definition, roleArn=role)["stateMachineArn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as package:
            package.writestr("main.py", "def handler(event, context): pass")
        self.function = self.functions.create_function(FunctionName="respond", Runtime="python3.11", Role=role, Handler="main.handler",
                                                       Code={"ZipFile": code.getvalue()})["FunctionArn"]
        self.hub.enable_security_hub()
        self.watch, self.logs = make("cloudwatch"), make("logs")
        self.logs.create_log_group(logGroupName="security")
        self.seen = collections.defaultdict(list)

    def received(self, queue):
        """Findings in the queue's messages so far."""
        while messages := self.sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.seen[queue].append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=message["ReceiptHandle"])
        return self.seen[queue]

    def started(self):
        return [json.loads(self.states.describe_execution(executionArn=execution["executionArn"])["input"])
                for page in self.states.get_paginator("list_executions").paginate(stateMachineArn=self.machine)
                for execution in page["executions"]]

    def logged(self):
        messages, token = [], None
        while True:
            page = self.logs.get_log_events(logGroupName="security", logStreamName="picket", startFromHead=True, **({"nextToken": token} if token else {}))
            messages += [json.loads(event["message"]) for event in page["events"]]
            if page["nextForwardToken"] == token or not page["events"]:
                return messages
            token = page["nextForwardToken"]

    def counted(self):
        """Findings that the metrics count, over all accounts and levels."""
        now = datetime.datetime.now(datetime.timezone.utc)
        total = 0
        for metric in self.watch.list_metrics(Namespace="picket", MetricName="Findings")["Metrics"]:
            if any(one["Name"] == "FindingType" for one in metric["Dimensions"]):
                continue
            sums = self.watch.get_metric_statistics(Namespace="picket", MetricName="Findings", Dimensions=metric["Dimensions"], Period=86400 * 7,
                                                    StartTime=now - datetime.timedelta(days=1), EndTime=now + datetime.timedelta(days=1), Statistics=["Sum"])
            total += sum(point["Sum"] for point in sums["Datapoints"])
        return total

    def imported(self):
        return [finding for page in self.hub.get_paginator("get_findings").paginate() for finding in page["Findings"]]


def configuration(place, endpoint, aws, hook, tcp, udp, smtp):
    targets = {
        "hook": f'kind = "webhook"\nurl = "{hook}"\nsecret_file = "secret"\ntimeout = "1 s"',
        "queue": f'kind = "sqs"\narn = "arn:aws:sqs:{REGION}:{ACCOUNT}:direct"\nendpoint = "{endpoint}"',
        "ordered": f'kind = "sqs"\narn = "arn:aws:sqs:{REGION}:{ACCOUNT}:ordered.fifo"\nendpoint = "{endpoint}"\n'
                   'input_template = \'\'\'{"id": <id>, "text": "severity <severity> by <aws.events.rule-name>"}\'\'\'\n'
                   '[respond.target.input_paths]\nid = "$.detail.id"\nseverity = "$.detail.severity"',
        "topic": f'kind = "sns"\narn = "{aws.topic}"\nendpoint = "{endpoint}"\nformat = "ocsf"',
        "bus": f'kind = "eventbridge"\narn = "arn:aws:events:{REGION}:{ACCOUNT}:event-bus/security"\nendpoint = "{endpoint}"',
        "machine": f'kind = "stepfunctions"\narn = "{aws.machine}"\nendpoint = "{endpoint}"',
        "function": f'kind = "lambda"\narn = "{aws.function}"\nendpoint = "{endpoint}"',
        "hub": f'kind = "securityhub"\narn = "arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"\nendpoint = "{endpoint}"',
        "tcp": f'kind = "syslog"\naddress = "127.0.0.1:{tcp}"',
        "udp": f'kind = "syslog"\naddress = "127.0.0.1:{udp}"\ntransport = "udp"\nformat = "cef"',
        "mail": f'kind = "email"\naddress = "127.0.0.1:{smtp}"\nfrom = "picket@example.org"\nto = ["soc@example.org"]\n'
                'username = "picket"\npassword_file = "password"',
        "metrics": f'kind = "cloudwatch"\nregion = "{REGION}"\nendpoint = "{endpoint}"',
        "logs": f'kind = "logs"\narn = "arn:aws:logs:{REGION}:{ACCOUNT}:log-group:security:log-stream:picket"\nendpoint = "{endpoint}"',
        "file": 'kind = "file"\npath = "findings.jsonl"\nformat = "guardduty"',
        "high": 'kind = "file"\npath = "high.jsonl"',
    }
    text = PATIENT + '[network]\nallow_hosts = ["127.0.0.1"]\nca_file = "ca.pem"\n'
    everything = [name for name in targets if name != "high"]
    text += f'[[respond.rule]]\nname = "everything"\ntargets = {json.dumps(everything)}\n'
    text += ('[[respond.rule]]\nname = "high"\ntargets = ["high"]\n'
             'pattern = \'{"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}], "service": {"archived": [false]}}}\'\n')
    for name, keys in targets.items():
        text += f'[[respond.target]]\nname = "{name}"\nrate_per_minute = 0\n{keys}\n'
    for name, content in (("secret", SECRET + b"\n"), ("password", b"secret\n")):
        (place / name).write_bytes(content)
        (place / name).chmod(0o600)
    (place / "picket.toml").write_text(text)
    return place / "picket.toml"


def wait_for(what, condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail(f"{what}: not after {seconds} s")
        time.sleep(0.1)


def waiting(server):
    return sum(value for name, value in server.metrics().items() if name.startswith("picket_respond_waiting{"))


def serve_in_the_background(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    picket = Picket(sys.argv[1])
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "NO_PROXY": "127.0.0.1"}
    os.environ.pop("AWS_SESSION_TOKEN", None)
    default_user_config["lambda"] = {"use_docker": False}
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each call
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    endpoint = "http://{}:{}".format(*moto.get_host_and_port())
    aws = Aws(endpoint)
    hook = f"http://127.0.0.1:{serve_in_the_background(http.server.ThreadingHTTPServer(('127.0.0.1', 0), Webhook))}/"
    tcp = serve_in_the_background(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Syslog))
    udp = serve_in_the_background(socketserver.ThreadingUDPServer(("127.0.0.1", 0), SyslogUdp))
    smtp = serve_in_the_background(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp))
    with Workspace() as place:
        make_certificate(place)
        config = configuration(place, endpoint, aws, hook, tcp, udp, smtp)
        done = picket.run("config", "check", config)
        check(done.returncode == 0, f"the configuration is refused: {done.stderr.decode()}")
        arguments = ("--config", config, "--watch", SOURCE_ROOT / "samples/archive")

        server = Server(picket, place / "data", *arguments).wait_ready()
        wait_for("the failing webhook is asked", lambda: Webhook.tries["failing"] >= 2)
        server.kill()
        Webhook.mode = "slow"
        server = Server(picket, place / "data", *arguments).wait_ready()
        server.wait_caught_up()
        wait_for("the slow webhook is asked", lambda: Webhook.tries["slow"] >= 2)
        check(not Webhook.taken, "a failing webhook took something")
        server.kill()
        Webhook.mode = "answering"
        server = Server(picket, place / "data", *arguments).wait_ready()
        server.wait_caught_up()
        wait_for("the webhook takes something", lambda: len(Webhook.taken) >= 3)
        server.kill()  # in the midst of it
        server = Server(picket, place / "data", *arguments).wait_ready()
        server.wait_caught_up()
        wait_for("everything is sent", lambda: waiting(server) == 0)
        metrics = server.metrics()
        server.stop()

        findings = [json.loads(line) for line in picket.findings(place / "data").splitlines()]
        wanted = {finding["id"] for finding in findings}
        check(len(wanted) > 20, f"only {len(wanted)} findings")
        got = {
            "webhook": set(Webhook.taken),
            "queue": {event["detail"]["id"] for event in aws.received("direct")},
            "fifo queue": {message["id"] for message in aws.received("ordered.fifo")},
            "topic": {event["finding_info"]["uid"].rsplit("/", 1)[1] for event in aws.received("from-topic")},
            "bus": {event["detail"]["id"] for event in aws.received("from-bus")},
            "state machine": {event["detail"]["id"] for event in aws.started()},
            "Security Hub": {finding["Id"].rsplit("/", 1)[1] for finding in aws.imported()},
            "syslog": {id for message in Syslog.messages for id in external_ids(message)},
            "syslog over UDP": {id for message in SyslogUdp.messages for id in external_ids(message)},
            "mail": {json.loads(mail.get_payload(decode=True).decode().split("\n\n")[-1])["detail"]["id"] for mail in Smtp.mails},
            "CloudWatch logs": {event["detail"]["id"] for event in aws.logged()},
            "file": {json.loads(line)["id"] for line in (place / "findings.jsonl").read_text().splitlines()},
        }
        for name, ids in got.items():
            check(ids == wanted, f"{name}: {len(wanted - ids)} of {len(wanted)} findings did not arrive, {len(ids - wanted)} are unknown")
            print(f"ok: all {len(wanted)} findings reached: {name}", flush=True)
        check(aws.counted() >= len(wanted), f"the metrics count {aws.counted()} of {len(wanted)} findings")
        check(all(mail["Subject"].startswith("[picket] ") and mail["To"] == "soc@example.org" for mail in Smtp.mails), "a mail's head")
        print("ok: CloudWatch metrics count every finding", flush=True)
        high = {json.loads(line)["detail"]["id"] for line in (place / "high.jsonl").read_text().splitlines()}
        severe = {finding["id"] for finding in findings if finding["severity"] >= 7}
        check(severe <= high <= wanted and high != wanted, "the pattern does not choose by severity")
        check(metrics['picket_respond_attempts_total{target="function",outcome="failed"}'] == 0, "Lambda refused")
        event = aws.received("from-bus")[0]
        check((event["source"], event["detail-type"]) == ("picket.guardduty", "GuardDuty Finding"), f"{event}")
        # The same content has the same id, whatever was repeated.
        repeated = sum(Webhook.taken.values()) - len(wanted)
        try_samples(picket, place, config)
        print(f"ok: the webhook got {repeated} findings more than once; {sum(map(len, Webhook.ids.values()))} ids", flush=True)
    moto.stop()


def try_samples(picket, place, config):
    """Samples go where findings go, and say what they are."""
    server = Server(picket, place / "data", "--config", config).wait_ready()
    lines = (place / "data/credentials").read_text().splitlines()
    keys = dict(line.split(" = ") for line in lines if " = " in line)
    client = boto3.client("guardduty", endpoint_url=server.url, region_name=REGION, aws_access_key_id=keys["aws_access_key_id"],
                          aws_secret_access_key=keys["aws_secret_access_key"])
    detector = client.list_detectors()["DetectorIds"][0]
    client.create_sample_findings(DetectorId=detector, FindingTypes=["Backdoor:EC2/C&CActivity.B!DNS"])
    samples = lambda: [event["detail"] for event in map(json.loads, (place / "high.jsonl").read_text().splitlines())
                       if event["detail"]["service"]["additionalInfo"].get("sample") is True]
    wait_for("the sample is sent", samples)
    server.stop()
    check([one["type"] for one in samples()] == ["Backdoor:EC2/C&CActivity.B!DNS"], f"other samples: {samples()}")
    print("ok: a sample reaches the rule's target", flush=True)


def external_ids(message):
    return [word.removeprefix("externalId=") for word in message.split(" ") if word.startswith("externalId=")]


main()
