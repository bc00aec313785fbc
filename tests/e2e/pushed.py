#!/usr/bin/env python3
"""Sources that others push to: Firehose's HTTP delivery, and what becomes of repetitions, junk and floods.

    pushed.py BINARY SOURCE_ROOT

The whole sample archive is pushed; the findings are those of a scan of its objects.
"""
import gzip
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import time
import uuid

from harness import (PATIENT, Picket, Server, Workspace, check_as_scanned, check_balanced, check_equal, fail, of_kind, put,
                     source_of)
from pushers import CONTROL_MESSAGE, Lines, Request, archive_of, deliveries, endpoint_of, without_objects

KEY = "s3cret key"
ACCOUNT = "777788889999"  # of the cluster, whose exports do not tell it
REQUEST_RECORDS = 200


def write_config(path, extra="", more=""):
    key_file = path.parent / "firehose.keys"
    key_file.write_text(f"an older one\n{KEY}\n")
    key_file.chmod(0o600)
    path.write_text(f'[[source]]\nurl = "firehose://127.0.0.1:0/logs"\nname = "firehose"\naccess_key_file = "{key_file.name}"\n' +
                    extra + more + '[engine]\nsnapshot_interval = "300 ms"\n')
    return path


def requests_of(objects):
    for delivery in deliveries(objects, ACCOUNT):
        for at in range(0, len(delivery.records), REQUEST_RECORDS):
            yield Request(delivery.records[at:at + REQUEST_RECORDS], delivery.attributes)


def check_archive(picket, work, objects):
    requests = list(requests_of(objects))
    data = work / "data"
    server = Server(picket, data, "--config", write_config(work / "patient.toml", more=PATIENT)).wait_ready()
    url = endpoint_of(server)
    started = time.monotonic()
    for number, request in enumerate(requests):
        status, told = request.send(url, KEY)
        if status != 200:
            fail(f"{status}: {told}")
        if number % 7 == 0 and request.send(url, KEY)[0] != 200:
            fail("a repetition was refused")
        if number == len(requests) // 2:
            server.kill()  # what was answered with 200 is kept
            server = Server(picket, data, "--config", work / "patient.toml").wait_ready()
            url = endpoint_of(server)
            if request.send(url, KEY)[0] != 200:
                fail("a repetition after a crash was refused")
    seconds = time.monotonic() - started
    metrics = server.wait_caught_up(120)
    if Request([CONTROL_MESSAGE]).send(url, KEY)[0] != 200:
        fail("a control message was refused")
    time.sleep(1.2)
    told = source_of(picket, data, "firehose")
    words = picket.run("sources", "--data-dir", data).stdout.decode()
    server.stop()
    print(f"{len(requests)} requests in {seconds:.1f} s\n{words}", flush=True)
    if told["pushed"]["repeated"] == 0 or told["pushed"]["controlMessages"] != 1 or told["state"] != "watching":
        fail(f"the source says {told}")
    picket.serve_to_the_end(data)
    stats, _ = picket.stats(objects, "--assume-account", ACCOUNT, "--assume-region", "eu-west-1", "--save", work / "undisturbed", "--quiet")
    check_as_scanned(metrics, stats, ("processed", "duplicate", "quarantined"))
    expected = without_objects(picket.findings(work / "undisturbed"))
    if not expected:
        fail("the archive raises nothing")
    check_equal("the archive through Firehose, with repetitions and a kill", expected, without_objects(picket.findings(data)))
    check_evidence(picket, data)


def check_evidence(picket, data):
    """What was pushed can be asked of nobody: the records behind each finding are kept."""
    shown = 0
    for line in picket.findings(data).splitlines():
        finding = json.loads(line)
        records = finding["service"]["additionalInfo"]["picket"]["records"]
        told = picket.run("explain", finding["id"], "--data-dir", data).stdout.decode().partition("The records themselves")[2]
        for record in records:
            if f"{record['object']} {record['position']}\n" not in told:
                fail(f"{finding['type']} does not show its record {record}")
        shown += len(records)
    print(f"ok: {shown} records behind the findings are shown", flush=True)


