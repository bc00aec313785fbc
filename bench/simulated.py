"""Measures picket on a simulated organisation (tools/simulate): recall by type, false alarms, time to detect, and the
alerts that plain baselines need for the same recall. Used by bench/quality.py."""
import collections
import fnmatch
import functools
import gzip
import json
import math
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HISTORY = 10 * 86400  # seconds a first-seen rule looks back before it speaks
KINDS = {"api": "anomalous API sessions", "theft": "stolen sessions of workloads", "phishing": "console sign-ins from far away", "sequence": "chains of several steps",
         "network": "network abuse by machines", "dns": "names asked by malware", "cluster": "abuse of clusters"}


def wilson(found, of, z=1.96):
    if not of:
        return 0.0, 1.0
    share = found / of
    middle, spread = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + z * z / of)), min(1.0, (middle + spread) / (1 + z * z / of))


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def generate(folder, settings):
    """The simulation, made once for the same arguments and generator."""
    generator = sorted((ROOT / "tools/simulate").glob("*.py"))
    stamp = json.dumps([settings, [(f.name, f.read_text()) for f in generator]])
    note = folder / "made.json"
    if note.exists() and note.read_text() == stamp:
        return
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    subprocess.run([sys.executable, ROOT / "tools/simulate", folder, *settings], check=True)
    note.write_text(stamp)


def scan(picket, folder):
    stats = folder / "stats.json"
    begin = time.time()
    paths = [p for p in (folder / "archive/AWSLogs", folder / "archive/exportedlogs") if p.exists()]
    run = subprocess.run([picket, "scan", *paths, "--config", folder / "picket.toml", "--format", "jsonl", "--stats", stats, "--quiet"], capture_output=True, text=True)
    if run.returncode not in (0, 1) or not stats.exists():
        sys.exit(f"quality: picket scan of the simulation: {run.stderr.strip()}")
    return [json.loads(line) for line in run.stdout.splitlines()], json.loads(stats.read_text()), time.time() - begin


class Finding:
    def __init__(self, raw):
        service, resource = raw["service"], raw["resource"]
        info = service.get("additionalInfo", {}).get("picket", {})
        self.raw, self.type, self.account = raw, raw["type"], raw["accountId"]
        self.origin = "rule" if raw.get("customDetectionRuleName") else "detector"
        records = [r for r in info.get("records", []) if isinstance(r, dict)]
        self.events = {r.get("event_id") for r in records} - {None}
        if not self.account and records:  # audit exports name no account; the simulation's keys begin with it
            self.account = records[0]["object"].split("/")[0]
        self.created = seconds(raw["createdAt"])
        self.times = sorted(seconds(r["time"]) for r in records if r.get("time"))
        self.first, self.last = seconds(service["eventFirstSeen"]), seconds(service["eventLastSeen"])
        self.count = service["count"]
        text = json.dumps([resource, service.get("action", {})])
        self.user = (resource.get("accessKeyDetails", {}).get("userName") or "").split("@")[0]
        self.text = text + json.dumps(service.get("detection", {}))

    def about(self, label):
        if label["kind"] in ("network", "dns"):
            return label["principal"] in self.text or label["interface"] in self.text
        if label["kind"] == "cluster":
            return label["principal"] in self.text or bool(label.get("session") and label["session"] in self.text)
        names = {label["principal"]} | {actor["principal"] for actor in label.get("actors", [])}
        return self.user in names or any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", self.text) for name in names)


def matches(finding, label, slack=3600):
    """A finding tells of an attack when its proof holds one of the attack's records. Proof is capped (and flow records
    and queries have no ids), so one that has more is asked by whom and when: about the same identity or machine,
    within the hour, and not begun more than a day before, as what already was there tells nothing."""
    if finding.account != label["account"] and finding.account not in {a["account"] for a in label.get("actors", [])}:
        return False
    ids = set(label["event_ids"]) | set(label.get("audit_ids", []))
    if finding.events & ids:
        return True
    if ids and finding.events and finding.count <= len(finding.events):
        return False
    begin, end = seconds(label["start"]), seconds(label["end"])
    told = [t for t in finding.times if begin - slack <= t <= end + slack]
    return finding.about(label) and (bool(told) or (finding.first <= end + slack and finding.last >= begin and finding.first >= begin - 86400))


