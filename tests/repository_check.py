#!/usr/bin/env python3
"""Checks what no compiler sees: the catalog, the cases, the fuzz targets, the order of the folders, the documents.

usage: repository_check.py [--picket BINARY] [ROOT]

Prints every fault found and exits 1 if there is one. With a binary, the documents' commands and the generated
reference are checked against it.
"""
import argparse
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

# A folder includes only from itself and from those above it.
FOLDERS = ["base", "config", "event", "finding", "net", "aws", "ledger", "log", "source", "decode", "integrity", "enrich", "state", "models",
           "store", "engine", "detectors", "rules", "playbook", "respond", "pipeline", "api", "console", "cli"]
# Exceptions, each with its reason.
ALLOWED = {
    ("config", "event"),  # A source's configuration names the kind of log it holds.
    ("source", "decode"),  # A file is known for a log by a look at its first bytes.
}

# Formats that read foreign bytes: the source file and the fuzz target that feeds it.
PARSERS = {
    "src/decode/cloudtrail.cpp": "cloudtrail", "src/decode/flow.cpp": "flow", "src/decode/dns.cpp": "dns",
    "src/decode/audit.cpp": "audit", "src/decode/inflate.cpp": "object", "src/decode/sniff.cpp": "object",
    "src/decode/envelope.cpp": "object", "src/decode/object.cpp": "object",
    "src/enrich/list_parser.cpp": "intel_list", "src/aws/sigv4.cpp": "sigv4", "src/aws/policy.cpp": "policy",
    "src/api/neighbours.cpp": "neighbour", "src/api/validate.cpp": "api_request",
    "src/api/router.cpp": "api_request", "src/store/criteria.cpp": "criteria", "src/store/page_token.cpp": "page_token",
    "src/rules/sigma.cpp": "sigma", "src/rules/sigma_condition.cpp": "sigma", "src/rules/sigma_values.cpp": "sigma",
    "src/aws/s3.cpp": "s3_url", "src/source/notification.cpp": "notification", "src/integrity/digest.cpp": "digest",
    "src/source/intake.cpp": "pushed", "src/source/firehose.cpp": "pushed", "src/decode/refused.cpp": "pushed",
    "src/rules/condition.cpp": "condition", "src/rules/json_functions.cpp": "condition",
    "src/aws/xml.cpp": "xml", "src/playbook/finding_facts.cpp": "playbook", "src/playbook/run.cpp": "playbook",
    "src/respond/event_pattern.cpp": "event_pattern", "src/respond/input.cpp": "event_pattern",
    "src/state/facts.cpp": "facts", "src/state/inventory_import.cpp": "facts", "src/state/bucket_policy.cpp": "facts",
}
# A source file whose name says that it parses or decodes must be in the table above or begin one of these.
PARSER_NAME = re.compile(r"(parser|decoder|criteria|page_token|sigv4|_import|_policy)\.cpp$")

# Assembled, so that this file does not find itself.
FORBIDDEN = [re.compile("|".join(words)) for words in (
    ["/" + "work/", "/" + "farm/", "/tmp/" + "bash_jobs", r"\.\./" + "shared"],
    ["farm-" + "bench", "farm-" + "studio", "before-" + "stop"],
    ["npmjs" + r"\.org", "deb" + r"\.debian\.org", "pypi" + r"\.org", "maven" + r"\.org", "crates" + r"\.io"],
    [r"\b(" + "TO" + "DO|FIX" + "ME|X" + r"XX)\b"],
)]
LOCK_FILES = {"package-lock.json"}


class Faults(list):
    def __call__(self, place, text):
        self.append(f"{place}: {text}")


