#!/usr/bin/env python3
"""Every durable source at once, killed at random: a bucket with its queue, Firehose, Kafka and a folder.

    crash_sources.py BINARY SOURCE_ROOT [--kills N] [--seed N]

The sample archive is dealt out among them, in random order; requests come twice, truncated or are cut off, S3 answers
503 and breaks off, records come by a second route too, and the inbox is small enough to be full. In the end the findings
are those of a scan of the archive, the ledger accounts for every record that was sent, and a webhook that refuses some of what
it gets has every finding.
"""
import argparse
import collections
import http.client
import http.server
import json
import pathlib
import random
import sys
import threading
import time

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)
import kafka_broker  # noqa: E402

clients.enter_venv(kafka_broker.install)

from cloud import Cloud, Feeder, Proxy, source_config  # noqa: E402
from harness import (PATIENT, Picket, Server, Workspace, check_as_scanned, check_equal, check_source_ledger, fail, put,
                     source_of, wait_until)  # noqa: E402
from pushers import Request, archive_of, deliveries, without_objects  # noqa: E402

ACCOUNT, KEY, TOPIC, PARTITIONS = "777788889999", "firehose key", "logs", 3
SECONDS_A_KILL = 1.6
SOURCES = ("trail", "firehose", "kafka", "folder")


