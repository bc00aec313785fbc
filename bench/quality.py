#!/usr/bin/env python3
"""Measures what `picket scan` finds: in public data sets, labelled and benign ones, and in a simulated organisation.

    bench/quality.py [DATA] [--build build/release] [--out bench/QUALITY.md] [--simulate ARGUMENTS] [--check]

The simulation (tools/simulate, bench/simulated.py) uses a seed that nothing is tuned to; its folder is build/simulation.

DATA holds the sets under the paths of quality_sets.json (absent ones are named as not run), which also says
what their labels are and which types should find them. Why an analyst would want a finding is written by
hand in quality_notes.json, keyed "set | type | subject" (a subject of "*" is for all of that type). With
--check the exit code is 1 when a label is missed, a finding of a benign set or a verdict other than a rule's
has no reason, a benign set has more than five findings, a ledger does not balance or a scan does not end with 0.
"""
import argparse
import collections
import fnmatch
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
from datetime import datetime

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / 'tests/cases'))
sys.path.insert(0, str(HERE))
import mutate  # noqa: E402  (the case tests' rewriting of names)
import simulated  # noqa: E402
BENIGN_MAX = 5  # findings a set


def subject_of(finding):
    resource = finding['resource']
    instance = resource.get('instanceDetails', {})
    interfaces = [i.get('networkInterfaceId') for i in instance.get('networkInterfaces', [])]
    buckets = [b.get('name') for b in resource.get('s3BucketDetails', [])]
    actors = [a.get('user', {}).get('name') for a in finding['service'].get('detection', {}).get('sequence', {}).get('actors', [])]
    return (next(filter(None, actors), None) or next(filter(None, buckets), None)
            or resource.get('kubernetesDetails', {}).get('kubernetesUserDetails', {}).get('username')
            or resource.get('accessKeyDetails', {}).get('userName')
            or instance.get('instanceId') or next(filter(None, interfaces), None) or '?')


def scan(picket, path):
    with tempfile.TemporaryDirectory() as scratch:
        stats = pathlib.Path(scratch) / 'stats.json'
        run = subprocess.run([picket, 'scan', path, '--format', 'jsonl', '--stats', stats, '--quiet'], capture_output=True, text=True)
        if not stats.exists():
            sys.exit(f'quality: picket scan {path}: {run.stderr.strip()}')
        return run.returncode, [json.loads(line) for line in run.stdout.splitlines()], json.loads(stats.read_text())


def first_told(picket, path, types):
    """How many queries of a log a finding of these types takes, and how many seconds of its time."""
    lines = sorted(gzip.open(path, 'rt'), key=lambda line: json.loads(line)['query_timestamp'])
    when = [datetime.fromisoformat(json.loads(line)['query_timestamp']) for line in lines]
    low, high = 1, len(lines)
    with tempfile.TemporaryDirectory() as scratch:
        part = pathlib.Path(scratch) / 'part.jsonl'
        while low < high:
            middle = (low + high) // 2
            part.write_text(''.join(lines[:middle]))
            told = any(finding['type'] in types for finding in scan(picket, part)[1])
            low, high = (low, middle) if told else (middle + 1, high)
    return low, (when[low - 1] - when[0]).total_seconds()


def ledger_of(stats):
    total = collections.Counter()
    for kind in stats['kinds'].values():
        for name in ('records_read', 'processed', 'filtered', 'duplicate', 'quarantined', 'late'):
            total[name] += kind[name]
        for reason, count in kind['quarantine_reasons'].items():
            total['quarantined: ' + reason] += count
    total['balance'] = total['records_read'] - sum(total[n] for n in ('processed', 'filtered', 'duplicate', 'quarantined'))
    return total


def rows_of(findings):
    """Findings of one type about one subject are one row: a Region each is GuardDuty's way, not another threat."""
    rows = collections.OrderedDict()
    for finding in sorted(findings, key=lambda f: (f['type'], subject_of(f), f['id'])):
        row = rows.setdefault((finding['type'], subject_of(finding)), {'findings': 0, 'records': 0, 'description': finding['description']})
        row['findings'] += 1
        row['records'] += finding['service']['count']
    return rows


def calls_of_people(path):
    """How many distinct CloudTrail events of a set are not AWS's own services' doing; None when it has no CloudTrail."""
    seen, total = set(), 0
    files = sorted(path.rglob('*')) if path.is_dir() else [path]
    for file in files:
        if not file.is_file() or not file.name.endswith(('.json', '.jsonl', '.json.gz', '.jsonl.gz')):
            continue
        text = (gzip.open(file, 'rt') if file.suffix == '.gz' else open(file, encoding='utf-8')).read()
        try:
            document = json.loads(text)
            records = document.get('Records', [document]) if isinstance(document, dict) else document
        except json.JSONDecodeError:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
        for record in records:
            identity = record.get('userIdentity') if isinstance(record, dict) else None
            if not isinstance(identity, dict):
                continue
            key = record.get('eventID') or json.dumps(record, sort_keys=True)
            if key in seen:
                continue
            seen.add(key)
            service = (identity.get('type') == 'AWSService' or str(identity.get('invokedBy', '')).endswith('amazonaws.com')
                       or 'AWSServiceRoleFor' in str(identity.get('arn', '')) or record.get('eventType') == 'AwsServiceEvent')
            total += not service
    return total if seen else None


