#!/usr/bin/env python3
"""What hostile objects cost the good ones: `picket scan` over an archive, alone and with a tenth of hostile objects among
it, one process each in turn, by the kernel's CPU seconds.

    bench/hostile.py [--mb 60] [--share 0.1] [--rounds 5] [--cache build/bench/hostile] [--build build/release]

For each kind of hostile object, and for all of them mixed, the table says by how much good input's throughput (bytes of
good text a CPU second) falls. A hostile object is as large as the mean of the good ones, packed. Half of an object that is
cut in the middle is good input too: what it costs is compared with the same records in an object that is whole. Exit code
1 when the mixture costs more than 5 %, when a good record is lost, or when the ledger does not balance.
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
LOSS_MAX = 5  # percent
CUT = "cut in the middle"
OBJECTS_MB = 0.5  # of text in a good object: AWS delivers many small ones
ACCOUNT, REGION = "999988887777", "us-east-1"


def key_of(number, kind):
    minute = f"20260601T{number // 60 % 24:02}{number % 60:02}Z"
    if kind == "vpcflow":
        return f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2026/06/01/{ACCOUNT}_vpcflowlogs_{REGION}_fl-0hostile_{minute}_{number:08x}.log.gz"
    return f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/06/01/{ACCOUNT}_CloudTrail_{REGION}_{minute}_{number:016d}.json.gz"


def record(number, account=ACCOUNT, **more):
    return {"eventVersion": "1.11", "userIdentity": {"type": "Root", "arn": f"arn:aws:iam::{account}:root", "accountId": account,
                                                     "principalId": account},
            "eventTime": f"2026-06-01T10:{number % 60:02}:00Z", "eventSource": "iam.amazonaws.com", "eventName": "ListUsers",
            "awsRegion": REGION, "sourceIPAddress": "198.51.100.7", "eventID": f"00000000-0000-4000-8000-{number:012x}",
            "recipientAccountId": account, "eventType": "AwsApiCall"} | more


def trail(records):
    return ('{"Records":[' + ",".join(json.dumps(one, separators=(",", ":")) for one in records) + "]}").encode()


def grown(make, size):
    """The first of make(1), make(2), make(4), … that is as large as that when packed, or what is nearest below 4 times it."""
    number, data = 1, gzip.compress(make(1), 6)
    while len(data) < size and number < 1 << 24:
        number *= 2
        data = gzip.compress(make(number), 6)
    return data


def bomb(size):
    """Spaces behind a record: packed a thousandth of itself."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = packer.compress(trail([record(1)])[:-2] + b",")
    piece = b" " * (1 << 20)
    while len(out) < size:
        out += packer.compress(piece)
    return out + packer.flush()


def slow_bomb(size):
    """As a bomb, but each piece is followed by noise, so that its ratio stays below the limit."""
    rng = random.Random(1)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = packer.compress(trail([record(1)])[:-2] + b",")
    while len(out) < size:
        out += packer.compress(b" " * (1 << 17) + rng.randbytes(256).hex().encode())
    return out + packer.flush()


def spared(data):
    """The records before the cut, in an object that is whole."""
    text = zlib.decompressobj(31).decompress(data)
    return gzip.compress(text[:text.rindex(b',{"eventVersion"')] + b"]}", 6)


def hostile(size):
    """By name: the kind it claims to be, and its bytes."""
    rng = random.Random(2)
    noise = rng.randbytes(size)
    deep = b'{"eventTime":"2026-06-01T10:00:00Z","requestParameters":' + b"[" * 60_000 + b"]" * 60_000 + b"}"
    whole = grown(lambda n: trail([record(i, requestParameters={"noise": rng.randbytes(200).hex()}) for i in range(n)]), 2 * size)
    return {
        "bomb": ("cloudtrail", bomb(size)),
        "bomb below the ratio": ("cloudtrail", slow_bomb(size)),
        "junk": ("cloudtrail", noise),
        "packed junk": ("cloudtrail", gzip.compress(noise, 1)),
        "junk as flow logs": ("vpcflow", gzip.compress(noise.hex().encode()[:2 * size], 6)),
        "deep JSON": ("cloudtrail", grown(lambda n: b'{"Records":[' + b",".join([deep] * n) + b"]}", min(size, 4096))),
        "records without end": ("cloudtrail", grown(lambda n: b'{"Records":[{"a":"' + rng.randbytes(n << 10).hex().encode(), size)),
        "a million of nothing": ("cloudtrail", grown(lambda n: b'{"Records":[' + b",".join([b"{}"] * n) + b"]}", min(size, 2048))),
        CUT: ("cloudtrail", whole[:size]),
        "forged": ("cloudtrail", grown(lambda n: trail([record(i, account=f"{rng.randrange(10**11, 10**12)}", requestParameters={
            "noise": rng.randbytes(40).hex()}) for i in range(n)]), size)),
        "flow lines of wrong fields": ("vpcflow", grown(lambda n: b"version account-id interface-id srcaddr dstaddr srcport dstport protocol "
                                                         b"packets bytes start end action log-status\n" + b"".join(
                                                             b"2 %d eni-x 999.1.1.1 -1 x y z %d\n" % (rng.randrange(10**11), i)
                                                             for i in range(n)), size)),
    }


