#!/usr/bin/env python3
"""The machine's clock jumps an hour forth and back while records come through a folder and Firehose and findings go to a webhook:
nothing is lost or counted twice, nobody waits for the clock to catch up, and the findings are those of a scan.

    clock.py BINARY SOURCE_ROOT

libfaketime tells picket the time; the test's own clock stands.
"""
import glob
import http.server
import json
import os
import pathlib
import sys
import threading

from harness import (PATIENT, Picket, Server, Workspace, check_as_scanned, check_equal, fail, put, wait_until)
from pushers import Request, archive_of, deliveries, endpoint_of, without_objects

ACCOUNT, KEY = "777788889999", "firehose key"
JUMPS = ("+0", "+1h", "+0", "-1h", "+2h", "-2h", "+0")


def library():
    found = sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))
    if found:
        return found[0]
    print("CANNOT RUN: libfaketime is not installed (make install-deps); nothing was tested of clocks that jump.", flush=True)
    sys.exit(1 if os.environ.get("CI") else 77)


class Webhook(http.server.BaseHTTPRequestHandler):
    """Refuses every third event, so that some wait for their next attempt when the clock jumps."""
    asked, taken = 0, set()

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked += 1
        good = type(self).asked % 3 != 0
        if good:
            self.taken.add(event["detail"]["id"])
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    preload = library()
    picket = Picket(sys.argv[1])
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    with Workspace() as work:
        objects = archive_of(pathlib.Path(sys.argv[2]), work)
        stats, _ = picket.stats(objects, "--assume-account", ACCOUNT, "--assume-region", "eu-west-1", "--save", work / "undisturbed", "--quiet")
        (work / "key").write_text(KEY + "\n")
        (work / "key").chmod(0o600)
        watched, data = work / "watched", work / "data"
        watched.mkdir()
        config = work / "picket.toml"
        config.write_text(
            f'[[source]]\nname = "firehose"\nurl = "firehose://127.0.0.1:0/logs"\naccess_key_file = "key"\n'
            f'[[source]]\nname = "folder"\npath = "{watched}"\naccount = "{ACCOUNT}"\nregion = "eu-west-1"\n' + PATIENT +
            '[engine]\nsnapshot_interval = "500 ms"\n[network]\nallow_hosts = ["127.0.0.1"]\n[[respond.rule]]\nname = "all"\ntargets = ["hook"]\n'
            f'[[respond.target]]\nname = "hook"\nkind = "webhook"\nurl = "http://127.0.0.1:{hook.server_port}/"\nrate_per_minute = 0\n')
        now = work / "now"
        now.write_text("+0\n")
        os.environ |= {"LD_PRELOAD": preload, "FAKETIME_TIMESTAMP_FILE": str(now), "FAKETIME_NO_CACHE": "1",
                       "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        server = Server(picket, data, "--config", config).wait_ready()
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"):
            del os.environ[name]
        url = endpoint_of(server)
        parts = [[] for _ in JUMPS]
        for number, delivery in enumerate(deliveries(objects, ACCOUNT)):
            parts[number % len(parts)].append(delivery)
        for offset, part in zip(JUMPS, parts):
            now.write_text(offset + "\n")
            snapshots = server.metrics()["picket_snapshots_total"]
            for number, delivery in enumerate(part):
                if number % 2 and "exportedlogs/" not in delivery.key:
                    put(objects / delivery.key, watched / delivery.key)
                    continue
                for at in range(0, len(delivery.records), 500):
                    status, told = Request(delivery.records[at:at + 500], delivery.attributes).send(url, KEY)
                    if status != 200:
                        fail(f"at {offset}: {status}: {told}")
            server.wait_caught_up(120)
            wait_until(f"snapshots go on at {offset}", lambda: server.metrics()["picket_snapshots_total"] > snapshots)
            if server.process.poll() is not None:
                fail(f"the jump to {offset} ended the server")
            print(f"ok: the clock at {offset}", flush=True)
        metrics = server.wait_caught_up()
        wait_until("the webhook has everything", lambda: server.metrics()['picket_respond_waiting{target="hook"}'] == 0)
        server.stop()
        before = {json.loads(line)["id"] for line in picket.findings(data).splitlines()}
        check_as_scanned(metrics, stats, ("processed",))
        picket.serve_to_the_end(data, "--watch", watched)
        found = picket.findings(data)
        check_equal("findings through a clock that jumps", without_objects(picket.findings(work / "undisturbed")), without_objects(found))
        lost = before - Webhook.taken
        if lost or len(before) < 20:
            fail(f"the webhook lacks {len(lost)} of {len(before)} findings")
        print(f"ok: the webhook has all {len(before)} findings", flush=True)


main()
