#!/usr/bin/env python3
"""Writes sigv4_specification.json: requests signed by this small reading of the Signature Version 4 specification, which
shares nothing with sigv4.cpp. The cases are those of AWS's published suite that apply to a service which encodes its path
twice, under its key, date and Region.

usage: make_vectors.py > sigv4_specification.json
"""
import hashlib
import hmac
import json
import urllib.parse

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION, SERVICE, DATE = "us-east-1", "service", "20150830T123600Z"
HOST = ["Host", "example.amazonaws.com"]
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/"


def encoded(text):
    return urllib.parse.quote(text, safe="-_.~")


def canonical_path(path):
    """Dot segments and repeated slashes go, then every segment is encoded as it stands: what was encoded is again."""
    segments = []
    for segment in path.split("/"):
        if segment == ".." and segments:
            segments.pop()
        elif segment not in ("", ".", ".."):
            segments.append(segment)
    tail = "/" if path.endswith(("/", "/.", "/..")) and segments else ""
    return "/" + "/".join(encoded(segment) for segment in segments) + tail


def canonical_query(query):
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    return "&".join(f"{name}={value}" for name, value in
                    sorted((encoded(urllib.parse.unquote(n)), encoded(urllib.parse.unquote(v))) for n, v in pairs))


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(name, method="GET", path="/", query="", headers=(), body="", token=None):
    headers = [HOST, *map(list, headers), ["X-Amz-Date", DATE], *([["X-Amz-Security-Token", token]] if token else [])]
    values = {}
    for key, value in headers:
        values.setdefault(key.lower(), []).append(" ".join(value.split()))
    names = ";".join(sorted(values))
    canonical = "\n".join([method, canonical_path(path), canonical_query(query),
                           *(f"{key}:{','.join(values[key])}" for key in sorted(values)), "", names,
                           hashlib.sha256(body.encode()).hexdigest()])
    scope = f"{DATE[:8]}/{REGION}/{SERVICE}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", DATE, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = mac(key, part)
    signature = mac(key, to_sign).hex()
    headers.append(["Authorization",
                    f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"])
    return {"name": name, "method": method, "path": path, "query": query, "body": body, "token": token or "",
            "headers": headers}


UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = [["Content-Type", "application/x-www-form-urlencoded; charset=utf8"]]
VECTORS = [
    signed("get-vanilla"),
    signed("get-vanilla-empty-query-key", query="Param1=value1"),
    signed("get-vanilla-query-order-key", query="Param1=value2&Param1=Value1"),
    signed("get-vanilla-query-order-key-case", query="Param2=value2&Param1=value1"),
    signed("get-vanilla-query-order-value", query="Param1=value2&Param1=value1"),
    signed("get-vanilla-query-order-encoded", query="Param-3=Value3&Param=Value2&%E1%88%B4=Value1"),
    signed("get-vanilla-query-unreserved", query=f"{UNRESERVED}={UNRESERVED}"),
    signed("get-vanilla-utf8-query", query="%E1%88%B4=bar"),
    signed("query key without value", query="flag"),
    signed("query value with blank and slash", query="a=b%20c&d=%2Fe"),
    signed("query with lower-case escapes", query="a=%2f%e1%88%b4"),
    signed("get-unreserved", path=f"/{UNRESERVED}"),
    signed("get-utf8", path="/%E1%88%B4"),
    signed("path encoded twice", path="/tags/arn%3Aaws%3Aguardduty%3Aeu-west-1%3A1%3Adetector%2F0"),
    signed("path with space", path="/example%20space/"),
    signed("normalize-path get-slash", path="//"),
    signed("normalize-path get-slashes", path="//example//"),
    signed("normalize-path get-slash-dot-slash", path="/./"),
    signed("normalize-path get-relative", path="/example/.."),
    signed("normalize-path get-relative-relative", path="/example1/example2/../.."),
    signed("get-header-key-duplicate", headers=[["My-Header1", "value2"], ["My-Header1", "value2"],
                                                ["My-Header1", "value1"]]),
    signed("get-header-value-order", headers=[["My-Header1", "value4"], ["My-Header1", "value1"],
                                              ["My-Header1", "value3"], ["My-Header1", "value2"]]),
    signed("get-header-value-trim", headers=[["My-Header1", " value1"], ["My-Header2", " \"a   b   c\" "]]),
    signed("get-header-value-utf8", headers=[["My-Header1", "Zürich ☃"]]),
    signed("post-vanilla", method="POST"),
    signed("post-vanilla-query", method="POST", query="Param1=value1"),
    signed("post-header-key-case", method="POST", headers=[["MY-HEADER1", "value1"]]),
    signed("post-header-key-sort", method="POST", headers=[["Zeta", "1"], ["Alpha", "2"]]),
    signed("post-header-value-case", method="POST", headers=[["My-Header1", "VALUE1"]]),
    signed("post-sts-header-before", method="POST", token=TOKEN),
    signed("post-x-www-form-urlencoded", method="POST", headers=FORM[:0] + [["Content-Type",
           "application/x-www-form-urlencoded"]], body="Param1=value1"),
    signed("post-x-www-form-urlencoded-parameters", method="POST", headers=FORM, body="Param1=value1"),
    signed("post utf-8 body", method="POST", headers=[["Content-Type", "application/json"]],
           body='{"tags":{"a":"Zürich ☃"}}'),
]

print(json.dumps({"access_key_id": KEY, "secret_access_key": SECRET, "session_token": TOKEN, "region": REGION,
                  "service": SERVICE, "time": "2015-08-30T12:36:00Z", "vectors": VECTORS}, ensure_ascii=False, indent=1))