def rates(findings, events, people):
    """Findings per million events, and per million events not from AWS services."""
    def per_million(count):
        return f'{1e6 * findings / count:,.0f}' if count else '–'
    return f'{per_million(events)} per million events' + (f', {per_million(people)} per million not from AWS services' if people is not None else '')


def evidence_of(finding):
    info = finding['service'].get('additionalInfo', {})
    why = info.get('picket', {}).get('why', {})
    return '; '.join(f'{name} {value}' for name, value in why.items() if not isinstance(value, (dict, list)))


def technique_table(picket, path):
    """Each file is one technique: what is found in it with accounts, user agents and names rewritten."""
    lines = ['', '| technique | finding | evidence |', '|---|---|---|']
    with tempfile.TemporaryDirectory() as scratch:
        for file in sorted(path.glob('*.json*')):
            text = gzip.open(file, 'rt').read() if file.suffix == '.gz' else file.read_text()
            text = text.replace('stratus-red-team', 'qz').replace('stratus', 'qz')
            copy = pathlib.Path(scratch) / (mutate.other(file.name, 'name') + '.json')
            copy.write_text(mutate.mutated(text, False))
            found = scan(picket, copy)[1]
            copy.unlink()
            technique = file.name.split('.json')[0]
            if not found:
                lines.append(f'| {technique} | – | |')
            for finding in found:
                lines.append(f'| {technique} | {finding["type"]} | {plain(evidence_of(finding))} |')
    return lines


def verdict_table(picket, each, notes, problems):
    """Each test event alone against the verdict of a rule that means what a type means."""
    lines, tests, agree = ['', '| rule | test | expected | raised | why they differ |', '|---|---|---|---|---|'], 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for file in sorted(each['folder'].glob('*.jsonl.gz')):
            for row in map(json.loads, gzip.open(file, 'rt')):
                if row['rule'] not in each['verdicts']:
                    continue
                event = pathlib.Path(scratch) / 'event.jsonl'
                event.write_text((row['event'] if isinstance(row['event'], str) else json.dumps(row['event'])) + '\n')
                _, findings, stats = scan(picket, event)
                types = sorted({finding['type'] for finding in findings})
                raised = any(fnmatch.fnmatchcase(kind, wanted) for kind in types for wanted in each['verdicts'][row['rule']])
                tests += 1
                agree += raised == row['expected']
                if raised != row['expected']:
                    why = 'the record has no time, so it is quarantined' if ledger_of(stats)['quarantined'] else (
                        notes.get(f'{each["set"]} | verdict | {row["rule"]} | {row["test"]}') or notes.get(f'{each["set"]} | verdict | {row["rule"]}'))
                    if not why:
                        problems.append(f'{each["set"]}: no reason for another verdict than {row["rule"]}, {row["test"]}')
                    lines.append(f'| {row["rule"]} | {plain(row["test"])} | {"fires" if row["expected"] else "quiet"} | '
                                 f'{", ".join(types) or "–"} | {why or "**no reason given**"} |')
    return ['', f'Verdicts of the {len(each["verdicts"])} rules that mean what a type of picket means: {agree} of {tests} agree. '
            'The others:', *lines]


def plain(text):
    return text.replace('|', '\\|')


