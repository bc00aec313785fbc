"""The sample archive as senders push it: records of an object, requests of Amazon Data Firehose, lines."""
import base64
import gzip
import http.client
import json
import re
import shutil
import socket
import ssl
import urllib.parse
import uuid

from harness import fail, files_below


def text_of(data):
    """Member after member, as some deliveries have several."""
    while data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    return data


def subscription(cluster, account, stream, messages):
    """What CloudWatch Logs puts into a record of Firehose: packed."""
    told = {"messageType": "DATA_MESSAGE", "owner": account, "logGroup": f"/aws/eks/{cluster}/cluster", "logStream": stream,
            "subscriptionFilters": ["to-picket"],
            "logEvents": [{"id": f"{number:056}", "timestamp": 1789000000000 + number, "message": message}
                          for number, message in enumerate(messages)]}
    return gzip.compress(json.dumps(told).encode(), mtime=0)


CONTROL_MESSAGE = gzip.compress(json.dumps({
    "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "", "subscriptionFilters": [],
    "logEvents": [{"id": "", "timestamp": 1789000000000, "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose."}],
}).encode(), mtime=0)


class Delivery:
    """One object of the archive as records; what only its key says goes beside them."""

    def __init__(self, key, data, audit_account):
        self.key = key
        found = re.search(r"AWSLogs/(?:o-\w+/)?(\d{12})/\w+/([a-z]+-[a-z]+-\d)?", key)
        account, region = (found[1], found[2]) if found else (audit_account, None)
        self.attributes = {name: value for name, value in (("account", account), ("region", region)) if value}
        text = text_of(data).decode()
        if "/CloudTrail/" in key:
            self.records = [json.dumps(record).encode() for record in json.loads(text)["Records"]]
        elif "exportedlogs/" in key:
            stream = key.split("/")[-2]
            messages = [line.split(" ", 1)[1] for line in text.splitlines()]
            self.records = [subscription("parcel-prod", audit_account, stream, messages[at:at + 50])
                            for at in range(0, len(messages), 50)]
        elif "/vpcflowlogs/" in key:
            # As flow logs reach Firehose; there is no header line.
            header, *lines = text.splitlines()
            self.attributes["flow_format"] = header
            self.records = [json.dumps({"message": line}).encode() for line in lines]
        else:
            self.records = [line.encode() for line in text.splitlines()]


def deliveries(archive, audit_account):
    """Of every log in the archive that can be told in records; digests are none."""
    for path in files_below(archive):
        key = str(path.relative_to(archive))
        if "CloudTrail-Digest" in key or key.startswith("subscription/"):
            continue
        yield Delivery(key, path.read_bytes(), audit_account)


class Request:
    """One request of Firehose; sent again it has the same id."""

    def __init__(self, records, attributes=None, packed=True):
        self.id = str(uuid.uuid4())
        body = json.dumps({"requestId": self.id, "timestamp": 1789000000000,
                           "records": [{"data": base64.b64encode(record).decode()} for record in records]}).encode()
        self.headers = {"Content-Type": "application/json", "X-Amz-Firehose-Protocol-Version": "1.0",
                        "X-Amz-Firehose-Request-Id": self.id,
                        "X-Amz-Firehose-Source-Arn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/logs",
                        "X-Amz-Firehose-Common-Attributes": json.dumps({"commonAttributes": attributes or {}})}
        if packed:
            self.headers["Content-Encoding"] = "gzip"
        self.body = gzip.compress(body, mtime=0) if packed else body

    def send(self, url, key, body=None, headers=None, timeout=30, trust=None):
        """Status and answer; an answer that breaks the protocol fails the test. `trust`: a certificate, of https."""
        place = urllib.parse.urlparse(url)
        connection = (http.client.HTTPSConnection(place.hostname, place.port, timeout=timeout, context=ssl.create_default_context(cafile=trust))
                      if trust else http.client.HTTPConnection(place.hostname, place.port, timeout=timeout))
        try:
            connection.request("POST", place.path, self.body if body is None else body,
                               self.headers | {"X-Amz-Firehose-Access-Key": key} | (headers or {}))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        told = json.loads(text)
        if answer.getheader("Content-Type") != "application/json" or answer.getheader("Content-Length") != str(len(text)):
            fail(f"an answer with wrong headers: {answer.getheaders()}")
        if told["requestId"] != self.id or not isinstance(told["timestamp"], int) or ("errorMessage" in told) == (answer.status == 200):
            fail(f"an answer that Firehose does not take: {answer.status} {told}")
        return answer.status, told


class Lines:
    """A sender of lines that goes on behind what it was told is stored."""

    def __init__(self, path, lines):
        self.path, self.lines, self.stored, self.connections = path, lines, 0, 0

    def send(self, until, seconds=60):
        """Until so many are stored, or the server goes away."""
        self.connections += 1
        begin = self.stored
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(self.path))
            connection.sendall(b"".join(line + b"\n" for line in self.lines[begin:until]))
            answers = b""
            while self.stored < until:
                got = connection.recv(4096)
                if not got:
                    return
                answers += got
                if b"\n" in answers:
                    self.stored = begin + int(answers.splitlines()[answers.count(b"\n") - 1])


def endpoint_of(server):
    """Firehose's endpoint, which took a free port."""
    for line in server.process.stdout:
        if line.startswith("Firehose delivers to "):
            return line.split()[-1]
    fail("no endpoint was told")


def without_objects(findings):
    """Where records lie depends on the route they came by; everything else of a finding does not."""
    out = []
    for line in findings.splitlines():
        finding = json.loads(line)
        told = finding["service"]["additionalInfo"]
        told.pop("value")  # the same as text
        records = told["picket"]["records"]
        for record in records:
            del record["object"], record["position"]
        records.sort(key=json.dumps)
        out.append(json.dumps(finding, sort_keys=True).encode())
    return b"\n".join(sorted(out))


def archive_of(root, work):
    """What is pushed, as objects."""
    objects = work / "objects"
    shutil.copytree(root / "samples/archive", objects, ignore=shutil.ignore_patterns("CloudTrail-Digest", "subscription"))
    return objects
