#!/usr/bin/env python3
"""How long the console takes in a browser: Chromium on a real `picket serve` over many stored findings.

    bench/console.py [--findings 100000] [--rounds 5] [--build build/release] [--profile FILE]

Each page is opened in a browser that has nothing cached, signed in already; a filter and a page behind a click are
timed from the key or the click. Prints a table for RESULTS.md. Exit code 1 when the median of a row is over its
budget. --profile keeps the times of every request, as Chromium tells them. On a machine where others work, put `chrt -r 1`
before it: the seeding of the findings aside, it takes half a minute.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
CONSOLE = HERE.parent / "tests/console"
sys.path.insert(0, str(CONSOLE))
import run as console_tests  # noqa: E402

PASSWORD = "correct horse battery"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("findings", 100_000), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build/release")
    parser.add_argument("--profile", type=pathlib.Path)
    arguments = parser.parse_args()
    browser = next((found for found in map(shutil.which, console_tests.BROWSERS) if found), None)
    if browser is None:
        sys.exit("there is no Chromium")
    console_tests.install()
    picket = arguments.build / "picket"
    with tempfile.TemporaryDirectory(prefix="picket_console_") as place:
        data = pathlib.Path(place) / "data"
        data.mkdir()
        subprocess.run([arguments.build / "bench/bench_api", "--seed", data, str(arguments.findings)], check=True, stdout=subprocess.DEVNULL)
        server = subprocess.Popen([picket, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
            threading.Thread(target=server.stdout.read, daemon=True).start()
            subprocess.run([picket, "users", "create", "--data-dir", data, "--name", "measure", "--role", "administrator"],
                           input=f"{PASSWORD}\n", text=True, check=True, stdout=subprocess.DEVNULL)
            done = subprocess.run(["node", CONSOLE / "measure.mjs"], text=True, stdout=subprocess.PIPE, check=False, env=os.environ | {
                "PICKET_URL": url, "PICKET_BROWSER": browser, "PICKET_PASSWORD": PASSWORD, "PICKET_ROUNDS": str(arguments.rounds),
                "PICKET_PROFILE": str(arguments.profile.resolve()) if arguments.profile else ""})
            if done.returncode:
                sys.exit(done.stdout)
            measured = json.loads(done.stdout)
        finally:
            server.terminate()
            server.wait()
    print(f"{arguments.findings:,} findings, {os.cpu_count()} cores for server and browser together, median of {arguments.rounds} rounds\n")
    print("| what | shown after | slowest | budget |\n|---|---|---|---|")
    over = False
    for row in measured["rows"]:
        times = sorted(row["ms"])
        median = times[len(times) // 2]
        over |= row["budget"] is not None and median >= row["budget"]
        print(f"| {row['what']} | {median:,.0f} ms | {times[-1]:,.0f} ms | {'' if row['budget'] is None else str(row['budget']) + ' ms'} |")
    over |= measured["bytes"] >= 1_000_000
    print(f"\nDownload of sign-in, summary and findings with an empty cache: {measured['bytes'] / 1000:,.0f} kB compressed (budget 1,000 kB).")
    sys.exit(over)


if __name__ == "__main__":
    main()
