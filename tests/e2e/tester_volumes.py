#!/usr/bin/env python3
"""What AWS's own GuardDuty tester sends, as logs, raises what the tester waits for; a tenth of it does too where
ordinary traffic leaves room, and a hundredth raises nothing.

    tester_volumes.py BINARY SOURCE_ROOT

Volumes are those of the scenarios in awslabs/amazon-guardduty-tester: a default connect scan of one host, 20 rounds of
guesses over SSH, one password list over RDP, 400,000 datagrams of 256 bytes in one flow, 400,000 queries from fresh
sockets, and one query for each of the published test domains.
"""
import gzip
import json
import pathlib
import sys
import tempfile

from harness import Picket, fail

ACCOUNT, INTERFACE, LOCAL, START = "111122223333", "eni-0a1b2c3d4e5f60718", "10.0.1.20", 1_789_380_060
HEADER = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
          "log-status")


def flow(source, target, source_port, target_port, protocol=6, packets=1, size=60, start=START, length=0):
    return (f"2 {ACCOUNT} {INTERFACE} {source} {target} {source_port} {target_port} {protocol} {packets} {size} {start} "
            f"{start + length} ACCEPT OK")


def both(target, port, source_port, packets, size, start, protocol=6):
    yield flow(LOCAL, target, source_port, port, protocol, packets, size, start)
    yield flow(target, LOCAL, port, source_port, protocol, packets, size, start)


def port_scan(share):
    """nmap's 1,000 commonest ports begin with those below 1024; closed ones answer with a reset."""
    for number in range(int(1000 * share)):
        port = 1 + number * 7
        yield flow(LOCAL, "10.0.9.9", 50000 + number, port, start=START + number // 20)
        yield flow("10.0.9.9", LOCAL, port, 50000 + number, size=40, start=START + number // 20)


def guesses(port, rounds, target="10.0.9.9"):
    for number in range(rounds):
        yield from both(target, port, 40000 + number, 14 + number % 3, 2300, START + 12 * number)


def one_flow(port, share):
    packets = int(400_000 * share)
    return [flow(LOCAL, "203.0.113.50", 40000, port, 17, packets, packets * 284, length=30)]


def fresh_sockets(share):
    for number in range(int(400_000 * share)):
        yield flow(LOCAL, "203.0.113.53", 1024 + number * 2 % 64_000 + number // 32_000 % 2, 53, 17, 1, 92,
                   START + number // 15_000)


# An interface's own address is the one that all its records have, so it must have spoken with somebody else too.
ORDINARY = "\n".join(both("203.0.113.80", 443, 39999, 12, 4800, START))

FLOWS = {
    "Recon:EC2/Portscan": port_scan,
    "UnauthorizedAccess:EC2/SSHBruteForce": lambda share: guesses(22, int(20 * share)),
    "UnauthorizedAccess:EC2/RDPBruteForce": lambda share: guesses(3389, int(400 * share)),
    "Backdoor:EC2/DenialOfService.Udp": lambda share: one_flow(5001, share),
    "Backdoor:EC2/DenialOfService.Dns": fresh_sockets,
}
# 20 rounds are few already; a tenth of them is what a person does who mistypes.
NO_TENTH = {"UnauthorizedAccess:EC2/SSHBruteForce"}

DOMAINS = {
    "guarddutyc2activityb.com": "Backdoor:EC2/C&CActivity.B!DNS",
    "c2.guarddutyc2activityb.com": "Backdoor:EC2/C&CActivity.B!DNS",
    "crypto.guarddutyc2activityb.com": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
    "abused-rep.guarddutyc2activityb.com": "Impact:EC2/AbusedDomainRequest.Reputation",
    "crypto-rep.guarddutyc2activityb.com": "Impact:EC2/BitcoinDomainRequest.Reputation",
    "malicious-rep.guarddutyc2activityb.com": "Impact:EC2/MaliciousDomainRequest.Reputation",
    "suspicious-rep.guarddutyc2activityb.com": "Impact:EC2/SuspiciousDomainRequest.Reputation",
    "guarddutydroppointactivity.com": "Trojan:EC2/DropPoint!DNS",
    "guarddutyblackholeactivity.com": "Trojan:EC2/BlackholeTraffic!DNS",
    "guarddutyphishingactivity.com": "Trojan:EC2/PhishingDomainRequest!DNS",
    "guarddutydrivebyactivity.com": "Trojan:EC2/DriveBySourceTraffic!DNS",
    "guarddutydgaactivity.com": "Trojan:EC2/DGADomainRequest.C!DNS",
}


def query(name):
    return json.dumps({
        "version": "1.100000", "account_id": ACCOUNT, "region": "eu-west-1", "vpc_id": "vpc-0a1b2c3d",
        "query_timestamp": "2026-09-14T10:00:00Z", "query_name": name + ".", "query_type": "A", "query_class": "IN",
        "rcode": "NOERROR", "answers": [{"Rdata": "198.51.100.77", "Type": "A", "Class": "IN"}], "srcaddr": LOCAL,
        "srcport": "40000", "transport": "UDP", "srcids": {"instance": "i-0a1b2c3d4e5f60718"}})


def raised(picket, path, text):
    path.write_bytes(gzip.compress(text.encode(), 1))
    output = picket.scan(path, "--format", "jsonl", "--assume-region", "eu-west-1").stdout
    return {json.loads(line)["type"] for line in output.splitlines()}


def main():
    picket = Picket(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        for kind, records in FLOWS.items():
            for share in (1, 0.1, 0.01):
                if share == 0.1 and kind in NO_TENTH:
                    continue
                path = pathlib.Path(place) / f"flow-{share}.log.gz"
                found = raised(picket, path, "\n".join([HEADER, ORDINARY, *records(share)]) + "\n")
                if found != (set() if share == 0.01 else {kind}):
                    fail(f"{share} of the tester's volume for {kind} raised {sorted(found)}")
        names = pathlib.Path(place) / "names.log.gz"
        found = raised(picket, names, "\n".join(map(query, DOMAINS)) + "\n")
        if found != set(DOMAINS.values()):
            fail(f"the test domains raised {sorted(found)}")
    print(f"ok: {len(FLOWS)} scenarios at full volume, {len(FLOWS) - len(NO_TENTH)} at a tenth, {len(DOMAINS)} domains")


if __name__ == "__main__":
    main()
