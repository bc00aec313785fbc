#!/usr/bin/env python3
"""A full disk while Firehose, a socket and Kafka push: nothing is acknowledged that is not durable, it is told, and all goes on by
itself when there is room again, also after a kill and a start on the full disk.

    disk_full.py BINARY SOURCE_ROOT

The data directory is a small tmpfs, for which this needs to be root, or a user namespace.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

SOURCE_ROOT = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE_ROOT / "tests/api"))
import run as clients  # noqa: E402  (installs what this test needs)
import kafka_broker  # noqa: E402

clients.enter_venv(kafka_broker.install)

if os.geteuid() != 0:
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        print(f"CANNOT RUN: a tmpfs needs root or user namespaces, and unshare says: {tried.stderr.strip()}; nothing was tested of a full "
              "disk.", flush=True)
        sys.exit(1 if os.environ.get("CI") else 77)
    os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--mount", sys.executable, *sys.argv])

from harness import (PATIENT, Picket, Server, Workspace, check_as_scanned, check_equal, fail, source_of, wait_until)  # noqa: E402
from pushers import Lines, Request, archive_of, deliveries, without_objects  # noqa: E402

ACCOUNT, KEY, TOPIC, MEBIBYTES = "777788889999", "firehose key", "logs", 64
SOURCES = ("firehose", "lines", "kafka")


class Firehose(threading.Thread):
    """Sends each request until it is told 200."""

    def __init__(self, requests):
        super().__init__(daemon=True)
        self.requests, self.url, self.taken, self.put_off, self.error = requests, None, 0, 0, None

    def run(self):
        for request in self.requests:
            while True:
                try:
                    status, told = request.send(self.url, KEY)
                except OSError:
                    time.sleep(0.2)
                    continue
                if status == 200:
                    break
                if status != 503:
                    self.error = f"{status}: {told}"
                    return
                self.put_off += 1
                time.sleep(0.1)
            self.taken += 1


class LineSender(threading.Thread):
    """Goes on behind what it was told is stored, also when the server goes away."""

    def __init__(self, address, lines):
        super().__init__(daemon=True)
        self.lines = Lines(address, lines)

    def run(self):
        while self.lines.stored < len(self.lines.lines):
            try:
                self.lines.send(len(self.lines.lines), seconds=300)
            except OSError:
                pass
            time.sleep(0.2)


def fill(disk):
    """To the last page; answers the file."""
    ballast = disk / "ballast"
    with open(ballast, "ab", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                pass
    return ballast


def deal(objects):
    """Records of each kind to the sources, which tell them apart by their content; flow logs need a header's format."""
    requests, lines, messages = [], [], []
    for number, delivery in enumerate(deliveries(objects, ACCOUNT)):
        trail = "/CloudTrail/" in delivery.key
        if trail and number % 3 == 1:
            lines += delivery.records
        elif trail and number % 3 == 2:
            messages += delivery.records
        else:
            requests += [Request(delivery.records[at:at + 100], delivery.attributes) for at in range(0, len(delivery.records), 100)]
    return requests, lines, messages


