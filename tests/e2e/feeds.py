#!/usr/bin/env python3
"""`picket intel update` against a server on loopback: what is fetched is used, what fails keeps its last good copy.

    feeds.py BINARY SOURCE_ROOT
"""
import gzip
import hashlib
import http.server
import json
import pathlib
import sys
import tempfile
import threading

from harness import Picket, fail

# Each format as its maintainers document it.
FEODO = """################################################################
# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (CSV)          #
#
"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"
"2026-06-04 21:24:53","203.0.113.7","8080","online","2026-09-14","Emotet"
"""
ONIONOO = json.dumps({"version": "8.0", "relays": [
    {"or_addresses": ["203.0.113.20:9001", "[2001:db8::20]:9001"], "flags": ["Fast", "Guard", "Running"]},
    {"or_addresses": ["203.0.113.21:9001"], "exit_addresses": ["203.0.113.22"], "flags": ["Exit", "Running"]}]})
DROP = "; Spamhaus DROP List 2026/09/14 - (c) 2026 The Spamhaus Project SLU\n198.51.100.0/24 ; SBL256894\n"
NAMES = "# DoH servers\ndns.example.org\n"


class Feeds(http.server.BaseHTTPRequestHandler):
    pages = {}
    asked = []

    def do_GET(self):
        type(self).asked.append((self.path, dict(self.headers)))
        status, body, headers = self.pages.get(self.path, (404, "nothing here", {}))
        etag = headers.get("ETag")
        if status == 200 and etag and self.headers.get("If-None-Match") == etag:
            status, body = 304, ""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        data = body.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def configuration(url, allowed=True, names=("feodo", "tor", "drop", "doh", "keyed")):
    text = ["[network]", f'allow_hosts = {["127.0.0.1"] if allowed else []}']
    for known in ("Feodo Tracker", "Tor relays", "Tor bulk exit list", "IPsum level 3", "Emerging Threats compromised hosts",
                  "Spamhaus DROP", "Maltrail mining pools", "NoCoin browser miners", "Maltrail mass scanners",
                  "Shadowserver sinkholes", "DoH resolvers", "DoH resolvers, names", "Cloudflare"):
        text += ["[[intel.feed]]", f'name = "{known}"', "enabled = false"]
    feeds = {
        "feodo": ("/feodo.csv", "c2", "CSV", ""), "tor": ("/relays", "tor_relay", "ONIONOO", ""),
        "drop": ("/drop.txt", "malicious", "TXT", f'checksum_url = "{url}/drop.sha256"'),
        "doh": ("/names.txt", "dns_resolver", "TXT", ""),
        "keyed": ("/keyed.txt", "c2", "TXT", 'key_header = "Auth-Key"\nkey_file = "key"')}
    for name in names:
        path, category, form, more = feeds[name]
        text += ["[[intel.feed]]", f'name = "{name}"', f'url = "{url}{path}"', f'category = "{category}"',
                 f'format = "{form}"', 'refresh = "0 s"', more]
    return "\n".join(text) + "\n"


def update(picket, config, data, expect=0, *flags):
    done = picket.run("intel", "update", "--config", config, "--data-dir", data, *flags)
    if done.returncode != expect:
        fail(f"intel update ended with {done.returncode}, not {expect}:\n{done.stdout.decode()}{done.stderr.decode()}")
    return {line[11:47].strip(): (line[:10].strip(), line[47:].strip()) for line in done.stdout.decode().splitlines()}


def check(condition, what):
    if not condition:
        fail(what)


