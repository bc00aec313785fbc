#!/usr/bin/env python3
"""Simulates an organisation on AWS for weeks and writes its logs, with attacks in them and their labels.

    tools/simulate OUT [--seed dev] [--accounts 6] [--days 60] [--events 4500] [--instances 0] [--kinds cloudtrail] [--no-attacks]

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
import cluster  # noqa: E402
import fleet  # noqa: E402
import mmdb  # noqa: E402
import names  # noqa: E402
import network  # noqa: E402
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
    for t, account, region, event in activity.Day(org, day).make() + (FLEET.day(day) if FLEET else []) + injected:
        if org.start <= t < org.end:
            streams[account, region, int(t) // OBJECT_SPAN * OBJECT_SPAN].append((t, event["eventID"], event))
    total = 0
    for (account, region, start), rows in sorted(streams.items()):
        rows.sort(key=lambda row: row[:2])
        write(root, cloudtrail_key(account, region, start, day), json.dumps({"Records": [row[2] for row in rows]}, separators=(",", ":")))
        total += len(rows)
    return total


def write_flows(org, day, injected, root, rate):
    streams = collections.defaultdict(list)
    for row in network.FlowDay(org, day, rate).make() + injected:
        if org.start <= row[0] and row[11] < org.end:
            streams[row[1], row[11] // HOUR * HOUR].append(row)
    for (owner, start), rows in sorted(streams.items()):
        account = org.by_id[owner]
        rows.sort(key=lambda row: (row[11] // network.WINDOW, row))
        stamp = time.gmtime(start)
        key = (f"AWSLogs/{owner}/vpcflowlogs/{account.region}/{time.strftime('%Y/%m/%d', stamp)}/{owner}_vpcflowlogs_{account.region}_{account.flow_log}_"
               f"{time.strftime('%Y%m%dT%H%MZ', stamp)}_{stable_id(f'{owner}{start}{day}', 8)}.log.gz")
        write(root, key, "\n".join([network.V5 if account.kind == "data" else network.V2, *(network.line(account, row) for row in rows)]) + "\n")
    return sum(map(len, streams.values()))


def write_queries(org, day, injected, root, rate):
    streams = collections.defaultdict(list)
    for t, owner, text in names.DnsDay(org, day, rate).make() + injected:
        if org.start <= t < org.end:
            streams[owner, int(t) // HOUR * HOUR].append((t, text))
    for (owner, start), rows in sorted(streams.items()):
        account, stamp = org.by_id[owner], time.gmtime(start)
        key = (f"AWSLogs/{owner}/vpcdnsquerylogs/{account.vpc}/{time.strftime('%Y/%m/%d', stamp)}/{account.vpc}_vpcdnsquerylogs_{owner}_"
               f"{time.strftime('%Y%m%dT%H%MZ', stamp)}_{stable_id(f'dns{owner}{start}{day}', 8)}.log.gz")
        write(root, key, "\n".join(row[1] for row in sorted(rows)) + "\n")
    return sum(map(len, streams.values()))


def write_audit(org, day, injected, root, rate):
    streams = collections.defaultdict(list)
    for t, owner, text in cluster.AuditDay(org, day, rate).make() + injected:
        if org.start <= t < org.end:
            streams[owner, int(t) // (6 * HOUR)].append((t, text))
    for (owner, span), rows in sorted(streams.items()):
        account = org.by_id[owner]
        key = (f"exportedlogs/{owner}/aws/eks/{account.cluster}/cluster/{time.strftime('%Y/%m/%d', time.gmtime(span * 6 * HOUR))}/"
               f"kube-apiserver-audit-{stable_id(f'{owner}{span}{day}', 32)}/000000.gz")
        write(root, key, "\n".join(row[1] for row in sorted(rows)) + "\n")
    return sum(map(len, streams.values()))


def day_of(task):
    day, settings = task
    org, root, injected, counts, kinds = ORGANISATION, ROOT, INJECTED[day], {}, settings.kinds.split(",")
    if "cloudtrail" in kinds:
        counts["cloudtrail"] = write_cloudtrail(org, day, injected["cloudtrail"], root)
    if "vpcflow" in kinds:
        counts["vpcflow"] = write_flows(org, day, injected["flows"], root, settings.traffic)
    if "dns" in kinds:
        counts["dns"] = write_queries(org, day, injected["queries"], root, settings.traffic)
    if "k8saudit" in kinds:
        counts["k8saudit"] = write_audit(org, day, injected["audit"], root, settings.traffic)
    return counts


def instance_days(org):
    machines = [i for a in org.accounts for i in a.instances] + (FLEET.machines if FLEET else [])
    return round(sum((min(i.until, org.end) - max(i.since, org.start)) / DAY for i in machines if i.since < org.end and i.until > org.start))


def configuration(org, out):
    sources = "".join(f'\n[[account]]\nid = "{a.id}"\nname = "{a.kind}-{a.number}"\n' for a in org.accounts)
    sources += '\n[[source]]\nname = "trails"\npath = "archive/AWSLogs"\n'
    sources += "".join(f'\n[[source]]\nname = "{a.cluster}"\npath = "archive/exportedlogs/{a.id}"\naccount = "{a.id}"\nregion = "{a.region}"\n'
                       for a in org.accounts if cluster.has_cluster(a))
    (out / "picket.toml").write_text(f'[organization]\nid = "{ORG}"\n\n[geoip]\ndatabases = ["geo.mmdb"]\n\n[aws]\nip_ranges = "ip-ranges.json"\n{sources}')
    (out / "geo.csv").write_text(places.geography_csv())
    (out / "geo.mmdb").write_bytes(mmdb.database(org.start))
    (out / "ip-ranges.json").write_text(places.ip_ranges_json())
    people = {p.name: {"persona": p.persona, "starts": p.starts, "leaves": p.leaves, "holidays": p.holidays, "trips": [[a, b, h.country] for a, b, h, _ in p.trips],
                       "adopts": p.adopts, "country": p.country} for p in org.people}
    (out / "organisation.json").write_text(json.dumps({
        "seed": org.seed, "start": iso(org.start), "days": org.days, "accounts": {a.id: {"kind": a.kind, "region": a.region, "nat": a.nat,
                                                                                         "instances": len(a.instances)} for a in org.accounts},
        "instance_days": instance_days(org),
        "cluster_days": org.days * sum(map(cluster.has_cluster, org.accounts)), "people": people}, indent=1, sort_keys=True) + "\n")


def main():
    global ORGANISATION, FLEET, INJECTED, ROOT
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", default="dev")
    parser.add_argument("--accounts", type=int, default=6)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--events", type=int, default=4500, help="CloudTrail records of the mean account and day")
    parser.add_argument("--instances", type=int, default=0, help="instances of a fleet beside the others, on the mean; CloudTrail only")
    parser.add_argument("--kinds", default="cloudtrail,vpcflow,dns,k8saudit")
    parser.add_argument("--traffic", type=float, default=1.0, help="of flows, queries and audit events, beside what a machine has")
    parser.add_argument("--no-attacks", action="store_true")
    parser.add_argument("--quiet-days", type=int, help="days without attacks at the start (default: a third)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count()))
    settings = parser.parse_args()
    begin = time.time()
    ORGANISATION = Organisation(settings.seed, settings.accounts, settings.days, settings.events)
    FLEET = fleet.Fleet(ORGANISATION, settings.instances) if settings.instances else None
    ROOT = settings.out / "archive"
    quiet = settings.quiet_days if settings.quiet_days is not None else settings.days // 3
    found = [] if settings.no_attacks else attacks.plan(ORGANISATION, quiet)
    INJECTED = collections.defaultdict(lambda: collections.defaultdict(list))
    for attack in found:
        for kind in ("cloudtrail", "flows", "queries", "audit"):
            for row in getattr(attack, kind):
                INJECTED[int(row[0] - ORGANISATION.start) // DAY][kind].append(row)
    settings.out.mkdir(parents=True, exist_ok=True)
    configuration(ORGANISATION, settings.out)
    (settings.out / "labels.json").write_text(json.dumps([attack.label() for attack in found], indent=1) + "\n")
    totals = collections.Counter()
    with multiprocessing.get_context("fork").Pool(settings.jobs) as pool:
        for counts in pool.imap_unordered(day_of, [(day, settings) for day in range(settings.days)]):
            totals.update(counts)
    print(f"{', '.join(f'{count:,} {kind}' for kind, count in sorted(totals.items()))} records, {len(found)} attacks, {time.time() - begin:.0f} s")


if __name__ == "__main__":
    main()
