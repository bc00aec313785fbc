#!/usr/bin/env python3
"""Makes data/models/words.txt, the words that names of malware are joined from.

usage: build_word_list.py SCOWL_FOLDER OUT

SCOWL_FOLDER is that of the lists in Debian's package scowl (2020.12.07-2: usr/share/dict/scowl). Taken are words
of sizes up to 35 and names up to 50, of 3 to 8 letters (two make a label of eleven at most), in English, American and British spelling.
"""
import re
import sys
from pathlib import Path

SPELLINGS = ("english", "american", "british")
SIZE_MAX = {"words": 35, "upper": 50, "proper-names": 50}


def main():
    folder, out = map(Path, sys.argv[1:])
    words = set()
    for path in sorted(folder.iterdir()):
        kind, _, size = path.name.rpartition(".")
        spelling, _, kind = kind.partition("-")
        if spelling not in SPELLINGS or int(size) > SIZE_MAX.get(kind, -1):
            continue
        words |= {word for word in path.read_text(encoding="latin-1").lower().split() if re.fullmatch("[a-z]{3,8}", word)}
    out.write_text("".join(word + "\n" for word in sorted(words)))
    print(f"{len(words)} words, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