def check_refusals(picket, work):
    """Every wrong request is told why, none is counted as delivered, and the good ones go on."""
    data = work / "refusals"
    server = Server(picket, data, "--config", write_config(work / "refusals.toml", more=PATIENT)).wait_ready()
    url = endpoint_of(server)
    good = Request([b'{"eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-09-14T10:00:00Z","eventID":"1"}',
                    b"junk", b"", gzip.compress(b"\0" * (100 << 20)), b'{"broken": '])
    bomb = gzip.compress(b" " * (200 << 20))
    for expected, arguments in ((401, {"key": "wrong"}), (401, {"key": "an older"}), (400, {"body": good.body[:-20]}),
                                (400, {"body": b"{}", "headers": {"Content-Encoding": ""}}), (413, {"body": bomb}),
                                (400, {"headers": {"X-Amz-Firehose-Protocol-Version": "0.9"}})):
        status, told = good.send(url, **({"key": KEY} | arguments))
        if status != expected:
            fail(f"{status} instead of {expected}: {told}")
    # Without the key not even the body is taken in.
    status, _ = good.send(url, "wrong", body=b"x" * (8 << 20))
    if status != 401:
        fail(f"a large body with a wrong key: {status}")
    for key in (KEY, "an older one"):
        if good.send(url, key)[0] != 200:
            fail("the good request is refused")
    server.wait_caught_up()
    time.sleep(1.2)
    told = source_of(picket, data, "firehose")
    metrics = server.metrics()
    server.stop()
    check_balanced(metrics)
    ledger = told["ledger"]
    if (ledger["recordsRead"], ledger["quarantined"]) != (5, 4) or told["pushed"]["refused"] != 7:
        fail(f"the source says {told}")
    print(f"ok: wrong requests are refused and junk is set aside; the last word: {told['lastError']}", flush=True)


def check_flood(picket, work):
    """More than there is room for is put off with 503, and taken once snapshots made room."""
    data = work / "flood"
    server = Server(picket, data, "--config", write_config(work / "flood.toml", more=PATIENT + "[limits]\ninbox_bytes_max = 65536\n")).wait_ready()
    url = endpoint_of(server)
    line = '{"eventSource":"iam.amazonaws.com","eventName":"ListUsers","eventTime":"2026-09-14T10:00:00Z","eventID":"%d-%d","requestID":"%s"}'
    requests = [Request([(line % (number, at, uuid.uuid4())).encode() for at in range(500)]) for number in range(40)]
    put_off = 0
    deadline = time.monotonic() + 60
    for request in requests:
        while (status := request.send(url, KEY)[0]) == 503:
            put_off += 1
            if time.monotonic() > deadline:
                fail("the flood is never taken")
            time.sleep(0.05)
        if status != 200:
            fail(f"a request of the flood: {status}")
    metrics = server.wait_caught_up()
    server.stop()
    if of_kind(metrics, "records_read", "cloudtrail") != 40 * 500:
        fail(f"{of_kind(metrics, 'records_read', 'cloudtrail')} records of the flood")
    if put_off == 0:
        fail("the flood was never put off")
    unread, read = (sum(1 for _ in (data / folder).iterdir()) for folder in ("inbox", "pushed"))
    if read == 0 or unread + read != len(requests):
        fail(f"{unread} batches in the inbox and {read} kept, of {len(requests)}")
    print(f"ok: {len(requests)} requests, {put_off} times put off, every record counted once", flush=True)


def make_certificate(place, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=firehose", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", place / "new.key", "-out", place / "new.pem"], check=True, capture_output=True)
    for name in ("key", "pem"):
        (place / f"new.{name}").rename(place / f"tls.{name}")


