"""Networks of the world as the simulation knows them: who calls from where, and the geography a scan is given.

The prefixes are announced by the networks named beside them (or were, give or take a neighbour); they are used as
data only, so that country, network and AWS's ranges are what a real MMDB would tell.
"""
import ipaddress
import json
import random


class Network:
    def __init__(self, prefix, country, city, latitude, longitude, asn, owner, kind):
        self.prefix, self.country, self.city = prefix, country, city
        self.latitude, self.longitude, self.asn, self.owner, self.kind = latitude, longitude, asn, owner, kind
        network = ipaddress.ip_network(prefix)
        self.first, self.size = int(network.network_address), network.num_addresses

    def address(self, rng):
        return str(ipaddress.ip_address(self.first + rng.randrange(4, self.size - 4)))


REGION_RANGES = {"eu-west-1": "34.240.0.0/13", "us-east-1": "44.192.0.0/11", "eu-central-1": "3.64.0.0/12"}
LAMBDA_RANGES = {"eu-west-1": "3.248.0.0/13", "us-east-1": "3.208.0.0/12", "eu-central-1": "18.184.0.0/15"}

_TABLE = [
    # Homes, by country.
    ("86.40.0.0/13", "IE", "Dublin", 53.35, -6.26, 5466, "Eircom Limited", "home"),
    ("89.100.0.0/14", "IE", "Cork", 51.90, -8.47, 6830, "Liberty Global B.V.", "home"),
    ("86.128.0.0/11", "GB", "London", 51.51, -0.13, 2856, "British Telecommunications PLC", "home"),
    ("82.0.0.0/12", "GB", "Manchester", 53.48, -2.24, 5089, "Virgin Media Limited", "home"),
    ("87.128.0.0/11", "DE", "Berlin", 52.52, 13.40, 3320, "Deutsche Telekom AG", "home"),
    ("95.88.0.0/14", "DE", "Munich", 48.14, 11.58, 3209, "Vodafone GmbH", "home"),
    ("83.0.0.0/12", "PL", "Warsaw", 52.23, 21.01, 5617, "Orange Polska Spolka Akcyjna", "home"),
    ("90.0.0.0/11", "FR", "Paris", 48.86, 2.35, 3215, "Orange", "home"),
    ("83.32.0.0/12", "ES", "Madrid", 40.42, -3.70, 3352, "Telefonica de Espana", "home"),
    ("73.0.0.0/10", "US", "Philadelphia", 39.95, -75.17, 7922, "Comcast Cable Communications, LLC", "home"),
    ("72.64.0.0/13", "US", "New York", 40.71, -74.01, 701, "Verizon Business", "home"),
    ("49.36.0.0/14", "IN", "Mumbai", 19.08, 72.88, 55836, "Reliance Jio Infocomm Limited", "home"),
    ("177.32.0.0/14", "BR", "Sao Paulo", -23.55, -46.63, 28573, "Claro NXT Telecomunicacoes", "home"),
    ("95.24.0.0/13", "RU", "Moscow", 55.75, 37.62, 8402, "PJSC Vimpelcom", "home"),
    ("113.160.0.0/11", "VN", "Hanoi", 21.03, 105.85, 45899, "VNPT Corp", "home"),
    ("105.112.0.0/12", "NG", "Lagos", 6.52, 3.38, 36873, "Airtel Networks Limited", "home"),
    # Telephones.
    ("31.94.0.0/16", "GB", "London", 51.51, -0.13, 12576, "EE Limited", "mobile"),
    ("78.16.0.0/14", "IE", "Dublin", 53.35, -6.26, 15502, "Vodafone Ireland Limited", "mobile"),
    ("80.187.64.0/18", "DE", "Bonn", 50.73, 7.10, 3320, "Deutsche Telekom AG", "mobile"),
    ("172.56.0.0/14", "US", "Seattle", 47.61, -122.33, 21928, "T-Mobile USA, Inc.", "mobile"),
    # Hotels, conferences.
    ("62.23.0.0/16", "FR", "Paris", 48.86, 2.35, 8220, "COLT Technology Services", "hotel"),
    ("195.77.0.0/16", "ES", "Barcelona", 41.39, 2.17, 3352, "Telefonica de Espana", "hotel"),
    ("12.160.0.0/13", "US", "Las Vegas", 36.17, -115.14, 7018, "AT&T Services, Inc.", "hotel"),
    ("210.13.0.0/16", "SG", "Singapore", 1.35, 103.82, 4657, "StarHub Ltd", "hotel"),
    ("194.208.0.0/16", "AT", "Vienna", 48.21, 16.37, 8447, "A1 Telekom Austria AG", "hotel"),
    # Offices of the organisation.
    ("185.92.24.0/22", "IE", "Dublin", 53.35, -6.26, 25441, "Imagine Communications Group", "office"),
    ("193.117.128.0/20", "GB", "London", 51.51, -0.13, 5413, "Daisy Communications Ltd", "office"),
    ("217.86.128.0/18", "DE", "Berlin", 52.52, 13.40, 3320, "Deutsche Telekom AG", "office"),
    # Sold VPNs.
    ("185.65.134.0/23", "SE", "Malmo", 55.60, 13.00, 39351, "31173 Services AB", "vpn"),
    ("193.32.126.0/23", "NL", "Amsterdam", 52.37, 4.90, 9009, "M247 Europe SRL", "vpn"),
    ("89.187.160.0/19", "US", "Miami", 25.76, -80.19, 60068, "Datacamp Limited", "vpn"),
    ("146.70.0.0/16", "CH", "Zurich", 47.37, 8.54, 9009, "M247 Europe SRL", "vpn"),
    ("37.120.128.0/17", "RO", "Bucharest", 44.43, 26.10, 9009, "M247 Europe SRL", "vpn"),
    ("86.106.74.0/23", "IE", "Dublin", 53.35, -6.26, 9009, "M247 Europe SRL", "vpn"),
    # Machines for rent.
    ("88.198.0.0/16", "DE", "Falkenstein", 50.48, 12.37, 24940, "Hetzner Online GmbH", "hosting"),
    ("95.216.0.0/16", "FI", "Helsinki", 60.17, 24.94, 24940, "Hetzner Online GmbH", "hosting"),
    ("51.68.0.0/16", "FR", "Gravelines", 50.99, 2.13, 16276, "OVH SAS", "hosting"),
    ("167.99.0.0/16", "US", "Santa Clara", 37.35, -121.96, 14061, "DigitalOcean, LLC", "hosting"),
    ("178.62.0.0/17", "GB", "London", 51.51, -0.13, 14061, "DigitalOcean, LLC", "hosting"),
    ("45.76.0.0/16", "NL", "Amsterdam", 52.37, 4.90, 20473, "The Constant Company, LLC", "hosting"),
    ("172.104.0.0/15", "SG", "Singapore", 1.35, 103.82, 63949, "Akamai Connected Cloud", "hosting"),
    ("188.166.0.0/17", "NL", "Amsterdam", 52.37, 4.90, 14061, "DigitalOcean, LLC", "hosting"),
    ("5.188.0.0/17", "RU", "Saint Petersburg", 59.94, 30.31, 49505, "JSC Selectel", "hosting"),
    ("47.236.0.0/14", "SG", "Singapore", 1.35, 103.82, 45102, "Alibaba US Technology Co., Ltd.", "hosting"),
    # Where hosted runners and software sold as a service live.
    ("20.160.0.0/12", "NL", "Amsterdam", 52.37, 4.90, 8075, "Microsoft Corporation", "cloud"),
    ("20.32.0.0/11", "US", "Boydton", 36.67, -78.39, 8075, "Microsoft Corporation", "cloud"),
    ("34.64.0.0/11", "US", "Council Bluffs", 41.26, -95.86, 396982, "Google LLC", "cloud"),
    # AWS, Region by Region.
    ("34.240.0.0/13", "IE", "Dublin", 53.35, -6.26, 16509, "AMAZON-02", "aws"),
    ("3.248.0.0/13", "IE", "Dublin", 53.35, -6.26, 16509, "AMAZON-02", "aws"),
    ("44.192.0.0/11", "US", "Ashburn", 39.04, -77.49, 14618, "AMAZON-AES", "aws"),
    ("3.208.0.0/12", "US", "Ashburn", 39.04, -77.49, 14618, "AMAZON-AES", "aws"),
    ("3.64.0.0/12", "DE", "Frankfurt", 50.11, 8.68, 16509, "AMAZON-02", "aws"),
    ("18.184.0.0/15", "DE", "Frankfurt", 50.11, 8.68, 16509, "AMAZON-02", "aws"),
    ("13.232.0.0/14", "IN", "Mumbai", 19.08, 72.88, 16509, "AMAZON-02", "aws"),
    ("54.144.0.0/12", "US", "Ashburn", 39.04, -77.49, 14618, "AMAZON-AES", "aws"),
]
NETWORKS = [Network(*row) for row in _TABLE]
BY_PREFIX = {network.prefix: network for network in NETWORKS}


