#!/usr/bin/env python3
"""Tries the API with real clients: boto3, the AWS CLI, @aws-sdk/client-guardduty.

usage: run.py --server build/release/tests/api/picket_api_test_server
       run.py --picket build/release/picket
       run.py --endpoint http://127.0.0.1:7788 --credentials DATA_DIR/credentials [--profile NAME]

The clients are installed once beside this file (pinned in requirements.txt and package-lock.json). They raise sample
findings, tag the detector and archive findings for a moment, so give them a data directory of their own.
"""
import argparse
import fcntl
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
VENV = HERE / ".venv"
MODELS = VENV / "models"


def install_python_clients():
    """Does nothing when what is pinned is there already. Tests that run side by side wait for the first."""
    stamp = VENV / "installed"
    with (HERE / "requirements.txt").open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pinned = file.read()
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != pinned:
            venv.create(VENV, with_pip=True, clear=True)
            subprocess.run([VENV / "bin/pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
            unpack_model()
            stamp.write_text(pinned, encoding="utf-8")


def enter_venv(install_more=lambda: None):
    """Goes on in the virtual environment, which is installed first where it is not there."""
    if pathlib.Path(sys.prefix) == VENV:
        return
    if os.environ.get("PICKET_TEST_VENV"):
        sys.exit(f"{VENV} is damaged: remove it")
    install_python_clients()
    install_more()
    environment = os.environ | {"PICKET_TEST_VENV": "1"}
    sys.exit(subprocess.run([VENV / "bin/python", *sys.argv], env=environment, check=False).returncode)


def install_clients():
    install_python_clients()
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    stamp = HERE / "node_modules/installed"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
        stamp.write_text(lock, encoding="utf-8")


def unpack_model():
    """The pinned botocore's GuardDuty model where an older AWS CLI finds it by AWS_DATA_PATH."""
    packed = next(VENV.glob("lib/python*/site-packages/botocore/data/guardduty/*/service-2.json.gz")).parent
    unpacked = MODELS / "guardduty" / packed.name
    unpacked.mkdir(parents=True, exist_ok=True)
    for file in packed.iterdir():
        data = file.read_bytes()
        name = file.name.removesuffix(".gz")
        (unpacked / name).write_bytes(data if name == file.name else gzip.decompress(data))


def environment_of(endpoint, credentials, profile, aws):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"PICKET_ENDPOINT": endpoint, "PICKET_AWS": aws,
                    "AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_CONFIG_FILE": os.devnull,
                    "AWS_PROFILE": profile, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "AWS_DATA_PATH": str(MODELS),
                    "NO_PROXY": "127.0.0.1,localhost"}
    return environment


def run_clients(environment):
    failed = []
    for name, command in (("boto3", [VENV / "bin/python", HERE / "client_boto3.py"]),
                          ("accounts, with boto3 and the AWS CLI", [VENV / "bin/python", HERE / "client_accounts.py"]),
                          ("AWS CLI", [VENV / "bin/python", HERE / "client_cli.py"]),
                          ("Terraform's calls", [VENV / "bin/python", HERE / "client_terraform.py"]),
                          ("JavaScript", ["node", "--test", HERE / "client_js.mjs"])):
        print(f"== {name}", flush=True)
        if subprocess.run(command, env=environment, cwd=HERE, check=False).returncode != 0:
            failed.append(name)
    return failed


class Server:
    """The test server on a data directory of its own."""

    def __init__(self, program, check=None):
        self.check = check  # of the data directory, once the server has ended
        self.data_dir = pathlib.Path(tempfile.mkdtemp(prefix="picket_api_"))
        self.process = subprocess.Popen([program, self.data_dir], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            sys.exit("the server did not start")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(timeout=30) != 0:
            sys.exit(f"the server ended with {self.process.returncode}")
        if self.check:
            self.check(self.data_dir)
        shutil.rmtree(self.data_dir)


def run_on_fresh_servers(program, aws):
    """What begins with an untouched detector."""
    failed = []
    for name, command in (("walk with boto3", [VENV / "bin/python", HERE / "walk.py"]),
                          ("walk with JavaScript", ["node", HERE / "walk.mjs"]),
                          ("Terraform", [sys.executable, HERE / "terraform/terraform.py", "main.tf"])):
        print(f"== {name}", flush=True)
        with Server(program) as server:
            environment = environment_of(server.endpoint, server.data_dir / "credentials", "default", aws)
            if subprocess.run(command, env=environment, cwd=HERE, check=False).returncode != 0:
                failed.append(name)
    print("== kill -9", flush=True)
    if subprocess.run([VENV / "bin/python", HERE / "kill_loop.py", program], cwd=HERE, check=False,
                      env=environment_of("", "", "default", aws)).returncode != 0:
        failed.append("kill -9")
    return failed


def check_audit_log(picket, data_dir):
    """What was called lies there as CloudTrail delivers it, and picket reads it as a source."""
    stats = data_dir / "stats.json"
    subprocess.run([picket, "scan", data_dir / "audit", "--stats", stats], check=True, capture_output=True)
    read = json.loads(stats.read_text(encoding="utf-8"))["kinds"]["cloudtrail"]
    if read["objects"] == 0 or read["records_read"] == 0 or read["records_read"] != read["processed"]:
        sys.exit(f"the audit log was not read as a source: {read}")
    print(f"audit log: {read['records_read']} calls in {read['objects']} objects, all read by picket scan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="test server to start")
    parser.add_argument("--picket", help="with --server: the binary that reads the audit log afterwards; "
                        "alone: the one whose lists, filters and publishing to try")
    parser.add_argument("--endpoint")
    parser.add_argument("--credentials")
    parser.add_argument("--profile", default="default")
    parser.add_argument("--aws", default=str(VENV / "bin/aws"), 
                        help="another AWS CLI than the pinned one, such as the distribution's")
    arguments = parser.parse_args()
    if arguments.picket and not arguments.server:
        install_clients()
        sys.exit(subprocess.run([VENV / "bin/python", HERE / "sets.py", arguments.picket], check=False).returncode)
    if bool(arguments.server) == bool(arguments.endpoint) or bool(arguments.endpoint) != bool(arguments.credentials):
        parser.error("give --server, or --endpoint and --credentials")
    install_clients()
    if arguments.endpoint:
        failed = run_clients(environment_of(arguments.endpoint, pathlib.Path(arguments.credentials).resolve(),
                                            arguments.profile, arguments.aws))
    else:
        audit = (lambda data_dir: check_audit_log(arguments.picket, data_dir)) if arguments.picket else None
        with Server(arguments.server, audit) as server:
            failed = run_clients(environment_of(server.endpoint, server.data_dir / "credentials", arguments.profile,
                                                arguments.aws))
        failed += run_on_fresh_servers(arguments.server, arguments.aws)
    if failed:
        sys.exit("failed: " + ", ".join(failed))
    print("all clients passed")


if __name__ == "__main__":
    main()
