#!/usr/bin/env python3
"""A topic of a real Apache Kafka as a source, over TLS and SCRAM: killed readers, a broker that goes away, junk.

    source_kafka.py BINARY SOURCE_ROOT [--rounds N] [--seed N]

The end is compared with one scan of the same records.
"""
import argparse
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

from kafka import TopicPartition  # noqa: E402

from harness import (PATIENT, Picket, Server, Workspace, check_as_scanned, check_balanced, check_equal, check_none_late, fail,
                     source_of, wait_until)  # noqa: E402
from pushers import archive_of, deliveries, without_objects  # noqa: E402

ACCOUNT, PARTITIONS, TOPIC = "777788889999", 3, "logs.all_kinds"
JUNK = [b"junk", b"", b"\x1f\x8b broken", b'{"a": ', b'{"a": 1}']
TOMBSTONES = 3


class Feeder(threading.Thread):
    """Sends each message once, to partitions at random, while `broker_is_there` is not held."""

    def __init__(self, broker, messages, seconds, seed):
        super().__init__(daemon=True)
        self.broker, self.messages, self.seconds, self.random = broker, messages, seconds, random.Random(seed)
        self.broker_is_there = threading.Lock()
        self.error = None

    def run(self):
        try:
            step = 1000
            for at in range(0, len(self.messages), step):
                with self.broker_is_there:
                    kafka_broker.send(self.broker, TOPIC, [(self.random.randrange(PARTITIONS), message) for message in self.messages[at:at + step]])
                time.sleep(self.seconds * step / len(self.messages))
        except Exception as error:  # told by the main thread
            self.error = error


def messages_of(objects, seed):
    """Records of every kind but flow logs, whose formats differ from object to object, and what is none."""
    messages = [record for delivery in deliveries(objects, ACCOUNT) if "/vpcflowlogs/" not in delivery.key for record in delivery.records]
    messages += JUNK + [None] * TOMBSTONES
    random.Random(seed).shuffle(messages)
    return messages


def write_config(path, broker, more=PATIENT, extra=""):
    password = path.parent / "password"
    password.write_text(kafka_broker.PASSWORD + "\n")
    password.chmod(0o600)
    source = kafka_broker.source(broker, TOPIC, password)
    path.write_text(source.replace("[source.properties]", extra + "[source.properties]") + more + '[engine]\nsnapshot_interval = "300 ms"\n')
    return path


def check_lost(picket, work, broker, config, data):
    """Offsets that were removed while nobody read are told, not passed over."""
    kafka_broker.send(broker, TOPIC, [(0, b'{"a": 1}')] * 10)
    place = TopicPartition(TOPIC, 0)
    kafka_broker.delete_records(broker, place)
    kafka_broker.send(broker, TOPIC, [(0, b"after the gap")])
    server = Server(picket, data, "--config", config).wait_ready()
    told = wait_until("the gap is told", lambda: (one := source_of(picket, data, "kafka"))["pushed"]["lost"] == 10 and one)
    if "not there any more" not in told["lastError"]:
        fail(f"the source says {told}")
    wait_until("reading goes on behind the gap", lambda: source_of(picket, data, "kafka")["pushed"]["records"] == 1)
    server.stop()
    print(f"ok: lost offsets are told: {told['lastError']}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    picket, moments = Picket(options.binary), random.Random(options.seed)
    with Workspace() as work:
        objects = archive_of(options.root, work)
        messages = messages_of(objects, options.seed)
        broker = kafka_broker.Broker(work / "broker").start()
        try:
            kafka_broker.create_topic(broker, TOPIC, PARTITIONS)
            config, data = write_config(work / "kafka.toml", broker, extra='region = "eu-west-1"\n'), work / "data"
            feeder = Feeder(broker, messages, 2.5 * options.rounds, options.seed)
            feeder.start()
            for number in range(options.rounds):
                server = Server(picket, data, "--config", config).wait_ready()
                time.sleep(moments.uniform(0.3, 3))
                if number == options.rounds // 2:
                    with feeder.broker_is_there:
                        broker.kill()
                        told = wait_until("the source says that the broker is away", lambda: (
                            one := source_of(picket, data, "kafka"))["state"] == "failing" and one)
                        broker.start()
                    print(f"ok: while the broker is away: {told['lastError']}", flush=True)
                server.kill()
            server = Server(picket, data, "--config", config).wait_ready()
            feeder.join(timeout=180)
            if feeder.is_alive() or feeder.error:
                fail(f"the feeder did not end well: {feeder.error}")
            wait_until("all is read", lambda: source_of(picket, data, "kafka")["ledger"]["recordsRead"] and
                     source_of(picket, data, "kafka")["pushed"]["behind"] == 0 and source_of(picket, data, "kafka")["state"] == "watching")
            metrics = server.wait_caught_up(120)
            time.sleep(1.2)
            told = source_of(picket, data, "kafka")
            words = picket.run("sources", "--data-dir", data).stdout.decode()
            server.stop()
            print(f"{len(messages)} messages, killed {options.rounds} times, the broker once\n{words}", flush=True)
            check_balanced(metrics)
            check_none_late(metrics)
            check_lost(picket, work, broker, config, data)
            compare(picket, work, objects, data, metrics, told)
        finally:
            broker.kill()


def compare(picket, work, objects, data, metrics, told):
    for path in list(objects.rglob("*.gz")):
        if "vpcflowlogs" in str(path):
            path.unlink()
    stats, _ = picket.stats(objects, "--assume-account", ACCOUNT, "--assume-region", "eu-west-1", "--save", work / "undisturbed", "--quiet")
    check_as_scanned(metrics, stats, ("processed", "filtered", "duplicate"))
    if told["ledger"]["quarantined"] != len(JUNK) + TOMBSTONES or told["pushed"]["lost"] != 0:
        fail(f"the source says {told}")
    picket.serve_to_the_end(data)
    expected = without_objects(picket.findings(work / "undisturbed"))
    if not expected:
        fail("the records raise nothing")
    check_equal("the archive through Kafka, killed and cut off", expected, without_objects(picket.findings(data)))


main()
