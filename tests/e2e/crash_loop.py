#!/usr/bin/env python3
"""kill -9 at random points while logs come in; afterwards nothing is lost and nothing counted twice.

    crash_loop.py BINARY SOURCE_ROOT [--rounds N] [--seed N]

A feeder renames objects into the watched folder, lets plain files grow (in the middle of lines too) and
replaces some objects by longer ones. The end is compared with one undisturbed scan of the same folder.
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import threading
import time

from harness import (PARTS, PATIENT, Picket, Server, Workspace, check_as_scanned, check_equal, check_stats, fail, files_below,
                     put)


class Feeder(threading.Thread):
    """Brings the archive's objects, each whole, growing or in two versions, over about `seconds`."""

    def __init__(self, archive, watched, seconds, seed):
        super().__init__(daemon=True)
        self.archive, self.watched, self.seconds = archive, watched, seconds
        self.random = random.Random(seed)
        self.grown = self.replaced = 0
        self.error = None
        self.steps = []
        files = files_below(archive)
        self.random.shuffle(files)
        for number, path in enumerate(files):
            key = str(path.relative_to(archive))
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else b""
            if "/CloudTrail/" in key and number % 3 == 0:
                self.rewrite(text, key)
            elif "/CloudTrail/" in key and number % 3 == 1:
                lines = [json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in json.loads(text)["Records"]]
                self.grow(b"".join(lines), key.removesuffix(".json.gz") + ".jsonl")
            elif ("/vpcflowlogs/" in key or "/vpcdnsquerylogs/" in key) and number % 2 == 0:
                self.grow(text, key.removesuffix(".gz"))
            else:
                self.steps.append(lambda path=path, key=key: put(path, self.watched / key))
        self.weave()

    def grow(self, text, key):
        cuts = sorted(self.random.sample(range(1, len(text)), min(4, len(text) - 1)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
        if not text.endswith(b"\n"):
            pieces[-1] += b"\n"

        def append(piece):
            target = self.watched / key
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "ab") as file:
                file.write(piece)
        self.grown += 1
        self.steps.append([lambda piece=piece: append(piece) for piece in pieces])

    def rewrite(self, text, key):
        records = json.loads(text)["Records"]

        def write(part, stage):
            beside = self.watched.parent / f"{stage}.part"
            beside.write_bytes(gzip.compress(json.dumps({"Records": part}).encode(), mtime=0))
            put(beside, self.watched / key)
        self.replaced += 1
        self.steps.append([lambda: write(records[:len(records) // 2 + 1], "first"), lambda: write(records, "second")])

    def weave(self):
        """Steps of one file stay in order; those of different files mix."""
        waiting = [list(step) if isinstance(step, list) else [step] for step in self.steps]
        active, self.steps = [], []
        while waiting or active:
            while waiting and len(active) < 12:
                active.append(waiting.pop())
            chosen = self.random.choice(active)
            self.steps.append(chosen.pop(0))
            if not chosen:
                active.remove(chosen)

    def run(self):
        try:
            for step in self.steps:
                step()
                time.sleep(self.seconds / len(self.steps))
        except Exception as error:  # told by the main thread
            self.error = error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    picket, moments = Picket(options.binary), random.Random(options.seed)
    with Workspace() as work:
        config = work / "patient.toml"
        config.write_text(PATIENT + '[engine]\nsnapshot_interval = "200 ms"\n')
        watched, data = work / "watched", work / "data"
        watched.mkdir()
        arguments = ["--watch", watched, "--config", config]
        feeder = Feeder(options.root / "samples/archive", watched, 0.9 * options.rounds, options.seed)
        feeder.start()
        early = 0
        for _ in range(options.rounds):
            server = Server(picket, data, *arguments)
            if moments.random() < 0.4:
                early += 1
                time.sleep(moments.uniform(0, 0.4))
            else:
                server.wait_ready()
                time.sleep(moments.uniform(0.05, 1.4))
            server.kill()
        feeder.join(timeout=300)
        if feeder.is_alive() or feeder.error:
            fail(f"the feeder did not end well: {feeder.error}")
        server = Server(picket, data, *arguments).wait_ready()
        metrics = server.wait_caught_up()
        server.stop()
        snapshots = sorted(path.name for path in (data / "state").iterdir())
        picket.serve_to_the_end(data, "--watch", watched)

        stats, _ = picket.stats(watched, "--save", work / "undisturbed", "--quiet")
        check_stats(stats)
        print(f"killed {options.rounds} times, {early} of them within 0.4 s of the start; {len(files_below(watched))} objects, "
              f"{feeder.grown} growing, {feeder.replaced} replaced; {int(metrics['picket_epoch'])} epochs; state: {snapshots}")
        # The first version of a replaced object may have been read: its records come again as duplicates.
        check_as_scanned(metrics, stats, (*PARTS, "objects_failed"), at_least={("cloudtrail", "duplicate")})
        check_equal(f"findings after {options.rounds} kills", picket.findings(work / "undisturbed"), picket.findings(data))


main()
