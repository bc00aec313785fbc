#!/usr/bin/env python3
"""How the API answers while records come in: `picket serve` over many stored findings, which a writer feeds with
CloudTrail records, asked by wrk at a steady rate, then once for every attribute that findings can be filtered by.

    bench/load.py [--findings 100000] [--rate 500] [--events 5000] [--seconds 20] [--build build/release]

Prints a table for RESULTS.md. Exit code 1 when p99 of the mixed reads is 20 ms or more, when a read by one attribute
takes 50 ms or more, or when the server falls behind with the records.
"""
import argparse
import collections
import datetime
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

from serving import REGION, Api, serving

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNT = "111122223333"
P99_MS, ATTRIBUTE_MS = 20, 50
CONNECTIONS = 10


class Writer(threading.Thread):
    """Ordinary calls of many roles, `rate` a second, one object each second."""

    def __init__(self, folder, rate):
        super().__init__(daemon=True)
        self.folder, self.rate, self.written, self.stopped = folder, rate, 0, threading.Event()

    def run(self):
        due = time.time()
        while not self.stopped.wait(max(0, due - time.time())):
            now = datetime.datetime.now(datetime.timezone.utc)
            stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
            rows = ",".join(self.row(self.written + number, stamp) for number in range(self.rate))
            path = self.folder / (f"{ACCOUNT}_CloudTrail_{REGION}_{now:%Y%m%dT%H%MZ}_{self.written:016d}.json.gz")
            part = path.with_name("." + path.name)
            part.write_bytes(gzip.compress(('{"Records":[' + rows + "]}").encode(), 1))
            part.rename(path)
            self.written += self.rate
            due += 1

    @staticmethod
    def row(number, stamp):
        who = number % 500
        return (f'{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{who:09d}:s",'
                f'"arn":"arn:aws:sts::{ACCOUNT}:assumed-role/app-{who}/s","accountId":"{ACCOUNT}",'
                f'"accessKeyId":"ASIAEXAMPLE{who:09d}","sessionContext":{{"sessionIssuer":{{"type":"Role",'
                f'"principalId":"AROAEXAMPLE{who:09d}","arn":"arn:aws:iam::{ACCOUNT}:role/app-{who}",'
                f'"accountId":"{ACCOUNT}","userName":"app-{who}"}}}}}},"eventTime":"{stamp}",'
                f'"eventSource":"dynamodb.amazonaws.com","eventName":"DescribeTable","awsRegion":"{REGION}",'
                f'"sourceIPAddress":"203.0.113.{who % 200}","userAgent":"aws-sdk-java/2.25","requestParameters":'
                f'{{"tableName":"t{number % 97}"}},"responseElements":null,"requestID":"{number:032x}",'
                f'"eventID":"{number:08x}-0000-4000-8000-{number:012x}","readOnly":true,"eventType":"AwsApiCall",'
                f'"managementEvent":true,"recipientAccountId":"{ACCOUNT}","eventCategory":"Management"}}')


def mixed(api, base, ids):
    criteria = ({}, {"findingCriteria": {"criterion": {"severity": {"gte": 7}, "service.archived": {"eq": ["false"]}}},
                     "sortCriteria": {"attributeName": "severity", "orderBy": "DESC"}},
                {"findingCriteria": {"criterion": {"type": {"eq": ["Recon:EC2/Portscan"]}, "accountId": {"eq": ["111122223335"]}}}})
    yield from ((base, json.dumps(one)) for one in criteria)
    yield base + "/get", json.dumps({"findingIds": ids})
    yield base + "/statistics", json.dumps({"findingStatisticTypes": ["COUNT_BY_SEVERITY"]})
    yield base + "/statistics", json.dumps({"groupBy": "FINDING_TYPE"})


def load(api, port, base, ids, rate, seconds, scratch):
    requests = scratch / "requests"
    with requests.open("w") as out:
        for path, body in mixed(api, base, ids):
            lines = "\1".join(f"{name}: {value}" for name, value in api.headers(path, body).items())
            out.write(f"{path}\t{body}\t{lines}\n")
    pause = int(1000 * CONNECTIONS / rate) - 6  # and the answer takes its time
    done = subprocess.run(["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", HERE / "load.lua", f"http://127.0.0.1:{port}",
                           "--", requests, str(pause)], capture_output=True, text=True, check=True)
    count, duration, failed, p50, p99, longest = map(int, re.search(r"^result (.*)$", done.stdout, re.M)[1].split())
    return count / duration * 1e6, failed, p50 / 1000, p99 / 1000, longest / 1000


