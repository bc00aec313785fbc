#!/usr/bin/env python3
"""Simulates an organisation on AWS for weeks and writes its logs, with attacks in them and their labels.

    tools/simulate OUT [--seed dev] [--accounts 6] [--days 60] [--events 4500] [--kinds cloudtrail] [--no-attacks]

OUT receives archive/ (objects under AWS's own keys), labels.json (every attack: who, what, when, which records, which
finding types should tell), organisation.json, picket.toml (geography, AWS's ranges, sources), geo.csv, geo.mmdb and
ip-ranges.json. The same arguments give the same bytes with the same Python and zlib. `--events` is of the mean
account and day. Seeds beginning with "eval" are held out: measure with them, never tune to them.
"""
import argparse
import collections
import gzip
import io
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import activity  # noqa: E402
import attacks  # noqa: E402
import mmdb  # noqa: E402
import places  # noqa: E402
from organisation import ORG, Organisation  # noqa: E402
from records import DAY, HOUR, iso, stable_id  # noqa: E402

OBJECT_SPAN = HOUR  # life brings twelve objects an hour; picket takes an hour before the name for the first event


def packed(text):
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=buffer, mtime=0) as out:
        out.write(text.encode())
    return buffer.getvalue()


def write(root, key, text):
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(text))


def cloudtrail_key(account, region, start, made_on):
    unique = stable_id(f"{account}/{region}/{start}/{made_on}", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    end = time.gmtime(start + OBJECT_SPAN)
    return (f"AWSLogs/{ORG}/{account}/CloudTrail/{region}/{time.strftime('%Y/%m/%d', time.gmtime(start))}/"
            f"{account}_CloudTrail_{region}_{time.strftime('%Y%m%dT%H%MZ', end)}_{unique}.json.gz")


def write_cloudtrail(org, day, injected, root):
    streams = collections.defaultdict(list)
    for t, account, region, event in activity.Day(org, day).make() + injected:
        if org.start <= t < org.end:
            streams[account, region, int(t) // OBJECT_SPAN * OBJECT_SPAN].append((t, event["eventID"], event))
    total = 0
    for (account, region, start), rows in sorted(streams.items()):
        rows.sort(key=lambda row: row[:2])
        write(root, cloudtrail_key(account, region, start, day), json.dumps({"Records": [row[2] for row in rows]}, separators=(",", ":")))
        total += len(rows)
    return total


def day_of(task):
    day, kinds = task
    counts = {}
    if "cloudtrail" in kinds:
        counts["cloudtrail"] = write_cloudtrail(ORGANISATION, day, INJECTED[day], ROOT)
    return counts


def configuration(org, out):
    sources = "".join(f'\n[[account]]\nid = "{a.id}"\nname = "{a.kind}-{a.number}"\n' for a in org.accounts)
    (out / "picket.toml").write_text(f'[organization]\nid = "{ORG}"\n\n[geoip]\ndatabases = ["geo.mmdb"]\n\n[aws]\nip_ranges = "ip-ranges.json"\n{sources}')
    (out / "geo.csv").write_text(places.geography_csv())
    (out / "geo.mmdb").write_bytes(mmdb.database(org.start))
    (out / "ip-ranges.json").write_text(places.ip_ranges_json())
    people = {p.name: {"persona": p.persona, "starts": p.starts, "leaves": p.leaves, "holidays": p.holidays, "trips": [[a, b, h.country] for a, b, h, _ in p.trips],
                       "adopts": p.adopts, "country": p.country} for p in org.people}
    (out / "organisation.json").write_text(json.dumps({
        "seed": org.seed, "start": iso(org.start), "days": org.days, "accounts": {a.id: {"kind": a.kind, "region": a.region, "nat": a.nat,
                                                                                         "instances": len(a.instances)} for a in org.accounts},
        "people": people}, indent=1, sort_keys=True) + "\n")


def main():
    global ORGANISATION, INJECTED, ROOT
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", default="dev")
    parser.add_argument("--accounts", type=int, default=6)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--events", type=int, default=4500, help="CloudTrail records of the mean account and day")
    parser.add_argument("--kinds", default="cloudtrail")
    parser.add_argument("--no-attacks", action="store_true")
    parser.add_argument("--quiet-days", type=int, help="days without attacks at the start (default: a third)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count()))
    settings = parser.parse_args()
    begin = time.time()
    ORGANISATION = Organisation(settings.seed, settings.accounts, settings.days, settings.events)
    ROOT = settings.out / "archive"
    quiet = settings.quiet_days if settings.quiet_days is not None else settings.days // 3
    found = [] if settings.no_attacks else attacks.plan(ORGANISATION, quiet)
    INJECTED = collections.defaultdict(list)
    for attack in found:
        for row in attack.cloudtrail:
            INJECTED[int(row[0] - ORGANISATION.start) // DAY].append(row)
    settings.out.mkdir(parents=True, exist_ok=True)
    configuration(ORGANISATION, settings.out)
    (settings.out / "labels.json").write_text(json.dumps([attack.label() for attack in found], indent=1) + "\n")
    totals = collections.Counter()
    kinds = settings.kinds.split(",")
    with multiprocessing.get_context("fork").Pool(settings.jobs) as pool:
        for counts in pool.imap_unordered(day_of, [(day, kinds) for day in range(settings.days)]):
            totals.update(counts)
    print(f"{', '.join(f'{count:,} {kind}' for kind, count in sorted(totals.items()))} records, {len(found)} attacks, {time.time() - begin:.0f} s")


if __name__ == "__main__":
    main()
