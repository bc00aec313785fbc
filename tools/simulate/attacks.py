"""Attacks, planned once before the days are made: who is robbed, from where, how fast, and what should tell."""
import random

import agents
import places
import records
import techniques
from activity import CONSOLE
from records import DAY, HOUR, iso, record, s3, stable_id

DENIED = 0.12  # share of an intruder's calls that the stolen rights do not allow


class Attack:
    def __init__(self, number, kind, account, principal, technique):
        self.id, self.kind, self.account, self.principal, self.technique = f"a{number:03d}", kind, account, principal, technique
        self.cloudtrail, self.flows, self.queries, self.audit = [], [], [], []
        self.expected, self.also, self.notes, self.impact = [], [], {}, None

    def label(self):
        times = [row[0] for rows in (self.cloudtrail, self.flows, self.queries, self.audit) for row in rows]
        return {"id": self.id, "kind": self.kind, "technique": self.technique, "account": self.account.id, "region": self.account.region, "principal": self.principal,
                "start": iso(min(times)), "end": iso(max(times)), "first_impact": iso(self.impact) if self.impact else None,
                "expected": self.expected, "also": self.also, **self.notes,
                "event_ids": [row[3]["eventID"] for row in sorted(self.cloudtrail, key=lambda row: row[0])]}


class Victim:
    """An identity as it is before it is stolen: how it names itself, and where and with what it usually calls."""

    def __init__(self, account, kind, name, identity, ip, agent):
        self.account, self.kind, self.name, self.identity, self.ip, self.agent = account, kind, name, identity, ip, agent


def victims(org):
    found = []
    for account in org.accounts:
        for w in account.workloads:
            if w.kind.startswith("key"):
                found.append(("user key", account, w))
            elif w.kind in ("function", "container", "pod"):
                found.append(("workload role", account, w))
        if account.kind not in ("management", "security"):
            found.append(("pipeline", account, "ci-deploy"))
    for person in org.people:
        for account in org.accounts:
            if account.kind in person.sets:
                found.append(("person", account, person))
    return found