def values_at(value, path):
    if isinstance(value, list):
        for item in value:
            yield from values_at(item, path)
    elif not path:
        if value is not None and not isinstance(value, dict):
            yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from values_at(value[path[0]], path[1:])


def attributes(api, base):
    """Of each attribute the milliseconds of a rare, a common and an absent value."""
    table = (HERE.parent / "src/store/filterable_attributes.inc").read_text()
    known = re.findall(r'FILTERABLE\("([^"]+)", (\w+), (\w+)\)', table)
    sample, token = [], ""
    while len(sample) < 1000:
        _, listed, _ = api.ask(base, json.dumps({"maxResults": 50} | ({"nextToken": token} if token else {})))
        sample += api.ask(base + "/get", json.dumps({"findingIds": listed["findingIds"]}))[1]["findings"]
        token = listed["nextToken"]
    took, carried, refused = [], 0, 0
    for path, kind, _ in known:
        counts = collections.Counter(str(v).lower() if isinstance(v, bool) else str(v)
                                     for finding in sample for v in values_at(finding, path.split(".")))
        common = counts.most_common()
        carried += bool(common)
        wanted = {"absent": "no-such-value"} | ({"common": common[0][0], "rare": common[-1][0]} if common else {})
        for which, value in wanted.items():
            if kind == "text":
                condition = {"eq": [value]}
            else:
                number = 4_000_000_000 if which == "absent" else int(float(value)) if re.fullmatch(r"[\d.]+", value) else 0
                condition = {"gte": number}
            status, _, ms = api.ask(base, json.dumps({"findingCriteria": {"criterion": {path: condition}}}))
            refused += status != 200
            if status == 200:
                took.append((ms, path, which))
    return sorted(took), len(known), carried, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("findings", 100_000), ("rate", 500), ("events", 5000), ("seconds", 20)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build/release")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="picket_load_") as place:
        scratch = pathlib.Path(place)
        data, watched = scratch / "data", scratch / "logs"
        data.mkdir()
        watched.mkdir()
        subprocess.run([arguments.build / "bench/bench_api", "--seed", data, str(arguments.findings)], check=True)
        with serving(arguments.build, data, "--watch", watched) as server:
            api = Api(server.port, data / "credentials")
            writer = Writer(watched, arguments.events)
            writer.start()
            time.sleep(3)
            detector = api.ask("/detector", "", "GET")[1]["detectorIds"][0]
            base = f"/detector/{detector}/findings"
            ids = api.ask(base, json.dumps({"maxResults": 50}))[1]["findingIds"]
            rate, failed, p50, p99, longest = load(api, server.port, base, ids, arguments.rate, arguments.seconds, scratch)
            took, known, carried, refused = attributes(api, base)
            written = writer.written
            writer.stopped.set()
            writer.join()
            time.sleep(3)
            read = server.records_read("cloudtrail")
    times = [ms for ms, _, _ in took]
    slow = [row for row in took if row[0] >= ATTRIBUTE_MS]
    print(f"{arguments.findings:,} findings, {arguments.events:,} records/s coming in ({read:,.0f} of {written:,} read 3 s after the last)\n")
    print("| reads | requests/s | failed | p50 | p99 | longest |\n|---|---|---|---|---|---|")
    print(f"| mixed, {CONNECTIONS} connections (wrk) | {rate:,.0f} | {failed} | {p50:.1f} ms | {p99:.1f} ms | {longest:.1f} ms |")
    print(f"\nListFindings by each of {known} attributes ({carried} carried by a sample of 1,000), rare, common and absent value: "
          f"{len(times)} requests, {refused} refused, median {times[len(times) // 2]:.1f} ms, p99 {times[len(times) * 99 // 100]:.1f} ms, "
          f"longest {took[-1][0]:.1f} ms ({took[-1][1]}, {took[-1][2]}); {len(slow)} of {ATTRIBUTE_MS} ms or more.")
    if failed or p99 >= P99_MS or slow or read < written or rate < arguments.rate * 0.9:
        sys.exit(1)


main()