def networks(kind, country=None, but=None):
    return [n for n in NETWORKS if n.kind == kind and (country is None or n.country == country) and
            (but is None or n.country not in but)]


def place(rng, kind, country=None, but=None):
    found = networks(kind, country, but) or networks(kind)
    return rng.choice(found)


def aws_address(rng, region):
    return BY_PREFIX[REGION_RANGES[region]].address(rng)


def lambda_address(rng, region):
    return BY_PREFIX[LAMBDA_RANGES[region]].address(rng)


def fixed(seed, prefix):
    return BY_PREFIX[prefix].address(random.Random(f"{seed}/{prefix}"))


COUNTRY_NAMES = {"IE": "Ireland", "GB": "United Kingdom", "DE": "Germany", "PL": "Poland", "FR": "France", "ES": "Spain",
                 "US": "United States", "IN": "India", "BR": "Brazil", "RU": "Russia", "VN": "Vietnam", "NG": "Nigeria",
                 "SG": "Singapore", "AT": "Austria", "SE": "Sweden", "NL": "Netherlands", "CH": "Switzerland",
                 "RO": "Romania", "FI": "Finland"}


def geography_csv():
    lines = ["prefix,country,latitude,longitude,as_org"]
    lines += [f'{n.prefix},{n.country},{n.latitude},{n.longitude},"{n.owner}"' for n in NETWORKS]
    return "\n".join(lines) + "\n"


def ip_ranges_json():
    """AWS's published list, as far as the simulation uses it."""
    regions = {"Dublin": "eu-west-1", "Ashburn": "us-east-1", "Frankfurt": "eu-central-1", "Mumbai": "ap-south-1"}
    prefixes = [{"ip_prefix": n.prefix, "region": regions[n.city], "service": "EC2", "network_border_group": regions[n.city]}
                for n in networks("aws")]
    return json.dumps({"syncToken": "1780000000", "createDate": "2026-05-28-20-26-40", "prefixes": prefixes,
                       "ipv6_prefixes": [{"ipv6_prefix": "2a05:d018::/36", "region": "eu-west-1", "service": "EC2", "network_border_group": "eu-west-1"}]}, indent=1) + "\n"
