#!/usr/bin/env python3
"""How many hosts picket tells for the names they ask for: of malware that makes names up, and of harmless ones.

usage: judge_names.py --picket PICKET --generated FAMILIES.csv[.gz]... --harmless NAMES[.gz]... [--hosts N] [--names N]

Each host asks for --names different names, one a minute, drawn from one list: of a family when none exists, and of
harmless names when none exists and when an eighth does not. Written as Resolver query logs and scanned; nothing is
computed beside picket. Harmless names are told by list and, where a suffix has 1,500 of them, by suffix. Of each harmless
list every name is asked for once besides, and answered: which of them are said to imitate another.
"""
import argparse
import collections
import json
import random
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from train_dga_model import read_lines

BEGIN = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
AFTER = (10, 20, 30, 50)
HOSTS_OF_ACCOUNT = 100
LOOK_ALIKE = "Trojan:EC2/LookAlikeDomainRequest!DNS"
TYPES = ("Trojan:EC2/DGADomainRequest.B", "Trojan:EC2/DGADomainRequest.C!DNS")


def iso(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def query(account, host, time, name, exists):
    answers = [{"Rdata": "198.51.100.7", "Type": "A", "Class": "IN"}] if exists else []
    return json.dumps({"version": "1.100000", "account_id": f"{account:012}", "region": "eu-central-1", "vpc_id": "vpc-0a1b2c3d",
                       "query_timestamp": iso(time), "query_name": name + ".", "query_type": "A", "query_class": "IN",
                       "rcode": "NOERROR" if exists else "NXDOMAIN", "answers": answers, "srcaddr": "10.0.0.7", "srcport": "40000",
                       "transport": "UDP", "srcids": {"instance": host}})


def told(picket, sets, hosts, count, nonexistent, random, types):
    """Per set how many names each told host had asked for when it was told (.B), and how many hosts have .C!DNS or were told by joined words."""
    with tempfile.TemporaryDirectory() as folder:
        places = {}
        for number, (name, names) in enumerate(sorted(sets.items())):
            lines = []
            for host in range(hosts):
                account = 100000000000 + number * 1000 + host // HOSTS_OF_ACCOUNT
                instance = f"i-{number:08x}{host:09x}"
                places[instance] = name
                for i, one in enumerate(random.sample(names, min(count, len(names)))):
                    lines.append(query(account, instance, BEGIN + timedelta(minutes=i), one, random.random() >= nonexistent))
            Path(folder, f"{number}.jsonl").write_text("\n".join(lines) + "\n")
        out = subprocess.run([picket, "scan", folder, "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    after, exact = collections.defaultdict(list), collections.Counter()
    for line in out.decode().splitlines():
        finding = json.loads(line)
        if finding["type"] not in types:
            continue
        name = places[finding["resource"]["instanceDetails"]["instanceId"]]
        if finding["type"] == TYPES[1]:
            exact[name] += 1
        else:
            exact[name, "joined"] += "joined_words" in line
            created = datetime.strptime(finding["createdAt"][:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
            after[name].append(1 + round((created - BEGIN).total_seconds() / 60))
    return after, exact


def imitating(picket, names):
    """Names that are said to imitate, with what and how."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "names.jsonl").write_text("".join(query(100000000000, f"i-{i:017x}", BEGIN + timedelta(seconds=i // 50), name, True) + "\n"
                                                       for i, name in enumerate(names)))
        out = subprocess.run([picket, "scan", folder, "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    found = []
    for line in out.decode().splitlines():
        finding = json.loads(line)
        if finding["type"] == LOOK_ALIKE:
            found.append((finding["service"]["action"]["dnsRequestAction"]["domain"], finding["title"].rpartition(" imitates ")[2].rstrip("."), finding["severity"]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picket", required=True)
    parser.add_argument("--generated", nargs="*", default=[])
    parser.add_argument("--harmless", nargs="*", default=[])
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--harmless-hosts", type=int, default=2000)
    parser.add_argument("--names", type=int, default=50)
    args = parser.parse_args()

    families = collections.defaultdict(set)
    for path in args.generated:
        for line in read_lines(path)[1:]:
            family, _, name = line.partition(",")
            if name:
                families[family].add(name.strip())
    families = {f: sorted(n) for f, n in families.items()}
    if families:
        print(f"generated, no name exists, {args.hosts} hosts each: share told by pattern after {AFTER} names; and by an exact name")
        after, exact = told(args.picket, families, args.hosts, args.names, 1, random.Random(11), TYPES)
        for family in sorted(families):
            print(f"  {family:24}", "  ".join(f"{sum(k <= n for k in after[family]) / args.hosts:.3f}" for n in AFTER), f"  {exact[family] / args.hosts:.3f}")
        print("  mean                    ", "  ".join(f"{sum(sum(k <= n for k in after[f]) for f in families) / args.hosts / len(families):.3f}" for n in AFTER))

    generated = {n for names in families.values() for n in names}
    harmless = {}
    for path in args.harmless:
        names = sorted({n.strip() for n in read_lines(path) if n.strip() and "." in n} - generated)
        harmless[Path(path).name.split(".")[0]] = names
        by_suffix = collections.defaultdict(list)
        for name in names:
            by_suffix["." + name.rsplit(".", 1)[-1]].append(name)
        harmless |= {f"{Path(path).name.split('.')[0]} {suffix}": n for suffix, n in by_suffix.items() if len(n) >= 1500}
    for what, nonexistent in (("no name exists", 1), ("an eighth does not exist", 1 / 8)):
        after, exact = told(args.picket, harmless, args.harmless_hosts, args.names, nonexistent, random.Random(12), TYPES)
        print(f"harmless, {what}, {args.harmless_hosts} hosts each of {len(harmless)} populations: told (by an exact name; of them by joined words)")
        for name in sorted(harmless):
            if after[name] or exact[name]:
                print(f"  {name:40} {len(after[name])} ({exact[name]}; {exact[name, 'joined']})")
        print(f"  all: {sum(map(len, after.values()))} of {args.harmless_hosts * len(harmless)}")
    for path in args.harmless:
        names = harmless[Path(path).name.split(".")[0]]
        found = imitating(args.picket, names)
        print(f"{Path(path).name}: {len(found)} of {len(names)} names imitate ({1e4 * len(found) / len(names):.1f} in 10,000), {sum(s >= 7 for *_, s in found)} of them by their look; for example:",
              ", ".join(f"{name} {what}" for name, what, _ in found[::max(1, len(found) // 25)][:25]))


if __name__ == "__main__":
    main()
