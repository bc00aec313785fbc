"""What measuring programs share that start `picket serve`: signed calls, metrics, a server that ends."""
import configparser
import contextlib
import datetime
import hashlib
import hmac
import http.client
import json
import re
import subprocess
import threading
import time

REGION = "eu-central-1"


def signed(host, key, secret, method, path, body, region=REGION):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{region}/guardduty/aws4_request"
    digest = hashlib.sha256(body.encode()).hexdigest()
    canonical = f"{method}\n{path}\n\nhost:{host}\nx-amz-date:{now}\n\nhost;x-amz-date\n{digest}"
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.new(signing, to_sign.encode(), "sha256").hexdigest()
    return {"Host": host, "X-Amz-Date": now, "Content-Type": "application/json",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"}


class Api:
    def __init__(self, port, credentials, region=REGION):
        self.host, self.region = f"127.0.0.1:{port}", region
        profile = configparser.ConfigParser()
        profile.read(credentials)
        self.key = (profile["default"]["aws_access_key_id"], profile["default"]["aws_secret_access_key"])
        self.connection = http.client.HTTPConnection(self.host)

    def headers(self, path, body, method="POST"):
        return signed(self.host, *self.key, method, path, body, self.region)

    def ask(self, path, body, method="POST"):
        """Status, answer and milliseconds."""
        headers = self.headers(path, body, method)
        start = time.perf_counter()
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text), (time.perf_counter() - start) * 1000


class Server:
    """The process, its port, and other addresses that it told."""

    def __init__(self, process):
        self.process, self.told = process, []
        for line in process.stdout:
            self.told.append(line)
            if found := re.search(r"on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.told.append(line)

    def endpoint(self):
        """Firehose's."""
        while True:
            for line in self.told:
                if line.startswith("Firehose delivers to "):
                    return line.split()[-1]
            time.sleep(0.05)

    def metrics(self):
        connection = http.client.HTTPConnection(f"127.0.0.1:{self.port}")
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))}

    def records_read(self, kind):
        return self.metrics()[f'picket_records_read_total{{kind="{kind}"}}']


@contextlib.contextmanager
def serving(build, data, *arguments):
    process = subprocess.Popen([build / "picket", "serve", "--data-dir", data, "--listen", "127.0.0.1:0", *map(str, arguments)],
                               stdout=subprocess.PIPE, stderr=open(data.with_suffix(".log"), "ab"), text=True)
    try:
        yield Server(process)
    finally:
        process.terminate()
        process.wait()
