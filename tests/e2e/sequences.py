#!/usr/bin/env python3
"""Attack sequences: of the scripted chains of tools/attack_chains.py most are found, and honest days that look like them
raise none.

    sequences.py BINARY SOURCE_ROOT
"""
import pathlib
import subprocess
import sys
import tempfile

from harness import fail

# Below what was measured with this seed (36 of 44, none false), so that only a real loss fails.
RECALL_MIN = "0.77"
FALSE_MAX = "1"  # per 1,000 account-days


def main():
    picket, tool = sys.argv[1], pathlib.Path(sys.argv[2]) / "tools/attack_chains.py"
    with tempfile.TemporaryDirectory() as place:
        checked = subprocess.run([sys.executable, tool, "--out", place, "--check", place, "--picket", picket, "--min-recall",
                                  RECALL_MIN, "--max-false", FALSE_MAX], check=False, capture_output=True, text=True)
    if checked.returncode != 0:
        fail(f"{checked.stderr}\n{checked.stdout}")
    print("ok:", checked.stdout.splitlines()[-1])


main()
