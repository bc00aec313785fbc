#!/usr/bin/env python3
"""Measures `picket scan` against the physical limit, both on the same files in the same run.

    bench/run.py [--mb 500] [--rounds 7] [--kinds ...] [--cache build/bench] [--build build/release] [--out bench/RESULTS.md]
                 [--reference PROGRAM]

Makes the corpus with generate_corpus.py in the cache folder (kept for the next run), runs `picket_limit` and
`picket scan` in turn, one process each a round, on one and on two threads, and writes a table. CPU seconds are
those of the whole process (user and system, start included), told by the kernel. Builds nothing.
--reference is the measuring program that the goals were set with; it reads the same files in the same run.
Where node finds @duckdb/node-api (also below CACHE/node) and jq is there, they group a part of the same files.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
GOALS = {'cloudtrail': 60, 'vpcflow': 50, 'dns': 60, 'k8saudit': None}
NAMES = {'cloudtrail': 'CloudTrail', 'vpcflow': 'VPC flow v2', 'dns': 'Resolver DNS', 'k8saudit': 'EKS audit'}
MEMORY_GOAL_MB = 600
RIVAL_MB = 100


def corpus_of(folder):
    return dict(line.split(' ', 1) for line in (folder / 'corpus.txt').read_text().splitlines())


def measured(command, **kwargs):
    """CPU seconds, wall seconds and peak memory of a process and those it waited for."""
    begin = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], **kwargs)
    _, status, use = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f'run: {" ".join(map(str, command))} ended with {process.returncode}')
    return {'cpu': use.ru_utime + use.ru_stime, 'wall': wall, 'rss': use.ru_maxrss * 1024}


def run_limit(settings, kind, folder, threads):
    return measured([settings.limit, kind, folder, '--threads', threads], stdout=subprocess.DEVNULL)


def run_scan(settings, folders, threads):
    with tempfile.TemporaryDirectory() as scratch:
        stats = pathlib.Path(scratch) / 'stats.json'
        result = measured([settings.picket, 'scan', *folders, '--format', 'jsonl', '--threads', threads, '--stats', stats,
                           '--quiet'], stdout=subprocess.DEVNULL)
        return result | {'stats': json.loads(stats.read_text())}


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def measure_kind(settings, kind):
    folder = settings.cache / kind
    runs = {(program, threads): [] for program in ('limit', 'picket') for threads in (1, 2)}
    run_limit(settings, kind, folder, 1)  # brings the files into the page cache
    for number in range(settings.rounds):
        for threads in (1, 2):
            order = ('limit', 'picket') if number % 2 == 0 else ('picket', 'limit')
            for program in order:
                run = run_limit(settings, kind, folder, threads) if program == 'limit' else run_scan(settings, [folder], threads)
                runs[program, threads].append(run)
        print(f'{kind}: round {number + 1} of {settings.rounds}', file=sys.stderr)
    memory = [json.loads(line)['cpu_seconds'] for line in subprocess.run(
        [settings.limit, kind, folder, '--memory', '--rounds', '5'], capture_output=True, check=True, text=True).stdout.splitlines()]
    corpus = corpus_of(folder)
    text, records = float(corpus['bytes_text']) / 1e6, int(corpus['records'])
    limit, scan = median(runs['limit', 1], 'cpu'), median(runs['picket', 1], 'cpu')
    last = runs['picket', 1][-1]['stats']
    ledger = last['kinds'][kind]
    # Two runs of one round share the machine's mood: the speed-up is taken round by round.
    def speed_up(program):
        return statistics.median(a['wall'] / b['wall'] for a, b in zip(runs[program, 1], runs[program, 2]))
    return {
        'kind': kind, 'text_mb': text, 'records': records, 'corpus': corpus, 'findings': last['findings'],
        'limit_mb_s': text / limit, 'limit_records_s': records / limit, 'memory_mb_s': text / statistics.median(memory),
        'picket_mb_s': text / scan, 'picket_records_s': records / scan, 'ratio': 100 * limit / scan,
        'ratios': sorted(100 * a['cpu'] / b['cpu'] for a, b in zip(runs['limit', 1], runs['picket', 1])),
        'limit_wall2_mb_s': text / median(runs['limit', 2], 'wall'), 'picket_wall2_mb_s': text / median(runs['picket', 2], 'wall'),
        'ratio2': 100 * median(runs['limit', 2], 'wall') / median(runs['picket', 2], 'wall'),
        'limit_speed_up': speed_up('limit'), 'picket_speed_up': speed_up('picket'),
        'rss_mb': max(run['rss'] for run in runs['picket', 2]) / 1e6,
        'balanced': ledger['records_read'] == ledger['processed'] + ledger['filtered'] + ledger['duplicate'] + ledger['quarantined'],
        'quarantined': ledger['quarantined'], 'late': ledger['late'], 'evicted': last['evicted'],
    }


def part_of(folder, share, into):
    """Links the first `share` of the objects (by time, which their names tell) into another folder."""
    shutil.rmtree(into, ignore_errors=True)
    files = sorted(folder.rglob('*.gz'), key=lambda path: (path.name.split('Z_')[0][-13:] if 'Z_' in path.name else str(path), path))
    for path in files[:max(1, round(len(files) * share))]:
        target = into / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    return into


def measure_memory(settings):
    rows = []
    with tempfile.TemporaryDirectory(dir=settings.cache) as scratch:
        for share in (0.25, 0.5, 1):
            folders = [part_of(settings.cache / kind, share, pathlib.Path(scratch) / str(share) / kind) for kind in settings.kinds]
            run = run_scan(settings, folders, 2)
            decoded = sum(totals['bytes_decoded'] for totals in run['stats']['kinds'].values())
            rows.append({'text_mb': decoded / 1e6, 'rss_mb': run['rss'] / 1e6, 'findings': run['stats']['findings'],
                         'evicted': run['stats']['evicted']})
    return rows


def rival_rates(settings, kind):
    """MB of text per CPU second of DuckDB and jq, on a part of the files; absent where not installed."""
    out = {}
    with tempfile.TemporaryDirectory(dir=settings.cache) as scratch:
        corpus = corpus_of(settings.cache / kind)
        text = float(corpus['bytes_text']) / 1e6
        part = part_of(settings.cache / kind, min(1, RIVAL_MB / text), pathlib.Path(scratch) / kind)
        files = sorted(part.rglob('*.gz'))
        part_mb = sum(int.from_bytes(path.read_bytes()[-4:], 'little') for path in files) / 1e6
        environment = os.environ | {'NODE_PATH': str(settings.cache / 'node/node_modules')}
        if shutil.which('node') and kind in ('cloudtrail', 'vpcflow', 'dns'):
            runs = [subprocess.run(['node', HERE / 'duckdb.cjs', kind, part], env=environment, capture_output=True, text=True) for _ in range(3)]
            if all(run.returncode == 0 for run in runs):
                out['duckdb'] = part_mb / statistics.median(json.loads(run.stdout)['cpu_seconds'] for run in runs)
            else:
                print(f'{kind}: DuckDB left out: {runs[0].stderr.strip()[:200]}', file=sys.stderr)
        if shutil.which('jq') and kind == 'cloudtrail':
            command = f'zcat {" ".join(map(str, files))} | jq -r \'.Records[] | [.eventSource, .eventName, .errorCode] | @tsv\' | sort | uniq -c'
            runs = [measured(['bash', '-o', 'pipefail', '-c', command], stdout=subprocess.DEVNULL) for _ in range(1)]
            out['jq'] = part_mb / median(runs, 'cpu')
    return out





def reference_rates(settings, rows):
    """MB/s of the reference program's fastest way to gunzip, parse and extract each kind, one thread, from memory."""
    names = {'cloudtrail': 'ct', 'vpcflow': 'vpc', 'dns': 'dns'}
    rates = {}
    for kind in (row['kind'] for row in rows if row['kind'] in names):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place) / names[kind]
            folder.mkdir()
            for number, file in enumerate(sorted((settings.cache / kind).rglob('*.gz'))):
                (folder / f'{number:06d}.gz').symlink_to(file)
            out = subprocess.run([settings.reference, place, names[kind], '5', '1', '1000000'], capture_output=True, text=True, check=True).stdout
        whole = [line for line in out.splitlines() if 'gunzip+parse' in line and '+ touch' not in line]
        rates[kind] = max(float(re.search(r'([\d.]+) MB/s median', line)[1]) for line in whole)
    return rates


