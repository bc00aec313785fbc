"""A fleet of thousands of instances under scaling groups, and every usual way out of their VPCs.

The ways are what a judge of stolen credentials must not take for theft: NAT gateways that get another address or are
replaced, elastic addresses that pass from one instance to the next, addresses the logs never tell, central egress and
endpoints in another account, a company's line with and without a gateway that the logs know, NAT instances, IPv6, pods
with addresses of their node, private addresses that the next instance gets. Some terminations are not logged, and some
instances were launched before the logs begin.
"""
import heapq
import ipaddress
import random

import agents
import places
import records
from records import DAY, HOUR, record, stable_id

# way: share of the fleet; how long an instance lives, in hours, low and high; share that comes and goes with the day
WAYS = {"nat": (0.30, 240, 840, 0.3), "endpoint": (0.20, 240, 840, 0.3), "central": (0.15, 240, 840, 0.2), "edge": (0.08, 120, 480, 0), "auto": (0.05, 240, 840, 0),
        "line": (0.05, 240, 840, 0), "told-nowhere": (0.02, 240, 840, 0), "router": (0.05, 240, 840, 0.2), "dual": (0.04, 240, 840, 0), "nodes": (0.03, 120, 480, 0.3),
        "old-nat": (0.03, 240, 840, 0.2)}
SPOT = 0.15  # share that EC2 takes back
UNLOGGED = 0.01  # share that shuts itself down
BEFORE = 0.2  # share of the first day's that was launched before the logs begin
ASG = "autoscaling.amazonaws.com"


class Machine:
    def __init__(self, site, way, number, since, until):
        self.site, self.way, self.since, self.until = site, way, since, until
        name = f"{site.account.id}/{way}/{number}/{since}"
        self.id, self.eni = "i-0" + stable_id(f"fleet/{name}", 16), "eni-0" + stable_id(f"fleet-eni/{name}", 16)
        digest = int(stable_id(f"fate/{name}", 8), 16)
        self.role, self.zone = f"fleet-{('web', 'batch', 'shared')[digest % 3]}", digest // 3 % 2  # a role is shared by several groups
        self.ends = "spot" if digest % 100 < 100 * SPOT else "unlogged" if digest % 1000 > 1000 * (1 - UNLOGGED) else "logged"
        self.told = since >= site.org.start or digest // 7 % 100 >= 100 * BEFORE
        self.private, self.pods, self.v6 = None, [], f"2a05:d018:{site.number:x}:{self.zone}::{stable_id(name, 4)}"
        self.public = None  # "edge": the slot's elastic address


class Site:
    """A VPC of the fleet in one account."""

    def __init__(self, org, account, number, size):
        self.org, self.account, self.number = org, account, number
        name, region = f"{org.seed}/fleet/{account.id}", account.region
        rng = random.Random(name)
        self.vpc = "vpc-0" + stable_id(f"{name}/vpc", 16)
        self.nats = [places.aws_address(rng, region) for _ in range(4)]  # by zone; two more for what changes
        self.old_nat, self.router_ip = places.aws_address(rng, region), places.aws_address(rng, region)
        self.vpce = "vpce-0" + stable_id(f"{name}/vpce", 16)
        self.network, self.free, self.next = int(ipaddress.ip_address(f"10.{128 + number}.0.0")), [], 16
        self.machines = []
        start, end = org.start, org.end
        for way, (share, low, high, daily) in WAYS.items():
            count = max(2, round(size * share))
            for slot in range(count - round(count * daily)):
                at = start - rng.randrange(1, 20) * DAY + rng.randrange(DAY)
                elastic = places.aws_address(rng, region)
                while at < end:
                    until = at + int(rng.uniform(low, high) * HOUR)
                    if until > start and (at >= start or way != "told-nowhere"):  # a line that comes into use meanwhile
                        self.machines.append(Machine(self, way, slot, at, until))
                        self.machines[-1].public = elastic if way == "edge" else None
                    at = until + rng.choice([20, 90, 240])
            for day in range(org.days):
                for slot in range(round(2 * count * daily * (0.4 if day % 7 >= 5 else 1) * rng.uniform(0.7, 1))):
                    at = start + day * DAY + int(min(max(rng.gauss(9, 2.5), 1), 14) * HOUR)
                    self.machines.append(Machine(self, way, 10_000 + slot, at, at + int(rng.uniform(1, 9) * HOUR)))
        self._addresses()

    def _addresses(self):
        """The lowest free one, so that what one instance leaves the next gets; pods' are on their node's interface."""
        self.machines.sort(key=lambda m: (m.since, m.id))
        leaving = []
        for number, m in enumerate(self.machines):
            while leaving and leaving[0][0] + 60 < m.since:
                for address in heapq.heappop(leaving)[2]:
                    heapq.heappush(self.free, address)
            taken = [self._take() for _ in range(4 if m.way == "nodes" else 1)]
            m.private, *m.pods = [str(ipaddress.ip_address(self.network + n)) for n in taken]
            heapq.heappush(leaving, (m.until, number, taken))

    def _take(self):
        if self.free:
            return heapq.heappop(self.free)
        self.next += 1
        return self.next - 1


