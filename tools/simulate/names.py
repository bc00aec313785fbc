"""Resolver query logs: names that machines ask for every day, and those of malware.

A row is (time, account id, line's fields). The machine-made names of malware come from generators of this file's own.
"""
import base64
import hashlib
import json
import random

import network
import places
from records import DAY, HOUR, iso, stable_id

WORDS = ("alpha amber anchor apple arrow atlas autumn bamboo basin beacon berry birch blue bold bridge bright bronze canvas cedar cherry chrome cinder clear "
         "cliff cloud clover cobalt copper coral crest crimson crystal dawn delta drift eagle ember fern field flint forest fox frost garden glacier glass "
         "gold granite grove harbor hazel heron hill honey indigo iris island ivory jade juniper lake lark laurel leaf lemon lilac linen lotus lunar maple "
         "marble meadow mint mist moon moss north nova oak ocean olive onyx opal orbit orchid osprey otter pearl pebble pine plum polar prairie quartz rain "
         "raven reef ridge river robin rose rowan sage sand sapphire shadow shore silver sky slate snow solar spark spring spruce star stone storm summit "
         "swift thistle timber topaz trail tulip valley velvet violet walnut wave west willow wind winter wren").split()
COMMON = ["github.com", "api.github.com", "www.wikipedia.org", "fonts.gstatic.com", "cdn.jsdelivr.net", "www.bing.com", "api.notion.com", "zoom.us", "www.linkedin.com",
          "archive.ubuntu.com", "security.ubuntu.com", "ntp.ubuntu.com", "www.google.com", "accounts.google.com", "api.stripe.com", "hooks.slack.com", "slack.com", "sentry.io", "ocsp.digicert.com",
          "crl3.digicert.com", "acme-v02.api.letsencrypt.org", "app.launchdarkly.com", "gcr.io", "storage.googleapis.com", "api.pagerduty.com", "intake.datadoghq.eu", "api.segment.io", "login.microsoftonline.com",
          "graph.microsoft.com", "api.twilio.com", "api.sendgrid.com", "api.openai.com", "api.atlassian.com", "downloads.example.com", "dl.google.com", "www.cloudflare.com", "time.aws.com"]


def site(rng):
    x = rng.random()
    name = rng.choice(WORDS) + (rng.choice(["", "-", ""]) + rng.choice(WORDS) if x < 0.7 else rng.choice(["hq", "app", "labs", "ly", "io", "data", "pay", "hub", "soft", "group"]))
    if x > 0.93:
        name = "".join(rng.choices("bcdfghjklmnprstvwz", k=rng.randrange(3, 6))) + rng.choice(["24", "", "x", "it"])  # initials and such
    return name + "." + rng.choice(["com"] * 6 + ["io", "net", "org", "de", "co.uk", "ie", "eu", "dev", "app", "cloud"])


class Names:
    def __init__(self, org):
        rng = random.Random(f"{org.seed}/names")
        self.sites = [site(rng) for _ in range(900)]
        self.trackers = [site(rng) for _ in range(6)]


class DnsDay:
    def __init__(self, org, day, rate):
        self.org, self.day, self.rate, self.start, self.names = org, day, rate, org.start + day * DAY, Names(org)
        self.out = []

    def query(self, rng, t, account, machine, name, kind="A", rcode="NOERROR", answer=None):
        self.out.append(row(rng, t, account, machine, name, kind, rcode, answer))

    def make(self):
        from organisation import LOAD_BY_HOUR
        for account in self.org.accounts:
            rng, region = random.Random(f"{self.org.seed}/{self.day}/dns/{account.number}"), account.region
            aws = [f"{s}.{region}.amazonaws.com" for s in ("ssm", "ec2messages", "ssmmessages", "sts", "logs", "monitoring", "sqs", "secretsmanager", "kms", "ecr.dkr", "api.ecr", "dynamodb")]
            aws += [f"{b}.s3.{region}.amazonaws.com" for b in account.buckets[:5]]
            private = {f"{d}.c{stable_id(account.id, 11)}.{region}.rds.amazonaws.com": f"10.{account.net}.8.15" for d in account.databases}
            for hour in range(24):
                load = max(LOAD_BY_HOUR[hour], 0.35) * (0.6 if self.day % 7 >= 5 else 1)
                begin = self.start + hour * HOUR
                for m in [i for i in account.instances if i.since + 60 < begin + HOUR and i.until > begin]:
                    taste = random.Random(m.group.name + account.id + self.org.seed)
                    favourites = taste.sample(self.names.sites, 6) + taste.sample(COMMON, 8)
                    for _ in range(int(6 * load * self.rate + rng.random())):
                        t = begin + rng.randrange(HOUR)
                        if not m.since < t < m.until:
                            continue
                        self.one(rng, t, account, m, aws, private, favourites)
        return self.out

    def one(self, rng, t, account, m, aws, private, favourites):
        x, role = rng.random(), m.group.role
        ask = lambda name, kind="A", rcode="NOERROR", answer=None: self.query(rng, t, account, m, name, kind, rcode, answer)
        if x < 0.45:
            name = rng.choice(aws)
            ask(name)
            if rng.random() < 0.4:
                ask(name, "AAAA")
        elif x < 0.55:
            name = rng.choice(sorted(private))
            ask(name, answer=private[name])
        elif x < 0.75:
            ask(rng.choice(favourites))
        elif x < 0.79 or (role in ("notebook", "play") and x < 0.9):  # something new
            ask(rng.choice(["", "www.", "api.", "cdn."]) + (rng.choice(self.names.sites) if rng.random() < 0.8 else site(rng)))
        elif x < 0.86 and role == "eks-node":  # the search list of pods
            name = rng.choice(favourites)
            for suffix in ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", f"{account.region}.compute.internal"):
                ask(f"{name}.{suffix}", "A", "NXDOMAIN")
            ask(name)
        elif x < 0.90:
            ask(f"{rng.randrange(4, 250)}.{rng.randrange(16, 80)}.{account.net}.10.in-addr.arpa", "PTR", "NXDOMAIN" if rng.random() < 0.3 else "NOERROR")
        elif x < 0.93:
            ask(f"d{stable_id(rng.choice(favourites), 13, 'abcdefghijklmnopqrstuvwxyz0123456789')}.cloudfront.net")
        elif x < 0.945:
            ask(f"{rng.getrandbits(64):016x}.{rng.choice(self.names.trackers)}")  # telemetry by unique name
        elif x < 0.955 and role == "worker":
            ask(f"{rng.randrange(1, 250)}.{rng.randrange(250)}.{rng.randrange(250)}.{rng.randrange(1, 220)}.zen.spamhaus.org", "A", "NXDOMAIN")
        elif x < 0.96 and role == "worker":
            ask(f"{rng.choice(('s1', 'k1', 'default', 'google'))}._domainkey.{rng.choice(self.names.sites)}", "TXT")
        elif x < 0.97:
            ask(rng.choice(favourites).replace(".", rng.choice(("x.", "s.", ".")), 1), rcode="NXDOMAIN")  # misspelt, gone
        else:
            ask(f"ip-10-{account.net}-{rng.randrange(16, 80)}-{rng.randrange(4, 250)}.{account.region}.compute.internal", answer=f"10.{account.net}.20.7")


