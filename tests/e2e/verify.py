#!/usr/bin/env python3
"""`picket verify` over a signed chain that was tampered with in every way we know: each must be told as what it is.

usage: verify.py PICKET ROOT
"""
import base64
import collections
import datetime
import gzip
import json
import pathlib
import shutil
import sys

from harness import Picket, Workspace, fail

sys.path.insert(0, str(pathlib.Path(sys.argv[2]) / "tools"))
import generate_trail as trail  # noqa: E402

HOURS = 6


class Archive:
    """A fresh archive of two Regions; `picket verify` of it."""

    def __init__(self, picket, template, folder):
        self.picket, self.folder = picket, folder
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        self.keys = folder / "keys.json"
        self.digests = self.of("us-east-1", "CloudTrail-Digest", ".json.gz")
        self.logs = self.of("us-east-1", "CloudTrail", ".json.gz")

    def of(self, region, kind, suffix):
        place = self.folder / "AWSLogs" / trail.ACCOUNT / kind / region
        return sorted(path for path in place.rglob("*" + suffix))

    def verify(self, *arguments, paths=None, keys=None):
        given = () if keys == "none" else ("--keys", keys or self.keys)
        done = self.picket.run("verify", *(paths or [self.folder / "AWSLogs"]), *given, "--format", "json", *arguments)
        if done.returncode not in (0, 1, 3):
            fail(f"verify ended with {done.returncode}:\n{done.stderr.decode()}")
        report = json.loads(done.stdout)
        problems = collections.Counter(problem["kind"] for part in report["chains"] + report["uncovered"]
                                       for problem in part["problems"])
        if done.returncode != {"intact": 0, "broken": 1, "unproven": 3}[report["verdict"]]:
            fail(f"verdict {report['verdict']}, but exit code {done.returncode}")
        return report, problems


def rewrite(path, change):
    """Changes a digest's JSON or a log's text, as somebody would who cannot sign."""
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(trail.packed(change(text)))


def expect(name, outcome, verdict, problems):
    report, told = outcome
    if report["verdict"] != verdict or told != collections.Counter(problems):
        fail(f"{name}: {report['verdict']} with {dict(told)}, expected {verdict} with {problems}\n"
             f"{json.dumps(report, indent=1)[:4000]}")
    print(f"ok: {name}", flush=True)