def split_corpus(cache, kind, megabytes):
    """The corpus in objects of OBJECTS_MB, under keys of their own."""
    subprocess.run([sys.executable, HERE / "generate_corpus.py", cache / "corpus", "--kinds", kind, "--mb", str(megabytes)], check=True,
                   stdout=subprocess.DEVNULL)
    good = cache / "good" / kind
    shutil.rmtree(good, ignore_errors=True)
    for path in sorted((cache / "corpus" / kind).rglob("*.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        head, rows, join, tail = "", text.splitlines()[1:], "\n", "\n"
        if kind == "cloudtrail":
            head, join, tail = '{"Records":[', ",", "]}"
            rows = [json.dumps(one, separators=(",", ":")) for one in json.loads(text)["Records"]]
        elif kind == "vpcflow":
            head = text.splitlines()[0] + "\n"
        step = max(1, int(len(rows) * OBJECTS_MB * 1e6 / len(text)))
        for number, at in enumerate(range(0, len(rows), step)):
            target = good / re.sub(r"(\.\w+\.gz)$", rf"{number:02}\1", str(path.relative_to(cache / "corpus" / kind)))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress((head + join.join(rows[at:at + step]) + tail).encode(), 6))
    return good


def scan(options, folders):
    stats = options.cache / "stats.json"
    command = [options.build / "picket", "scan", *folders, "--format", "jsonl", "--threads", 1, "--stats", stats, "--quiet"]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, use = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):  # 3: an object could not be read
        sys.exit(f"hostile: scan ended with {process.returncode}")
    told = json.loads(stats.read_text())
    for kind, counts in told["kinds"].items():
        if counts["records_read"] != sum(counts[name] for name in ("processed", "filtered", "duplicate", "quarantined")):
            sys.exit(f"hostile: {kind} does not balance: {counts}")
    return use.ru_utime + use.ru_stime, use.ru_maxrss * 1024, told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=60, help="of text of each kind")
    parser.add_argument("--share", type=float, default=0.1, help="of the objects that are hostile")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=pathlib.Path, default=HERE.parent / "build/bench/hostile")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build/release")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    options.cache.mkdir(parents=True, exist_ok=True)
    good = [split_corpus(options.cache, kind, options.mb) for kind in ("cloudtrail", "vpcflow", "dns")]
    files = [path for folder in good for path in folder.rglob("*.gz")]
    size = int(statistics.mean(path.stat().st_size for path in files))
    many = round(len(files) * options.share / (1 - options.share))
    made = hostile(size)
    print(f"{len(files)} good objects of {size:,} bytes on average, {many} hostile ones", file=sys.stderr)
    folders, whole = {}, {}
    for name in (*made, "all mixed"):
        folder = folders[name] = options.cache / "bad" / name.replace(" ", "_")
        good_of_it = options.cache / "spared" / folder.name
        for place in (folder, good_of_it):
            shutil.rmtree(place, ignore_errors=True)
        kinds = list(made) if name == "all mixed" else [name]
        for number in range(many):
            which = kinds[number % len(kinds)]
            kind, data = made[which]
            for place, content in ((folder, data), (good_of_it, spared(data) if which == CUT else b"")):
                if content:
                    target = place / key_of(number, kind)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
        if good_of_it.exists():
            whole[name] = good_of_it
    runs = {name: [] for name in ("alone", *folders, *(f"{name}, whole" for name in whole))}
    folders |= {f"{name}, whole": folder for name, folder in whole.items()}
    read = {}
    for _ in range(options.rounds):
        for name in runs:
            cpu, memory, told = scan(options, good + ([folders[name]] if name in folders else []))
            runs[name].append((cpu, memory))
            read[name] = told
    best = {name: min(cpu for cpu, _ in run) for name, run in runs.items()}
    memory = {name: max(use for _, use in run) for name, run in runs.items()}
    processed = {name: sum(counts["processed"] for counts in told["kinds"].values()) for name, told in read.items()}
    wrong = False
    print("| hostile objects | packed | CPU s | loss of throughput | peak memory |\n|---|---|---|---|---|")
    print(f"| none | | {best['alone']:.2f} | | {memory['alone'] / 1e6:.0f} MB |")
    for name in (*made, "all mixed"):
        good_run = f"{name}, whole" if name in whole else "alone"
        if name in whole:
            print(f"| ({name}: the good records of it alone) | | {best[good_run]:.2f} | | {memory[good_run] / 1e6:.0f} MB |")
        loss = 100 * (1 - best[good_run] / best[name])
        wrong |= processed[name] < processed[good_run] or (name == "all mixed" and loss > LOSS_MAX)
        packed = f"{len(made[name][1]):,} B" if name in made else ""
        print(f"| {name} | {packed} | {best[name]:.2f} | {loss:.1f} % | {memory[name] / 1e6:.0f} MB |")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