def victim_at(org, rng, what, t):
    kind, account, who = what
    day = int(t - org.start) // DAY
    if kind == "user key":
        name, key = who.name, records.user_key(account.id, who.name, int(day >= 30 and len(who.name) % 2))
        usual = {"key office": org.datacentre, "key outside": org.monitor[0]}.get(who.kind) or places.BY_PREFIX["20.160.0.0/12"].address(rng)
        return Victim(account, kind, name, records.iam_user(account.id, name, key), usual, who.agent or agents.boto(name, day, org.seed))
    if kind == "workload role":
        session = who.name.removesuffix("-role") if who.kind == "function" else stable_id(f"{who.name}{t}", 32) if who.kind == "container" else f"botocore-session-{int(t) // HOUR * HOUR}"
        return Victim(account, kind, who.name, records.role(account.id, who.name, session, t // (3 * HOUR) * 3 * HOUR), account.nat, who.agent or agents.boto(who.name, day, org.seed))
    if kind == "pipeline":
        return Victim(account, kind, who, records.role(account.id, who, "GitHubActions", t - 300), places.BY_PREFIX["20.160.0.0/12"].address(rng), agents.boto("ci", day, org.seed))
    permissions = who.sets[account.kind]
    identity = records.sso(account.id, permissions, who.name, t - rng.randrange(60, 3 * HOUR))
    return Victim(account, kind, who.name, identity, who.home.address(random.Random(f"{org.seed}/{who.number}/{day // 13}/line")), agents.cli(who.number, day, org.seed, "iam"))


def origin(org, rng, victim):
    """Where the intruder sits; a good part is not told apart by country or network."""
    country = next((n.country for n in places.NETWORKS if n.kind in ("home", "office") and _inside(n, victim.ip)), "IE")
    x = rng.random()
    if x < 0.22:
        return "hosting", places.place(rng, "hosting").address(rng)
    if x < 0.42:
        return "vpn", places.place(rng, "vpn").address(rng)
    if x < 0.58:
        return "home in the same country", places.place(rng, "home", country).address(rng)
    if x < 0.74:
        return "another AWS customer", places.aws_address(rng, victim.account.region)
    if x < 0.86:
        return "home elsewhere", places.place(rng, "home", but={country}).address(rng)
    return "the victim's own address", victim.ip


def _inside(network, ip):
    import ipaddress
    return int(ipaddress.ip_address(ip)) - network.first in range(network.size)


def agent_of(rng, victim, where):
    if where == "the victim's own address" or rng.random() < 0.25:
        return victim.agent, None
    if victim.kind == "person" and rng.random() < 0.3:
        return agents.browser(rng.randrange(1000), 30, "x"), CONSOLE
    return rng.choice(agents.AGENTS_OF_ATTACKERS), None


RECON = ["sts:GetCallerIdentity", "s3:ListBuckets", "iam:ListUsers", "iam:ListRoles", "ec2:DescribeInstances", "iam:GetUser", "ec2:DescribeRegions", "iam:ListAccountAliases", "secretsmanager:ListSecrets",
         "lambda:ListFunctions20150331", "iam:ListAttachedUserPolicies", "organizations:DescribeOrganization", "kms:ListKeys", "rds:DescribeDBInstances", "cloudtrail:DescribeTrails"]


def steps_of(rng, technique, recon):
    steps = [(api, None) for api in ["sts:GetCallerIdentity"] * (rng.random() < 0.6) + rng.sample(RECON, recon)]
    for api, make, (low, high) in techniques.TECHNIQUES[technique][1]:
        steps += [(api, make)] * rng.randint(low, high)
    return steps


def play(rng, attack, victim, ip, agent, extra, steps, t, pace, impact=()):
    account, region, bucket, prefix = victim.account, victim.account.region, None, None
    for number, (api, make) in enumerate(steps):
        service, name = api.split(":")
        error = None
        request = make(rng, account) if make else None
        if rng.random() < DENIED and number < len(steps) - 1 and not name.endswith("Object"):
            from tasks import denied
            error = denied(victim.identity, api)
        if service == "s3" and name in records.OBJECT_CALLS:
            if bucket is None or (name.startswith("List") and rng.random() < 0.6):
                bucket = rng.choice(account.buckets)
            key = None if name.startswith("List") or name == "DeleteObjects" else f"{rng.choice(('daily', 'items', 'part'))}/{rng.randrange(2000):04d}.json"
            if name == "CopyObject":
                request = {"x-amz-copy-source": f"{bucket}/{key}", "x-amz-server-side-encryption-customer-algorithm": "AES256"}
            row = s3(rng, t, account.id, victim.identity, name, bucket, ip, agent.replace("{command}", "s3.cp"), key, request, region=region, error=error, extra=extra)
            t += pace * rng.random() * 0.1
        else:
            row = record(rng, t, account.id, victim.identity, api, ip, agent.replace("{command}", service + "." + name.lower()), request, None, region=region, error=error, extra=extra)
        attack.cloudtrail.append(row)
        if api in impact and not error and attack.impact is None:
            attack.impact = t
        t += rng.expovariate(1 / pace)
    return t


def api_session(org, rng, number, technique, what, t):
    victim = victim_at(org, rng, what, t)
    attack = Attack(number, "api", victim.account, victim.name, technique)
    where, ip = origin(org, rng, victim)
    agent, extra = agent_of(rng, victim, where)
    tactic = techniques.TECHNIQUES[technique][0]
    attack.expected, attack.also = techniques.expected(tactic)
    pace = rng.choice([2, 5, 5, 20, 60, 400 if "slowly" in technique else 120])
    recon = 0 if rng.random() < 0.3 else rng.randrange(1, 8)
    play(rng, attack, victim, ip, agent, extra, steps_of(rng, technique, recon), t, pace)
    attack.notes = {"tactic": tactic, "victim": victim.kind, "origin": where, "source_ip": ip, "recon_calls": recon, "pace_s": pace,
                    "principal_arn": victim.identity["arn"], "issuer": victim.identity.get("sessionContext", {}).get("sessionIssuer", {}).get("arn", victim.identity["arn"])}
    return attack


def plan(org, quiet):
    """All attacks of the simulation, in order of their number."""
    rng, found = random.Random(f"{org.seed}/attacks"), []
    first, last = org.start + quiet * DAY, org.end - DAY
    pool = victims(org)
    rng.shuffle(pool)
    names = sorted(techniques.TECHNIQUES)
    for number in range(max(2, round(len(names) * min(3, len(org.accounts) * org.days / 120)))):
        technique = names[number % len(names)]
        t = first + rng.random() * (last - first)
        if rng.random() < 0.4:  # while people work
            t = t // DAY * DAY + rng.uniform(8, 17) * HOUR
        for _ in range(20):
            what = pool[(number * 7 + rng.randrange(5)) % len(pool)]
            day = int(t - org.start) // DAY
            if what[0] != "person" or (what[2].at(day) and what[2].starts < day - 3):
                break
        found.append(api_session(org, rng, number, technique, what, t))
    return found