def pem_of(key):
    """The same key as SubjectPublicKeyInfo."""
    info = trail._der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    body = base64.b64encode(trail._der(0x30, info + trail._der(3, b"\0" + key.public))).decode()
    lines = "\n".join(body[i:i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def check_whole(fresh, key):
    archive = fresh()
    report, problems = archive.verify()
    logs = sum(chain["logs"]["valid"] for chain in report["chains"])
    digests = sum(chain["digests"]["valid"] for chain in report["chains"])
    if (report["verdict"], len(report["chains"]), logs, digests) != ("intact", 2, 4 * HOURS, 2 * HOURS) or problems:
        fail(f"an untouched archive: {json.dumps(report, indent=1)[:4000]}")
    print("ok: an untouched archive is intact", flush=True)
    pem = archive.folder / "keys.pem"
    pem.write_text(pem_of(key))
    expect("keys in PEM", archive.verify(keys=pem), "intact", {})
    expect("to the newest end", archive.verify("--from", "2026-09-14", "--to", "2026-09-14T06:00:00Z"), "intact", {})
    expect("a part of the time", archive.verify("--from", "2026-09-14T01:30:00Z", "--to", "2026-09-14T03:30:00Z"), "intact", {})
    for path in archive.digests + archive.of("eu-west-1", "CloudTrail-Digest", ".json.gz"):
        trail.metadata_of(path).unlink()
    expect("without metadata only the newest of each Region is unproven", archive.verify(), "unproven", {"signature_absent": 2})
    expect("without metadata, a part of the time", archive.verify("--to", "2026-09-14T03:30:00Z"), "intact", {})
    archive = fresh()
    for path in archive.digests + archive.logs:
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        if path in archive.digests:
            trail.metadata_of(path).rename(trail.metadata_of(path.with_suffix("")))
        path.unlink()
    expect("unpacked files", archive.verify(), "intact", {})
    archive = fresh()
    flat = archive.folder / "flat"
    flat.mkdir()
    for path in sorted((archive.folder / "AWSLogs").rglob("*.json*")):
        path.rename(flat / path.name)
    expect("all files in one folder", archive.verify(paths=[flat]), "intact", {})


def check_logs(fresh):
    archive = fresh()
    rewrite(archive.logs[3], lambda text: text.replace(b"198.51.100.7", b"203.0.113.99"))
    expect("a log's record changed", archive.verify(), "broken", {"log_modified": 1})
    archive = fresh()
    archive.logs[3].unlink()
    expect("a log removed", archive.verify(), "broken", {"log_missing": 1})
    archive = fresh()
    archive.logs[3].rename(archive.logs[3].with_name(archive.logs[3].name.replace("_2026", "_2025")))
    expect("a log under another name", archive.verify(), "broken", {"log_missing": 1, "not_covered": 1})
    archive = fresh()
    with archive.logs[3].open("ab") as file:
        file.write(gzip.compress(b'{"Records":[]}'))
    expect("a second gzip member behind a log", archive.verify(), "broken", {"log_appended": 1})
    archive = fresh()
    with archive.logs[3].open("ab") as file:
        file.write(b"junk behind")
    expect("junk behind a log", archive.verify(), "broken", {"log_appended": 1})
    archive = fresh()
    shutil.copy(archive.logs[3], archive.logs[3].with_name(archive.logs[3].name.replace(".json.gz", "x.json.gz")))
    expect("a log added", archive.verify(), "broken", {"log_unlisted": 1})
    archive = fresh()
    archive.logs[3].write_bytes(archive.logs[3].read_bytes()[:100])
    expect("a log cut short", archive.verify(), "broken", {"log_unreadable": 1})
    archive = fresh()
    newest = archive.logs[-1]
    shutil.copy(newest, newest.with_name(newest.name.replace("T05", "T06")))
    report, problems = archive.verify()
    if report["verdict"] != "intact" or report["uncovered"][0]["logs"]["pending"] != 1 or problems:
        fail(f"a log newer than the newest digest: {report}")
    print("ok: a log newer than the newest digest waits for the next", flush=True)
    shutil.copy(newest, newest.with_name(newest.name.replace("T05", "T09")))
    expect("logs go on hours after the newest digest", archive.verify(), "broken", {"chain_cut": 1, "not_covered": 1})


def check_digests(fresh):
    def forget(text):
        told = json.loads(text)
        told["logFiles"].pop()
        return json.dumps(told).encode()
    archive = fresh()
    rewrite(archive.digests[2], forget)
    archive.logs[5].unlink()
    expect("a log and its entry in the digest removed", archive.verify(), "broken", {"digest_modified": 1})
    archive = fresh()
    rewrite(archive.digests[-1], forget)
    archive.logs[-1].unlink()
    expect("the same at the newest end", archive.verify(), "broken", {"digest_modified": 1})
    archive = fresh()
    archive.digests[2].unlink()
    expect("a digest removed", archive.verify(), "broken", {"digest_missing": 1, "not_covered": 1})
    archive = fresh()
    for path in archive.digests[-3:]:
        path.unlink()
    for path in archive.logs[-6:]:
        path.unlink()
    expect("the newest three hours removed", archive.verify(), "broken", {"chain_cut": 1})
    expect("the same, told by --to", archive.verify("--to", "2026-09-14T06:00:00Z"), "broken", {"chain_cut": 2})
    only = archive.folder / "AWSLogs" / trail.ACCOUNT
    alone = [only / kind / "us-east-1" for kind in ("CloudTrail", "CloudTrail-Digest")]
    expect("the same, of one Region alone: nothing can show it", archive.verify(paths=alone), "intact", {})
    archive = fresh()
    archive.digests[0].unlink()
    for path in archive.logs[:2]:
        path.unlink()
    expect("the oldest hour removed: what came before is not here", archive.verify(), "intact", {})
    expect("the same, told by --from", archive.verify("--from", "2026-09-14"), "broken", {"digest_missing": 1})
    archive = fresh()
    with archive.digests[2].open("ab") as file:
        file.write(gzip.compress(b"{}"))
    expect("a second gzip member behind a digest", archive.verify(), "broken", {"digest_modified": 1})
    archive = fresh()
    archive.digests[2].write_bytes(b"\x1f\x8b\x08 not at all")
    expect("a digest overwritten", archive.verify(), "broken", {"digest_unreadable": 1, "not_covered": 1})
    archive = fresh()
    shutil.copy(archive.digests[2], archive.digests[3])
    expect("a digest in the place of another", archive.verify(), "broken",
           {"digest_moved": 1, "chain_gap": 1, "not_covered": 1})
    archive = fresh()
    for path in (archive.digests[2], archive.digests[3]):
        signature = json.loads(trail.metadata_of(path).read_text())
        signature["Metadata"]["signature"] = "00" * 256
        trail.metadata_of(path).write_text(json.dumps(signature))
    expect("wrong metadata: the digest after it tells the signature", archive.verify(), "intact", {})


def check_chains(fresh, picket, folder, key):
    out = folder / "gap"
    chain = trail.Chain(out, key, "us-east-1")
    for hours in (2, 0):
        chain.digest()
        chain.digest()
        chain.skip(hours)
    gap = trail.START + datetime.timedelta(hours=3)
    chain.log(gap)
    trail.write_keys(out, key)
    archive = Archive(picket, out, folder / "archive")
    expect("validation was off for two hours", archive.verify(), "broken", {"chain_gap": 1, "not_covered": 1})
    forged = trail.Key(seed=2)
    archive = fresh()
    shutil.rmtree(archive.folder / "AWSLogs" / trail.ACCOUNT / "CloudTrail-Digest/us-east-1")
    shutil.rmtree(archive.folder / "AWSLogs" / trail.ACCOUNT / "CloudTrail/us-east-1")
    chain = trail.Chain(archive.folder, forged, "us-east-1")
    for _ in range(HOURS):
        chain.digest(logs=1)
    expect("a chain signed with a key nobody vouches for", archive.verify(), "unproven", {"key_unknown": HOURS})
    forged.fingerprint = key.fingerprint
    chain = trail.Chain(archive.folder, forged, "us-east-1")
    shutil.rmtree(archive.folder / "AWSLogs" / trail.ACCOUNT / "CloudTrail/us-east-1")
    for _ in range(HOURS):
        chain.digest(logs=1)
    report, problems = archive.verify()
    if report["verdict"] != "broken" or problems["digest_modified"] != HOURS:
        fail(f"a chain that claims CloudTrail's key: {problems}")
    print("ok: a chain that claims CloudTrail's key", flush=True)
    archive = fresh()
    shutil.rmtree(archive.folder / "AWSLogs" / trail.ACCOUNT / "CloudTrail-Digest")
    expect("no digests at all", archive.verify(), "unproven", {"not_covered": 2})
    archive = fresh()
    expect("no keys", archive.verify(keys="none"), "unproven", {"key_unknown": 2 * HOURS})
    rewrite(archive.logs[0], lambda text: text.replace(b"Records", b"records"))
    expect("no keys, and a log that its digest does not have so", archive.verify(keys="none"), "broken",
           {"key_unknown": 2 * HOURS, "log_modified": 1})
    for arguments, code in ((("verify", archive.folder, "--keys", "/nonexistent"), 2),
                            (("verify", archive.folder, "--keys", archive.logs[0]), 2),
                            (("verify", "/nonexistent", "--keys", archive.keys), 3)):
        done = picket.run(*arguments)
        if done.returncode != code:
            fail(f"{arguments} ended with {done.returncode}, not {code}")
    text = picket.run("verify", fresh().folder / "AWSLogs", "--keys", archive.keys)
    if b"INTACT" not in text.stdout or b"24 valid" in text.stdout or text.stdout.count(b"12 valid") != 2:
        fail(f"the report in words: {text.stdout.decode()}")
    print("ok: exit codes and the report in words", flush=True)


def main():
    picket = Picket(sys.argv[1])
    with Workspace() as folder:
        key = trail.Key()
        for region in ("us-east-1", "eu-west-1"):
            chain = trail.Chain(folder / "template", key, region)
            for _ in range(HOURS):
                chain.digest()
        trail.write_keys(folder / "template", key)

        def fresh():
            return Archive(picket, folder / "template", folder / "archive")
        check_whole(fresh, key)
        check_logs(fresh)
        check_digests(fresh)
        check_chains(fresh, picket, folder, key)


if __name__ == "__main__":
    main()
