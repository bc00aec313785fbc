#!/usr/bin/env python3
"""What keeps a server running: probes and metrics, TLS with another certificate, backup and restore, the doctor.

    operations.py BINARY SOURCE_ROOT
"""
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

from harness import PATIENT, Picket, Server, Workspace, check_balanced, check_equal, fail, files_below, generate, put, wait_until


def get(url, context=None):
    try:
        with urllib.request.urlopen(url, timeout=20, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def check_metrics(text):
    """Every sample has a type, no family comes twice, names and labels are well-formed."""
    types = re.findall(r"^# TYPE (\S+) (counter|gauge|histogram|summary)$", text, re.M)
    names = [name for name, _ in types]
    if len(names) != len(set(names)):
        fail(f"metrics told twice: {sorted(name for name in names if names.count(name) > 1)}")
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        found = re.fullmatch(r'([a-z_:]+)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})? (-?[0-9.e+-]+)', line)
        if not found:
            fail(f"no metric: {line}")
        if not any(found[1] == name or found[1].startswith(name + "_") for name in names):
            fail(f"a metric without a type: {line}")
    for name in ("picket_build_info", "process_resident_memory_bytes", "picket_watermark_timestamp_seconds", "picket_snapshots_total",
                 "picket_http_requests_total", "picket_quarantine_objects", "picket_epochs_seconds_total"):
        if name not in names:
            fail(f"{name} is not among the metrics")


def check_probes(picket, place, archive):
    server = Server(picket, place / "probes", "--watch", archive).wait_ready()
    server.wait_caught_up()
    for path in ("/healthz", "/readyz"):
        if get(server.url + path) != (200, "ok\n"):
            fail(f"{path}: {get(server.url + path)}")
    check_metrics(get(server.url + "/metrics")[1])
    server.stop()
    print("ok: probes and metrics", flush=True)


def certificate(folder, name, serial):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-set_serial", str(serial), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "new.key", "-out", folder / "new.crt"], check=True, capture_output=True)
    os.rename(folder / "new.key", folder / "tls.key")
    os.rename(folder / "new.crt", folder / "tls.crt")


def check_tls(picket, place):
    folder = place / "tls"
    folder.mkdir()
    certificate(folder, "first", 1001)
    config = folder / "picket.toml"
    config.write_text('[api]\ntls_certificate = "tls.crt"\ntls_key = "tls.key"\n')
    data = place / "tls-data"
    server = Server(picket, data, "--config", config)
    for line in server.process.stdout:
        if found := re.search(r"on (https://\S+)", line):
            server.url = found.group(1)
            break
    else:
        fail(f"serve did not start with TLS:\n{data.with_suffix('.log').read_text()}")
    port = int(server.url.rsplit(":", 1)[1])

    def trusted():
        return ssl.create_default_context(cafile=folder / "tls.crt")

    def in_use():
        pem = ssl.get_server_certificate(("127.0.0.1", port))
        return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, text=True, capture_output=True,
                              check=True).stdout.strip().removeprefix("serial=")

    if get(server.url + "/healthz", trusted()) != (200, "ok\n") or in_use() != f"{1001:X}".zfill(4):
        fail(f"TLS: {get(server.url + '/healthz', trusted())} with certificate {in_use()}")
    if "picket_tls_certificate_end_timestamp_seconds" not in get(server.url + "/metrics", trusted())[1]:
        fail("the certificate's end is not among the metrics")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = trusted()
        old.minimum_version = old.maximum_version = version
        try:
            get(server.url + "/healthz", old)
            fail(f"{version} was accepted")
        except (urllib.error.URLError, ssl.SSLError):
            pass
    try:
        get(f"http://127.0.0.1:{port}/healthz")
        fail("plain HTTP was answered")
    except (OSError, urllib.error.URLError):
        pass

    def wait_for(serial):
        deadline = time.monotonic() + 15
        while in_use() != serial:
            if time.monotonic() > deadline:
                fail(f"the certificate in use is {in_use()}, not {serial}")
            time.sleep(0.2)

    certificate(folder, "second", 1002)  # seen by its file
    wait_for(f"{1002:X}".zfill(4))
    good = (folder / "tls.key").read_bytes()
    (folder / "tls.key").write_text("no key\n")  # what cannot be used changes nothing
    server.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    if in_use() != f"{1002:X}".zfill(4) or get(server.url + "/healthz", trusted())[0] != 200:
        fail("a broken key took the certificate away")
    (folder / "tls.key").write_bytes(good)
    certificate(folder, "third", 1003)
    server.process.send_signal(signal.SIGHUP)
    wait_for(f"{1003:X}".zfill(4))
    server.stop()
    print("ok: TLS, and other certificates while it runs", flush=True)