def tracked(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        return [root / name for name in names if name and (root / name).is_file()]
    return [path for path in root.rglob("*") if path.is_file() and not {".git", "build", "node_modules", ".venv"}
            & set(path.relative_to(root).parts)]


def text_of(path):
    data = path.read_bytes()
    return None if b"\0" in data[:8192] else data.decode("utf-8", errors="replace")


def check_catalog(root, fault):
    folder = root / "src/detectors"
    catalog = re.findall(r'^DETECTOR\((\w+), "([^"]+)"\)', (folder / "catalog.def").read_text(), re.M)
    literals = {}
    for source in folder.rglob("*.cpp"):
        if source.name.endswith("_test.cpp"):
            continue
        for name in re.findall(r"^(?:extern )?const Detector (\w+)\b", source.read_text(), re.M):
            literals[name] = source.relative_to(folder).with_suffix("").as_posix()
    for name, path in catalog:
        if literals.get(name) != path:
            fault("src/detectors/catalog.def", f"{name} is not declared in src/detectors/{path}.cpp")
        check_cases(folder, path, fault)
    for name, path in literals.items():
        if (name, path) not in catalog:
            fault(f"src/detectors/{path}.cpp", f"{name} has no line in catalog.def")
    for name in {name for name, _ in catalog if sum(name == other for other, _ in catalog) > 1}:
        fault("src/detectors/catalog.def", f"{name} stands there twice")


def check_custom_rules(root, fault):
    names = re.findall(r'^name = "(\w+)"$', (root / "data/rules/custom_detection_rules.toml").read_text(), re.M)
    cases = root / "src/rules/custom_detection_rules"
    for name in names:
        check_cases(cases, name, fault)
    for folder in cases.iterdir():
        if folder.name not in names:
            fault(folder.relative_to(root), "is of no custom detection rule")


def check_cases(folder, path, fault):
    cases = folder / path
    place = f"{folder.relative_to(folder.parents[1])}/{path}"
    if not cases.is_dir():
        return fault(place, "has no folder of cases")
    names = sorted(entry.name for entry in cases.iterdir())
    fires = {name.split(".")[0] for name in names if name.startswith("fires_")}
    if not fires:
        fault(place, "has no fires_ case")
    if not any(name.startswith("quiet_") for name in names):
        fault(place, "has no quiet_ case")
    for case in sorted(fires):
        expected = cases / f"{case}.findings.json"
        if not expected.exists():
            fault(f"{place}/{case}", "has no .findings.json")
        elif not json.loads(expected.read_text()):
            fault(f"{place}/{case}", "expects no finding, so it is no fires_ case")


def check_required_types(root, binary, fault):
    """Every type that needs no learning (tests/required_types.json) has a detector and a case that fires."""
    answer = subprocess.run([binary, "detectors", "--format", "json"], capture_output=True, check=False)
    raised = {entry["type"]: entry for entry in json.loads(answer.stdout)} if answer.returncode == 0 else {}
    fired = set()
    for expected in (root / "src").rglob("fires_*.findings.json"):
        fired.update(finding["type"] for finding in json.loads(expected.read_text()))
    for required in json.loads((root / "tests/required_types.json").read_text()):
        name = required["type"]
        if required["plan"] == "CustomRules":
            continue  # Raised by the rules of src/rules, which have tests of their own.
        if name not in raised:
            fault("src/detectors", f"no detector raises {name}")
            continue
        if raised[name]["origin"] != "guardduty":
            fault("src/detectors", f"{name} is GuardDuty's type, but its detector says {raised[name]['origin']}")
        if name not in fired:
            fault("src/detectors", f"no case fires {name}")


def check_fuzz_targets(root, fault):
    for source, target in PARSERS.items():
        if not (root / source).exists():
            fault("tests/repository_check.py", f"{source} of the table of parsers is not there")
        if not (root / f"fuzz/fuzz_{target}.cpp").exists():
            fault(source, f"has no fuzz target fuzz/fuzz_{target}.cpp")
    for target in (root / "fuzz").glob("fuzz_*.cpp"):
        seeds = root / "fuzz/corpus" / target.stem.removeprefix("fuzz_")
        if not seeds.is_dir() or not any(seeds.iterdir()):
            fault(f"fuzz/{target.name}", f"has no seeds in {seeds.relative_to(root)}")
    for source in (root / "src").rglob("*.cpp"):
        name = source.relative_to(root).as_posix()
        if PARSER_NAME.search(name) and not name.startswith("src/detectors/") and name not in PARSERS:
            fault(name, "seems to parse, but the table of parsers in tests/repository_check.py names no fuzz target for it")


def check_folders(root, fault):
    for source in sorted((root / "src").rglob("*")):
        if source.suffix not in {".cpp", ".h"}:
            continue
        name = source.relative_to(root).as_posix()
        folder = source.relative_to(root / "src").parts[0]
        if folder not in FOLDERS:
            fault(name, f"folder src/{folder} is not in the table of ARCHITECTURE.md")
            continue
        for included in re.findall(r'^#include "(\w+)/', source.read_text(), re.M):
            if included in FOLDERS and FOLDERS.index(included) > FOLDERS.index(folder) and (folder, included) not in ALLOWED:
                fault(name, f"includes from {included}/, which stands below {folder}/")


def check_words(root, files, fault):
    for path in files:
        name = path.relative_to(root).as_posix()
        if path.name in LOCK_FILES or name.startswith(("data/", "fuzz/corpus/")):
            continue
        text = text_of(path)
        for number, line in enumerate((text or "").splitlines(), 1):
            for pattern in FORBIDDEN:
                found = pattern.search(line)
                if found:
                    fault(f"{name}:{number}", f"names {found.group(0)!r}")


def commands_of(text):
    """Commands that start with `picket` in code blocks (after an optional prompt) and in inline code."""
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S):
        joined = block.replace("\\\n", " ")
        for line in joined.splitlines():
            found = re.match(r"\s*(?:\$ )?(?:\S*/)?picket (.+)", line)
            if found:
                yield found.group(1)
    for inline in re.findall(r"`(?:\$ )?picket ([^`\n]+)`", text):
        yield inline


