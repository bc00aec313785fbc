#!/usr/bin/env python3
"""How long a record takes to become a finding: `picket serve` under load, from the moment a record can be read to the
finding in the API and at a webhook, for each class of detector.

    bench/latency.py [--routes folder,firehose,s3,kafka] [--cloudtrail 20000] [--flow 100000] [--seconds 90] [--every 0.5]
                     [--cache build/bench/latency] [--build build/release]

The load is what generate_corpus.py makes, under new event ids and times of the second it comes in. Among it probes come:
records of the detectors' own cases under names that tell which probe they are. A folder gets objects as AWS delivers
them, Firehose requests as AWS makes them, a record each event or line; a bucket (moto's) gets the folder's objects and a
queue their notifications, a topic of a real Kafka messages of up to 25 lines. Load and probes are written before the clock
starts. For s3 and kafka this runs in the venv of tests/api, which is installed at the first run.

Printed is a table for RESULTS.md. All are timed from their last record; what "ordered" and "learned" detectors say
then is provisional, for records that come within the lateness (an hour for CloudTrail, half of one for flow logs) may still change
it. Lost is what the API never showed, and what the webhook never got. Exit code 1 when p99 is 5 s or more (webhook: 10 s), or a probe is never found.
"""
import argparse
import base64
import calendar
import collections
import concurrent.futures
import functools
import gzip
import http.client
import http.server
import io
import itertools
import json
import math
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

from serving import Api, serving

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests/e2e"))
CASES = HERE.parent / "src/detectors"
REGION, PROBE_REGION, PROBE_ACCOUNT = "us-east-1", "eu-west-1", "111122223333"
API_GOAL, WEBHOOK_GOAL = 5, 10  # seconds, p99
SPAN = 10  # seconds of event time in an object
PROBE_SPAN = 5  # in a probe
SLOT = 600  # password guesses are counted by ten minutes
WARM_UP = 30
SETTLE = 20  # for what was sent last
OBJECTS = {"cloudtrail": 8, "vpcflow": 4}  # a second; each account has its turn
MESSAGE_RECORDS = 25
DAY = 86400
REQUEST_RECORDS = {"cloudtrail": 4000, "vpcflow": 10_000}  # 5 MiB, Firehose's default; AWS's limit
HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"


def utc(seconds, form="%Y-%m-%dT%H:%M:%SZ"):
    return time.strftime(form, time.gmtime(seconds))


# ---- probes ----------------------------------------------------------------------------------------------

