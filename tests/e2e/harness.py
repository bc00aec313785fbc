"""What the end-to-end tests share: running the binary, a server to start, kill and ask, and checks that add up."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

# Feeds fetched on this machine must not show in what is found.
os.environ["XDG_DATA_HOME"] = "/nonexistent"

KINDS = ("cloudtrail", "vpcflow", "dns", "k8saudit")
PARTS = ("processed", "filtered", "duplicate", "quarantined")  # of what was read, exactly
# A test decides itself when time passes: no stream counts as silent, no order of arrival as late.
PATIENT = "\n".join(["[lateness]"] + [f'{kind} = "36500 d"' for kind in KINDS]) + "\n"


class Picket:
    def __init__(self, binary):
        self.binary = os.path.abspath(binary)

    def run(self, *arguments, prefix=(), **options):
        return subprocess.run([*prefix, self.binary, *map(str, arguments)], capture_output=True, timeout=300, **options)

    def scan(self, *arguments, expect=0, **options):
        done = self.run("scan", *arguments, **options)
        if done.returncode != expect:
            fail(f"scan {arguments} ended with {done.returncode}, not {expect}:\n{done.stderr.decode()}")
        return done

    def stats(self, *arguments, expect=0, **options):
        with tempfile.NamedTemporaryFile() as file:
            done = self.scan(*arguments, "--stats", file.name, expect=expect, **options)
            return json.loads(pathlib.Path(file.name).read_text()), done

    def findings(self, data_dir):
        done = self.run("findings", "--all", "--format", "jsonl", "--data-dir", data_dir)
        if done.returncode != 0:
            fail(f"findings ended with {done.returncode}:\n{done.stderr.decode()}")
        return done.stdout

    def serve_to_the_end(self, data_dir, *arguments, **options):
        done = self.run("serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0", "--exit-when-done", *arguments, **options)
        if done.returncode != 0:
            fail(f"serve ended with {done.returncode}:\n{done.stderr.decode()}")
        return done


class Server:
    """`picket serve` in the background, on a free port unless `listen` says otherwise."""

    def __init__(self, picket, data_dir, *arguments, prefix=(), listen="127.0.0.1:0"):
        self.log = open(pathlib.Path(data_dir).with_suffix(".log"), "ab")
        self.process = subprocess.Popen(
            [*prefix, picket.binary, "serve", "--data-dir", str(data_dir), "--listen", listen, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = None

    def wait_ready(self):
        for line in self.process.stdout:
            if found := re.search(r"on (http://\S+)", line):
                self.url = found.group(1)
                return self
        fail(f"serve did not start, code {self.process.wait()}:\n{pathlib.Path(self.log.name).read_text()}")

    def metrics(self):
        with urllib.request.urlopen(self.url + "/metrics", timeout=20) as answer:
            return parse_metrics(answer.read().decode())

    def wait_caught_up(self, seconds=60):
        """Until everything that lay there when this was called has been read."""
        turn = self.metrics()["picket_turns_total"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = self.metrics()
            if now["picket_caught_up"] == 1 and now["picket_turns_total"] >= turn + 2:
                return now
            time.sleep(0.05)
        fail(f"serve was not done after {seconds} s: {now}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self._end()
        if code != 0:
            fail(f"serve ended with {code}:\n{pathlib.Path(self.log.name).read_text()}")

    def _end(self):
        self.process.stdout.close()
        code = self.process.wait(timeout=60)
        self.log.close()
        return code


def parse_metrics(text):
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))}


def of_kind(metrics, name, kind):
    return int(metrics[f'picket_{name}_total{{kind="{kind}"}}'])


def check_balanced(metrics):
    """Invariant 2 over a server's metrics."""
    for kind in KINDS:
        read = of_kind(metrics, "records_read", kind)
        told = {name: of_kind(metrics, f"records_{name}", kind) for name in PARTS}
        if read != sum(told.values()):
            fail(f"{kind}: {read} records read, but {told}")