def check_commands(root, binary, fault):
    subcommands = {}

    def help_of(words):
        if words not in subcommands:
            done = subprocess.run([binary, *words, "--help"], capture_output=True, text=True, check=False)
            subcommands[words] = done.stdout if done.returncode == 0 else None
        return subcommands[words]

    documents = [root / "README.md", root / "ARCHITECTURE.md", root / "CONTRIBUTING.md", root / "samples/README.md",
                 *sorted((root / "docs").glob("*.md"))]
    for document in documents:
        if not document.exists():
            fault(document.name, "is missing")
            continue
        place = document.relative_to(root)
        for command in commands_of(document.read_text()):
            command = re.sub(r"(^|\s)#.*|\s{2,}\S.*|[|>;].*|…", "", command)
            words = shlex.split(command)
            if not words:
                continue
            if words[0].startswith("-"):
                continue
            text = help_of((words[0],))
            path = (words[0],)
            if text is None:
                fault(place, f"picket {words[0]}: no such command")
                continue
            for word in words[1:]:
                if "ubcommands:" not in text or not re.search(rf"^  {re.escape(word)}\s", text.split("ubcommands:")[-1], re.M):
                    break
                path += (word,)
                text = help_of(path) or ""
            for flag in (word.split("=")[0] for word in words if word.startswith("--")):
                if not re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text):
                    fault(place, f"picket {' '.join(path)} has no flag {flag}")


def check_generated(root, binary, fault):
    done = subprocess.run([sys.executable, root / "tools/generate_docs.py", "--picket", binary, "--check", root],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fault("docs", (done.stdout + done.stderr).strip())


def check_format(root, files, fault):
    formatter = shutil.which("clang-format-19")
    if formatter is None:
        print("clang-format-19 is not installed: the layout is not checked")
        return
    sources = [str(path) for path in files if path.suffix in {".cpp", ".h"}]
    done = subprocess.run([formatter, "--dry-run", "--Werror", *sources], capture_output=True, text=True, check=False, cwd=root)
    for name in sorted({line.split(":")[0] for line in done.stderr.splitlines() if " error: " in line}):
        fault(pathlib.Path(name).relative_to(root), "is not as clang-format-19 writes it (make format)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picket", type=pathlib.Path)
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    fault = Faults()
    files = tracked(root)
    check_catalog(root, fault)
    check_custom_rules(root, fault)
    check_fuzz_targets(root, fault)
    check_folders(root, fault)
    check_words(root, files, fault)
    check_format(root, files, fault)
    if arguments.picket:
        check_commands(root, arguments.picket, fault)
        check_generated(root, arguments.picket, fault)
        check_required_types(root, arguments.picket, fault)
    for line in fault:
        print(line)
    print(f"{len(fault)} faults" if fault else "the repository is in order")
    sys.exit(1 if fault else 0)


if __name__ == "__main__":
    main()
