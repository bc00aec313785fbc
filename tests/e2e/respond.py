#!/usr/bin/env python3
"""Findings reach every kind of target, at least once, though the webhook fails, is slow and picket is killed meanwhile.

    respond.py BINARY SOURCE_ROOT

EventBridge, SNS, SQS, Lambda, Step Functions and Security Hub are moto's, in the venv of tests/api; the webhook and the
syslog receivers are this test's.
"""
import base64
import collections
import hashlib
import hmac
import http.server
import io
import json
import logging
import os
import pathlib
import socketserver
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

    def imported(self):
        return [finding for page in self.hub.get_paginator("get_findings").paginate() for finding in page["Findings"]]


def configuration(place, endpoint, aws, hook, tcp, udp):
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
        "file": 'kind = "file"\npath = "findings.jsonl"\nformat = "guardduty"',
        "high": 'kind = "file"\npath = "high.jsonl"',
    }
    text = PATIENT + '[network]\nallow_hosts = ["127.0.0.1"]\n'
    everything = [name for name in targets if name != "high"]
    text += f'[[respond.rule]]\nname = "everything"\ntargets = {json.dumps(everything)}\n'
    text += ('[[respond.rule]]\nname = "high"\ntargets = ["high"]\n'
             'pattern = \'{"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}], "service": {"archived": [false]}}}\'\n')
    for name, keys in targets.items():
        text += f'[[respond.target]]\nname = "{name}"\nrate_per_minute = 0\n{keys}\n'
    (place / "secret").write_bytes(SECRET + b"\n")
    (place / "secret").chmod(0o600)
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
    with Workspace() as place:
        config = configuration(place, endpoint, aws, hook, tcp, udp)
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
            "file": {json.loads(line)["id"] for line in (place / "findings.jsonl").read_text().splitlines()},
        }
        for name, ids in got.items():
            check(ids == wanted, f"{name}: {len(wanted - ids)} of {len(wanted)} findings did not arrive, {len(ids - wanted)} are unknown")
            print(f"ok: all {len(wanted)} findings reached: {name}", flush=True)
        high = {json.loads(line)["detail"]["id"] for line in (place / "high.jsonl").read_text().splitlines()}
        severe = {finding["id"] for finding in findings if finding["severity"] >= 7}
        check(severe <= high <= wanted and high != wanted, "the pattern does not choose by severity")
        check(metrics['picket_respond_attempts_total{target="function",outcome="failed"}'] == 0, "Lambda refused")
        event = aws.received("from-bus")[0]
        check((event["source"], event["detail-type"]) == ("picket.guardduty", "GuardDuty Finding"), f"{event}")
        # The same content has the same id, whatever was repeated.
        repeated = sum(Webhook.taken.values()) - len(wanted)
        print(f"ok: the webhook got {repeated} findings more than once; {sum(map(len, Webhook.ids.values()))} ids", flush=True)
    moto.stop()


def external_ids(message):
    return [word.removeprefix("externalId=") for word in message.split(" ") if word.startswith("externalId=")]


main()