class Probe:
    """Of one detector: records of its case, under names that hold the probe's number and at times that end now."""

    def __init__(self, name, order, finding_type, kind, case, names, learned=False):
        self.name, self.order, self.type, self.kind, self.names = name, order, finding_type, kind, names
        rows = [row for row in (CASES / case).read_text().splitlines() if not row.startswith("version ")]
        today = max(time_of(row) for row in rows) // DAY
        # Of a learned one the last day is the probe, those before are what it learns from.
        self.past = collections.defaultdict(list)  # by how many days ago
        self.rows = []
        for row in rows:
            ago = today - time_of(row) // DAY if learned else 0
            (self.past[ago] if ago else self.rows).append(row)
        self.moved = spread([time_of(row) for row in self.rows], 0, PROBE_SPAN)

    def records(self, number, now):
        return [self.named(move(row, int(now) + self.moved[time_of(row)]), number) for row in self.rows]

    def history(self, numbers, now):
        """Records by day."""
        return {ago: [self.named(move(row, (int(now) // DAY - ago) * DAY + time_of(row) % DAY), number) for number in numbers for row in rows]
                for ago, rows in self.past.items()}

    def named(self, row, number):
        for old, new in self.names:
            row = row.replace(old, new.format(n=number, hex=f"{number:07x}", key=f"{number:07d}", ip=f"{number >> 8}.{number & 255}",
                                              port=2000 + number))
        if self.kind == "cloudtrail":
            row = re.sub(r'"eventID":"[^"]*"', f'"eventID":"{uuid.uuid4()}"', row)
        return row


ISO = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?=Z)")
PAIR = re.compile(r" (1\d{9}) (1\d{9}) ")


@functools.lru_cache(maxsize=100_000)
def seconds_of(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def time_of(row):
    return seconds_of(re.search(r'"eventTime":"([^"]*)Z"', row)[1]) if row.startswith("{") else int(PAIR.search(row)[2])


def spread(times, end, span):
    """A mapping of event times to those of the last `span` seconds."""
    first, last = min(times), max(times)
    return {at: end - round((last - at) * span / max(span, last - first)) for at in set(times)}


def move(row, end):
    """The record so that it ends then; a connection is as short as its object."""
    if row.startswith("{"):
        shift = end - time_of(row)
        return ISO.sub(lambda found: utc(seconds_of(found[0]) + shift)[:-1], row)
    return PAIR.sub(lambda found: f" {end - min(SPAN // 2, int(found[2]) - int(found[1]))} {end} ", row)


def probes():
    user = [("marta.keller", "probe-{n}"), ("4S4E4FE2R", "4{key}R")]
    session = [("i-0f1e2d3c4b5a69788", "i-0f1e2d3c4b{hex}"), ("web-frontend", "probe-{n}"), ("ES4S32", "{key}"), ("S3S33", "{key}")]

    def interface(group):
        return [("eni-0a1b2c3d4e5f60718", "eni-0a1b2c3d4" + "abc"[group] + "{hex}"), (" 10.0.1.20 ", f" 10.{100 + group}." + "{ip} ")]

    return [
        Probe("CloudTrail call", "each", "Stealth:IAMUser/CloudTrailLoggingDisabled", "cloudtrail",
              "stealth/cloudtrail_logging_disabled/fires_on_stop_logging.jsonl", user),
        Probe("port scan", "window", "Recon:EC2/Portscan", "vpcflow", "recon/portscan/fires_on_blocked_scan.log", interface(0)),
        Probe("password guessing", "bucket", "UnauthorizedAccess:EC2/SSHBruteForce", "vpcflow",
              "unauthorized_access/password_guessing/fires_on_inbound_ssh.log", interface(1)),
        Probe("stolen session", "ordered", "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", "cloudtrail",
              "unauthorized_access/instance_credential_exfiltration/fires_on_macos.jsonl", session),
        # Each host another port: what many hosts begin on one day is a roll-out.
        Probe("unusual port", "learned", "Behavior:EC2/NetworkPortUnusual", "vpcflow", "behavior/network_port_unusual/fires_on_new_port.log",
              [*interface(2), (" 4444 ", " {port} ")], learned=True),
    ]


def number_of(finding):
    """Of the probe that a finding of the probes' account comes from."""
    text = json.dumps(finding)
    if found := re.search(r"\bprobe-(\d+)", text):
        return int(found[1])
    found = re.search(r"\beni-0a1b2c3d4[abc]([0-9a-f]{7})\b", text)
    return int(found[1], 16) if found else None


# ---- load ------------------------------------------------------------------------------------------------

def corpus(cache, kind, megabytes):
    """Records by account."""
    subprocess.run([sys.executable, HERE / "generate_corpus.py", cache / "corpus", "--kinds", kind, "--mb", str(megabytes)], check=True,
                   stdout=subprocess.DEVNULL)
    out = collections.defaultdict(list)
    for path in sorted((cache / "corpus" / kind).rglob("*.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        account = re.search(r"AWSLogs/(\d+)/", str(path))[1]
        if kind == "cloudtrail":
            out[account] += [json.dumps(record, separators=(",", ":")) for record in json.loads(text)["Records"]]
        else:
            out[account] += text.splitlines()[1:]
    return dict(out)


def stamp(kind, records, end, delivery):
    """The records as they come in one delivery, the newest of them at `end`."""
    times = [time_of(record) for record in records]
    moved = spread(times, end, SPAN)
    out = [move(record, moved[at]) for record, at in zip(records, times)]
    if kind == "cloudtrail":
        out = [re.sub(r'"eventID":"[0-9a-f]{8}-[0-9a-f]{4}', f'"eventID":"{delivery:08x}-{number:04x}', record)
               for number, record in enumerate(out)]
    return out


def as_object(kind, records):
    text = '{"Records":[' + ",".join(records) + "]}" if kind == "cloudtrail" else "\n".join([HEADER, *records, ""])
    return gzip.compress(text.encode(), 1)


def key_of(kind, account, region, at, number):
    day, minute = utc(at, "%Y/%m/%d"), utc(at, "%Y%m%dT%H%MZ")
    if kind == "cloudtrail":
        return f"AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{number:016d}.json.gz"
    return (f"AWSLogs/{account}/vpcflowlogs/{region}/{day}/{account}_vpcflowlogs_{region}_fl-0{int(account):016x}_{minute}_"
            f"{number:08x}.log.gz")


def as_request(kind, records):
    wrapped = records if kind == "cloudtrail" else [json.dumps({"message": record}) for record in records]
    body = '{"requestId":"%s","timestamp":%d,"records":[%s]}' % (
        uuid.uuid4(), time.time() * 1000, ",".join('{"data":"' + base64.b64encode(one.encode()).decode() + '"}' for one in wrapped))
    return gzip.compress(body.encode(), 1)


def as_messages(records):
    return b"\0".join("\n".join(records[at:at + MESSAGE_RECORDS]).encode() for at in range(0, len(records), MESSAGE_RECORDS))


def write_as(route, file, kind, records):
    if route == "kafka":
        file.write_bytes(gzip.compress(as_messages(records), 1))
    else:
        file.write_bytes(as_request(kind, records) if route == "firehose" else as_object(kind, records))


class Delivery:
    """What is to be readable at `at` seconds of the run."""

    def __init__(self, at, kind, file, key=None, probe=None):
        self.at, self.kind, self.file, self.key, self.probe = at, kind, file, key, probe
        self.readable = None


def plan(route, rates, seconds, every):
    """(at, kind, account, first record, records, number of the delivery) of the load, and (at, probe, number)."""
    load = []
    for kind, rate in rates.items():
        parts = math.ceil(rate / REQUEST_RECORDS[kind]) if route == "firehose" else OBJECTS[kind]
        for number in range(int(seconds * parts)):
            load.append((number / parts, kind, number, rate // parts))
    kinds = probes()
    asked = [(step * every + which * every / len(kinds), which, step) for step in range(int(seconds / every))
             for which in range(len(kinds))]
    return load, asked


CORPUS = {}  # by kind; made before the processes that write it are


def write_load(task):
    route, scratch, start, (at, kind, number, count) = task
    records_of = CORPUS[kind]
    accounts = sorted(records_of)
    account = accounts[number % len(accounts)]
    all_of = records_of[account]
    first = number // len(accounts) * count % len(all_of)
    records = (all_of * (1 + (first + count) // len(all_of)))[first:first + count]
    end = int(start + at)
    records = stamp(kind, records, end, number)
    file = scratch / f"load-{kind}-{number}"
    write_as(route, file, kind, records)
    return Delivery(at, kind, file, key_of(kind, account, REGION, end - SPAN, number))


def write_probe(route, scratch, start, at, which, number):
    probe = probes_once()[which]
    end = int(start + at)
    if end % SLOT < PROBE_SPAN:  # else half of what is counted together falls into the slot before
        end -= end % SLOT + 1
    records = probe.records(number, end)
    file = scratch / f"probe-{which}-{number}"
    write_as(route, file, probe.kind, records)
    key = key_of(probe.kind, PROBE_ACCOUNT, PROBE_REGION, end, which * 10_000_000 + number)
    return Delivery(at, probe.kind, file, key, (which, number))


def write_histories(route, scratch, start, asked):
    """What learned detectors learn from, a delivery a day."""
    for which, probe in enumerate(probes_once()):
        numbers = [number for _, one, number in asked if one == which]
        for ago, records in sorted(probe.history(numbers, start).items(), reverse=True):
            file = scratch / f"history-{which}-{ago}"
            write_as(route, file, probe.kind, records)
            key = key_of(probe.kind, PROBE_ACCOUNT, PROBE_REGION, int(start) - ago * DAY, which * 10_000_000 + 9_000_000 + ago)
            yield Delivery(0, probe.kind, file, key)


probes_once = functools.cache(probes)


def write_all(options, route, scratch, start):
    rates = {"cloudtrail": options.cloudtrail, "vpcflow": options.flow}
    load, asked = plan(route, rates, WARM_UP + options.seconds, options.every)
    CORPUS.update({kind: corpus(options.cache, kind, 64) for kind, rate in rates.items() if rate and kind not in CORPUS})
    with multiprocessing.Pool() as pool:
        out = pool.map(write_load, [(route, scratch, start, one) for one in load if one[3]], chunksize=16)
    out += [write_probe(route, scratch, start, *one) for one in asked]
    out += write_histories(route, scratch, start, asked)
    return sorted(out, key=lambda one: one.at)


# ---- what is measured ------------------------------------------------------------------------------------

class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = {}  # finding id -> when
    events = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = time.monotonic()
        type(self).events += 1
        event = json.loads(body)
        self.seen.setdefault(event["detail"]["id"], now)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Watcher(threading.Thread):
    """Asks the API for findings of the probes' account, type by type, and notes when each was there first."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.seen, self.ids, self.stopped, self.errors = api, {}, {}, threading.Event(), 0
        self.took = []
        self.detector = None

    def run(self):
        while not self.stopped.is_set():
            try:
                self.look()
            except (OSError, http.client.HTTPException, KeyError, ValueError):
                self.errors += 1
                self.api.connection.close()
            self.stopped.wait(0.1)

    def look(self):
        if self.detector is None:
            found = self.api.ask("/detector", "", "GET")[1]["detectorIds"]
            if not found:
                return
            self.detector = found[0]
        base = f"/detector/{self.detector}/findings"
        for which, probe in enumerate(probes_once()):
            criterion = {"type": {"eq": [probe.type]}, "accountId": {"eq": [PROBE_ACCOUNT]}}
            _, listed, ms = self.api.ask(base, json.dumps({
                "maxResults": 50, "findingCriteria": {"criterion": criterion},
                "sortCriteria": {"attributeName": "createdAt", "orderBy": "DESC"}}))
            now = time.monotonic()
            self.took.append(ms)
            fresh = [one for one in listed["findingIds"] if one not in self.ids]
            if not fresh:
                continue
            for finding in self.api.ask(base + "/get", json.dumps({"findingIds": fresh}))[1]["findings"]:
                number = number_of(finding)
                self.ids[finding["id"]] = (which, number)
                self.seen.setdefault((which, number), now)


class Sender:
    """Delivers everything at its time; notes when it was there."""

    def __init__(self, deliveries, begin, deliver):
        self.deliveries, self.begin, self.deliver = deliveries, begin, deliver
        self.late = 0.0

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            waiting = []
            for one in self.deliveries:
                time.sleep(max(0, self.begin + one.at - time.monotonic()))
                if self.deliver.at_once:
                    self.give(one)
                else:
                    waiting.append(pool.submit(self.give, one))
            for one in waiting:
                one.result()

    def give(self, one):
        self.deliver(one)
        one.file.unlink(missing_ok=True)
        self.late = max(self.late, one.readable - self.begin - one.at)


class Folder:
    """Objects in a folder."""
    at_once = True

    def __init__(self, scratch, _build=None):
        self.place = scratch / "logs"
        self.place.mkdir()

    def source(self):
        return f'[[source]]\nname = "load"\npath = "{self.place}"\n'

    def __call__(self, one):
        target = self.place / one.key
        target.parent.mkdir(parents=True, exist_ok=True)
        os.utime(one.file)
        os.rename(one.file, target)
        one.readable = time.monotonic()

    def begin(self, server):
        pass

    def words(self):
        return ""

    def stop(self):
        pass


class Firehose(Folder):
    """Readable is what is sent: that the inbox makes it durable first is part of the way."""
    at_once = False

    def __init__(self, scratch, _build=None):
        self.key, self.place, self.refused, self.took = "a key of the bench", None, 0, []
        (scratch / "key").write_text(self.key + "\n")
        (scratch / "key").chmod(0o600)

    def source(self):
        return '[[source]]\nname = "load"\nurl = "firehose://127.0.0.1:0/load"\naccess_key_file = "key"\n'

    def begin(self, server):
        self.place = urllib.parse.urlparse(server.endpoint())

    def __call__(self, one):
        body = one.file.read_bytes()
        one.readable = time.monotonic()
        while True:
            connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=60)
            connection.request("POST", self.place.path, body, {
                "Content-Type": "application/json", "Content-Encoding": "gzip", "X-Amz-Firehose-Protocol-Version": "1.0",
                "X-Amz-Firehose-Request-Id": self.request_id(body), "X-Amz-Firehose-Access-Key": self.key,
                "X-Amz-Firehose-Source-Arn": f"arn:aws:firehose:{PROBE_REGION if one.probe else REGION}:{PROBE_ACCOUNT}:deliverystream/load"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status == 200:
                self.took.append(time.monotonic() - one.readable)
                break
            self.refused += 1
            time.sleep(0.2)

    def words(self):
        return (f"requests answered in {percentile(self.took, 0.5):.2f} s (p99 {percentile(self.took, 0.99):.2f} s), {self.refused} put "
                "off, ")

    @staticmethod
    def request_id(body):
        head = gzip.GzipFile(fileobj=io.BytesIO(body)).read(80).decode()
        return re.search(r'"requestId":"([^"]+)"', head)[1]


class Bucket(Folder):
    """A bucket and a queue of moto's, in a process of its own. Readable is an object that is there; that it is announced
    comes after."""
    at_once = False
    BUCKET, KEYS = "logs", {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}

    def __init__(self, scratch, _build=None):
        import boto3  # of the venv
        from kafka_broker import free_ports
        port = free_ports(1)[0]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([pathlib.Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            except OSError:
                time.sleep(0.1)
        self.s3, self.sqs = (boto3.client(name, endpoint_url=self.endpoint, region_name=REGION, **self.KEYS) for name in ("s3", "sqs"))
        self.s3.create_bucket(Bucket=self.BUCKET)
        self.queue = self.sqs.create_queue(QueueName="notices")["QueueUrl"]
        (scratch / "aws").write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in self.KEYS.items()))
        self.took = []

    def source(self):
        return (f'[[source]]\nname = "load"\nurl = "s3://{self.BUCKET}/"\nregion = "{REGION}"\nendpoint = "{self.endpoint}"\n'
                f'queue = "{self.queue}"\ncredentials = "aws"\n')

    def __call__(self, one):
        begun = time.monotonic()
        etag = self.s3.put_object(Bucket=self.BUCKET, Key=one.key, Body=one.file.read_bytes())["ETag"].strip('"')
        one.readable = time.monotonic()
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
                "bucket": {"name": self.BUCKET}, "object": {"key": urllib.parse.quote_plus(one.key, safe="/"), "eTag": etag, "size": 1}}}]}))
        self.took.append(time.monotonic() - begun)

    def words(self):
        return f"moto took an object and its notice in {percentile(self.took, 0.5):.2f} s (p99 {percentile(self.took, 0.99):.2f} s), "

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Kafka(Folder):
    """Two topics of a broker in a process of its own, filled by kafka_send. Readable is what the broker has acknowledged."""
    PARTITIONS = 4
    at_once = False

    def __init__(self, scratch, build):
        import kafka_broker
        self.broker = kafka_broker.Broker(scratch / "broker").start()
        for kind in OBJECTS:
            kafka_broker.create_topic(self.broker, kind, self.PARTITIONS)
        self.process = subprocess.Popen([build / "kafka_send", self.broker.plain], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.took, self.turn = [], itertools.count()
        self.lock, self.given = threading.Lock(), {}
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def source(self):
        return "".join(f'[[source]]\nname = "{kind}"\nurl = "kafka://{self.broker.plain}/{kind}"\nkind = "{kind}"\naccount = "{PROBE_ACCOUNT}"\n'
                       f'region = "{PROBE_REGION}"\n' + (f'flow_format = "{HEADER}"\n' if kind == "vpcflow" else "") for kind in OBJECTS)

    def read(self):
        for line in self.process.stdout:
            now = time.monotonic()
            done, begun, one = self.given.pop(int(line))
            one.readable = now
            self.took.append(now - begun)
            done.set()

    def __call__(self, one):
        done = threading.Event()
        with self.lock:
            number = next(self.turn)
            self.given[number] = (done, time.monotonic(), one)
            self.process.stdin.write(f"{number} {one.kind} {number % self.PARTITIONS} {one.file}\n")
            self.process.stdin.flush()
        if not done.wait(60):
            sys.exit("latency: the broker took no message for a minute")

    def words(self):
        return f"the broker took a delivery in {percentile(self.took, 0.5):.2f} s (p99 {percentile(self.took, 0.99):.2f} s), "

    def stop(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.broker.kill()


ROUTES = {"folder": Folder, "firehose": Firehose, "s3": Bucket, "kafka": Kafka}


class Usage(threading.Thread):
    """Of the server, from the end of the warm-up on."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.stopped, self.waiting, self.memory = server, threading.Event(), [], 0

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self):
        while not self.stopped.wait(0.5):
            self.waiting.append(self.server.metrics()["picket_pending_objects"])
            status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
            self.memory = max(self.memory, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024)


def configuration(scratch, deliver, port):
    path = scratch / "picket.toml"
    path.write_text(f"""
{deliver.source()}
[network]
allow_hosts = ["127.0.0.1"]
[[respond.rule]]
name = "probes"
pattern = '{{"account": ["{PROBE_ACCOUNT}"]}}'
targets = ["hook"]
[[respond.target]]
name = "hook"
kind = "webhook"
url = "http://127.0.0.1:{port}/"
rate_per_minute = 0
""")
    return path


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)] if values else math.nan


def run(options, route):
    with tempfile.TemporaryDirectory(prefix="picket_latency_", dir=options.cache) as place:
        scratch = pathlib.Path(place)
        # How long writing takes decides when the run may begin; what is sent is as new as a minute then.
        start = time.time() + options.prepare
        begun = time.monotonic()
        deliveries = write_all(options, route, scratch, start)
        print(f"{route}: {len(deliveries)} deliveries written in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        deliver = ROUTES[route](scratch, options.build)
        time.sleep(max(0, start - time.time()))
        hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        Webhook.seen, Webhook.events = {}, 0
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        config = configuration(scratch, deliver, hook.server_port)
        data = scratch / "data"
        data.mkdir()
        try:
            with serving(options.build, data, "--config", config) as server:
                return measure(options, route, deliveries, deliver, server, data)
        finally:
            deliver.stop()
            hook.shutdown()


def measure(options, route, deliveries, deliver, server, data):
    deliver.begin(server)
    watcher, usage = Watcher(Api(server.port, data / "credentials", PROBE_REGION)), Usage(server)
    sender = Sender(deliveries, time.monotonic() + 1, deliver)
    watcher.start()
    timer = threading.Thread(target=sender.run)
    timer.start()
    time.sleep(max(0, sender.begin + WARM_UP - time.monotonic()))
    usage.start()
    cpu, began, read = usage.cpu(), time.monotonic(), {kind: server.records_read(kind) for kind in OBJECTS}
    timer.join()
    passed = time.monotonic() - began
    cpu = (usage.cpu() - cpu) / passed
    read = {kind: (server.records_read(kind) - read[kind]) / passed for kind in OBJECTS}
    load = os.getloadavg()
    usage.stopped.set()
    time.sleep(SETTLE)
    watcher.stopped.set()
    watcher.join()
    if options.keep_metrics:
        pathlib.Path(options.keep_metrics).write_text(json.dumps(server.metrics(), indent=1))
    return report(options, route, deliveries, watcher, sender, usage, cpu, read, load)


def report(options, route, deliveries, watcher, sender, usage, cpu, read, load):
    hooked = {watcher.ids[one]: at for one, at in Webhook.seen.items() if one in watcher.ids}
    rows, wrong = [], 0
    for which, probe in enumerate(probes_once()):
        api, webhook, lost = [], [], {"API": 0, "webhook": 0}
        for one in deliveries:
            if one.probe is None or one.probe[0] != which or one.at < WARM_UP:
                continue
            since = one.readable
            for name, seen, took in (("API", watcher.seen, api), ("webhook", hooked, webhook)):
                if one.probe in seen:
                    took.append(seen[one.probe] - since)
                else:
                    lost[name] += 1
        worst = percentile(api, 0.99), percentile(webhook, 0.99)
        wrong += sum(lost.values()) + (not worst[0] < API_GOAL) + (not worst[1] < WEBHOOK_GOAL)
        rows.append(f"| {route} | {probe.order} | {probe.type} | {len(api) + lost['API']} | {lost['API']}, {lost['webhook']} | {percentile(api, 0.5):.2f} s | {worst[0]:.2f} s | "
                    f"{percentile(webhook, 0.5):.2f} s | {worst[1]:.2f} s |")
    note = (f"{route}: {read['cloudtrail']:,.0f} CloudTrail events/s and {read['vpcflow']:,.0f} flow records/s read, {cpu:.2f} cores "
            f"busy with it, {usage.memory / 1e9:.2f} GB, at most {max(usage.waiting, default=0):.0f} objects waiting, deliveries at most "
            f"{sender.late:.2f} s late, {sender.deliver.words()}an API call took {percentile(watcher.took, 0.99):.0f} ms (p99), "
            f"{watcher.errors} failed; load average {load[0]:.1f}.")
    return rows, note, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", default="folder,firehose")
    for name, value in (("cloudtrail", 20_000), ("flow", 100_000), ("seconds", 90), ("prepare", 60)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two probes of one kind")
    parser.add_argument("--cache", type=pathlib.Path, default=HERE.parent / "build/bench/latency")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build/release")
    parser.add_argument("--keep-metrics", help="a file for the server's last metrics")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    options.cache.mkdir(parents=True, exist_ok=True)
    routes = options.routes.split(",")
    if {"s3", "kafka"} & set(routes):
        sys.path.insert(0, str(HERE.parent / "tests/api"))
        import run as clients
        import kafka_broker
        clients.enter_venv(kafka_broker.install if "kafka" in routes else lambda: None)
    results = [run(options, route) for route in routes]
    print("| source | order | finding | probes | lost (API, webhook) | API p50 | p99 | webhook p50 | p99 |\n|---|---|---|---|---|---|---|---|---|")
    for rows, _, _ in results:
        print("\n".join(rows))
    print()
    for _, note, _ in results:
        print(note)
    sys.exit(any(wrong for _, _, wrong in results))


if __name__ == "__main__":
    main()
