#!/usr/bin/env python3
"""Findings reach a topic of a real Apache Kafka over TLS and SCRAM, at least once, though the broker goes away and picket is
killed meanwhile; and no broker is connected to that network.allow_hosts does not name.

    respond_kafka.py BINARY SOURCE_ROOT
"""
import json
import pathlib
import sys
import time

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)
import kafka_broker  # noqa: E402

clients.enter_venv(kafka_broker.install)

from kafka import KafkaConsumer, TopicPartition  # noqa: E402

from harness import PATIENT, Picket, Server, Workspace, fail, wait_until  # noqa: E402

TOPIC, PARTITIONS = "findings", 3


def write_config(work, broker, name="picket.toml", network='allow_hosts = ["127.0.0.1"]', more=""):
    password = work / "password"
    password.write_text(kafka_broker.PASSWORD + "\n")
    password.chmod(0o600)
    path = work / name
    path.write_text(PATIENT + f"""
[network]
{network}
[[respond.rule]]
name = "everything"
targets = ["topic"]
[[respond.target]]
name = "topic"
kind = "kafka"
url = "kafka://{broker.secure}/{TOPIC}"
password_file = "password"
rate_per_minute = 0
timeout = "2 s"
[respond.target.properties]
"security.protocol" = "SASL_SSL"
"sasl.mechanism" = "SCRAM-SHA-256"
"sasl.username" = "{kafka_broker.USER}"
"ssl.ca.location" = "{broker.ca}"
"reconnect.backoff.max.ms" = "1000"
{more}""")
    return path


def read_topic(broker):
    """What lies there, as (partition, key, headers, event)."""
    consumer = KafkaConsumer(bootstrap_servers=broker.plain, enable_auto_commit=False)
    places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    consumer.seek_to_beginning()
    ends, out = consumer.end_offsets(places), []
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(timeout_ms=500).values():
            out += [(one.partition, one.key.decode(), {name: value.decode() for name, value in one.headers}, json.loads(one.value))
                    for one in records]
    consumer.close()
    return out


def main():
    picket = Picket(sys.argv[1])
    with Workspace() as work:
        broker = kafka_broker.Broker(work / "broker").start()
        try:
            kafka_broker.create_topic(broker, TOPIC, PARTITIONS)
            archive = SOURCE_ROOT / "samples/archive"
            strict = write_config(work, broker, "strict.toml", network="")
            server = Server(picket, work / "strict", "--config", strict, "--watch", archive).wait_ready()
            wait_until("the broker is refused", lambda: server.metrics()['picket_respond_attempts_total{target="topic",outcome="failed"}'] >= 2)
            server.stop()
            log = (work / "strict.log").read_text()
            if read_topic(broker) or "network.allow_hosts can allow it" not in log:
                fail(f"a broker on loopback was connected to, or it is not told why not:\n{log[-2000:]}")
            print("ok: without network.allow_hosts no broker on loopback is connected to", flush=True)

            done = picket.run("config", "check", write_config(work, broker, "wrong.toml", more='"acks" = "0"\n'))
            server = picket.run("serve", "--config", work / "wrong.toml", "--data-dir", work / "wrong", "--listen", "127.0.0.1:0", "--exit-when-done")
            if server.returncode != 2 or b"acks is picket's to set" not in server.stderr:
                fail(f"acks = 0 was taken: {done.stderr} {server.returncode} {server.stderr}")

            config, data = write_config(work, broker), work / "data"
            waiting = lambda: server.metrics()['picket_respond_waiting{target="topic"}']
            server = Server(picket, data, "--config", config, "--watch", archive).wait_ready()
            wait_until("something arrives", lambda: len(read_topic(broker)) >= 3)
            server.kill()
            broker.kill()
            server = Server(picket, data, "--config", config, "--watch", archive).wait_ready()
            server.wait_caught_up()
            wait_until("the target is unreachable", lambda: server.metrics()['picket_respond_unreachable{target="topic"}'] == 1)
            time.sleep(3)  # longer than a message may take
            broker.start()
            wait_until("everything is sent", lambda: waiting() == 0, 180)
            server.stop()
            found = {one["id"]: one for one in map(json.loads, picket.findings(data).splitlines())}
            got = read_topic(broker)
            if len(found) < 20 or {key for _, key, _, _ in got} != set(found):
                fail(f"{len(found)} findings, {len({key for _, key, _, _ in got})} of them in the topic")
            places = {}
            for partition, key, headers, event in got:
                if event["detail"]["id"] != key or headers["id"] != event["id"] or headers["type"] != found[key]["type"]:
                    fail(f"a message of finding {key}: {headers}, {event}")
                if places.setdefault(key, partition) != partition:
                    fail(f"finding {key} is in two partitions")
            print(f"ok: all {len(found)} findings are in the topic, {len(got)} messages, through a kill and a broker that was away", flush=True)
        finally:
            broker.kill()


main()
