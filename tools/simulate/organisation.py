"""The organisation: accounts, machines, workloads, people and what happens to them in the simulated weeks.

Everything is drawn from the seed once, before any record is made, so that days can be made apart from each other.
"""
import calendar
import random

import agents
import places
import records
from records import DAY, HOUR, stable_id
from tasks import NEW, TASKS

FIRST_DAY = calendar.timegm((2026, 6, 1, 0, 0, 0))  # a Monday
ORG = "o-" + "m3r1d1an0q"
KINDS = ["management", "security", "prod", "staging", "data", "sandbox"]
LOAD_BY_HOUR = (0.3, 0.25, 0.22, 0.2, 0.22, 0.3, 0.4, 0.55, 0.75, 0.9, 1, 1, 0.95, 1, 1, 1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4)


class Workload:
    """A role that programs use: always the same few calls, from the same places."""

    def __init__(self, account, name, kind, calls, rate, agent, group=None):
        self.account, self.name, self.kind, self.calls, self.rate, self.agent, self.group = account, name, kind, calls, rate, agent, group


class Group:
    """Instances under a scaling group: some stay, some live for hours."""

    def __init__(self, account, name, low, high, role, public=False):
        self.account, self.name, self.low, self.high, self.role, self.public = account, name, low, high, role, public


class Instance:
    def __init__(self, account, group, number, since, until):
        self.account, self.group, self.since, self.until = account, group, since, until
        self.id = "i-0" + stable_id(f"{account.id}/{group.name}/{number}/{since}", 16)
        self.eni = "eni-0" + stable_id(f"eni/{self.id}", 16)
        digest = int(stable_id(self.id, 6), 16)
        self.private = f"10.{account.net}.{16 + digest % 64}.{4 + digest // 64 % 250}"
        self.public = places.aws_address(random.Random(self.id), account.region) if group.public else ""


class Account:
    def __init__(self, seed, number, kind, region):
        self.seed, self.number, self.kind, self.region, self.net = seed, number, kind, region, 16 + number
        rng = random.Random(f"{seed}/account/{number}")
        self.id = str(rng.randrange(10**11, 10**12))
        self.scale = {"management": 0.25, "security": 0.4, "prod": 1.9, "staging": 0.9, "data": 1.2, "sandbox": 0.35}[kind]
        self.nat = places.aws_address(rng, region)
        self.eip = places.aws_address(rng, region)
        self.vpc, self.cluster = "vpc-0" + stable_id(f"vpc/{self.id}", 16), f"{kind}-{stable_id(self.id, 4)}"
        self.vpce = "vpce-0" + stable_id(f"vpce/{self.id}", 16)
        self.flow_log = "fl-0" + stable_id(f"fl/{self.id}", 16)
        suffix = stable_id(f"names/{self.id}", 5)
        stems = ["assets", "uploads", "exports", "artifacts", "backups", "logs", "reports", "invoices", "lake-raw", "lake-curated", "models",
                 "customer-data", "web", "thumbnails", "cache"]
        self.buckets = [f"{kind}-{stem}-{suffix}" for stem in rng.sample(stems, 9)]
        words = ["orders", "billing", "search", "notify", "catalog", "checkout", "ledger", "identity", "shipping", "pricing", "reports", "gateway"]
        rng.shuffle(words)
        self.services = words[:6]
        self.functions = [f"{w}-{verb}" for w in words[:6] for verb in ("handler", "worker")]
        self.tables = [f"{w}-table" for w in words[:7]]
        self.secrets = [f"{kind}/{w}/{what}" for w in words[:8] for what in ("db", "api-key")]
        self.parameters = [f"/{kind}/{w}/{what}" for w in words[:8] for what in ("url", "token", "flags")]
        self.databases = [f"{w}-db" for w in words[:3]]
        self.roles = [f"{w}-role" for w in words] + ["ci-deploy", "terraform", "inventory-reader"]
        self.users = ["deploy-bot", "mailer", "backup-agent", "metrics-export", "break-glass"] + [f"svc-{w}" for w in words[:4]]
        self.groups = ["sg-0" + stable_id(f"sg/{self.id}/{n}", 16) for n in range(8)]
        self.scaling, self.workloads, self.instances = [], [], []

    @property
    def instance_ids(self):
        return self._ids

    def finish(self):
        self._ids = [i.id for i in self.instances if i.until - i.since > 5 * DAY] or ["i-0" + stable_id(self.id, 16)]