def check_tls(picket, work):
    """AWS delivers to HTTPS only; an exchanged certificate is the next connection's."""
    make_certificate(work, 2)
    config = write_config(work / "tls.toml", extra='tls_certificate = "tls.pem"\ntls_key = "tls.key"\n', more=PATIENT)
    server = Server(picket, work / "tls", "--config", config).wait_ready()
    url = endpoint_of(server)
    if not url.startswith("https://"):
        fail(f"the endpoint is told as {url}")
    record = '{"eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-09-14T10:00:00Z","eventID":"%d"}'
    send = lambda number: Request([(record % number).encode()]).send(url, KEY, trust=work / "tls.pem")
    if send(1)[0] != 200:
        fail("a request over TLS is refused")
    make_certificate(work, 3)
    deadline = time.monotonic() + 30
    while True:
        try:
            status, _ = send(2)
            break
        except ssl.SSLCertVerificationError:
            if time.monotonic() > deadline:
                fail("the new certificate is not used")
            time.sleep(0.2)
    metrics = server.wait_caught_up()
    try:
        Request([b"{}"]).send(url.replace("https", "http"), KEY)
        fail("plain HTTP is answered at an address with TLS")
    except (OSError, http.client.HTTPException):
        pass
    server.stop()
    if status != 200 or of_kind(metrics, "records_read", "cloudtrail") != 2:
        fail(f"over TLS: {status}, {of_kind(metrics, 'records_read', 'cloudtrail')} records")
    print("ok: requests over TLS, before and after the certificate was exchanged", flush=True)


def check_lines(picket, work, objects):
    """Lines through the socket, cut off by a kill, and the same through standard input: as a scan of them."""
    lines = [record for delivery in deliveries(objects, ACCOUNT) if "/CloudTrail/" in delivery.key for record in delivery.records]
    lines[100:100] = [b"", b"junk", b"{" + b"x" * (5 << 20) + b"}"]
    archive = work / "lines.jsonl"
    archive.write_bytes(b"\n".join(lines))
    address = work / "events.sock"
    config = work / "lines.toml"
    config.write_text(f'[[source]]\nurl = "unix://{address}"\nname = "lines"\n' + PATIENT + '[engine]\nsnapshot_interval = "300 ms"\n')
    data = work / "socket"
    sender = Lines(address, lines)
    server = Server(picket, data, "--config", config).wait_ready()
    sender.send(len(lines) // 3)
    server.kill()
    known = sender.stored
    server = Server(picket, data, "--config", config).wait_ready()
    sender.stored -= 50  # as one that was not told
    sender.send(len(lines))
    metrics = server.wait_caught_up(120)
    time.sleep(1.2)
    told = source_of(picket, data, "lines")
    server.stop()
    if address.exists() or (known, sender.stored) != (len(lines) // 3, len(lines)):
        fail(f"{known} and {sender.stored} lines of {len(lines)} were told to be stored")
    check_balanced(metrics)
    stats, _ = picket.stats(archive, "--save", work / "scanned", "--quiet", "--assume-region", "eu-west-1")
    once = stats["kinds"]["cloudtrail"]
    ledger = told["ledger"]
    if (ledger["processed"], ledger["quarantined"], ledger["duplicate"]) != (once["processed"], 2, once["duplicate"] + 50):
        fail(f"the source says {ledger}, a scan {once}")
    picket.serve_to_the_end(data)
    expected = without_objects(picket.findings(work / "scanned"))
    check_equal(f"{len(lines)} lines through a socket, killed once", expected, without_objects(picket.findings(data)))

    config.write_text('[[source]]\nurl = "stdin:"\nname = "input"\n' + PATIENT + '[limits]\ninbox_bytes_max = 3000000\n')
    with archive.open("rb") as source:
        picket.serve_to_the_end(work / "input", "--config", config, stdin=source)
    picket.serve_to_the_end(work / "input")
    check_equal("the same through standard input", expected, without_objects(picket.findings(work / "input")))


def main():
    picket, root = Picket(sys.argv[1]), pathlib.Path(sys.argv[2])
    with Workspace() as work:
        check_refusals(picket, work)
        check_flood(picket, work)
        check_tls(picket, work)
        objects = archive_of(root, work)
        check_lines(picket, work, objects)
        check_archive(picket, work, objects)


main()