def section(each, result, notes, problems):
    name = each['set']
    lines = ['', f'## {name} (recorded)', '', f'{each["about"]} ({each["origin"]}).{" **Benign**." if each.get("benign") else ""}']
    if result is None:
        return lines + ['', 'Not run: the set is not there.']
    code, findings, stats = result
    ledger = ledger_of(stats)
    quarantined = ', '.join(f'{count} {key[13:]}' for key, count in sorted(ledger.items()) if key.startswith('quarantined: '))
    lines += ['', f'{ledger["records_read"]:,} records = {ledger["processed"]:,} processed + {ledger["filtered"]} filtered + '
              f'{ledger["duplicate"]:,} duplicate + {ledger["quarantined"]} quarantined{" (" + quarantined + ")" if quarantined else ""}; '
              f'{ledger["late"]} late; exit {code}; {len(findings)} findings.']
    if f'{name} | quarantined' in notes:
        lines[-1] += ' ' + notes[f'{name} | quarantined']
    elif ledger['quarantined']:
        problems.append(f'{name}: {ledger["quarantined"]} quarantined records without a reason')
    if ledger['balance']:
        problems.append(f'{name}: the ledger does not balance')
    if code != 0:
        problems.append(f'{name}: exit {code}')
    if each.get('verdicts'):
        lines += verdict_table(each['picket'], each, notes, problems)
    if each.get('techniques'):
        lines += technique_table(each['picket'], each['folder'])
    if 'people' in each:
        lines += ['', f'{len(findings)} findings: {rates(len(findings), ledger["processed"], each["people"])}.']
    if each.get('labels'):
        lines += ['', '| label | | by |', '|---|---|---|']
    counts = collections.Counter(finding['type'] for finding in findings)
    for label in each.get('labels', []):
        if 'untold' in label:
            lines.append(f'| {plain(label["label"])} | not told | {label["untold"]} |')
            continue
        hits = sum(counts[t] for t in label['types'])
        found = hits >= label.get('least', 1)
        if not found:
            problems.append(f'{name}: missed: {label["label"]}')
        verdict = 'found' if found else '**missed**'
        if found and 'within' in label:
            queries, seconds = first_told(each['picket'], each['folder'], label['types'])
            verdict += f' by query {queries}, after {seconds:.0f} s'
            if queries > label['within']['queries'] and seconds > label['within']['seconds']:
                problems.append(f'{name}: told late, by query {queries} after {seconds:.0f} s: {label["label"]}')
        lines.append(f'| {plain(label["label"])} | {verdict} | '
                     f'{", ".join(f"{t} ({counts[t]})" for t in label["types"] if counts[t]) or ", ".join(label["types"])} |')
    rows = rows_of(findings)
    if rows:
        lines += ['', '| type | subject | findings | records | what it says | why an analyst wants it |', '|---|---|---|---|---|---|']
    for (kind, subject), row in rows.items():
        why = notes.get(f'{name} | {kind} | {subject}') or notes.get(f'{name} | {kind} | *')
        if not why and each.get('benign'):
            problems.append(f'{name}: no reason for {kind} about {subject}')
        lines.append(f'| {kind} | {plain(subject)} | {row["findings"]} | {row["records"]:,} | {plain(row["description"])} | {why or "**no reason given**"} |')
    if each.get('benign') and len(findings) > BENIGN_MAX:
        problems.append(f'{name}: {len(findings)} findings in a benign set')
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=pathlib.Path, nargs='?')
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build/release')
    parser.add_argument('--out', type=pathlib.Path, default=HERE / 'QUALITY.md')
    parser.add_argument('--simulate', default='--seed eval-9 --accounts 6 --days 50', help="the simulation's arguments; empty for none")
    parser.add_argument('--large', default='--seed eval-large-2 --accounts 100 --days 42 --events 1500 --kinds cloudtrail',
                        help='the same of a large organisation, three minutes to make; empty for none')
    parser.add_argument('--simulation', type=pathlib.Path, default=ROOT / 'build/simulation')
    parser.add_argument('--check', action='store_true')
    settings = parser.parse_args()
    picket = settings.build / 'picket'
    notes = json.loads((HERE / 'quality_notes.json').read_text())
    sets = json.loads((HERE / 'quality_sets.json').read_text())
    lines, problems, summary = [], [], []
    for each in sets:
        path = settings.data / each['path'] if settings.data else pathlib.Path(each['path'])
        print(f'quality: {each["set"]}', file=sys.stderr)
        result = scan(picket, path) if settings.data and path.exists() else None
        before = len(problems)
        each |= {'picket': picket, 'folder': path}
        if result is not None and 'cloudtrail' in each['path']:
            each['people'] = calls_of_people(path)
        lines += section(each, result, notes, problems)
        if result is not None:
            labels = [label for label in each.get('labels', []) if 'untold' not in label]
            missed = sum('missed:' in problem for problem in problems[before:])
            summary.append(f'| {each["set"]} (recorded) | {ledger_of(result[2])["records_read"]:,} | '
                           f'{f"{len(labels) - missed} of {len(labels)}" if labels else "–"} | {len(result[1])}{" (benign)" if each.get("benign") else ""} |')
    if settings.simulate:
        print('quality: simulation', file=sys.stderr)
        simulated.generate(settings.simulation, settings.simulate.split())
        more, row, wrong = simulated.measure(picket, settings.simulation, notes)
        if settings.large:
            folder = settings.simulation.with_name(settings.simulation.name + '-large')
            simulated.generate(folder, settings.large.split())
            more += simulated.measure_large(picket, folder)
        lines, summary, problems = more + lines, [row, *summary], problems + wrong
    head = ['# What picket finds', '',
            'Written by `make quality DATA=FOLDER`. Figures are **recorded** (from logs of real systems and of attacks that were run, with nothing '
            'configured: no MMDB, no AWS ranges, the built-in lists only) or **simulated** (an organisation of `tools/simulate`, with '
            'a held-out seed, geography and AWS ranges). Recorded sets are named by their origin; none of them is part of this repository.', '',
            '| set | records | labels found, of those that types cover | findings |', '|---|---|---|---|', *summary, '',
            *([f'- {problem}' for problem in problems] or ['Nothing missed, no finding without a reason, every ledger balances.'])]
    settings.out.write_text('\n'.join(head + lines) + '\n')
    print('\n'.join(head))
    return 1 if settings.check and problems else 0


if __name__ == '__main__':
    sys.exit(main())