def thirds(items):
    step = -(-len(items) // 3)
    return [items[at:at + step] for at in range(0, len(items), step)]


def write_config(work, disk, broker, port):
    for name, secret in (("firehose", KEY), ("kafka", kafka_broker.PASSWORD)):
        (work / f"{name}.secret").write_text(secret + "\n")
        (work / f"{name}.secret").chmod(0o600)
    path = work / "picket.toml"
    path.write_text(
        f'[[source]]\nname = "firehose"\nurl = "firehose://127.0.0.1:{port}/logs"\naccess_key_file = "firehose.secret"\n'
        f'[[source]]\nname = "lines"\nurl = "unix://{work}/lines.sock"\nregion = "eu-west-1"\n' +
        kafka_broker.source(broker, TOPIC, "kafka.secret").replace("[source.properties]", 'region = "eu-west-1"\n[source.properties]') +
        PATIENT + '[engine]\nsnapshot_interval = "300 ms"\n'
        # What is kept of what was read would make room first.
        '[limits]\npushed_bytes_kept = 0\n')
    return path


def main():
    picket = Picket(sys.argv[1])
    with Workspace() as work:
        disk = work / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", disk], check=True)
        broker = kafka_broker.Broker(work / "broker").start()
        try:
            run(picket, work, disk, broker)
        finally:
            broker.kill()
            subprocess.run(["umount", "-l", disk], check=False)


def run(picket, work, disk, broker):
    objects = archive_of(SOURCE_ROOT, work)
    stats, _ = picket.stats(objects, "--assume-account", ACCOUNT, "--assume-region", "eu-west-1", "--save", work / "undisturbed", "--quiet")
    requests, lines, messages = deal(objects)
    kafka_broker.create_topic(broker, TOPIC, 1)
    port = kafka_broker.free_ports(1)[0]
    data, log = disk / "data", work / "data.log"
    config = write_config(work, disk, broker, port)

    def start():
        server = Server(picket, data, "--config", config)
        server.log.close()
        return server

    def told(server, name):
        return server.metrics()[f'picket_source_failing{{source="{name}"}}']

    (disk / "data.log").symlink_to(log)  # which is not on the disk that is full
    server = Server(picket, data, "--config", config).wait_ready()
    first, second, third = thirds(requests)
    firehose, sender = Firehose(first), LineSender(work / "lines.sock", lines)
    firehose.url = f"http://127.0.0.1:{port}/logs"
    firehose.start()
    firehose.join(120)
    kafka_broker.send(broker, TOPIC, [(0, message) for message in thirds(messages)[0]])
    server.wait_caught_up(120)

    ballast = fill(disk)
    late = Firehose(second + third)
    late.url = firehose.url
    late.start()
    sender.start()
    kafka_broker.send(broker, TOPIC, [(0, message) for part in thirds(messages)[1:] for message in part])
    wait_until("every source says that it cannot store", lambda: all(told(server, name) for name in SOURCES))
    wait_until("requests are put off", lambda: late.put_off >= 5)
    taken, stored = late.taken, sender.lines.stored
    time.sleep(3)
    # What there was room for by chance is durable; all of it cannot be.
    if late.taken == len(second + third) or sender.lines.stored == len(lines):
        fail("everything was taken while the disk is full")
    if server.process.poll() is not None:
        fail(f"a full disk ended the server: {log.read_text()[-2000:]}")
    if "No space left" not in log.read_text():
        fail(f"the log does not tell why:\n{log.read_text()[-2000:]}")
    print(f"ok: on a full disk {taken} requests and {stored} lines found room, {late.put_off} were put off; every source says so", flush=True)

    server.kill()
    server = Server(picket, data, "--config", config)
    time.sleep(3)
    ended = server.process.poll()
    if ended is None:
        print("ok: it starts on the full disk", flush=True)
    else:
        last = log.read_text().strip().splitlines()[-1]
        if "No space left" not in last and "disk" not in last:
            fail(f"it ends on the full disk with {ended} and says: {last}")
        print(f"ok: it does not start on the full disk and says: {last}", flush=True)
    ballast.unlink()
    if ended is not None:
        server._end()
        server = Server(picket, data, "--config", config)
    server.wait_ready()
    for one in (late, sender):
        one.join(180)
    if late.is_alive() or sender.is_alive() or late.error:
        fail(f"not everything was taken when there was room again: {late.taken} requests, {sender.lines.stored} lines, {late.error}")
    wait_until("Kafka is read to its end", lambda: source_of(picket, data, "kafka")["pushed"]["behind"] == 0 and not told(server, "kafka"))
    metrics = server.wait_caught_up(120)
    if any(told(server, name) for name in SOURCES):
        fail("a source is failing though there is room")
    server.stop()
    check_as_scanned(metrics, stats, ("processed", "quarantined"))
    picket.serve_to_the_end(data)
    check_equal("findings of what was pushed through a full disk", without_objects(picket.findings(work / "undisturbed")),
                without_objects(picket.findings(data)))


main()