def check_stats(stats):
    for kind, counts in stats["kinds"].items():
        told = sum(counts[name] for name in PARTS)
        if counts["records_read"] != told:
            fail(f"{kind}: {counts['records_read']} records read, {told} accounted for")


def check_source_ledger(name, ledger):
    """The same over what the server says of one source."""
    if ledger["recordsRead"] != sum(ledger[part] for part in PARTS):
        fail(f"{name}: {ledger}")


def check_as_scanned(metrics, stats, parts=PARTS, more=None, at_least=()):
    """A server's ledger is that of a scan of the same records, nothing came late and nothing was evicted. `more` is what the
    server had to read besides, by kind and part; of the kinds and parts `at_least` it may have read any more."""
    check_balanced(metrics)
    for kind in KINDS:
        for part in parts:
            expected = stats["kinds"][kind][part] + (more or {}).get((kind, part), 0)
            got = of_kind(metrics, part if part == "objects_failed" else f"records_{part}", kind)
            if got < expected or (got > expected and (kind, part) not in at_least):
                fail(f"{kind}: {part} {got}, a scan has {expected}")
    check_none_late(metrics)


def check_none_late(metrics):
    """Nothing came late and nothing was evicted: only then do findings not depend on the order of arrival."""
    late = sum(of_kind(metrics, "records_late", kind) for kind in KINDS)
    evicted = {name: value for name, value in metrics.items() if name.startswith("picket_evicted_total") and value}
    if late or evicted:
        fail(f"{late} records late, evicted {evicted}")


def source_of(picket, data, name):
    """What the server last said of a source."""
    told = json.loads(picket.run("sources", "--data-dir", data, "--format", "json").stdout)
    return next(source for source in told["sources"] if source["name"] == name)


def wait_until(what, condition, seconds=90):
    """What the condition says once it is true."""
    deadline = time.monotonic() + seconds
    while not (got := condition()):
        if time.monotonic() > deadline:
            fail(f"not within {seconds} s: {what}")
        time.sleep(0.2)
    return got


def fail(message):
    print(f"FAILED: {message}", flush=True)
    sys.exit(1)


def check_equal(name, expected, got):
    """Two outputs of `findings`, told apart by line."""
    if expected == got:
        print(f"ok: {name}", flush=True)
        return
    left, right = expected.splitlines(), got.splitlines()
    message = [f"{name}: findings differ ({len(left)} and {len(right)})"]
    for a, b in zip(left, right):
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            message += [f"  expected …{a[max(0, at - 200):at + 200]!r}", f"  got      …{b[max(0, at - 200):at + 200]!r}"]
            break
    for missing in sorted({json.loads(x)["id"] + " " + json.loads(x)["type"] for x in left} -
                          {json.loads(x)["id"] + " " + json.loads(x)["type"] for x in right}):
        message.append(f"  lost: {missing}")
    for more in sorted({json.loads(x)["id"] + " " + json.loads(x)["type"] for x in right} -
                       {json.loads(x)["id"] + " " + json.loads(x)["type"] for x in left}):
        message.append(f"  more: {more}")
    fail("\n".join(message))


class Workspace:
    """A folder that goes away, unless the test fails and PICKET_KEEP is set."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="picket-e2e-"))
        return self.path

    def __exit__(self, kind, value, trace):
        if kind is not None and os.environ.get("PICKET_KEEP"):
            print(f"kept {self.path}")
            return
        shutil.rmtree(self.path, ignore_errors=True)


def generate(root, out, *arguments):
    subprocess.run([sys.executable, str(pathlib.Path(root) / "tools/generate_samples.py"), "--out", str(out), *arguments],
                   check=True, stdout=subprocess.DEVNULL)
    return pathlib.Path(out) / "archive"


def files_below(folder):
    return sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())


def put(source, target):
    """As log agents do: written beside, then renamed, so that it is there whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.parent.parent / f".{target.name}.part"
    shutil.copyfile(source, hidden)
    os.rename(hidden, target)