def write_results(settings, rows, memory, rivals, reference, load):
    lines = ['# How fast picket scans', '',
             'Written by `bench/run.py`; the words at the end are from `results_notes.md`. The limit is `bench/limit.cpp`: gunzip, '
             'parse and extract, and nothing else, on the same files in the same run. Both programs are measured as whole '
             'processes reading files from the page cache; figures of one core are CPU time, which leaves out the time others '
             'held the core (not the cache they took with it), figures of two cores are wall time.', '',
             f'- {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {cpu_name()}, {os.cpu_count()} cores, '
             f'{platform.system()} {platform.release()}, load {load[0]:.1f} at the start and {os.getloadavg()[0]:.1f} at the end',
             f'- `bench/run.py --mb {settings.mb:.0f} --rounds {settings.rounds}`, medians of the rounds, the programs in turn',
             f'- {subprocess.run([settings.picket, "version"], capture_output=True, text=True).stdout.strip() or "picket"}, '
             f'every detector on, {detectors(settings)}', '']
    lines += ['## One core', '',
              '| log | text | limit | limit, from memory | picket | records/s | **ratio** | least–most | goal |',
              '|---|---|---|---|---|---|---|---|---|']
    for row in rows:
        goal = GOALS[row['kind']]
        met = '' if goal is None else f'{goal} % {"met" if row["ratio"] >= goal else "missed"}'
        lines.append(f'| {NAMES[row["kind"]]} | {row["text_mb"]:.0f} MB | {row["limit_mb_s"]:,.0f} MB/s | {row["memory_mb_s"]:,.0f} MB/s | '
                     f'{row["picket_mb_s"]:,.0f} MB/s | {row["picket_records_s"] / 1e6:.2f} M | **{row["ratio"]:.0f} %** | '
                     f'{row["ratios"][0]:.0f}–{row["ratios"][-1]:.0f} | {met} |')
    if reference:
        lines += ['', 'The program that the goals were set with (simdjson On-Demand and libdeflate or ISA-L, files in memory, loops in one '
                  'process), on the same files right after; picket is the whole process from disk, so this flatters the program:', '',
                  '| log | that program | picket_limit, from memory | picket | **picket of that program** | goal |', '|---|---|---|---|---|---|']
        for row in (row for row in rows if row['kind'] in reference):
            ratio = 100 * row['picket_mb_s'] / reference[row['kind']]
            goal = GOALS[row['kind']]
            lines.append(f'| {NAMES[row["kind"]]} | {reference[row["kind"]]:,.0f} MB/s | {row["memory_mb_s"]:,.0f} MB/s | {row["picket_mb_s"]:,.0f} MB/s | '
                         f'**{ratio:.0f} %** | {goal} % {"met" if ratio >= goal else "missed"} |')
    lines += ['', '## Two cores', '',
              '| log | limit | picket | ratio | speed-up of the limit | of picket | share of the limit\'s (goal 0.9) |',
              '|---|---|---|---|---|---|---|']
    for row in rows:
        lines.append(f'| {NAMES[row["kind"]]} | {row["limit_wall2_mb_s"]:,.0f} MB/s | {row["picket_wall2_mb_s"]:,.0f} MB/s | '
                     f'{row["ratio2"]:.0f} % | {row["limit_speed_up"]:.2f} | {row["picket_speed_up"]:.2f} | '
                     f'{row["picket_speed_up"] / row["limit_speed_up"]:.2f} |')
    lines += ['', '## Memory', '',
              f'All kinds together, two threads; goal: under {MEMORY_GOAL_MB} MB for 2 GB and flat as the input grows.', '',
              '| text | peak memory | findings | evicted |', '|---|---|---|---|']
    lines += [f'| {row["text_mb"]:,.0f} MB | {row["rss_mb"]:.0f} MB | {row["findings"]:,} | {row["evicted"]:,} |' for row in memory]
    lines += ['', '## The corpus', '', '| log | objects | records | bytes a record | gzip ratio | findings | quarantined | late | evicted | ledger |',
              '|---|---|---|---|---|---|---|---|---|---|']
    for row in rows:
        corpus = row['corpus']
        lines.append(f'| {NAMES[row["kind"]]} | {corpus["objects"]} | {row["records"]:,} | {row["text_mb"] * 1e6 / row["records"]:.0f} | '
                     f'{float(corpus["bytes_text"]) / float(corpus["bytes_gzip"]):.1f} | {row["findings"]} | {row["quarantined"]} | '
                     f'{row["late"]} | {row["evicted"]} | {"balanced" if row["balanced"] else "**does not balance**"} |')
    flow = next((row['corpus'] for row in rows if row['kind'] == 'vpcflow'), None)
    if flow:
        lines += ['', f'Share of flow records whose (interface, peer, service port) was seen before in their object: {flow["measured_repeat"]} '
                  '(real captures 0.51, `generate_corpus.py --measure-flow`); interfaces come in no order, which is the worse case.']
    lines += ['', '## What a user has today', '',
              f'Text per CPU second on {RIVAL_MB} MB of the same files: DuckDB counts by three columns (CloudTrail), sums by address '
              '(flow), counts by name (DNS) on one thread; jq picks three fields for `sort | uniq -c`. picket meanwhile runs every detector.', '',
              '| log | picket | DuckDB | jq |', '|---|---|---|---|']
    for row in rows:
        other = rivals[row['kind']]
        lines.append(f'| {NAMES[row["kind"]]} | {row["picket_mb_s"]:,.0f} MB/s | {rate(other.get("duckdb"), row)} | {rate(other.get("jq"), row)} |')
    notes = HERE / 'results_notes.md'
    if notes.exists():
        lines += ['', notes.read_text().rstrip()]
    settings.out.write_text('\n'.join(lines) + '\n')