class Fleet:
    def __init__(self, org, size):
        self.org = org
        hosts = [a for a in org.accounts if a.kind in ("prod", "staging", "data")] or org.accounts
        weights = [{"prod": 3, "data": 1.5}.get(a.kind, 1) for a in hosts]
        # What comes and goes with the day is not always there: 1.18 makes the mean what was asked for.
        self.sites = [Site(org, a, n, 1.18 * size * w / sum(weights)) for n, (a, w) in enumerate(zip(hosts, weights))]
        self.hub = org.account("security")
        rng = random.Random(f"{org.seed}/fleet-hub")
        self.hub_vpc, self.gateway = "vpc-0" + stable_id(f"{org.seed}/hub", 16), "tgw-0" + stable_id(f"{org.seed}/tgw", 16)
        self.hub_nats = [places.aws_address(rng, self.hub.region) for _ in range(2)]
        self.hub_vpce = "vpce-0" + stable_id(f"{org.seed}/hub-vpce", 16)
        line = places.BY_PREFIX["193.117.128.0/20"]
        self.line = line.address(rng)
        self.customer_gateway = str(ipaddress.ip_address(int(ipaddress.ip_address(self.line)) // 256 * 256 + 1))
        self.other_line = places.BY_PREFIX["82.0.0.0/12"].address(rng)

    @property
    def machines(self):
        return [m for site in self.sites for m in site.machines]

    def day(self, number):
        return FleetDay(self, number).make()


class FleetDay:
    def __init__(self, fleet, number):
        self.fleet, self.org, self.number = fleet, fleet.org, number
        self.start, self.out = fleet.org.start + number * DAY, []

    def make(self):
        if self.number == 0:
            self.networks()
        for site in self.fleet.sites:
            self.changes(site)
            for m in site.machines:
                if m.since < self.start + DAY and m.until > self.start:
                    self.machine(m)
        return self.out

    def rng(self, *what):
        return random.Random("/".join(map(str, (self.org.seed, "fleet", self.number, *what))))

    def configure(self, rng, t, account, api, request, response):
        who = records.role(account.id, "terraform", "run-fleet", self.start, path="automation/")
        self.out.append(record(rng, t, account.id, who, "ec2:" + api, self.org.tf_cloud[0], agents.terraform(0), request, response, region=account.region))

    def nat(self, rng, t, account, vpc, address, zone):
        allocation = "eipalloc-0" + stable_id(address, 16)
        self.configure(rng, t, account, "AllocateAddress", {"domain": "vpc"}, {"publicIp": address, "allocationId": allocation, "domain": "vpc"})
        self.configure(rng, t + 2, account, "CreateNatGateway", {"CreateNatGatewayRequest": {"SubnetId": f"subnet-0{zone}" + stable_id(vpc, 15), "AllocationId": allocation}},
                       {"CreateNatGatewayResponse": {"natGateway": {"natGatewayId": "nat-0" + stable_id(address, 16), "vpcId": vpc, "state": "pending",
                                                                    "natGatewayAddressSet": {"item": {"allocationId": allocation}}}}})

    def endpoint(self, rng, t, account, vpc, ident):
        self.configure(rng, t, account, "CreateVpcEndpoint", {"CreateVpcEndpointRequest": {"VpcId": vpc, "ServiceName": f"com.amazonaws.{account.region}.ssm", "VpcEndpointType": "Interface"}},
                       {"CreateVpcEndpointResponse": {"vpcEndpoint": {"vpcEndpointId": ident, "vpcId": vpc, "state": "pending"}}})

    def attach(self, rng, t, account, vpc):
        self.configure(rng, t, account, "CreateTransitGatewayVpcAttachment", {"CreateTransitGatewayVpcAttachmentRequest": {"TransitGatewayId": self.fleet.gateway, "VpcId": vpc}},
                       {"CreateTransitGatewayVpcAttachmentResponse": {"transitGatewayVpcAttachment": {"transitGatewayAttachmentId": "tgw-attach-0" + stable_id(vpc, 16),
                                                                                                      "transitGatewayId": self.fleet.gateway, "vpcId": vpc, "vpcOwnerId": account.id}}})

    def networks(self):
        """What the first day's logs tell of the networks."""
        rng, fleet, t = self.rng("networks"), self.fleet, self.start + 5
        for zone, address in enumerate(fleet.hub_nats):
            self.nat(rng, t, fleet.hub, fleet.hub_vpc, address, zone)
        self.endpoint(rng, t, fleet.hub, fleet.hub_vpc, fleet.hub_vpce)
        self.attach(rng, t, fleet.hub, fleet.hub_vpc)
        self.configure(rng, t, fleet.hub, "CreateCustomerGateway", {"type": "ipsec.1", "ipAddress": fleet.customer_gateway, "bgpAsn": 65010},
                       {"customerGateway": {"customerGatewayId": "cgw-0" + stable_id(self.org.seed, 16), "ipAddress": fleet.customer_gateway, "state": "available"}})
        for site in fleet.sites:
            for zone in (0, 1):
                self.nat(rng, t, site.account, site.vpc, site.nats[zone], zone)
            self.endpoint(rng, t, site.account, site.vpc, site.vpce)
            self.attach(rng, t, site.account, site.vpc)
            router, allocation = "i-0" + stable_id(site.vpc + "router", 16), "eipalloc-0" + stable_id(site.router_ip, 16)
            self.configure(rng, t, site.account, "AllocateAddress", {"domain": "vpc"}, {"publicIp": site.router_ip, "allocationId": allocation, "domain": "vpc"})
            self.configure(rng, t + 2, site.account, "AssociateAddress", {"allocationId": allocation, "instanceId": router}, {"associationId": "eipassoc-0" + stable_id(router, 16)})
            self.configure(rng, t + 3, site.account, "CreateRoute", {"routeTableId": "rtb-0" + stable_id(site.vpc, 16), "destinationCidrBlock": "0.0.0.0/0", "instanceId": router}, {"_return": True})

    def changes(self, site):
        """A gateway gets a second address on the tenth day and is replaced on the sixteenth."""
        rng, account = self.rng("changes", site.number), site.account
        if self.number == 9:
            allocation = "eipalloc-0" + stable_id(site.nats[2], 16)
            self.configure(rng, self.start + 6 * HOUR, account, "AllocateAddress", {"domain": "vpc"}, {"publicIp": site.nats[2], "allocationId": allocation, "domain": "vpc"})
            self.configure(rng, self.start + 6 * HOUR + 5, account, "AssociateNatGatewayAddress",
                           {"AssociateNatGatewayAddressRequest": {"NatGatewayId": "nat-0" + stable_id(site.nats[0], 16), "AllocationId": allocation}},
                           {"AssociateNatGatewayAddressResponse": {"natGatewayId": "nat-0" + stable_id(site.nats[0], 16), "natGatewayAddressSet": {"item": {"allocationId": allocation, "status": "associating"}}}})
        if self.number == 15:
            self.nat(rng, self.start + 6 * HOUR, account, site.vpc, site.nats[3], 1)
            self.configure(rng, self.start + 6 * HOUR + 300, account, "DeleteNatGateway", {"DeleteNatGatewayRequest": {"NatGatewayId": "nat-0" + stable_id(site.nats[1], 16)}},
                           {"DeleteNatGatewayResponse": {"natGatewayId": "nat-0" + stable_id(site.nats[1], 16)}})

    def gateway_address(self, site, zone, t, rng):
        day = (t - self.org.start) / DAY
        if zone == 1:
            return site.nats[3] if day > 15.26 else site.nats[1]
        return rng.choice([site.nats[0], site.nats[2]]) if day > 9.3 else site.nats[0]

    def whence(self, m, t, rng):
        """(address, what an endpoint adds to the record)."""
        site, own = m.site, {"vpcEndpointId": m.site.vpce, "vpcEndpointAccountId": m.site.account.id}
        if m.way == "nodes" and rng.random() < 0.5:
            return rng.choice(m.pods), own
        if m.way in ("endpoint", "nodes") and rng.random() < 0.8:
            return m.private, own
        if m.way == "central":
            if rng.random() < 0.3:
                return m.private, {"vpcEndpointId": self.fleet.hub_vpce, "vpcEndpointAccountId": self.fleet.hub.id}
            return self.fleet.hub_nats[m.zone], None
        if m.way == "auto":  # another one after each week's stop and start
            return places.aws_address(random.Random(f"{m.id}/{int(t - m.since) // (7 * DAY)}"), site.account.region), None
        if m.way == "dual" and rng.random() < 0.6:
            return m.v6, None
        fixed = {"edge": m.public, "line": self.fleet.line, "told-nowhere": self.fleet.other_line, "router": site.router_ip, "old-nat": site.old_nat}.get(m.way)
        return fixed or self.gateway_address(site, m.zone, t, rng), None

    def machine(self, m):
        rng, account, org = self.rng(m.id), m.site.account, self.org
        service = records.service_role(account.id, "AWSServiceRoleForAutoScaling", ASG, m.since)
        end = self.start + DAY
        first = self.number == 0 and m.since < org.start
        if self.start <= m.since < end or (first and m.told):
            t = self.start + 60 + rng.randrange(300) if first else m.since
            self.launch(rng, t, m, service)
            if not first:  # the agent reports as soon as it runs
                for n in range(2):
                    self.call(rng, t + rng.uniform(40, 110), m, "ssm:UpdateInstanceInformation")
        low, high = max(m.since + 150, self.start + (500 if first else 0)), min(m.until - 30, end)
        for _ in range(int(6 * max(0, high - low) / DAY + rng.random())):
            t = rng.uniform(low, high)
            self.call(rng, t, m, "ssm:UpdateInstanceInformation")
            if rng.random() < 0.5:
                self.call(rng, t + 2, m, rng.choice(["secretsmanager:GetSecretValue", "ec2:DescribeTags", "sts:GetCallerIdentity", "s3:ListBuckets", "kms:Decrypt", "ecr:GetAuthorizationToken"]))
        if m.way == "auto" and int(self.start - m.since) // (7 * DAY) != int(end - m.since) // (7 * DAY) and m.until > end:
            t = m.since + int(end - m.since) // (7 * DAY) * 7 * DAY
            for n, (api, state) in enumerate((("StopInstances", "stopping"), ("StartInstances", "pending"))):
                self.configure(rng, t - 40 + 20 * n, account, api, {"instancesSet": {"items": [{"instanceId": m.id}]}},
                               {"instancesSet": {"items": [{"instanceId": m.id, "currentState": {"name": state}}]}})
        if self.start <= m.until < min(end, org.end):
            self.terminate(rng, m, service)

    def launch(self, rng, t, m, service):
        site, account = m.site, m.site.account
        addresses = [{"privateIpAddress": m.private, "primary": True}]
        interface = {"networkInterfaceId": m.eni, "subnetId": f"subnet-0{m.zone}" + stable_id(site.vpc, 15), "vpcId": site.vpc, "ownerId": account.id, "status": "in-use",
                     "privateIpAddress": m.private, "interfaceType": "interface", "attachment": {"attachmentId": "eni-attach-0" + stable_id(m.id, 16)},
                     "privateIpAddressesSet": {"item": addresses}}
        if m.way == "dual":
            interface["ipv6AddressesSet"] = {"item": [{"ipv6Address": m.v6}]}
        item = {"instanceId": m.id, "imageId": "ami-0" + stable_id(m.role, 16), "instanceState": {"code": 0, "name": "pending"}, "instanceType": "m7i.large", "launchTime": int(m.since) * 1000,
                "subnetId": interface["subnetId"], "vpcId": site.vpc, "privateIpAddress": m.private, "networkInterfaceSet": {"items": [interface]},
                "iamInstanceProfile": {"arn": f"arn:aws:iam::{account.id}:instance-profile/{m.role}"}, "tagSet": {"items": [{"key": "aws:autoscaling:groupName", "value": f"fleet-{m.way}"}]}}
        self.out.append(record(rng, t, account.id, service, "ec2:RunInstances", ASG, ASG, {"instancesSet": {"items": [{"imageId": item["imageId"], "minCount": 1, "maxCount": 1}]}},
                               {"reservationId": "r-0" + stable_id(m.id, 16), "ownerId": account.id, "instancesSet": {"items": [item]}}, region=account.region))
        if m.way == "edge":  # taken from its predecessor, if that still has it
            self.configure(rng, t + 25, account, "AssociateAddress", {"publicIp": m.public, "instanceId": m.id, "allowReassociation": True}, {"_return": True, "associationId": "eipassoc-0" + stable_id(m.id, 16)})
        if m.way == "nodes":
            who = records.role(account.id, m.role, m.id, m.since, delivery="2.0")
            self.out.append(record(rng, t + 35, account.id, who, "ec2:AssignPrivateIpAddresses", self.gateway_address(site, m.zone, t, rng), agents.go("aws-node"), {"networkInterfaceId": m.eni, "secondaryPrivateIpAddressCount": 3},
                                   {"networkInterfaceId": m.eni, "assignedPrivateIpAddressesSet": {"assignedPrivateIpAddressSetType": [{"privateIpAddress": p} for p in m.pods]}, "_return": True},
                                   region=account.region))

    def call(self, rng, t, m, api):
        if t >= min(m.until, self.start + DAY, self.org.end):
            return
        ip, extra = self.whence(m, t, rng)
        created = max(m.since, t // (6 * HOUR) * 6 * HOUR + int(stable_id(m.id, 3), 16))
        created -= 6 * HOUR * (created > t)
        who = records.role(m.site.account.id, m.role, m.id, max(created, m.since), delivery="2.0")
        request = {"ssm:UpdateInstanceInformation": {"instanceId": m.id, "agentVersion": "3.3.2299.0", "platformType": "Linux"},
                   "secretsmanager:GetSecretValue": {"secretId": f"{m.site.account.kind}/{m.role}"}}.get(api)
        agent = agents.SSM_AGENT if "InstanceInformation" in api else agents.boto(m.role, self.number, self.org.seed)
        self.out.append(record(rng, t, m.site.account.id, who, api, ip, agent, request, None, region=m.site.account.region, extra=extra))

    def terminate(self, rng, m, service):
        account = m.site.account
        if m.ends == "spot":
            t, _, region, event = record(rng, m.until, account.id, {"accountId": account.id, "invokedBy": "ec2.amazonaws.com"}, "ec2:BidEvictedEvent", "ec2.amazonaws.com", "ec2.amazonaws.com", None, None,
                                         region=account.region, event_type="AwsServiceEvent", read=False, extra={"serviceEventDetails": {"instanceIdSet": [m.id]}})
            self.out.append((t, account.id, region, event))
        elif m.ends == "logged":
            self.out.append(record(rng, m.until + 5, account.id, service, "ec2:TerminateInstances", ASG, ASG, {"instancesSet": {"items": [{"instanceId": m.id}]}},
                                   {"instancesSet": {"items": [{"instanceId": m.id, "currentState": {"code": 32, "name": "shutting-down"}, "previousState": {"code": 16, "name": "running"}}]}},
                                   region=account.region))