PERSONAS = {  # permission set by account kind; relative work; new things tried
    "dev": ({"staging": "Developer", "sandbox": "Developer", "prod": "ReadOnly"}, 0.020),
    "admin": ({"prod": "PlatformAdmin", "staging": "PlatformAdmin", "data": "PlatformAdmin", "security": "PlatformAdmin",
               "management": "PlatformAdmin", "sandbox": "PlatformAdmin"}, 0.06),
    "audit": ({"security": "SecurityAudit", "prod": "SecurityAudit", "management": "SecurityAudit", "data": "SecurityAudit", "staging": "SecurityAudit"}, 0.03),
    "data": ({"data": "DataScientist", "sandbox": "Developer"}, 0.03),
    "support": ({"prod": "Support", "staging": "Support"}, 0.015),
    "billing": ({"management": "Billing"}, 0.01),
}
FIRST = ("aoife bram carla deniz elif finn greta hugo ines jarek kemi lars maeve nadia oscar petra quinn rhys sana tomas ursa vera wim xenia "
         "yusuf zofia alan birgit ciara dmitri emma farid gwen henrik isla jonas kasia liam mina noel").split()
LAST = ("adler brandt carney doyle egan fischer gallo hughes ivers jansen kowal lynch meyer novak oduya peters quirke rossi schmidt tierney "
        "ueda vogel walsh young zander").split()


class Person:
    def __init__(self, org, number, persona):
        rng = random.Random(f"{org.seed}/person/{number}")
        self.number, self.persona = number, persona
        self.name = f"{FIRST[number % len(FIRST)]}.{LAST[rng.randrange(len(LAST))]}"
        self.country = rng.choice(["IE", "IE", "IE", "GB", "GB", "DE"])
        self.offset = {"IE": -1, "GB": -1, "DE": -2}[self.country]  # hours from UTC in summer, as working hours shift
        self.office = org.offices[self.country]
        self.home = places.place(rng, "home", self.country)
        self.home_days, self.uses_vpn = rng.choice([0.2, 0.4, 0.8, 1.0]), rng.random() < 0.2
        self.corporate_vpn = rng.random() < 0.4
        self.starts, self.leaves = -400, 10**6
        self.sessions = rng.choice([0.6, 1.2, 2, 3, 4]) * {"admin": 1.5, "audit": 1.2, "billing": 0.3}.get(persona, 1)
        self.console = rng.choice([0.2, 0.6, 0.9])  # share of sessions in the browser
        self.sets, self.explore = PERSONAS[persona]
        self.explore *= rng.choice([0.3, 1, 1, 2])
        own = [name for name, (who, _) in TASKS.items() if persona in who and name not in NEW]
        self.likes = {name: rng.gammavariate(0.5, 1) for name in own}
        self.also = rng.sample([name for name in TASKS if name not in NEW], 2)
        self.adopts = {}  # task: day
        self.trips, self.holidays = [], []
        self.night_owl = rng.random() < 0.12

    def at(self, day):
        return self.starts <= day < self.leaves and not any(a <= day < b for a, b in self.holidays)