def fits(kind, wanted):
    return any(fnmatch.fnmatchcase(kind, pattern) for pattern in wanted)


def detected_at(finding, label):
    """When it could be told: a finding made of many records (createdAt behind its first) at its creation, else at the first
    record of the attack in its proof."""
    begin, end = seconds(label["start"]), seconds(label["end"])
    if begin <= finding.created <= end + 3600 and finding.created > finding.first:
        return finding.created
    inside = [t for t in finding.times if begin - 1 <= t <= end + 60]
    return max(begin, inside[0] if inside else finding.first)


def minutes(values):
    values = sorted(values)
    return f"{values[len(values) // 2] / 60:,.1f}" if values else "–"


# ---- plain baselines


@functools.cache
def cloudtrail(folder):
    """(time, account, principal, event id, API, network /16, user agent's tool) of every record that is not an AWS service's, in order."""
    rows = []
    for file in sorted((folder / "archive/AWSLogs").rglob("*_CloudTrail_*.json.gz")):
        for record in json.loads(gzip.open(file).read())["Records"]:
            identity = record["userIdentity"]
            if identity["type"] == "AWSService" or "invokedBy" in identity:
                continue
            issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
            who = issuer.get("userName") or identity.get("userName") or identity["type"]
            if who.startswith("AWSReservedSSO_"):
                who = identity["arn"].rsplit("/", 1)[1].split("@")[0]
            rows.append((record["eventTime"], record["recipientAccountId"], who, record["eventID"], record["eventSource"][:-14] + ":" + record["eventName"],
                         record["sourceIPAddress"], (record.get("userAgent") or "").split(" ")[0].rsplit(".", 1)[0]))
    rows.sort()
    return rows


class Geography:
    def __init__(self, path):
        import ipaddress
        self.parse, self.ranges = ipaddress.ip_address, []
        for line in path.read_text().splitlines()[1:]:
            prefix, country, _, _, owner = line.split(",", 4)
            network = ipaddress.ip_network(prefix)
            self.ranges.append((int(network.network_address), int(network.broadcast_address), country, owner))
        self.known = {}

    def find(self, text):
        if text not in self.known:
            self.known[text] = ("", "")
            try:
                number = int(self.parse(text))
            except ValueError:
                return self.known[text]
            for low, high, country, owner in self.ranges:
                if low <= number <= high:
                    self.known[text] = (country, owner)
        return self.known[text]


def first_seen(rows, geography):
    """Alerts of first-seen rules by rule: (time, account, who, event id). A principal needs ten days of history."""
    began, seen, alerts = {}, set(), collections.defaultdict(list)
    for text, account, who, ident, api, ip, agent in rows:
        t, key = seconds(text), (account, who)
        old = t - began.setdefault(key, t) >= HISTORY
        country, owner = geography.find(ip)
        for rule, value in (("new API", api), ("new country", country), ("new network", owner), ("new user agent", agent)):
            if value and (rule, key, value) not in seen:
                seen.add((rule, key, value))
                if old:
                    alerts[rule].append((t, account, who, ident))
    return alerts


