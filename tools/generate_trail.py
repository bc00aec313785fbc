#!/usr/bin/env python3
"""Writes a CloudTrail archive with chains of signed digest files, as CloudTrail delivers them, and the public keys.

usage: generate_trail.py --out FOLDER [--hours N] [--regions us-east-1,eu-west-1]

FOLDER/AWSLogs is the archive; the digests' metadata lies beside each as `aws s3api head-object` prints it. FOLDER/keys.json
is what `aws cloudtrail list-public-keys` would print. The key is made anew from a fixed seed: it proves nothing to anyone.
Python's standard library only.
"""
import argparse
import base64
import datetime
import gzip
import hashlib
import json
import pathlib
import random

ACCOUNT = "111122223333"
BUCKET = "example-trail-logs"
TRAIL = "every_region"
HOME = "us-east-1"
START = datetime.datetime(2026, 9, 14, tzinfo=datetime.timezone.utc)
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # of PKCS #1: "this is a SHA-256"


class Key:
    """RSA, 2048 bits."""

    def __init__(self, seed=1):
        chance = random.Random(seed)
        p, q = _prime(chance, 1024), _prime(chance, 1024)
        self.n, self.e = p * q, 65537
        self.d = pow(self.e, -1, (p - 1) * (q - 1))
        self.public = _der(0x30, _integer(self.n) + _integer(self.e))
        self.fingerprint = hashlib.md5(self.public).hexdigest()

    def sign(self, text):
        block = SHA256_INFO + hashlib.sha256(text).digest()
        size = (self.n.bit_length() + 7) // 8
        padded = b"\x00\x01" + b"\xff" * (size - len(block) - 3) + b"\x00" + block
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(size, "big").hex()

    def listing(self):
        return {"Value": base64.b64encode(self.public).decode(), "ValidityStartTime": "2026-09-01T00:00:00+00:00",
                "ValidityEndTime": "2026-10-01T00:00:00+00:00", "Fingerprint": self.fingerprint}


def _prime(chance, bits):
    while True:
        number = chance.getrandbits(bits) | 3 << (bits - 2) | 1
        if all(number % small for small in (3, 5, 7, 11, 13, 17, 19, 23)) and _is_prime(chance, number):
            return number


def _is_prime(chance, number, rounds=20):
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(rounds):
        x = pow(chance.randrange(2, number - 1), odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


def _der(tag, body):
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + body


def _integer(number):
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def packed(text):
    return gzip.compress(text, mtime=0)


class Chain:
    """Digests and log files of one Region."""

    def __init__(self, out, key, region, start=START):
        self.out, self.key, self.region, self.time = pathlib.Path(out), key, region, start
        self.previous = None  # key, sha256 and signature
        self.digests, self.logs = [], []  # paths
        self.chance = random.Random(region)

    def place(self, kind, time):
        return f"AWSLogs/{ACCOUNT}/{kind}/{self.region}/{time:%Y/%m/%d}/"

    def write(self, key, data):
        path = self.out / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def log(self, time):
        """One log file, delivered then; its entry in a digest."""
        record = {"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "accountId": ACCOUNT, "userName": "ana",
                  "principalId": "AIDAEXAMPLE", "arn": f"arn:aws:iam::{ACCOUNT}:user/ana"},
                  "eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}", "eventSource": "ec2.amazonaws.com",
                  "eventName": "DescribeInstances", "awsRegion": self.region, "sourceIPAddress": "198.51.100.7",
                  "userAgent": "aws-cli/2", "eventID": f"{self.chance.getrandbits(128):032x}", "readOnly": True,
                  "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT}
        text = json.dumps({"Records": [record]}).encode()
        name = "".join(self.chance.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") for _ in range(16))
        key = self.place("CloudTrail", time) + f"{ACCOUNT}_CloudTrail_{self.region}_{time:%Y%m%dT%H%MZ}_{name}.json.gz"
        self.logs.append(self.write(key, packed(text)))
        return {"s3Bucket": BUCKET, "s3Object": key, "hashValue": hashlib.sha256(text).hexdigest(),
                "hashAlgorithm": "SHA-256", "newestEventTime": record["eventTime"], "oldestEventTime": record["eventTime"]}

    def digest(self, logs=2):
        """The next hour: its log files, and the digest that names them."""
        end = self.time + datetime.timedelta(hours=1)
        entries = [self.log(self.time + datetime.timedelta(minutes=15 + 5 * i)) for i in range(logs)]
        key = self.place("CloudTrail-Digest", end) + \
            f"{ACCOUNT}_CloudTrail-Digest_{self.region}_{TRAIL}_{HOME}_{end:%Y%m%dT%H%M%SZ}.json.gz"
        previous_key, previous_hash, previous_signature = self.previous or (None, None, None)
        told = {"awsAccountId": ACCOUNT, "digestStartTime": f"{self.time:%Y-%m-%dT%H:%M:%SZ}",
                "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}", "digestS3Bucket": BUCKET, "digestS3Object": key,
                "digestPublicKeyFingerprint": self.key.fingerprint, "digestSignatureAlgorithm": "SHA256withRSA",
                "newestEventTime": None, "oldestEventTime": None,
                "previousDigestS3Bucket": BUCKET if self.previous else None, "previousDigestS3Object": previous_key,
                "previousDigestHashValue": previous_hash,
                "previousDigestHashAlgorithm": "SHA-256" if self.previous else None,
                "previousDigestSignature": previous_signature, "logFiles": entries}
        text = json.dumps(told).encode()
        sha256 = hashlib.sha256(text).hexdigest()
        to_sign = "\n".join([told["digestEndTime"], f"{BUCKET}/{key}", sha256, previous_signature or "null"])
        signature = self.key.sign(to_sign.encode())
        path = self.write(key, packed(text))
        metadata_of(path).write_text(json.dumps({"ContentType": "application/json", "Metadata": {
            "signature": signature, "signature-algorithm": "SHA256withRSA"}}))
        self.digests.append(path)
        self.previous = (key, sha256, signature)
        self.time = end
        return path

    def skip(self, hours):
        """Validation is off for that long: the chain begins anew."""
        self.time += datetime.timedelta(hours=hours)
        self.previous = None


def metadata_of(digest):
    return digest.with_name(digest.name + ".metadata.json")


def write_keys(out, *keys):
    path = pathlib.Path(out) / "keys.json"
    path.write_text(json.dumps({"PublicKeyList": [key.listing() for key in keys]}))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--regions", default="us-east-1,eu-west-1")
    options = parser.parse_args()
    key = Key()
    for region in options.regions.split(","):
        chain = Chain(options.out, key, region)
        for _ in range(options.hours):
            chain.digest()
    write_keys(options.out, key)


if __name__ == "__main__":
    main()