class Organisation:
    def __init__(self, seed, accounts, days, events):
        self.seed, self.days, self.events = seed, days, events
        self.start, self.end = FIRST_DAY, FIRST_DAY + days * DAY
        rng = random.Random(f"{seed}/organisation")
        kinds = [KINDS[n] if n < len(KINDS) else rng.choice(["prod", "staging", "data", "sandbox"]) for n in range(accounts)]
        if accounts < 6:
            kinds = ["security", "prod", "staging", "data"][:accounts] if accounts > 1 else ["prod"]
        self.accounts = [Account(seed, n, kind, rng.choice(["eu-west-1", "eu-west-1", "eu-west-1", "eu-central-1"]) if n > 4 else "eu-west-1")
                         for n, kind in enumerate(kinds)]
        self.by_id = {a.id: a for a in self.accounts}
        self.offices = {"IE": places.fixed(seed, "185.92.24.0/22"), "GB": places.fixed(seed, "193.117.128.0/20"),
                        "DE": places.fixed(seed, "217.86.128.0/18")}
        self.vpn = places.fixed(f"{seed}/vpn", "44.192.0.0/11")  # the company's own, a machine in another Region
        self.monitor = [places.fixed(f"{seed}/monitor{n}", "34.64.0.0/11") for n in range(4)]  # a vendor's
        self.monitor_account = str(random.Random(f"{seed}/vendor").randrange(10**11, 10**12))
        self.datacentre = places.fixed(f"{seed}/dc", "193.117.128.0/20")
        self.tf_cloud = [places.fixed(f"{seed}/tf{n}", "54.144.0.0/12") for n in range(3)]
        for account in self.accounts:
            self._machines(account)
        self._people(rng)
        # Days on which things go wrong: calls are repeated and throttled.
        self.outages = {(rng.choice(self.accounts).id, rng.randrange(days)): rng.randrange(24) for _ in range(max(1, days // 8))}
        self.shared = [a for a in self.accounts if a.kind != "management"]

    def _accounts_of(self, person):
        """Those of the person's team, of whom a large organisation has many; favourites first."""
        usable = [a for a in self.accounts if a.kind in person.sets]
        most = {"admin": 6, "audit": 10}.get(person.persona, 2)  # of a kind
        if all(sum(a.kind == kind for a in usable) <= most for kind in person.sets):
            return usable
        rng = random.Random(f"{self.seed}/team/{person.number}")
        rng.shuffle(usable)
        return [a for n, a in enumerate(usable) if sum(b.kind == a.kind for b in usable[:n]) < most]

    def account(self, kind):
        return next((a for a in self.accounts if a.kind == kind), self.accounts[0])

    def _machines(self, account):
        rng = random.Random(f"{self.seed}/machines/{account.number}")
        a, kind = account, account.kind
        if kind == "management":
            a.scaling = [Group(a, "jump", 1, 1, "jump-host", public=True)]
        elif kind == "security":
            a.scaling = [Group(a, "scanner", 2, 2, "scanner")]
        elif kind in ("prod", "staging"):
            n = 6 if kind == "prod" else 2
            a.scaling = [Group(a, "web", n, 3 * n, "web"), Group(a, "worker", n // 2, n, "worker"), Group(a, "nodes", n // 2, n, "eks-node"),
                         Group(a, "bastion", 1, 1, "bastion", public=True)]
        elif kind == "data":
            a.scaling = [Group(a, "etl", 3, 8, "etl"), Group(a, "nodes", 2, 4, "eks-node"), Group(a, "notebook", 2, 2, "notebook")]
        else:
            a.scaling = [Group(a, "play", 1, 3, "play", public=True)]
        for group in a.scaling:
            for number in range(group.low):  # replaced now and then by patched images
                at = self.start - rng.randrange(1, 20) * DAY
                while at < self.end:
                    until = at + int(rng.uniform(10, 35) * DAY)
                    a.instances.append(Instance(a, group, number, at, until))
                    at = until + 90
            for day in range(self.days if group.high > group.low else 0):
                weekend = day % 7 >= 5
                for number in range(rng.randrange(0, group.high - group.low + 1) // (3 if weekend else 1)):
                    since = self.start + day * DAY + int(rng.gauss(9, 1.5) * HOUR) // 60 * 60
                    a.instances.append(Instance(a, group, 100 + number, since, since + int(rng.uniform(1, 10) * HOUR)))
        a.finish()
        add = lambda *args, **more: a.workloads.append(Workload(a, *args, **more))
        s, b = a.services, a.buckets
        for group in a.scaling:
            add(group.role, "instance", ["ssm:UpdateInstanceInformation*6", "ssm:ListInstanceAssociations"] + {
                "web": [f"s3get:{b[0]}*5", f"secret:{a.secrets[0]}", "dynamodb:DescribeTable"],
                "worker": [f"s3get:{b[1]}*4", f"s3put:{b[1]}*3", "sqs:GetQueueUrl", f"secret:{a.secrets[1]}", "kms:Decrypt"],
                "eks-node": ["ecr:GetAuthorizationToken*2", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer*2", "ec2:DescribeInstances",
                             "eks:DescribeCluster", "ec2:DescribeNetworkInterfaces*2", "ec2:AssignPrivateIpAddresses?"],
                "etl": [f"s3get:{b[2]}*8", f"s3put:{b[3]}*6", "glue:GetTable*2", "kms:GenerateDataKey*2", f"secret:{a.secrets[2]}", "s3:ListObjects"],
                "notebook": [f"s3get:{b[2]}*4", "s3:ListObjects", "athena:StartQueryExecution"],
                "scanner": ["sts:AssumeRole*2", "ec2:DescribeSnapshots"], "play": ["s3:ListBuckets?", "ec2:DescribeInstances?"]}.get(group.role, []),
                {"eks-node": 1.4, "web": 1, "etl": 1.2}.get(group.role, 0.5),
                agents.go(group.role) if group.role == "eks-node" else agents.java(s[0]) if group.role == "worker" else None, group=group)
        if kind in ("prod", "staging", "data", "sandbox"):
            for n, function in enumerate(a.functions if kind != "sandbox" else a.functions[:3]):
                add(f"{function}-role", "function", [[f"s3get:{b[n % 9]}*3", f"s3put:{b[(n + 1) % 9]}"], [f"secret:{a.secrets[n % 16]}", "kms:Decrypt"],
                                                     ["sqs:ReceiveMessage?", f"s3put:{b[n % 9]}*2"], ["dynamodb:DescribeTable?", f"param:{a.parameters[n % 24]}"],
                                                     ["states:StartExecution", "logs:CreateLogStream"], ["ses:SendEmail?", f"secret:{a.secrets[n % 16]}"]][n % 6]
                    + ["logs:CreateLogStream?"], rng.choice([0.05, 0.3, 1, 2]), agents.node(function) if n % 2 else None)
            for n, name in enumerate(s[:4]):
                add(f"{name}-task", "container", [f"secret:{a.secrets[n]}", f"s3get:{b[n]}*4", f"s3put:{b[n + 1]}", f"param:{a.parameters[n]}*2"], rng.choice([0.3, 1, 2]),
                    agents.java(name) if n % 2 else agents.go(name))
            for n, name in enumerate(("external-dns", "load-balancer-controller", "cluster-autoscaler", "ebs-csi")):
                add(name, "pod", [["route53:ListHostedZones", "route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets?"],
                                  ["elasticloadbalancing:DescribeLoadBalancers*2", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:RegisterTargets?", "ec2:DescribeSecurityGroups"],
                                  ["autoscaling:DescribeAutoScalingGroups*2", "autoscaling:SetDesiredCapacity?", "ec2:DescribeLaunchTemplateVersions"],
                                  ["ec2:DescribeVolumes", "ec2:AttachVolume?", "ec2:CreateVolume?", "ec2:DetachVolume?"]][n], 0.6, agents.go(name))
        # Long-lived keys nobody has retired yet.
        if kind in ("prod", "data"):
            add("backup-agent", "key office", [f"s3put:{b[4]}*8", "s3:ListObjects"], 0.5, "rclone/v1.69.3")
            add("mailer", "key outside", ["ses:SendEmail*2", "ses:GetSendQuota"], 0.4, "PHP/8.3 aws-sdk-php/3.343.21")
            add("metrics-export", "key outside", ["cloudwatch:GetMetricData*6", "cloudwatch:ListMetrics", "ec2:DescribeInstances"], 0.5, "Boto3/1.26.90 Python/3.9.16 Linux/5.15.0-60-generic Botocore/1.29.90")
        if kind in ("staging", "sandbox", "prod"):
            add("deploy-bot", "key ci", [f"s3put:{b[3]}*4", "cloudfront:CreateInvalidation2020_05_31", "ecs:UpdateService", "ecs:DescribeServices*3"], 0.15, None)

    def _people(self, rng):
        counts = {"dev": 4 + 3 * len(self.accounts), "admin": 3 + len(self.accounts) // 2, "audit": 2, "data": 3 + len(self.accounts) // 2, "support": 4, "billing": 2}
        self.people, number = [], 0
        for persona, count in counts.items():
            for _ in range(count):
                person = Person(self, number, persona)
                if any(other.name == person.name for other in self.people):
                    person.name += str(number)
                self.people.append(person)
                number += 1
        days = self.days
        for person in self.people:
            person.accounts = self._accounts_of(person)
            r = random.Random(f"{self.seed}/life/{person.number}")
            if r.random() < 0.12:
                person.starts = r.randrange(max(1, days // 6), days)
            if r.random() < 0.08:
                person.leaves = r.randrange(days // 2, days + 20)
            if r.random() < 0.5:
                a = r.randrange(days)
                person.holidays.append((a, a + r.choice([3, 7, 10, 14])))
            if r.random() < 0.25:
                a = r.randrange(days)
                person.trips.append((a, a + r.choice([2, 3, 5]), places.place(r, "hotel"), r.randrange(1 << 30)))
        for service in NEW:  # a team takes it up, then some of its neighbours
            if rng.random() < 0.75:
                at, persona = rng.randrange(-20, days), rng.choice(sorted(TASKS[service][0]))
                for person in rng.sample([p for p in self.people if p.persona == persona], min(3, counts[persona])):
                    person.adopts[service] = at + int(rng.expovariate(1 / 4))
