#!/usr/bin/env python3
"""The same records give the same findings, byte for byte: whatever the threads, the route (scan or serve), the
order of arguments, the order and batches of arrival within the lateness, and the names of the files.

    determinism.py BINARY SOURCE_ROOT
"""
import json
import pathlib
import random
import sys

from harness import (PATIENT, Picket, Server, Workspace, check_balanced, check_equal, check_none_late, check_stats, fail,
                     files_below, generate, put)


def without_object_names(findings):
    """Findings with the objects of their proof unnamed: records are told by position and time alone."""
    def clean(value):
        if isinstance(value, dict):
            return {key: "" if key in ("object", "value") else clean(item) for key, item in value.items()}
        return [clean(item) for item in value] if isinstance(value, list) else value
    return b"".join(json.dumps(clean(json.loads(line))).encode() + b"\n" for line in findings.splitlines())


def without_user_state(findings):
    """What only the store knows: whether a user archived it or said it was useful."""
    out = b""
    for line in findings.splitlines():
        finding = json.loads(line)
        for name in ("archived", "userFeedback"):
            finding["service"].pop(name, None)
        out += json.dumps(finding).encode() + b"\n"
    return out


def in_batches(picket, work, name, files, config, threads):
    """Serves a folder that fills in batches, then lets time pass; asserts that nothing counted as late."""
    watched, data = work / name / "watched", work / name / "data"
    watched.mkdir(parents=True)
    server = Server(picket, data, "--watch", watched, "--config", config, "--threads", threads).wait_ready()
    metrics = {}
    for begin in range(0, len(files), max(1, len(files) // 5)):
        for source, key in files[begin:begin + max(1, len(files) // 5)]:
            put(source, watched / key)
        metrics = server.wait_caught_up()
    check_balanced(metrics)
    check_none_late(metrics)
    server.stop()
    # With the ordinary lateness all of it lies far in the past: every window closes, every walk goes on.
    picket.serve_to_the_end(data, "--watch", watched, "--threads", threads)
    return picket.findings(data)


def check_archive(picket, work, name, archive, config, seed):
    work = work / name
    expected = None
    for threads in (1, 2, 8):
        data = work / f"scan{threads}"
        stats, done = picket.stats(archive, "--save", data, "--threads", threads, "--format", "jsonl", "--quiet")
        check_stats(stats)
        if sum(kind["late"] for kind in stats["kinds"].values()) or stats["evicted"]:
            fail(f"{name}: a scan of it calls records late or evicts state: {stats}")
        if expected is None:
            expected = picket.findings(data)
            if not expected:
                fail(f"{name} raises nothing; then nothing is tested")
        check_equal(f"{name}: scan with {threads} threads", expected, picket.findings(data))
        if without_user_state(expected) != b"".join(json.dumps(json.loads(line)).encode() + b"\n" for line in done.stdout.splitlines()):
            check_equal(f"{name}: what scan prints and what it saves", without_user_state(expected), without_user_state(done.stdout))
        times = [(json.loads(line)["createdAt"], json.loads(line)["id"]) for line in expected.splitlines()]
        if times != sorted(times):
            fail(f"{name}: findings are not in order of (createdAt, id)")

    for threads in (1, 8):
        data = work / f"serve{threads}"
        picket.serve_to_the_end(data, "--watch", archive, "--threads", threads)
        check_equal(f"{name}: serve with {threads} threads", expected, picket.findings(data))

    shuffled = random.Random(seed)
    # Each object by itself, in any order; run from the archive, so that keys are the same.
    files = [str(path.relative_to(archive)) for path in files_below(archive)]
    shuffled.shuffle(files)
    picket.scan(*files, "--save", work / "arguments", "--quiet", cwd=archive)
    check_equal(f"{name}: arguments in any order", expected, picket.findings(work / "arguments"))

    arrivals = [(path, str(path.relative_to(archive))) for path in files_below(archive)]
    check_equal(f"{name}: in batches", expected, in_batches(picket, work, "batches", arrivals, config, 2))
    for attempt in range(2):
        shuffled.shuffle(arrivals)
        check_equal(f"{name}: in shuffled batches {attempt}", expected,
                    in_batches(picket, work, f"shuffled{attempt}", arrivals, config, 1 + attempt))

    # Other names in the same folders, so that the planner's order among equal times is another.
    renamed = work / "renamed"
    names = {}
    for path in files_below(archive):
        key = path.relative_to(archive)
        stem, dot, rest = key.name.rpartition("_") if "_" in key.name else ("", "", key.name)
        suffix = "".join(pathlib.Path(rest).suffixes)
        names[str(key)] = str(key.with_name(f"{stem}{dot}{shuffled.randrange(16 ** 8):08x}{suffix}"))
        put(path, renamed / names[str(key)])
    picket.scan(renamed, "--save", work / "scan_renamed", "--quiet")
    check_equal(f"{name}: other names of files", without_object_names(expected),
                without_object_names(picket.findings(work / "scan_renamed")))


def main():
    picket, root = Picket(sys.argv[1]), pathlib.Path(sys.argv[2])
    with Workspace() as work:
        config = work / "patient.toml"
        config.write_text(PATIENT)
        check_archive(picket, work, "sample", root / "samples/archive", config, seed=1)
        larger = generate(root, work / "generated", "--scale", "3", "--days", "6", "--seed", "11")
        check_archive(picket, work, "generated", larger, config, seed=2)


main()