def row(rng, t, account, machine, name, kind="A", rcode="NOERROR", answer=None):
    answers = []
    if rcode == "NOERROR":
        data = answer or {"A": lambda: places.place(rng, rng.choice(("cloud", "aws", "hosting"))).address(random.Random(name)), "AAAA": lambda: f"2600:1f18:{int(hashlib.md5(name.encode()).hexdigest()[:4], 16):x}::1",
                          "TXT": lambda: '"v=1"', "PTR": lambda: "ip.internal.", "CNAME": lambda: "a." + name + ".", "NULL": lambda: "\\# 4 00000000"}.get(kind, lambda: "0")()
        answers = [{"Rdata": data, "Type": kind, "Class": "IN"}]
    text = json.dumps({"version": "1.100000", "account_id": account.id, "region": account.region, "vpc_id": account.vpc, "query_timestamp": iso(t), "query_name": name + ".", "query_type": kind,
                       "query_class": "IN", "rcode": rcode, "answers": answers, "srcaddr": machine.private, "srcport": str(rng.randrange(32768, 60999)), "transport": "UDP",
                       "srcids": {"instance": machine.id}}, separators=(",", ":"))
    return t, account.id, text


# ---- malware

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _generator(rng):
    """A family: a name every call. Families differ from seed to seed."""
    kind, tlds = rng.choice(["letters", "hex", "syllables", "words", "mixed"]), rng.sample(["com", "net", "org", "biz", "info", "ru", "cc", "top", "xyz", "eu"], 3)
    low, high = rng.choice([(7, 12), (10, 16), (14, 24)])

    def name():
        size = rng.randrange(low, high)
        if kind == "letters":
            label = "".join(rng.choices(LETTERS, k=size))
        elif kind == "hex":
            label = f"{rng.getrandbits(4 * size):0{size}x}"
        elif kind == "syllables":
            label = "".join(rng.choice("bcdfghklmnprstvz") + rng.choice("aeiou") for _ in range(size // 2))
        elif kind == "words":
            label = rng.choice(WORDS) + rng.choice(WORDS)
        else:
            label = "".join(rng.choices(LETTERS + "0123456789", k=size))
        return label + "." + rng.choice(tlds)
    return kind, name


def dga(rng, org, account, m, t):
    kind, name = _generator(rng)
    rows = []
    for _ in range(rng.choice([25, 80, 300])):
        rows.append(row(rng, t, account, m, name(), rcode="NXDOMAIN"))
        t += rng.expovariate(1 / rng.choice([1, 10, 60]))
    rows.append(row(rng, t, account, m, name()))
    return rows, ["Trojan:EC2/DGADomainRequest.B", "Trojan:EC2/DGADomainRequest.C!DNS"], f"generated names, {kind}"


def tunnel(rng, org, account, m, t):
    zone, kind, label = site(rng), rng.choice(["TXT", "NULL", "CNAME", "A", "AAAA"]), rng.choice([18, 40, 60])
    code = rng.choice(["base32", "hex", "base64"])
    slow = rng.random() < 0.3
    rows = []
    for _ in range(rng.choice([120, 500, 1500])):
        data = rng.randbytes(rng.randrange(label // 3, label // 2 + 1))
        text = {"base32": base64.b32encode(data).decode().lower().rstrip("="), "hex": data.hex(), "base64": base64.b64encode(data, b"-_").decode().rstrip("=").replace("+", "-").replace("/", "_")}[code][:62]
        rows.append(row(rng, t, account, m, f"{text}.{rng.choice(('t', 'x', 'c1'))}.{zone}", kind, "NOERROR" if rng.random() < 0.9 else "SERVFAIL"))
        t += rng.expovariate(1 / (20 if slow else 0.5))
    return rows, ["Trojan:EC2/DNSDataExfiltration"], f"tunnel over {kind}, {code}{', slow' if slow else ''}"


DNS = {"generated names": dga, "DNS tunnel": tunnel}