def rate(value, row):
    return 'not run' if value is None else f'{value:,.1f} MB/s ({row["picket_mb_s"] / value:.1f}x slower)'


def cpu_name():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def detectors(settings):
    listing = subprocess.run([settings.picket, 'detectors', '--format', 'json'], capture_output=True, text=True)
    try:
        return f'{len(json.loads(listing.stdout))} finding types'
    except ValueError:
        return 'finding types not listed'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--mb', type=float, default=500, help='of text for each kind of log')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--kinds', default=','.join(GOALS))
    parser.add_argument('--seeds', nargs='+', default=[], help='folders of CloudTrail and audit logs to re-sample')
    parser.add_argument('--cache', type=pathlib.Path, default=ROOT / 'build/bench')
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build/release')
    parser.add_argument('--reference', type=pathlib.Path)
    parser.add_argument('--out', type=pathlib.Path, default=HERE / 'RESULTS.md')
    settings = parser.parse_args()
    settings.kinds = settings.kinds.split(',')
    settings.cache = settings.cache.resolve()
    settings.picket, settings.limit = settings.build / 'picket', settings.build / 'picket_limit'
    for program in (settings.picket, settings.limit):
        if not program.exists():
            sys.exit(f'run: {program} is missing; run make build first')
    load = os.getloadavg()
    generate = [sys.executable, HERE / 'generate_corpus.py', settings.cache, '--mb', str(settings.mb), '--kinds', ','.join(settings.kinds)]
    subprocess.run(generate + (['--seeds', *settings.seeds] if settings.seeds else []), check=True)
    rows = [measure_kind(settings, kind) for kind in settings.kinds]
    memory = measure_memory(settings)
    reference = reference_rates(settings, rows) if settings.reference else {}
    rivals = {kind: rival_rates(settings, kind) for kind in settings.kinds}
    write_results(settings, rows, memory, rivals, reference, load)
    print(settings.out.read_text())


if __name__ == '__main__':
    main()
