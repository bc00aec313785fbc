"""Attacks, planned once before the days are made: who is robbed, from where, how fast, and what should tell."""
import json
import random

import agents
import chains
import cluster
import names as dns
import network
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
        found += [("person", account, person) for account in person.accounts]
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
        return Victim(account, kind, who.name, records.role(account.id, who.name, session, t // (3 * HOUR) * 3 * HOUR), account.nat, agents.of_workload(who, day, org.seed))
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


# ---- stolen sessions of workloads


def stolen_session(org, rng, number, where, t):
    """A role's key that belongs to one machine, used from somewhere else."""
    inside_account = where == "another instance of the account"
    for _ in range(200):
        account = rng.choice([a for a in org.accounts if a.kind != "management"])
        w = rng.choice([w for w in account.workloads if w.kind in (("instance",) if inside_account or rng.random() < 0.7 else ("function", "container"))] or account.workloads)
        if w.kind == "instance":
            up = [i for i in account.instances if i.group is w.group and i.since + 6 * HOUR < t < i.until - 6 * HOUR]
            others = [i for i in account.instances if i.group is not w.group and i.since < t < i.until - 6 * HOUR]
            if not up or (inside_account and not any(i.public for i in others)):
                continue
            i = rng.choice(up)
            created = max(i.since, t // (6 * HOUR) * 6 * HOUR + int(stable_id(i.id, 3), 16))
            created -= 6 * HOUR * (created > t)
            identity, thing = records.role(account.id, w.name, i.id, max(created, i.since), delivery="2.0"), i.id
            names = ["UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS"]
        elif w.kind in ("function", "container"):
            session = w.name.removesuffix("-role") if w.kind == "function" else stable_id(f"{w.name}/{account.id}/{t // (9 * HOUR)}/{rng.randrange(2)}", 32)
            scope = records.of_function(account.id, account.region, session) if w.kind == "function" else None
            identity, thing = records.role(account.id, w.name, session, t // (3 * HOUR) * 3 * HOUR, scope=scope), session
            names = ["UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.OutsideAWS", "UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.InsideAWS"]
        else:
            continue
        break
    attack = Attack(number, "theft", account, w.name, "stolen session used from " + where)
    ip = {"outside AWS": lambda: places.place(rng, rng.choice(("hosting", "vpn", "home"))).address(rng), "another AWS customer": lambda: places.aws_address(rng, account.region),
          "another instance of the account": lambda: rng.choice([i for i in others if i.public]).public}[where]()
    victim = Victim(account, "workload", w.name, identity, account.nat, agents.AGENTS_OF_ATTACKERS[0])
    # InsideAWS cannot be known without an inventory of whose the address is: either name is right there.
    attack.expected = {"outside AWS": names[:1], "another AWS customer": names[::-1]}.get(where, ["*CredentialExfiltration*"])
    attack.also = [] if inside_account else ["*CredentialExfiltration*"]
    play(rng, attack, victim, ip, rng.choice([victim.agent, agents.AGENTS_OF_ATTACKERS[1]]), None, steps_of(rng, rng.choice(["enumerate services", "a few secrets", "objects stolen slowly", "enumerate identities"]), rng.randrange(2, 6)),
         t, rng.choice([3, 20, 60]))
    attack.notes = {"victim": w.kind, "origin": where, "source_ip": ip, "resource": thing, "principal_arn": identity["arn"], "issuer": identity["sessionContext"]["sessionIssuer"]["arn"]}
    return attack


def phished(org, rng, number, t):
    """A sign-in to the console from far away while, or soon after, the person works at home."""
    person = rng.choice([p for p in org.people if p.persona in ("billing", "support") and p.accounts and p.at(int(t - org.start) // DAY)]
                        or [p for p in org.people if p.accounts])
    account = person.accounts[0]
    attack = Attack(number, "phishing", account, person.name, "console sign-in from far away")
    day, network = int(t - org.start) // DAY, places.place(rng, rng.choice(("home", "hosting", "vpn")), but={person.country})
    home = person.home.address(random.Random(f"{org.seed}/{person.number}/{day // 13}/line"))
    for at, ip, agent in ((t, home, agents.browser(person.number, day, org.seed)), (t + rng.uniform(0.3, 2.5) * HOUR, network.address(rng), agents.browser(rng.randrange(1000), day, "x"))):
        who = records.iam_user(account.id, person.name, records.session_key(f"console/{person.name}/{int(at)}"), True, at)
        login = record(rng, at, account.id, {k: v for k, v in who.items() if k not in ("accessKeyId", "sessionContext")}, "signin:ConsoleLogin", ip, agent, None, {"ConsoleLogin": "Success"}, region="us-east-1",
                       event_type="AwsConsoleSignIn", read=False, extra={"additionalEventData": {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "Yes"}})
        attack.cloudtrail.append(login)
        play(rng, attack, Victim(account, "person", person.name, who, ip, agent), ip, agent, CONSOLE, steps_of(rng, "enumerate services", 2) if ip != home else [("ec2:DescribeInstances", None)], at + 20, 20)
    attack.expected, attack.also = ["UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B"], techniques.expected("InitialAccess")[1]
    attack.notes = {"victim": "person", "origin": network.kind, "country": network.country, "source_ip": ip, "principal_arn": who["arn"], "issuer": who["arn"]}
    return attack


# ---- chains


def chain(org, rng, number, name, what, t):
    wanted, steps = chains.CHAINS[name]
    victim = victim_at(org, rng, what, t)
    attack = Attack(number, "sequence", victim.account, victim.name, name)
    where, ip = origin(org, rng, victim)
    agent, extra = agent_of(rng, victim, where)
    first, pace, actors = victim, rng.choice([3, 10, 30]), []
    elsewhere = rng.choice([a for a in org.accounts if a is not victim.account and a.kind not in ("management", "security")] or [victim.account])
    for step in steps:
        if step.startswith("pause "):
            t += float(step[6:]) * HOUR * rng.uniform(0.5, 1.2)
            continue
        if step == "console":
            extra, agent = CONSOLE, agents.browser(rng.randrange(1000), 30, "x")
            attack.cloudtrail.append(record(rng, t, victim.account.id, {k: v for k, v in victim.identity.items() if k != "accessKeyId"}, "signin:ConsoleLogin", ip, agent, None, {"ConsoleLogin": "Success"},
                                            region="us-east-1", event_type="AwsConsoleSignIn", read=False, extra={"additionalEventData": {"MobileVersion": "No", "MFAUsed": "No"}}))
            t += 20
            continue
        if step.startswith("assume "):
            role, away = step.split()[1], step.endswith("elsewhere")
            account = elsewhere if away else victim.account
            key = records.session_key(f"chain/{org.seed}/{number}/{role}")
            attack.cloudtrail.append(record(rng, t, account.id, victim.identity, "sts:AssumeRole", ip, agent.replace("{command}", "sts.assume-role"),
                                            {"roleArn": f"arn:aws:iam::{account.id}:role/{role}", "roleSessionName": "s1"},
                                            {"credentials": {"accessKeyId": key, "sessionToken": "HIDDEN", "expiration": "Jun 1, 2026, 6:00:00 AM"},
                                             "assumedRoleUser": {"arn": f"arn:aws:sts::{account.id}:assumed-role/{role}/s1"}}, region=account.region))
            victim = Victim(account, "role", role, records.role(account.id, role, "s1", t, key=key), ip, agent)
            actors.append({"account": account.id, "principal": role})
            t += 5
            continue
        if step in techniques.TECHNIQUES:
            tactic, calls = techniques.TECHNIQUES[step][0], steps_of(rng, step, 0)
        else:
            api, _, times = step.partition("*")
            tactic, calls = "", [(api, {"s3:GetBucketPolicy": lambda r, a: {"bucketName": r.choice(a.buckets)}, "s3:PutBucketVersioning": lambda r, a: {
                "bucketName": r.choice(a.buckets), "versioning": "", "VersioningConfiguration": {"Status": "Suspended"}}}.get(api))] * int(times or 1)
        if attack.impact is None and (tactic in chains.HARM or step in chains.HARMFUL_CALLS):
            attack.impact = t
        t = play(rng, attack, victim, ip, agent, extra, calls, t, pace)
        t += rng.expovariate(1 / (pace * 10))
    attack.expected, attack.also = [wanted], [chains.IAM, chains.S3]
    attack.notes = {"victim": first.kind, "origin": where, "source_ip": ip, "actors": actors, "principal_arn": first.identity["arn"],
                    "issuer": first.identity.get("sessionContext", {}).get("sessionIssuer", {}).get("arn", first.identity["arn"])}
    return attack


# ---- machines and clusters


def machine_attack(org, rng, number, kind, name, make, t):
    for _ in range(300):
        account = rng.choice(org.accounts)
        up = [i for i in account.instances if i.since + 2 * DAY < t < i.until - 2 * DAY and (i.public or name != "SSH passwords guessed")]
        if up:
            break
    machine = rng.choice(up or account.instances)
    attack = Attack(number, kind, account, machine.id, name)
    rows, attack.expected, more = make(rng, org, account, machine, t)
    rows = [row for row in rows if row[0] < org.end - 600]
    if kind == "network":
        attack.flows, attack.impact = rows, more
    else:
        attack.queries, attack.notes = rows, {"detail": more}
    attack.notes |= {"interface": machine.eni, "address": machine.private, "role": machine.group.role, "records": len(rows)}
    return attack


def cluster_abuse(org, rng, number, name, t):
    account = rng.choice([a for a in org.accounts if cluster.has_cluster(a)] or org.accounts)
    x = rng.random()
    people = [p for p in org.people if account in p.accounts and p.persona in ("dev", "admin")]
    if x < 0.4 and people:
        person = rng.choice(people)
        who, _ = cluster.AuditDay(org, 0, 1).identity(account, person)
        ip = person.home.address(rng) if rng.random() < 0.3 else places.place(rng, rng.choice(("hosting", "vpn", "home"))).address(rng)
        agent = rng.choice(cluster.KUBECTL)
    elif x < 0.6:
        who, ip, agent = cluster.AuditDay(org, 0, 1).ci(account), places.place(rng, rng.choice(("hosting", "cloud"))).address(rng), rng.choice(cluster.KUBECTL)
    else:
        space = rng.choice(cluster.SPACES)
        who, agent = cluster.service_account(space, rng.choice(account.services)), rng.choice([cluster.KUBECTL[2], "curl/8.5.0", "python-requests/2.32.3"])
        ip = rng.choice([i for i in account.instances if i.group.role == "eks-node"] or account.instances).private
    attack = Attack(number, "cluster", account, who["username"], name)
    attack.audit, attack.expected = cluster.ABUSE[name](rng, account, who, ip, agent, t)
    attack.also = ["*:Kubernetes/*"]
    attack.notes = {"cluster": account.cluster, "session": who.get("extra", {}).get("sessionName", [None])[0], "source_ip": ip, "audit_ids": sorted({json.loads(row[2].split(" ", 1)[1])["auditID"] for row in attack.audit})}
    return attack


def plan(org, quiet):
    """All attacks of the simulation. Each kind draws from a stream of its own, so that one more leaves the others as they are."""
    first, last, found = org.start + quiet * DAY, org.end - 2 * DAY, []
    size = min(3, len(org.accounts) * org.days / 120)

    def times(kind, count):
        rng = random.Random(f"{org.seed}/attacks/{kind}")
        for number in range(max(1, round(count * size / 3))):
            t = first + rng.random() * (last - first)
            if rng.random() < 0.4:  # while people work
                t = t // DAY * DAY + rng.uniform(8, 17) * HOUR
            yield rng, number, t

    def victim(rng, number, t):
        for _ in range(20):
            what = pool[(number * 7 + rng.randrange(5)) % len(pool)]
            day = int(t - org.start) // DAY
            if what[0] != "person" or (what[2].at(day) and what[2].starts < day - 3):
                break
        return what

    pool = victims(org)
    random.Random(f"{org.seed}/victims").shuffle(pool)
    names = sorted(techniques.TECHNIQUES)
    for rng, number, t in times("api", 3 * len(names)):
        found.append(api_session(org, rng, len(found), names[number % len(names)], victim(rng, number, t), t))
    for rng, number, t in times("theft", 30):
        found.append(stolen_session(org, rng, len(found), ("outside AWS", "another AWS customer", "another instance of the account")[number % 3], t))
    for rng, number, t in times("phishing", 15):
        found.append(phished(org, rng, len(found), t))
    names = list(chains.CHAINS)
    for rng, number, t in times("sequence", 2 * len(names)):
        found.append(chain(org, rng, len(found), names[number % len(names)], victim(rng, number * 3 + 1, t), t))
    for kind, makers, count in (("network", network.NETWORK, 66), ("dns", dns.DNS, 40)):
        for rng, number, t in times(kind, count):
            name = sorted(makers)[number % len(makers)]
            found.append(machine_attack(org, rng, len(found), kind, name, makers[name], t))
    if any(cluster.has_cluster(a) for a in org.accounts):
        for rng, number, t in times("cluster", 40):
            found.append(cluster_abuse(org, rng, len(found), sorted(cluster.ABUSE)[number % len(cluster.ABUSE)], t))
    return found
