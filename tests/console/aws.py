#!/usr/bin/env python3
"""AWS's services as moto serves them, with what the samples' findings name: for the console's playbooks.

Prints the endpoint when it is ready, and ends with its standard input. Runs in the venv of tests/api.
"""
import logging
import sys

import boto3
from moto.iam import iam_backends
from moto.server import ThreadedMotoServer

ACCOUNT, REGION = "777788889999", "eu-west-1"


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each call
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    own = {"endpoint_url": endpoint, "region_name": REGION, "aws_access_key_id": "AKIARESPONDEREXAMPLE", "aws_secret_access_key": "secret"}
    key = boto3.client("sts", **own).assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/picket-responder", RoleSessionName="test")["Credentials"]
    there = {"endpoint_url": endpoint, "region_name": REGION, "aws_access_key_id": key["AccessKeyId"],
             "aws_secret_access_key": key["SecretAccessKey"], "aws_session_token": key["SessionToken"]}
    boto3.client("iam", **there).create_role(RoleName="bastion-ops", AssumeRolePolicyDocument="{}")
    # As the samples' records have it: AWS chooses it itself.
    iam_backends[ACCOUNT]["aws"].get_role("bastion-ops").id = "AROABVXRLPY6WAHS5UYRF"
    print(endpoint, flush=True)
    sys.stdin.read()
    server.stop()


main()