class Webhook(http.server.BaseHTTPRequestHandler):
    """Refuses one event in five; keeps what it said yes to."""
    chance = random.Random(1)
    taken = collections.Counter()  # by finding

    def do_POST(self):
        try:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        except ValueError:
            return  # picket was killed
        good = self.chance.random() < 0.8
        if good:
            self.taken[event["detail"]["id"]] += 1
        try:
            self.send_response(200 if good else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Sender(threading.Thread):
    """Calls each step, spread over the time there is."""

    def __init__(self, steps, seconds):
        super().__init__(daemon=True)
        self.steps, self.seconds, self.error = steps, seconds, None

    def run(self):
        try:
            for step in self.steps:
                step()
                time.sleep(self.seconds / len(self.steps))
        except Exception as error:  # told by the main thread
            self.error = error


class Firehose:
    """Sends until it is told 200, as Firehose does, and worse."""

    def __init__(self, url, seed):
        self.url, self.random, self.seen = url, random.Random(seed), collections.Counter()

    def send(self, request):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            body = request.body
            if self.random.random() < 0.1:
                body = body[:self.random.randrange(len(body))]
            try:
                if self.random.random() < 0.05:
                    self.hang_up(request)
                status, told = request.send(self.url, KEY, body=body)
            except (OSError, http.client.HTTPException):
                self.seen["cut off"] += 1
                time.sleep(0.1)
                continue
            self.seen[status] += 1
            if len(body) < len(request.body) and status not in (400, 503):
                fail(f"a truncated body was answered with {status}: {told}")
            if status == 200:
                if self.random.random() < 0.8:
                    return
                self.seen["sent again"] += 1  # as if the answer had been lost
            elif status not in (400, 503):
                fail(f"a request was answered with {status}: {told}")
            else:
                time.sleep(0.05)
        fail("a request was never taken")

    def hang_up(self, request):
        """In the middle of the body."""
        host, port = self.url.split("/")[2].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.putrequest("POST", "/logs")
        for name, value in (request.headers | {"X-Amz-Firehose-Access-Key": KEY, "Content-Length": str(len(request.body))}).items():
            connection.putheader(name, value)
        connection.endheaders(request.body[:len(request.body) // 2])
        connection.close()
        self.seen["hung up"] += 1


def write_config(work, cloud, broker, port, name, extra):
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    extra += ('[network]\nallow_hosts = ["127.0.0.1"]\n[[respond.rule]]\nname = "all"\ntargets = ["hook"]\n[[respond.target]]\n'
              f'name = "hook"\nkind = "webhook"\nurl = "http://127.0.0.1:{hook.server_port}/"\nrate_per_minute = 0\n')
    secrets = {"firehose": KEY, "kafka": kafka_broker.PASSWORD}
    for file, secret in secrets.items():
        (work / f"{file}.secret").write_text(secret + "\n")
        (work / f"{file}.secret").chmod(0o600)
    path = work / name
    path.write_text(
        source_config(path, cloud) +
        f'[[source]]\nname = "firehose"\nurl = "firehose://127.0.0.1:{port}/logs"\naccess_key_file = "firehose.secret"\n' +
        kafka_broker.source(broker, TOPIC, "kafka.secret").replace("[source.properties]", 'region = "eu-west-1"\n[source.properties]') +
        f'[[source]]\nname = "folder"\npath = "{work}/watched"\nregion = "eu-west-1"\n' + extra)
    return path


def deal(objects, seed):
    """Each object to one of the sources; to Kafka only what is the same without its key."""
    chance = random.Random(seed)
    dealt = {name: [] for name in SOURCES}
    for delivery in deliveries(objects, ACCOUNT):
        audit = "exportedlogs/" in delivery.key
        flows = "/vpcflowlogs/" in delivery.key
        routes = ["firehose", "kafka"] if audit else ["trail", "firehose", "folder"] if flows else list(SOURCES)
        dealt[chance.choice(routes)].append(delivery)
    again = [record for delivery in dealt["trail"] if "/CloudTrail/" in delivery.key for record in delivery.records]
    return dealt, chance.sample(again, len(again) // 5)  # these come by Kafka too


def senders(work, objects, cloud, broker, port, dealt, again, options):
    chance, seconds = random.Random(options.seed), options.kills * SECONDS_A_KILL
    trail = Feeder(cloud, {one.key: (objects / one.key).read_bytes() for one in dealt["trail"]}, seconds, options.seed)
    firehose = Firehose(f"http://127.0.0.1:{port}/logs", options.seed)
    requests = [Request(one.records[at:at + 300], one.attributes) for one in dealt["firehose"] for at in range(0, len(one.records), 300)]
    chance.shuffle(requests)
    messages = [record for one in dealt["kafka"] for record in one.records] + again
    chance.shuffle(messages)
    placed = [(chance.randrange(PARTITIONS), message) for message in messages]
    files = [one.key for one in dealt["folder"]]
    chance.shuffle(files)
    return firehose, messages, [
        trail,
        Sender([lambda request=request: firehose.send(request) for request in requests], seconds),
        Sender([lambda at=at: kafka_broker.send(broker, TOPIC, placed[at:at + 500]) for at in range(0, len(placed), 500)], seconds),
        Sender([lambda key=key: put(objects / key, work / "watched" / key) for key in files], seconds)]


def read_to_the_end(picket, server, data):
    def quiet():
        told = {name: source_of(picket, data, name) for name in SOURCES}
        return all(one["state"] == "watching" for one in told.values()) and told["kafka"]["pushed"]["behind"] == 0
    wait_until("every source is read to its end", quiet, 120)
    metrics = server.wait_caught_up(120)
    time.sleep(1.2)
    return metrics, {name: source_of(picket, data, name) for name in SOURCES}


def check_ledger(metrics, told, stats, again):
    """Every source accounts for what it read, and all of them for each record of the archive once."""
    for name, one in told.items():
        ledger = one["ledger"]
        check_source_ledger(name, ledger)
        if ledger["quarantined"] or ledger["objectsFailed"] or ledger["objectsSkipped"]:
            fail(f"{name} set something aside: {ledger}")
    check_as_scanned(metrics, stats, more={("cloudtrail", "duplicate"): len(again)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    picket, moments = Picket(options.binary), random.Random(options.seed)
    with Workspace() as work:
        objects = archive_of(options.root, work)
        dealt, again = deal(objects, options.seed)
        stats, _ = picket.stats(objects, "--assume-account", ACCOUNT, "--assume-region", "eu-west-1", "--save", work / "undisturbed", "--quiet")
        port = kafka_broker.free_ports(1)[0]
        cloud, broker = Cloud(), kafka_broker.Broker(work / "broker").start()
        try:
            kafka_broker.create_topic(broker, TOPIC, PARTITIONS)
            (work / "watched").mkdir()
            data = work / "data"
            config = write_config(work, cloud, broker, port, "patient.toml", PATIENT + '[limits]\ninbox_bytes_max = 1000000\n'
                                  '[engine]\nsnapshot_interval = "200 ms"\n')
            Proxy.trouble = 0.2
            firehose, messages, running = senders(work, objects, cloud, broker, port, dealt, again, options)
            # Kills may be over before the senders are.
            senders_end = time.monotonic() + options.kills * SECONDS_A_KILL + 300
            for one in running:
                one.start()
            for _ in range(options.kills):
                server = Server(picket, data, "--config", config)
                if moments.random() < 0.7:
                    server.wait_ready()
                time.sleep(moments.uniform(0, 1.5))
                server.kill()
            server = Server(picket, data, "--config", config).wait_ready()
            for one in running:
                one.join(timeout=max(60, senders_end - time.monotonic()))
                if one.is_alive() or one.error:
                    fail(f"a sender did not end well: {one.error or 'it is not done'}")
            Proxy.trouble = 0
            # Folders of past days are listed once a run: what nobody announced meanwhile is found by the next.
            server.kill()
            server = Server(picket, data, "--config", config).wait_ready()
            metrics, told = read_to_the_end(picket, server, data)
            words = picket.run("sources", "--data-dir", data).stdout.decode()
            wait_until("the webhook has what waits for it", lambda: server.metrics()['picket_respond_waiting{target="hook"}'] == 0, 180)
            server.stop()
            found = {json.loads(line)["id"] for line in picket.findings(data).splitlines()}
            if not found <= set(Webhook.taken):
                fail(f"{len(found - set(Webhook.taken))} of {len(found)} findings never reached the webhook")
            print(f"the webhook has all {len(found)} findings, in {sum(Webhook.taken.values())} events")
            print(f"killed {options.kills} times; Firehose: {dict(firehose.seen)}; S3: {dict(Proxy.seen)}; {len(messages)} messages\n{words}", flush=True)
            for what in (200, 400, "sent again", "hung up"):
                if firehose.seen[what] == 0:
                    fail(f"never happened: {what}")
            if Proxy.wrong:
                fail(f"signatures that botocore makes otherwise: {Proxy.wrong}")
            check_ledger(metrics, told, stats, again)
            picket.serve_to_the_end(data, "--watch", work / "watched")
            expected = without_objects(picket.findings(work / "undisturbed"))
            if not expected:
                fail("the archive raises nothing")
            check_equal(f"findings of four sources after {options.kills} kills", expected, without_objects(picket.findings(data)))
        finally:
            broker.kill()
            cloud.stop()


main()
