#!/usr/bin/env python3
"""Builds the web console and writes it as C++ for the binary.

usage: build_console.py --mode ON|AUTO|OFF --root ROOT --work FOLDER --out FILE.cpp

ROOT/web is copied to FOLDER with what it shares with the server (the filterable attributes and the finding types, below
src/generated), npm installs there what the lock file names (once per lock file), Vite builds, and FILE.cpp
gets a table of the files, each packed with gzip where that helps; their bytes lie beside it in FILE.bin. When npm
fails, AUTO writes an empty table, says so, and lets the next build try again; ON fails.
"""
import argparse
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}
PACKED = {".html", ".js", ".css", ".svg", ".txt"}

CODE = """#include "cli/console_files.h"
namespace picket::cli {{
#if {any}
extern "C" const char picket_console_bytes[];
__asm__(".section .rodata\\n.global picket_console_bytes\\n.hidden picket_console_bytes\\n.balign 16\\n"
        "picket_console_bytes:\\n.incbin \\"{binary}\\"\\n.byte 0\\n.previous\\n");
static const console::File files[] = {{
{rows}
}};
std::span<const console::File> console_files() {{ return files; }}
#else
std::span<const console::File> console_files() {{ return {{}}; }}
#endif
}}  // namespace picket::cli
"""


def write_generated(root, folder):
    folder.mkdir(parents=True, exist_ok=True)
    table = (root / "src/store/filterable_attributes.inc").read_text(encoding="utf-8")
    attributes = [{"path": path, "kind": kind} for path, kind in re.findall(r'^FILTERABLE\("([^"]+)", (\w+),', table, re.M)]
    types = json.loads((root / "data/api/finding_types.json").read_text(encoding="utf-8"))
    for name, value in (("attributes", attributes), ("finding_types", {name: types[name].get("severity", 5) for name in types})):
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")


def build(root, work):
    web = root / "web"
    work.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work / "src", ignore_errors=True)
    for entry in sorted(web.iterdir()):
        if entry.name in {"node_modules", "dist"}:
            continue
        if entry.is_dir():
            shutil.copytree(entry, work / entry.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(entry, work / entry.name)
    write_generated(root, work / "src/generated")
    lock = (work / "package-lock.json").read_bytes()
    stamp = work / "node_modules/.installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], work)
        stamp.write_bytes(lock)
    run(["npm", "run", "--silent", "build"], work)
    (work / "dist/licenses.txt").write_text(licences(work), encoding="utf-8")
    return work / "dist"


def licences(work):
    """What the console is made of besides its own code, each licence's text once."""
    packages = json.loads((work / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    texts = {}
    for path, package in sorted(packages.items()):
        if not path or package.get("dev"):
            continue
        name = f"{path.rpartition('node_modules/')[2]} {package['version']} ({package.get('license', 'see the text')})"
        found = sorted(file for file in (work / path).iterdir() if re.match(r"(?i)(licen[cs]e|notice)", file.name) and file.is_file())
        text = "\n".join(file.read_text(encoding="utf-8", errors="replace").strip() for file in found)
        texts.setdefault(text, []).append(name)
    return "\n\n".join("\n".join(names) + f"\n\n{text}" for text, names in texts.items()) + "\n"


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")


def packed(dist):
    """(path, type, bytes, gzipped) of every file, by path."""
    for file in sorted(path for path in dist.rglob("*") if path.is_file()):
        name, data = file.relative_to(dist).as_posix(), file.read_bytes()
        if file.suffix not in TYPES:
            raise RuntimeError(f"{name}: a file of a kind that the console does not serve")
        small = gzip.compress(data, 9, mtime=0) if file.suffix in PACKED else data
        yield name, TYPES[file.suffix], data, small if len(small) < len(data) else data


def write(out, files):
    binary = out.with_suffix(".bin")
    rows, blob = [], bytearray()
    for name, kind, data, small in files:
        rows.append(f'    {{"{name}", "{kind}", "{hashlib.sha256(data).hexdigest()[:32]}", '
                    f'{{picket_console_bytes + {len(blob)}, {len(small)}}}, {"true" if small is not data else "false"}}},')
        blob += small
    binary.write_bytes(blob)
    out.write_text(CODE.format(any=int(bool(rows)), binary=binary.as_posix(), rows="\n".join(rows)), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=["ON", "AUTO", "OFF"], required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    if arguments.mode == "OFF":
        write(arguments.out, [])
        return
    try:
        write(arguments.out, list(packed(build(arguments.root, arguments.work))))
    except (OSError, RuntimeError) as error:
        if arguments.mode == "ON":
            sys.exit(f"the console cannot be built: {error}")
        print(f"{error}\nWARNING: the console cannot be built; picket goes WITHOUT it. The next build tries again.", flush=True)
        write(arguments.out, [])
        os.utime(arguments.out, (0, 0))


if __name__ == "__main__":
    main()