def main():
    picket = Picket(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Feeds)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    drop_sum = hashlib.sha256(DROP.encode()).hexdigest() + "  drop.txt\n"
    Feeds.pages = {
        "/feodo.csv": (200, FEODO, {"ETag": '"1"'}), "/relays": (200, ONIONOO, {}), "/drop.txt": (200, DROP, {}),
        "/drop.sha256": (200, drop_sum, {}), "/names.txt": (200, NAMES, {}), "/keyed.txt": (200, "203.0.113.30\n", {})}
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        config, data = place / "picket.toml", place / "data"
        (place / "key").write_text("secret-of-ours\n")

        config.write_text(configuration(url, allowed=False))
        reports = update(picket, config, data, expect=3)
        check("allow_hosts" in reports["feodo"][1], f"loopback is not refused by name: {reports['feodo']}")
        check(not Feeds.asked, "a refused host was asked")

        config.write_text(configuration(url))
        reports = update(picket, config, data)
        for name, entries in (("feodo", 1), ("tor", 3), ("drop", 1), ("doh", 1), ("keyed", 1)):
            check(reports[name][0] == "updated" and int(reports[name][1].split()[0]) == entries, f"{name}: {reports[name]}")
        check(reports["ThreatFox"][0] == "off" and "key" in reports["ThreatFox"][1], f"{reports['ThreatFox']}")
        sent = {path: headers for path, headers in Feeds.asked}
        check(sent["/keyed.txt"].get("Auth-Key") == "secret-of-ours", "the key was not sent")
        check("Auth-Key" not in sent["/feodo.csv"], "the key went to another feed")

        # The same again is asked for conditionally and not transferred.
        Feeds.asked.clear()
        reports = update(picket, config, data)
        check(reports["feodo"][0] == "unchanged", f"{reports['feodo']}")
        check(dict(Feeds.asked)["/feodo.csv"].get("If-None-Match") == '"1"', "no conditional request")

        # An error page, a failing server, a wrong checksum: each keeps what was good.
        Feeds.pages["/feodo.csv"] = (200, "<html><body>back soon</body></html>", {})
        Feeds.pages["/relays"] = (500, "", {})
        Feeds.pages["/drop.txt"] = (200, "192.0.2.0/24\n", {})
        Feeds.pages["/names.txt"] = (302, "", {"Location": "http://169.254.169.254/latest/meta-data/"})
        reports = update(picket, config, data, expect=3)
        for name in ("feodo", "tor", "drop", "doh"):
            check(reports[name][0] == "FAILED", f"{name}: {reports[name]}")
        check("500" in reports["tor"][1] and "checksum" in reports["drop"][1], f"{reports}")

        lookup = picket.run("intel", "lookup", "203.0.113.7", "--config", config, "--data-dir", data).stdout.decode()
        for part in ("feodo", "c2", "Emotet", "since 2026-06-04", "last seen 2026-09-14", "Backdoor:EC2/C&CActivity.B"):
            check(part in lookup, f"lookup does not tell {part}:\n{lookup}")
        listed = picket.run("intel", "list", "--config", config, "--data-dir", data).stdout.decode()
        check("last try failed" in listed and "ThreatFox" in listed, f"intel list:\n{listed}")
        damaged = next(path for path in (data / "intel").iterdir() if path.read_bytes() == DROP.encode())
        damaged.write_text("192.0.2.0/24\n")
        lookup = picket.run("intel", "lookup", "198.51.100.9", "--config", config, "--data-dir", data).stdout.decode()
        check("in no threat list" in lookup, f"a damaged copy was used:\n{lookup}")

        # What was fetched raises findings.
        log = (place / "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/09/14" /
               "111122223333_vpcflowlogs_eu-west-1_fl-0a1b2c3d4e5f60718_20260914T1005Z_0a1b2c3d.log.gz")
        log.parent.mkdir(parents=True)
        line = "2 111122223333 eni-0a1b2c3d4e5f60718 {} {} {} {} 6 14 9000 1789380060 1789380061 ACCEPT OK"
        log.write_bytes(gzip.compress("\n".join([
            "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status",
            line.format("10.0.1.20", "203.0.113.7", 41000, 443), line.format("203.0.113.7", "10.0.1.20", 443, 41000),
            line.format("10.0.1.20", "203.0.113.20", 41001, 9001), line.format("203.0.113.20", "10.0.1.20", 9001, 41001),
        ]).encode() + b"\n"))
        picket.serve_to_the_end(data, "--config", config, "--watch", place / "AWSLogs")
        types = sorted(json.loads(line)["type"] for line in picket.findings(data).splitlines())
        check(types == ["Backdoor:EC2/C&CActivity.B", "UnauthorizedAccess:EC2/TorClient"], f"{types}")
    print("ok: feeds are fetched, kept, refused and used as they should")


if __name__ == "__main__":
    main()
