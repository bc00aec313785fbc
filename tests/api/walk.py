"""Walks the operations that boto3 knows through walk.json; endpoint and credentials come from the environment, see
run.py. walk.mjs does the same for JavaScript, and says what the steps mean."""
import json
import os
import pathlib
import re
import sys

import boto3
import botocore.config
from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).resolve().parent
MODEL = json.loads((HERE / "../../data/api/guardduty.json").read_text(encoding="utf-8"))
TABLE = json.loads((HERE / "walk.json").read_text(encoding="utf-8"))
# What is wrong shall reach the server.
CONFIG = botocore.config.Config(retries={"max_attempts": 1}, parameter_validation=False)
NOBODY = "0" * 32


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class Walk:
    def __init__(self):
        self.clients = {}
        self.saved = {}
        self.served, self.refused, self.chained, self.checked = set(), set(), set(), set()
        client = self.client("default")
        self.methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
        self.saved["region"] = client.meta.region_name
        self.calls = 0

    def client(self, profile):
        if profile not in self.clients:
            session = boto3.Session(profile_name=profile)
            self.clients[profile] = session.client("guardduty", endpoint_url=os.environ["PICKET_ENDPOINT"], config=CONFIG)
        return self.clients[profile]

    def call(self, operation, given, profile="default"):
        """The answer and None, or None and (error code, text)."""
        self.calls += 1
        try:
            return getattr(self.client(profile), self.methods[operation])(**given), None
        except ClientError as error:
            return None, (error.response["Error"]["Code"], error.response["Error"]["Message"])

    def filled(self, value, number):
        if isinstance(value, dict):
            return {self.filled(key, number): self.filled(item, number) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item, number) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith("$") and value[1:] in self.saved:
            return self.saved[value[1:]]
        return re.sub(r"\$\{(\w+)\}", lambda m: str(number if m[1] == "i" else self.saved[m[1]]), value)

    def step(self, step):
        operation = step["op"]
        if operation not in self.methods:
            return
        for number in range(step.get("repeat", 1)):
            given = self.filled(step.get("in", {}), number)
            answer, error = self.call(operation, given, step.get("as", "default"))
            if "error" in step:
                assert error is not None, f"was not refused with {step['error']}"
                assert error[0] == step["error"], error
                assert step.get("text", "") in error[1], error
                self.refused.add((operation, error[0]))
                continue
            assert error is None, error
            self.served.add(operation)
            for name, path in step.get("save", {}).items():
                self.saved[name] = at(answer, path)
            for path, wanted in step.get("has", {}).items():
                assert at(answer, path) == self.filled(wanted, number), (path, at(answer, path))
            if "pages" in step:
                self.pages(operation, given, step["pages"], step.get("as", "default"))
            if operation not in self.checked:
                self.checked.add(operation)
                self.generated(operation, given, step.get("as", "default"))

    def pages(self, operation, given, wanted, profile):
        items, token, count = [], None, 0
        while True:
            more = {"MaxResults": wanted["size"]} | ({"NextToken": token} if token else {})
            answer, error = self.call(operation, given | more, profile)
            assert error is None, error
            page = at(answer, wanted["items"])
            assert len(page) <= wanted["size"], len(page)
            items += [json.dumps(item, default=str, sort_keys=True) for item in page]
            token, count = answer.get("NextToken"), count + 1
            if not token:
                break
        assert len(set(items)) == len(items), "a page repeats what another had"
        assert len(items) == wanted["count"], len(items)
        if count > 1:
            self.chained.add(operation)

    def generated(self, operation, given, profile):
        """What the model says must be refused, with the input that was accepted as the start."""
        row = MODEL["operations"][operation]
        shape = MODEL["shapes"].get(row["input"] or "", {})
        members = shape.get("members", {})

        def refuse(changed, code, text, who=profile):
            _, error = self.call(operation, changed, who)
            assert error is not None, f"{operation} accepted {changed}"
            assert error[0] == code and text in error[1], (changed, error)
            self.refused.add((operation, code))

        for name in shape.get("required", []):
            if members[name].get("location") != "uri":
                refuse({key: value for key, value in given.items() if key != name}, "BadRequestException",
                       f"parameter {members[name]['name']} has an invalid value")
        if members.get("DetectorId", {}).get("location") == "uri":
            refuse(given | {"DetectorId": NOBODY}, "BadRequestException", "is not owned by the current account")
            refuse(given | {"DetectorId": "x"}, "BadRequestException", "parameter detectorId has an invalid value")
        for name, member in members.items():
            kind = MODEL["shapes"][member["shape"]]
            if member.get("location") == "uri" or kind["type"] != "string":
                continue
            if "enum" in kind:
                refuse(given | {name: "NONE_OF_THEM"}, "BadRequestException", member["name"])
            elif "max" in kind and kind["max"] < 10000:
                refuse(given | {name: "x" * (kind["max"] + 1)}, "BadRequestException", member["name"])
        if row.get("paginated"):
            if most := MODEL["shapes"][members["MaxResults"]["shape"]].get("max"):
                for size in (0, most + 1):
                    refuse(given | {"MaxResults": size}, "BadRequestException", "maxResults")
            refuse(given | {"NextToken": "AAAA"}, "BadRequestException", "nextToken")
        if not operation.startswith(("Get", "List", "Describe")):
            refuse(given, "AccessDeniedException", "is not authorized to perform: guardduty:" + operation, "reader")

    def finish(self):
        known = set(self.methods)
        by_design = set(TABLE["refused by design"])
        unserved = known - self.served - by_design
        assert not unserved, f"without a success: {sorted(unserved)}"
        assert by_design & known <= {operation for operation, _ in self.refused}
        paginated = {name for name, row in MODEL["operations"].items() if row.get("paginated")} & known
        unchained = paginated - self.chained - set(TABLE["one page by design"])
        assert not unchained, f"without a chain of pages: {sorted(unchained)}"
        print(f"{len(known)} operations, {len(self.served)} with a success, {len(self.refused)} kinds of refusal, "
              f"{len(self.chained)} chains of pages, {self.calls} calls")


def at(value, path):
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def main():
    walk = Walk()
    for number, step in enumerate(TABLE["steps"]):
        try:
            walk.step(step)
        except (AssertionError, KeyError, IndexError) as wrong:
            sys.exit(f"step {number}, {json.dumps(step)[:300]}: {type(wrong).__name__} {wrong}")
    walk.finish()


main()
