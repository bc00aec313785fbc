#!/usr/bin/env python3
"""Measures what users' rules cost: `picket scan` over CloudTrail without rules, with 50 and with 800 of them.

    bench/rules.py CORPUS [--rounds 5] [--build build/release] [--cache build/bench] [--seed 1] [--out bench/RULES.md]

CORPUS is the folder `cloudtrail` that generate_corpus.py makes (or any CloudTrail objects in gzip). Every detector is on.
CPU seconds are those of the whole process on one thread, the least of rounds in turn: a virtual machine that gave memory
back to its host clears it anew for 0.02 to 0.6 s of a round. They include the start and the reading of the rules. Where node finds @duckdb/node-api (also below
CACHE/node), DuckDB counts the matches of the same rules, as SQL, on the same files and on one thread, and the numbers of
records that each rule matches are compared.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from generate_rules import generate
from run import cpu_name, measured

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
COUNTS = (0, 50, 800)
QUIET_OF, QUIET_MOST = 1600, 1 / 1000  # rules drawn, and the share of records that a quiet one matches at most
GOAL_MORE = 25  # per cent more CPU for 800 rules than for 50
GOAL_EVENTS = 250_000  # per CPU second with 800


def scan(settings, corpus, rules):
    with tempfile.TemporaryDirectory() as scratch:
        stats = pathlib.Path(scratch) / 'stats.json'
        command = [settings.picket, 'scan', corpus, '--format', 'jsonl', '--threads', '1', '--quiet', '--stats', stats]
        run = measured(command + (['--rules', rules] if rules else []), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return run | {'records': json.loads(stats.read_text())['kinds']['cloudtrail']['records_read']}


def matches_of_picket(settings, corpus, rules):
    """Records that each rule matched, by title, from the table of `picket rules test`."""
    done = subprocess.run([settings.picket, 'rules', 'test', rules, corpus], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines()[1:]:
        number, _, title = line.split(maxsplit=2)
        found[title.rsplit(' (', 1)[0]] = int(number)
    return found


def run_duckdb(settings, corpus, rules):
    environment = os.environ | {'NODE_PATH': str(settings.cache / 'node/node_modules')}
    done = subprocess.run(['node', HERE / 'duckdb.cjs', 'rules', corpus, rules / 'rules.sql'], env=environment,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f'rules: DuckDB left out: {done.stderr.strip()[:300]}', file=sys.stderr)
        return None
    return json.loads(done.stdout)


def quiet_rules(settings, records):
    """Folders of the first 50 and 800 of rules that match few records, as rules do that somebody reads."""
    drawn = settings.cache / 'rules-drawn'
    generate(drawn, QUIET_OF, settings.seed)
    matches = matches_of_picket(settings, settings.corpus, drawn)
    quiet = [path for path in sorted(drawn.glob('*.yml'))
             if matches.get(f'Measured rule {path.stem}', 0) <= QUIET_MOST * records]
    folders = {}
    for count in COUNTS[1:]:
        if len(quiet) < count:
            sys.exit(f'rules: of {QUIET_OF} rules only {len(quiet)} are quiet')
        folders[count] = settings.cache / f'rules-quiet-{count}'
        shutil.rmtree(folders[count], ignore_errors=True)
        folders[count].mkdir()
        for path in quiet[:count]:
            shutil.copy(path, folders[count])
    return folders, sum(matches.get(f'Measured rule {path.stem}', 0) for path in quiet[:COUNTS[-1]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('corpus', type=pathlib.Path)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build/release')
    parser.add_argument('--cache', type=pathlib.Path, default=ROOT / 'build/bench')
    parser.add_argument('--out', type=pathlib.Path, default=HERE / 'RULES.md')
    settings = parser.parse_args()
    settings.picket = settings.build / 'picket'
    folders = {}
    for count in COUNTS:
        folders[count] = settings.cache / f'rules-{count}' if count else None
        if count:
            generate(folders[count], count, settings.seed)
    records = scan(settings, settings.corpus, None)['records']  # brings the files into the page cache, too
    quiet, quiet_matches = quiet_rules(settings, records)
    sets = {(count, False): folders[count] for count in COUNTS} | {(count, True): quiet[count] for count in quiet}
    runs = {one: [] for one in sets}
    for number in range(settings.rounds):
        for one in sets if number % 2 == 0 else reversed(sets):
            runs[one].append(scan(settings, settings.corpus, sets[one]))
    cpu = {one: min(run['cpu'] for run in runs[one]) for one in sets}
    more = {few: 100 * (cpu[800, few] / cpu[50, few] - 1) for few in (False, True)}
    rival = {count: run_duckdb(settings, settings.corpus, folders[count]) for count in COUNTS if count}
    mine = matches_of_picket(settings, settings.corpus, folders[800])
    lines = ['# What rules cost', '',
             'Written by `bench/rules.py`: `picket scan` on one thread, every detector on, rules by `generate_rules.py` '
             f'--seed {settings.seed}; CPU time of whole processes, the least of {settings.rounds} rounds in turn.', '',
             f'- {cpu_name()}, {records:,} CloudTrail records in gzip, load {os.getloadavg()[0]:.1f} at the end',
             f'- 800 rules matched {sum(mine.values()):,} times; {sum(1 for count in mine.values() if count)} of them at all',
             f'- 800 quiet rules, the first of the same draw that match at most one record in {1 / QUIET_MOST:,.0f} each, matched '
             f'{quiet_matches:,} times', '',
             '| rules | picket, CPU s | events per CPU second | DuckDB, events per CPU second |', '|---|---|---|---|']
    for count, few in sets:
        other = None if few else rival.get(count)
        rate = f"{records / other['cpu_seconds']:,.0f}" if other else '' if few or not count else 'not run'
        lines.append(f'| {count}{" quiet" if few else ""} | {cpu[count, few]:.2f} | {records / cpu[count, few]:,.0f} | {rate} |')
    for few in (False, True):
        lines += ['', f'800{" quiet" if few else ""} rules cost {more[few]:.0f} % more CPU than 50 (goal: at most {GOAL_MORE} %, '
                  f'{"met" if more[few] <= GOAL_MORE else "missed"}); goal for 800 rules: {GOAL_EVENTS:,} events per CPU second, '
                  f'{"met" if records / cpu[800, few] >= GOAL_EVENTS else "missed"}.']
    if rival.get(800):
        theirs = {f'Measured rule {int(name[1:]):04}': value for name, value in rival[800]['counts'].items()}
        wrong = [title for title, count in theirs.items() if mine.get(title) != count]
        lines += ['', 'DuckDB counts the same matches for every rule.' if not wrong else
                  f'DuckDB counts other matches for {len(wrong)} rules: {", ".join(wrong[:10])}.']
    settings.out.write_text('\n'.join(lines) + '\n')
    print(settings.out.read_text())


if __name__ == '__main__':
    main()
