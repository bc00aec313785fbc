"""VPC flow logs: what machines say to each other and to the world, and what intruders make them say.

A row is (start, account id, interface, instance, source, destination, source port, destination port, protocol, packets,
bytes, end, action, TCP flags). Accounts of kind "data" write version 5, the others version 2, ten-minute windows.
"""
import random

import places
from records import DAY, HOUR, stable_id

WINDOW = 600
V2 = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
V5 = ("version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport pkt-srcaddr pkt-dstaddr protocol bytes packets "
      "start end action tcp-flags log-status region az-id flow-direction traffic-path")
TCP, UDP, ICMP = 6, 17, 1
SYN, SYN_FIN, SYN_ACK_FIN = 2, 3, 19


class Peers:
    """Whom the machines of an account talk to."""

    def __init__(self, org, account):
        rng = random.Random(f"{org.seed}/peers/{account.number}")
        self.balancers = [f"10.{account.net}.0.{30 + n}" for n in range(2)]
        self.database, self.cache, self.warehouse, self.broker = (f"10.{account.net}.8.{n}" for n in (15, 25, 35, 45))
        self.apis = [places.place(rng, rng.choice(["cloud", "aws", "hosting"])).address(rng) for _ in range(12)]
        self.s3 = [f"52.218.{rng.randrange(120)}.{rng.randrange(4, 250)}" for _ in range(6)]
        self.aws = [f"52.119.24{rng.randrange(4)}.{rng.randrange(4, 250)}" for _ in range(10)]
        self.clock, self.relay = "169.254.169.123", places.place(rng, "cloud").address(rng)
        self.partner = places.place(rng, "office").address(rng)  # files by SFTP
        self.partner_from = rng.randrange(5, max(6, org.days))  # a second partner, on a port of its own
        self.partner_port, self.second = rng.choice([2222, 8022, 990]), places.place(rng, "hosting").address(rng)
        self.resolver = rng.choice(["1.1.1.1", "8.8.8.8"])  # notebooks use it besides Amazon's


def machines_at(account, t):
    return [i for i in account.instances if i.since + 120 <= t and t + WINDOW <= i.until]