def check_backup(picket, place, archive):
    watched, data, restored = place / "watched", place / "live", place / "restored"
    config = place / "patient.toml"
    config.write_text(PATIENT + '[engine]\nsnapshot_interval = "1 s"\n')
    flags = ["--config", config, "--watch", watched]
    files = files_below(archive)
    half = len(files) // 2
    for path in files[:half]:
        put(path, watched / path.relative_to(archive))
    server = Server(picket, data, *flags).wait_ready()
    backups = []
    for number, path in enumerate(files[half:]):
        put(path, watched / path.relative_to(archive))
        if number % max(1, (len(files) - half) // 4) == 0:
            backup = place / f"backup-{number}"
            done = picket.run("backup", backup, "--data-dir", data)
            if done.returncode != 0:
                fail(f"backup: {done.returncode} {done.stderr.decode()}")
            backups.append(backup)
    server.wait_caught_up()
    check_balanced(server.metrics())
    server.stop()
    expected = picket.findings(data)
    for backup in backups:
        shutil.rmtree(restored, ignore_errors=True)
        for arguments in (["--check"], []):
            done = picket.run("restore", backup, "--data-dir", restored, *arguments)
            if done.returncode != 0:
                fail(f"restore {arguments}: {done.returncode} {done.stderr.decode()}")
        picket.serve_to_the_end(restored, *flags)
        check_equal(f"restored from {backup.name}", expected, picket.findings(restored))
    if (restored / "credentials").read_bytes() != (data / "credentials").read_bytes():
        fail("the credentials are others")
    if (restored / "credentials").stat().st_mode & 0o077:
        fail("the restored credentials can be read by others")

    def refused(name, backup, said):
        done = picket.run("restore", backup, "--data-dir", place / "nowhere")
        if done.returncode == 0 or said not in done.stderr.decode() or (place / "nowhere").exists():
            fail(f"{name}: {done.returncode} {done.stderr.decode()}")

    done = picket.run("restore", backups[0], "--data-dir", data)
    if done.returncode == 0 or "not empty" not in done.stderr.decode():
        fail(f"restored over a data directory: {done.stderr.decode()}")
    broken = place / "broken"
    shutil.copytree(backups[0], broken)
    with open(broken / "findings.db", "r+b") as file:
        file.seek(5000)
        file.write(b"?")
    refused("a changed file", broken, "findings.db")
    manifest = json.loads((backups[0] / "backup.json").read_text())
    for name, change, said in (("a newer version", {"version": "99.0.0"}, "99.0.0"), ("a newer format", {"format": 99}, "newer"),
                               ("a path that leads out", {"files": [{"path": "../x", "size": 0, "sha256": ""}]}, "outside")):
        shutil.rmtree(broken)
        shutil.copytree(backups[0], broken)
        (broken / "backup.json").write_text(json.dumps(manifest | change))
        refused(name, broken, said)
    refused("no backup", archive, "no backup")
    print("ok: backups of a running server, and what is refused", flush=True)
    return expected


def check_doctor(picket, place, archive):
    def ask(*arguments):
        done = picket.run("doctor", *arguments)
        lines = [line.split(None, 2) for line in done.stdout.decode().splitlines() if re.match(r"(OK|WARN|FAIL) ", line)]
        return done.returncode, {(state, what) for state, what, *_ in lines}, done.stdout.decode()

    data = place / "doctor"
    picket.serve_to_the_end(data, "--watch", archive)
    code, lines, text = ask("--data-dir", data, "--watch", archive)
    wanted = {("OK", what) for what in ("configuration", "data", "findings", "state", "source")} | {("WARN", "server")}
    if code != 0 or not wanted <= lines:
        fail(f"doctor of a good directory: {code}\n{text}")
    server = Server(picket, data, "--watch", archive).wait_ready()
    code, lines, text = ask("--data-dir", data, "--watch", archive)
    if code != 0 or ("OK", "server") not in lines:
        fail(f"doctor of a running server: {code}\n{text}")
    server.stop()
    code, lines, text = ask("--data-dir", data, "--watch", place / "none")
    if code != 3 or ("FAIL", "source") not in lines or "->" not in text:
        fail(f"doctor of a missing source: {code}\n{text}")
    os.chmod(data / "credentials", 0o644)
    code, lines, text = ask("--data-dir", data, "--watch", archive)
    if code != 3 or ("FAIL", "data") not in lines or "chmod 600" not in text:
        fail(f"doctor of open credentials: {code}\n{text}")
    wrong = place / "wrong.toml"
    wrong.write_text("[api]\ntls_certificat = 1\n")
    code, lines, text = ask("--config", wrong, "--data-dir", data)
    if code != 3 or ("FAIL", "configuration") not in lines or "tls_certificate" not in text:
        fail(f"doctor of a wrong configuration: {code}\n{text}")
    snapshot = sorted((data / "state").glob("snapshot-*.bin"))[-1]
    for path in (data / "state").glob("snapshot-*.bin"):
        path.write_bytes(b"?" + path.read_bytes()[1:])
    code, lines, text = ask("--data-dir", data, "--watch", archive)
    if ("WARN", "state") not in lines:
        fail(f"doctor of a damaged {snapshot}: {code}\n{text}")
    print("ok: the doctor", flush=True)


RULE = """title: {}
id: 8a6b1f0e-0000-4000-8000-{:012}
logsource: {{product: aws, service: cloudtrail}}
detection: {{selection: {{userIdentity.type: {}}}, condition: selection}}
"""


def check_reload(picket, place, archive, expected):
    """SIGHUP makes the server anew of a changed configuration, and nothing else forgets anything by it."""
    watched, data, rules, config, socket = place / "renewed-logs", place / "renewed", place / "rules", place / "renewed.toml", place / "lines"
    rules.mkdir()
    (rules / "nobody.yml").write_text(RULE.format("Nobody", 1, "Nobody"))
    good = f'rules = ["{rules}"]\n{PATIENT}[[source]]\nurl = "unix://{socket}"\n[engine]\nsnapshot_interval = "1 s"\n'
    config.write_text(good)
    files = files_below(archive)
    for path in files[::2]:
        put(path, watched / path.relative_to(archive))
    server = Server(picket, data, "--config", config, "--watch", watched).wait_ready()
    server.wait_caught_up()
    log = data.with_suffix(".log")

    def renewal(said):
        before = log.read_text().count(said)
        server.process.send_signal(signal.SIGHUP)
        wait_until(f"the log says: {said}", lambda: log.read_text().count(said) > before)

    config.write_text(good + "[nonsense]\n")
    renewal("the configuration in use stays")
    config.write_text(good)
    (rules / "roles.yml").write_text(RULE.format("Roles", 2, "AssumedRole"))
    renewal("starting anew")

    def since_then():
        said = log.read_text().partition("starting anew")[2]
        return said if "caught up" in said else ""

    renewed = wait_until("it is there again", since_then)
    if "start empty" in renewed or "starts empty" in renewed or "started empty" in renewed or not socket.exists():
        fail(f"after a new rule: {renewed}")
    for path in files[1::2]:
        put(path, watched / path.relative_to(archive))
    server.wait_caught_up()
    check_balanced(server.metrics())
    server.stop()
    # What waits for its order is told by the order in which the files came.
    lines = [line for line in picket.findings(data).splitlines(keepends=True) if b'"provisional":"true"' not in line]
    expected = [line for line in expected.splitlines(keepends=True) if b'"provisional":"true"' not in line]
    own = [line for line in lines if b'"type":"Custom:' in line]
    check_equal("made anew with one more rule", b"".join(expected), b"".join(line for line in lines if line not in own))
    if not own:
        fail("the new rule found nothing")


def main():
    picket, root = Picket(sys.argv[1]), sys.argv[2]
    with Workspace() as place:
        archive = generate(root, place / "samples")
        check_probes(picket, place, archive)
        check_tls(picket, place)
        check_reload(picket, place, archive, check_backup(picket, place, archive))
        check_doctor(picket, place, archive)


main()