def rarest(rows):
    """The plain rare-value job: each call scored by how rare the API is for its user so far; an alert an hour and user."""
    began, counts, totals, best = {}, collections.Counter(), collections.Counter(), {}
    for text, account, who, ident, api, _, _ in rows:
        t, key = seconds(text), (account, who)
        old = t - began.setdefault(key, t) >= HISTORY
        score = math.log2((totals[key] + 1) / (counts[key, api] + 0.5))
        counts[key, api] += 1
        totals[key] += 1
        if old:
            hour = (key, int(t) // 3600)
            if hour not in best or score > best[hour][0]:
                best[hour] = (score, t, account, who, ident)
    return sorted(best.values(), reverse=True)


def alerts_for(recall, ordered, labels):
    """How many alerts of an ordered list are needed until that share of the labels is told; None when never."""
    owner, found = {i: label["id"] for label in labels for i in label["event_ids"]}, set()
    need = math.ceil(recall * len(labels) - 1e-9)
    for number, alert in enumerate(ordered, 1):
        if alert[-1] in owner:
            found.add(owner[alert[-1]])
            if len(found) >= need:
                return number
    return None


def hourly(alerts):
    """One alert an hour and identity, as a console groups them; the event of the first."""
    out = {}
    for t, account, who, ident in alerts:
        out.setdefault((account, who, int(t) // 3600), []).append((t, account, who, ident))
    return out


def baselines(folder, labels, recall):
    rows, sessions = cloudtrail(folder), [label for label in labels if label["kind"] == "api"]
    owner = {i: label["id"] for label in sessions for i in label["event_ids"]}
    news = first_seen(rows, Geography(folder / "geo.csv"))
    lines = ["", "| baseline (ten days of history, one alert an hour and identity) | alerts | sessions told | alerts at picket's recall |", "|---|---|---|---|"]
    every = collections.defaultdict(list)
    for rule in ("new API", "new country", "new network", "new user agent"):
        for hour, group in hourly(news[rule]).items():
            every[hour].append((rule, group))
        grouped = hourly(news[rule])
        told = {owner[a[-1]] for group in grouped.values() for a in group if a[-1] in owner}
        lines.append(f"| first seen: {rule} | {len(grouped):,} | {len(told)} of {len(sessions)} | |")
    # The rules together, the hours with most of them first: the kindest order there is.
    order = sorted(every.items(), key=lambda item: (-len(item[1]), -sum(len(g) for _, g in item[1]), item[0]))
    number, found, need, at = 0, set(), math.ceil(recall * len(sessions) - 1e-9), None
    for _, groups in order:
        number += 1
        found |= {owner[a[-1]] for _, group in groups for a in group if a[-1] in owner}
        if at is None and need and len(found) >= need:
            at = number
    lines.append(f"| first seen: all four, most at once first | {number:,} | {len(found)} of {len(sessions)} | {f'{at:,}' if at is not None else '–'} |")
    rare = rarest(rows)
    need_rare = alerts_for(recall, rare, sessions) if need else None
    lines.append(f"| rarest API of each user, best first | {len(rare):,} | | {f'{need_rare:,}' if need_rare is not None else '–'} |")
    return lines, at, need_rare


# ---- the report


WARM_UP_DAYS = 14  # in which nothing of an account is anomalous


def attribute(findings, labels):
    """What tells of each attack, by its id, and what tells of none."""
    told = {label["id"]: [f for f in findings if matches(f, label)] for label in labels}
    explained = {id(f) for group in told.values() for f in group}
    return told, [f for f in findings if id(f) not in explained]


def is_named(label, told):
    return any(fits(f.type, label["expected"] + label["also"]) for f in told[label["id"]])


def measure_large(picket, folder):
    """What an organisation of many accounts comes to: who looks at all of them has one pair of eyes."""
    labels = json.loads((folder / "labels.json").read_text())
    world = json.loads((folder / "organisation.json").read_text())
    raw, stats, took = scan(picket, folder)
    findings = [Finding(f) for f in raw]
    read = stats["kinds"]["cloudtrail"]["records_read"]
    told, false = attribute(findings, labels)
    false = [f for f in false if f.origin != "rule"]
    learned, sequences = [f for f in false if "Anomalous" in f.type], [f for f in false if f.type.startswith("AttackSequence")]
    accounts, judged = len(world["accounts"]), world["days"] - WARM_UP_DAYS
    lines = ["", "## A large organisation (simulated)", "",
             f"Seed `{world['seed']}`: {accounts} accounts, {len(world['people'])} people, {world['days']} days of CloudTrail, the first {WARM_UP_DAYS} of which only teach; {read:,} records, scanned in {took:.0f} s, "
             f"{stats['peak_rss_bytes'] / 1e6:,.0f} MB at most.", "", "| attacks (simulated) | told by a type that names it | 95 % interval |", "|---|---|---|"]
    for kind in ("api", "theft", "phishing", "sequence"):
        mine = [label for label in labels if label["kind"] == kind]
        found = sum(is_named(label, told) for label in mine)
        low, high = wilson(found, len(mine))
        lines.append(f"| {KINDS[kind]} | {found} of {len(mine)} ({found / max(len(mine), 1):.0%}) | {low:.0%} – {high:.0%} |")
    lines += ["", f"False alarms of the anomalous-behaviour types: {len(learned)}, {len(learned) / judged:.1f} a judged day of the organisation (goal 5), {len(learned) / judged / accounts:.3f} an account-day; "
              f"of attack sequences: {len(sequences)}, {1000 * len(sequences) / judged / accounts:.1f} per 1,000 account-days (goal 1); of others, without the custom rules: {len(false) - len(learned) - len(sequences)}."]
    return lines


def measure(picket, folder, notes):
    labels = json.loads((folder / "labels.json").read_text())
    world = json.loads((folder / "organisation.json").read_text())
    raw, stats, took = scan(picket, folder)
    findings = [Finding(f) for f in raw]
    problems = []
    ledger = collections.Counter()
    for kind in stats["kinds"].values():
        for name in ("records_read", "processed", "filtered", "duplicate", "quarantined", "late"):
            ledger[name] += kind[name]
    if ledger["records_read"] != sum(ledger[n] for n in ("processed", "filtered", "duplicate", "quarantined")) or ledger["quarantined"]:
        problems.append("simulation: the ledger does not balance or records were quarantined")
    told, false = attribute(findings, labels)
    days = world["days"]
    account_days, active = len(world["accounts"]) * days, len(world["accounts"]) * days
    lines = ["", "## The simulated organisation (simulated)", "",
             f"Seed `{world['seed']}`: {len(world['accounts'])} accounts, {days} days, {len(labels)} attacks; {ledger['records_read']:,} records = {ledger['processed']:,} processed + {ledger['filtered']:,} filtered + "
             f"{ledger['duplicate']:,} duplicate + {ledger['quarantined']:,} quarantined; {ledger['late']:,} late; scanned in {took:.0f} s, {stats['peak_rss_bytes'] / 1e6:,.0f} MB at most; {len(findings)} findings. "
             "A finding tells of an attack when its proof holds one of its records, or when it is about the same identity or machine within the hour; everything else is a false alarm.", "",
             "| attacks (simulated) | told by a type that names it | 95 % interval | told by anything | minutes to the first telling record, median | before the first impact |", "|---|---|---|---|---|---|"]
    recalls = {}
    for kind, title in KINDS.items():
        mine = [label for label in labels if label["kind"] == kind]
        if not mine:
            continue
        exact, delays, early, harmful = 0, [], 0, 0
        for label in mine:
            named = [f for f in told[label["id"]] if fits(f.type, label["expected"] + label["also"])]
            exact += bool(named)
            if named:
                at = min(detected_at(f, label) for f in named)
                delays.append(at - seconds(label["start"]))
                if label["first_impact"]:
                    harmful += 1
                    early += at <= seconds(label["first_impact"])
        recalls[kind] = exact / len(mine)
        low, high = wilson(exact, len(mine))
        lines.append(f"| {title} | {exact} of {len(mine)} ({exact / len(mine):.0%}) | {low:.0%} – {high:.0%} | {sum(bool(told[l['id']]) for l in mine)} | {minutes(delays)} | {f'{early} of {harmful}' if harmful else '–'} |")
    lines += ["", "By type: of the attacks that a type should name, how many it or its siblings did (`expected`), and its false alarms.", "",
              "| type (simulated) | attacks | told by it | 95 % interval | findings | false alarms | per 1,000 account-days | events to the first telling record, median |", "|---|---|---|---|---|---|---|---|"]
    wanted = collections.defaultdict(list)
    for label in labels:
        wanted[label["expected"][0]].append(label)
    seen = collections.Counter(f.type for f in findings)
    wrong = collections.Counter(f.type for f in false)
    for kind in sorted(set(wanted) | set(seen)):
        mine, events = wanted.get(kind, []), []
        hit = 0
        for label in mine:
            named = [f for f in told[label["id"]] if fits(f.type, label["expected"])]
            hit += bool(named)
            if named and label["event_ids"]:
                span = max(1.0, seconds(label["end"]) - seconds(label["start"]))
                share = (min(detected_at(f, label) for f in named) - seconds(label["start"])) / span
                events.append(1 + int(min(share, 1) * (len(label["event_ids"]) - 1)))
        low, high = wilson(hit, len(mine))
        lines.append(f"| {kind} | {len(mine) or '–'} | {hit if mine else '–'} | {f'{low:.0%} – {high:.0%}' if mine else '–'} | {seen[kind]} | {wrong[kind]} | {1000 * wrong[kind] / account_days:.2f} | "
                     f"{sorted(events)[len(events) // 2] if events else '–'} |")
    missed = collections.Counter((KINDS[label["kind"]], label["technique"]) for label in labels if not is_named(label, told))
    lines += ["", "Not told by a type that names them: " + ("; ".join(f"{kind}: {technique} ({count})" for (kind, technique), count in sorted(missed.items())) or "none") + "."]
    learned = [f for f in false if "Anomalous" in f.type]
    rules = [f for f in false if f.origin == "rule"]
    lines += ["", f"False alarms: {len(false)}, of which {len(rules)} by AWS's custom detection rules, which name a call and are off until a customer switches them on; {len(learned)} of the anomalous-behaviour types: "
              f"{len(learned) / active:.3f} an account-day, {len(learned) / active * days / max(days - WARM_UP_DAYS, 1):.3f} without the {WARM_UP_DAYS} days that only teach."]
    own = len(cloudtrail(folder))
    families = {"of IAM and S3 and sequences": ([f for f in false if f.origin != "rule" and not re.search(r":(EC2|Kubernetes)/", f.type)], "account-days", account_days),
                "of machines": ([f for f in false if f.origin != "rule" and ":EC2/" in f.type], "instance-days", world["instance_days"]),
                "of clusters": ([f for f in false if ":Kubernetes/" in f.type], "cluster-days", world["cluster_days"])}
    lines += ["", "Without the custom rules: " + "; ".join(f"{len(group)} {name} in {days_of:,} {unit} ({1000 * len(group) / max(days_of, 1):.2f} per 1,000)" for name, (group, unit, days_of) in families.items()) +
              f". {1e6 * len(families['of IAM and S3 and sequences'][0]) / max(own, 1):.1f} per million CloudTrail events not from AWS services ({own:,}); "
              f"{1e5 * sum('!DNS' in f.type or 'DGA' in f.type or 'DNSData' in f.type for f in false) / max(stats['kinds']['dns']['processed'], 1):.2f} per 100,000 queries."]
    lines += ["", "| false alarm (simulated) | findings | about | why |", "|---|---|---|---|"]
    grouped = collections.defaultdict(list)
    for f in false:
        grouped[f.type].append(f)
    for kind, group in sorted(grouped.items()):
        about = collections.Counter(f.user or f.raw["resource"].get("instanceDetails", {}).get("instanceId") or "?" for f in group)
        why = notes.get(f"simulation | {kind}") or ("The rule names the call, whoever makes it." if all(f.origin == "rule" for f in group) else "")
        lines.append(f"| {kind} | {len(group)} | {', '.join(f'{name} ({count})' if count > 1 else name for name, count in about.most_common(4))}{' …' if len(about) > 4 else ''} | {why or '–'} |")
    anomaly = [f for f in findings if f.type.endswith(("/AnomalousBehavior", "AnomalousBehavior.Delete", "AnomalousBehavior.Write", "AnomalousBehavior.Permission")) and "Kubernetes" not in f.type]
    if (folder / "archive/AWSLogs").exists():
        recall = recalls.get("api", 0)
        more, at, rare = baselines(folder, labels, recall)
        lines += ["", f"picket told {recall:.0%} of the anomalous API sessions with {len(anomaly)} findings of the anomalous-behaviour types" +
                  (f": {len(anomaly) / at:.0%} of the first-seen rules' alerts at equal recall" if at else "") + ".", *more]
    per = stats.get("state_bytes_per_entity") or {}
    if per:
        lines += ["", "| state | bytes per entity |", "|---|---|", *(f"| {name} | {value} |" for name, value in per.items())]
    summary = f"| Simulated organisation, seed {world['seed']} (simulated) | {ledger['records_read']:,} | " + \
        f"{sum(is_named(label, told) for label in labels)} of {len(labels)} | {len(findings)}, {len(false)} of them false |"
    return lines, summary, problems