class FlowDay:
    def __init__(self, org, day, rate):
        self.org, self.day, self.rate, self.start = org, day, rate, org.start + day * DAY
        self.out = []

    def make(self):
        for account in self.org.accounts:
            peers = Peers(self.org, account)
            rng = random.Random(f"{self.org.seed}/{self.day}/flow/{account.number}")
            outage = self.org.outages.get((account.id, self.day))
            for window in range(self.start, self.start + DAY, WINDOW):
                self.window(rng, account, peers, window, outage == window % DAY // HOUR)
        return self.out

    def talk(self, rng, account, machine, t, client, server, port, up, down, seconds, protocol=TCP, client_port=None):
        """Both directions of a conversation on the machine's interface, cut at the end of the window."""
        sport = client_port or rng.randrange(32768, 60999)
        end = min(t + seconds, t // WINDOW * WINDOW + WINDOW - 1)
        flags = (SYN_FIN, SYN_ACK_FIN) if protocol == TCP else (0, 0)
        self.out.append((t, account.id, machine.eni, machine.id, client, server, sport, port, protocol, *up, end, "ACCEPT", flags[0]))
        if down[0]:
            self.out.append((t, account.id, machine.eni, machine.id, server, client, port, sport, protocol, *down, end, "ACCEPT", flags[1]))

    def window(self, rng, account, p, window, outage):
        from organisation import LOAD_BY_HOUR
        load = LOAD_BY_HOUR[window % DAY // HOUR] * (0.5 if self.day % 7 >= 5 else 1)
        busy = max(load, 0.3) * self.rate
        for m in machines_at(account, window):
            role = m.group.role
            at = lambda: window + rng.randrange(WINDOW - 40)
            say = lambda *args, **more: self.talk(rng, account, m, at(), *args, **more)

            def size(up, down):
                j = rng.lognormvariate(0, 0.7)
                return (4 + int(up * j) // 900, int(up * j) + 208), (3 + int(down * j) // 1300, int(down * j) + 156)

            if role in ("web", "eks-node", "play"):
                for _ in range(int(2.2 * busy + rng.random())):
                    say(rng.choice(p.balancers), m.private, 8080 if role != "eks-node" else rng.choice((30080, 31443)), *size(9000, 120000), 45)
            if role in ("web", "worker", "eks-node"):
                for _ in range(int(1.2 * busy + rng.random())):
                    say(m.private, *rng.choice(((p.database, 5432), (p.database, 5432), (p.cache, 6379), (p.broker, 9092))), *size(8000, 50000), 55)
                if outage and role != "eks-node":  # the database does not answer: retries
                    for _ in range(25):
                        t = at()
                        self.out.append((t, account.id, m.eni, m.id, m.private, p.database, rng.randrange(32768, 60999), 5432, TCP, 3, 180, t + 6, "ACCEPT", SYN))
            for _ in range(int(0.8 * busy + rng.random())):
                say(m.private, rng.choice(p.apis if rng.random() < 0.6 else p.aws), 443, *size(4000, 9000), 6)
            if rng.random() < 0.12 * self.rate:
                say(m.private, p.clock, 123, (1, 76), (1, 76), 0, protocol=UDP)
            if role == "eks-node":
                others = [o for o in machines_at(account, window) if o.group is m.group and o is not m]
                for _ in range(int(busy + rng.random()) if others else 0):
                    say(m.private, rng.choice(others).private, rng.choice((10250, 8080, 9090, 4240, 53)), *size(5000, 20000), 50)
            if role == "etl":
                for _ in range(int(1.5 * self.rate + rng.random())):
                    say(m.private, p.warehouse, 5439, *size(50000, 400000), 55)
                if rng.random() < 0.3 * self.rate:
                    say(m.private, rng.choice(p.s3), 443, *size(3_000_000, 90000), 120)
            if role == "worker" and rng.random() < 0.1 * self.rate:
                say(m.private, p.relay, 587, *size(30000, 3000), 5)
            if role == "notebook":
                if rng.random() < 0.2 * busy:  # packages and data sets from anywhere
                    say(m.private, places.place(rng, rng.choice(("hosting", "cloud", "aws"))).address(rng), 443, *size(3000, 4_000_000), 60)
                if rng.random() < 0.15 * busy:
                    say(m.private, p.resolver, 53, (1, 72), (1, 140), 0, protocol=UDP)
            if role == "bastion":
                if 8 <= window % DAY // HOUR < 18 and rng.random() < 0.08 and self.day % 7 < 5:
                    say(rng.choice(sorted(self.org.offices.values()) + [self.org.vpn]), m.private, 22, *size(40000, 160000), 590)
                    for target in rng.sample(account.instances, min(3, len(account.instances))):
                        say(m.private, target.private, 22, *size(6000, 18000), 20)
            if role == "play" and rng.random() < 0.01:  # somebody tries something
                say(m.private, places.place(rng, "cloud").address(rng), rng.choice((8883, 9243, 27017, 5671, 6443)), *size(20000, 60000), 300)
            if m.public and rng.random() < 0.35:
                t = at()
                self.out.append((t, account.id, m.eni, m.id, places.place(rng, "hosting").address(rng), m.private, rng.randrange(32768, 60999),
                                 rng.choice((21, 23, 445, 1433, 2375, 3306, 3389, 5060, 5432, 5900, 6379, 8081, 9200, rng.randrange(1024, 65535))), TCP, 1, 44, t, "REJECT", SYN))
            if m.public and role == "bastion" and rng.random() < 0.03:  # an open port found, a hello, and away
                say(places.place(rng, "hosting").address(rng), m.private, 22, (5, 300), (4, 360), 2)
        hour, minute = window % DAY // HOUR, window % HOUR
        up = machines_at(account, window)
        if hour == 1 and minute == 1200:  # backups
            for m in [m for m in up if m.group.role in ("worker", "etl")][:2]:
                size = int(rng.lognormvariate(0, 0.3) * 1.5e9 * (2.5 if self.day % 7 == 6 else 1))
                self.talk(rng, account, m, window + 5, m.private, p.s3[0], 443, (size // 1400, size), (size // 9000, size // 180), 590)
        if hour == 4 and minute == 0:
            for m in [m for m in up if m.group.role == "etl"][:1]:
                self.talk(rng, account, m, window + 60, m.private, p.partner, 22, (30000, 40_000_000), (9000, 500_000), 300)
                if self.day >= p.partner_from and self.day % 7 == 2:
                    self.talk(rng, account, m, window + 120, m.private, p.second, p.partner_port, (20000, 26_000_000), (7000, 400_000), 300)


def line(account, row):
    start, owner, eni, instance, source, destination, sport, dport, protocol, packets, size, end, action, flags = row
    if account.kind != "data":
        return f"2 {owner} {eni} {source} {destination} {sport} {dport} {protocol} {packets} {size} {start} {end} {action} OK"
    direction = "egress" if source.startswith(f"10.{account.net}.") else "ingress"
    subnet = "subnet-0" + stable_id(f"{owner}/{(source if direction == 'egress' else destination).rsplit('.', 1)[0]}", 16)
    return (f"5 {account.vpc} {subnet} {instance or '-'} {eni} {owner} IPv4 {source} {destination} {sport} {dport} {source} {destination} {protocol} {size} {packets} "
            f"{start} {end} {action} {flags} OK {account.region} {account.region.replace('-', '')[:4]}-az2 {direction} {8 if direction == 'egress' else '-'}")


# ---- what intruders make machines do: functions (rng, org, account, machine, t) -> (rows, expected types, first impact)


def _row(m, t, source, destination, sport, dport, protocol, packets, size, seconds, action="ACCEPT", flags=SYN_FIN):
    t = int(t)
    return (t, m.account.id, m.eni, m.id, source, destination, sport, dport, protocol, packets, size, min(t + int(seconds), t // WINDOW * WINDOW + WINDOW - 1), action, flags)


def _both(rng, m, t, peer, port, up, down, seconds, protocol=TCP):
    sport, rows, left = rng.randrange(32768, 60999), [], seconds
    parts = max(1, int((t % WINDOW + seconds) // WINDOW) + 1)
    at = t
    for _ in range(parts):
        here = min(left, WINDOW - 1 - at % WINDOW)
        share = lambda pair: (max(1, pair[0] // parts), max(40, pair[1] // parts))
        rows.append(_row(m, at, m.private, peer, sport, port, protocol, *share(up), here, flags=SYN_FIN if protocol == TCP else 0))
        rows.append(_row(m, at, peer, m.private, port, sport, protocol, *share(down), here, flags=SYN_ACK_FIN if protocol == TCP else 0))
        left -= here + 1
        at = (at // WINDOW + 1) * WINDOW
        if left <= 0:
            break
    return rows


def port_scan(rng, org, account, m, t):
    target = rng.choice([o for o in account.instances if o is not m] or [m]).private
    ports = rng.sample(range(1, 10000), rng.choice([40, 100, 1000]))
    pace = rng.choice([0.05, 0.5, 6])
    rows = [_row(m, t + n * pace, m.private, target, rng.randrange(32768, 60999), port, TCP, 1, 44, 0, "REJECT" if rng.random() < 0.9 else "ACCEPT", SYN) for n, port in enumerate(ports)]
    return rows, ["Recon:EC2/Portscan"], None


def sweep(rng, org, account, m, t):
    port, rows = rng.choice([22, 445, 3389, 6379]), []
    outside = places.place(rng, "hosting").address(rng).rsplit(".", 2)[0] if rng.random() < 0.7 else ""
    for n in range(rng.choice([60, 150, 250])):
        rows.append(_row(m, t + n * 1.5, m.private, f"{outside}.{7 + n // 250}.{4 + n % 250}" if outside else f"10.{account.net}.{17 + n // 250}.{4 + n % 250}",
                         rng.randrange(32768, 60999), port, TCP, 1, 44, 0, "REJECT" if rng.random() < 0.8 else "ACCEPT", SYN))
    return rows, ["Impact:EC2/PortSweep" if outside else "Discovery:EC2/InternalPortSweep", "Recon:EC2/Portscan"], None


def ssh_guessing(rng, org, account, m, t):
    peer, rows = places.place(rng, rng.choice(("hosting", "home"))).address(rng), []
    for n in range(rng.choice([60, 200])):
        at, sport = t + n * rng.choice([2, 9]), rng.randrange(32768, 60999)
        rows += [_row(m, at, peer, m.private, sport, 22, TCP, rng.randrange(13, 17), 2200 + rng.randrange(300), 3),
                 _row(m, at, m.private, peer, 22, sport, TCP, rng.randrange(12, 16), 2700 + rng.randrange(300), 3, flags=SYN_ACK_FIN)]
    return rows, ["UnauthorizedAccess:EC2/SSHBruteForce"], None


def spam(rng, org, account, m, t):
    rows = []
    for n in range(rng.choice([25, 80, 300])):
        peer = places.place(rng, rng.choice(("hosting", "cloud", "office", "home"))).address(rng)
        rows += _both(rng, m, t + n * rng.choice([2, 20]), peer, 25, (12, 6000 + rng.randrange(5000)), (10, 900), 4)
    return rows, ["Backdoor:EC2/Spambot"], rows[0][0]


def odd_port(rng, org, account, m, t):
    peer, port = places.place(rng, "hosting").address(rng), rng.choice([4444, 1337, 6667, 9001, 31337, 8443, 5555])
    rows = []
    for n in range(rng.choice([3, 12, 40])):
        rows += _both(rng, m, t + n * rng.uniform(200, 900), peer, port, (40, 9000), (60, 30000), rng.choice([20, 300]))
    return rows, ["Behavior:EC2/NetworkPortUnusual"], None


def exfiltration(rng, org, account, m, t):
    peer, size = places.place(rng, rng.choice(("hosting", "vpn", "cloud"))).address(rng), int(rng.choice([4e9, 12e9, 40e9]))
    rows = _both(rng, m, t, peer, rng.choice([443, 443, 22]), (size // 1400, size), (size // 6000, size // 150), rng.choice([1800, 7200]))
    return rows, ["Behavior:EC2/TrafficVolumeUnusual"], rows[0][0]


def flood(rng, org, account, m, t):
    peer, kind = places.place(rng, "home").address(rng), rng.choice(["Udp", "Dns"])
    port = 53 if kind == "Dns" else rng.choice([80, 27015, 30120])
    rows = [_row(m, t + n * 60, m.private, peer, rng.randrange(1024, 60999), port, UDP, 200_000, 200_000 * 256, 59, flags=0) for n in range(3)]
    return rows, ["Backdoor:EC2/DenialOfService.Udp", "Backdoor:EC2/DenialOfService.Dns", "Backdoor:EC2/DenialOfService.UdpOnTcpPorts"], rows[0][0]


def beacon(rng, org, account, m, t):
    peer, period, jitter = places.place(rng, "hosting").address(rng), rng.choice([60, 300, 900, 3600]), rng.choice([0, 0.1, 0.3])
    rows, at, until = [], t, t + rng.choice([6, 24, 48]) * HOUR
    while at < min(until, org.end - WINDOW, m.until - WINDOW):
        rows += _both(rng, m, at, peer, rng.choice([443, 443, 443]), (6, 900 + rng.randrange(40)), (5, 1200 + rng.randrange(60)), 2)
        at += period * (1 + jitter * rng.uniform(-1, 1))
    return rows, ["*Beacon*"], None


def _resolver(port, kind, peers):
    def make(rng, org, account, m, t):
        peer, rows = rng.choice(peers), []
        protocol = UDP if port == 53 else TCP
        for n in range(rng.choice([30, 150, 400])):
            rows += _both(rng, m, t + n * rng.choice([3, 30]), peer, port, (1 if port == 53 else 9, 80 if port == 53 else 1400), (1 if port == 53 else 8, 200 if port == 53 else 4000), 1, protocol)
        return rows, ["DefenseEvasion:EC2/Unusual" + kind], None
    return make


NETWORK = {"port scan": port_scan, "port sweep": sweep, "SSH passwords guessed": ssh_guessing, "spam": spam, "unusual port": odd_port, "volume sent out": exfiltration, "flood": flood,
           "beacon": beacon, "other resolver": _resolver(53, "DNSResolver", ["185.228.168.9", "94.140.14.14", "77.88.8.8"]),
           "DNS over HTTPS": _resolver(443, "DoHActivity", ["1.1.1.1", "8.8.8.8", "9.9.9.9"]), "DNS over TLS": _resolver(853, "DoTActivity", ["1.1.1.1", "9.9.9.9"])}
