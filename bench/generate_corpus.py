#!/usr/bin/env python3
"""Makes log archives of any size to measure with, the same bytes for the same arguments.

    generate_corpus.py OUT [--kinds cloudtrail,vpcflow,dns,k8saudit] [--mb 500] [--seeds DIR ...]
    generate_corpus.py --measure-flow DIR ...        the repeat ratio of real flow logs

OUT/KIND receives objects of 1 to 5 MB of text (gzip -6) under the keys AWS gives them, `--mb` of text for
each kind, and OUT/KIND/corpus.txt the arguments and totals; a corpus that has them already is left alone.

CloudTrail and Kubernetes audit are re-sampled from seed events: every seed becomes a template whose times,
ids, keys, accounts and addresses are replaced, so that gzip finds the redundancy of real text and not copies.
The identities and machines of the seeds are cloned (6 times in each of 16 accounts), a clone keeping its addresses
and, for an hour, its session (key and creation date), so that the organisation does not grow with the length of its logs; ids of events
are always new. So a key signs some 28 calls (96 in the SANS 504 capture), and of the calls that are not services' own
17 % are the first of their kind (principal, API, client, address, Region, outcome) that day (5 % there).
The seeds are the sample archive unless others are given. Its ordinary activity is what tools/generate_samples.py
writes with --no-intrusion; what the archive has beyond that, the intrusion, comes once in the corpus, in its first
object. Who calls is as the samples have it, which is more work than a quiet account: 89 % of the calls are made by
roles and 17 % by instances (12 % from their public addresses, so that the walk over instance sessions has rows to
judge), while in the SANS 504 capture nine calls in ten are AWS services' own and none is an instance's.

Flow logs (version 2): an accepted connection leaves two records, a refused one leaves one; a share of the
connections goes to a peer and port that its interface has already talked to in the object, set so that the
share of records whose (interface, peer, service port) was seen before in the object is `--flow-repeat`.
"""
import argparse
import atexit
import base64
import collections
import datetime
import functools
import gzip
import hashlib
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import string
import subprocess
import sys
import tempfile
import time

VERSION = 5  # of the corpus: another number makes it anew
START = int(datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc).timestamp())
SLOT = 300  # seconds of event time in an object, as CloudTrail and flow logs are delivered
REGION = 'us-east-1'
ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = str(ROOT / 'samples/archive')
# Of (interface, peer, service port) within 10 minutes, measured by --measure-flow on 16,349 records of the Stratosphere
# IPS captures CTU-Malware-Capture (njRAT, nmap, Simda and an attacked host), converted to flow logs: 0.513.
FLOW_REPEAT = 0.51
REJECTED = 0.14  # of the connections
KEY_ALPHABET = string.ascii_uppercase + string.digits
NAME_ALPHABET = string.ascii_letters + string.digits

TOKEN = re.compile('|'.join([
    r'(?P<time>\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?=Z|\.))',
    r'(?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)',
    r'(?P<key>\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)',
    r'(?P<principal>\b(?:AROA|AIDA)[A-Z0-9]{17}\b)',
    r'(?P<request>\b[A-Z0-9]{16}\b)',
    r'(?P<resource>\b(?:i|eni|vpc|subnet|sg|rtb|vol|snap|nat)-[0-9a-f]{8,17}\b)',
    r'(?P<blob>(?<![A-Za-z0-9+/\\])[A-Za-z0-9+/]{60,}={0,2})',
    r'(?P<address>\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b)',
    r'(?P<account>\b\d{12}\b)']))


def parse_time(text):
    return int(datetime.datetime.fromisoformat(text + '+00:00').timestamp())


@functools.lru_cache(maxsize=100_000)
def time_text(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))


def chars(rng, count, alphabet):
    return ''.join(rng.choices(alphabet, k=count))


PUBLIC_OCTETS = (3, 13, 18, 34, 44, 52, 54, 66, 81, 93, 104, 142)


def public_address(rng):
    return f'{rng.choice(PUBLIC_OCTETS)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}'


@functools.cache
def listed_addresses():
    """Some of the built-in indicators, so that hits are looked at too."""
    text = (ROOT / 'data/intel/tor_exit.txt').read_text()
    return [line for line in text.splitlines() if re.fullmatch(r'[\d.]+', line)][:50]


# ---- templates of CloudTrail and audit -------------------------------------------------------------------

def read_events(folder, wanted):
    for path in sorted(pathlib.Path(folder).rglob('*')):
        if not path.is_file() or not re.search(r'\.(json|jsonl|log|gz)$', path.name):
            continue
        data = path.read_bytes()
        if data[:2] == b'\x1f\x8b':
            data = gzip.decompress(data)
        text = data.decode('utf-8', 'replace')
        try:
            top = json.loads(text)
            records = top.get('Records', [top]) if isinstance(top, dict) else top
        except ValueError:
            records = []
            for line in text.splitlines():
                try:
                    records.append(json.loads(line[line.index('{'):]))
                except ValueError:
                    continue
        yield from (r for r in records if isinstance(r, dict) and wanted(r))


def templates_of(events, time_of):
    """Per event: its recipient account, and parts (text before, kind of token, token, seconds after the event)."""
    out = []
    for event in events:
        text = json.dumps(event, separators=(',', ':'), ensure_ascii=False)
        base, parts, at = parse_time(time_of(event)[:19]), [], 0
        for match in TOKEN.finditer(text):
            token = match.group()
            try:
                delta = parse_time(token) - base if match.lastgroup == 'time' else 0
            except ValueError:
                continue
            parts.append((text[at:match.start()], match.lastgroup, token, delta))
            at = match.end()
        out.append((event.get('recipientAccountId', ''), parts, text[at:]))
    return out


@functools.cache
def ordinary_samples():
    """Folder of the sample archive without its intrusion."""
    scratch = tempfile.mkdtemp(prefix='picket-corpus-')
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    subprocess.run([sys.executable, ROOT / 'tools/generate_samples.py', '--out', scratch, '--no-intrusion'], check=True,
                   stdout=subprocess.DEVNULL)
    return pathlib.Path(scratch) / 'archive'


def seeded(folders, wanted, id_of, time_of):
    """Templates of ordinary activity, and those of the intrusion in order of time."""
    events = {id_of(e): e for f in folders for e in read_events(f, wanted)}
    ordinary = events.keys()
    if folders == (SAMPLES,):
        ordinary = {id_of(e) for e in read_events(ordinary_samples(), wanted)}
    intrusion = sorted((e for i, e in events.items() if i not in ordinary), key=time_of)
    return (templates_of((e for i, e in events.items() if i in ordinary), time_of), templates_of(intrusion, time_of))


@functools.cache
def sessions_of(folders):
    """Key of a session -> whose it is."""
    identities = (e.get('userIdentity') or {} for f in folders for e in read_events(f, lambda r: 'eventName' in r))
    return {i['accessKeyId']: i['principalId'] for i in identities
            if i.get('accessKeyId', '').startswith('ASIA') and i.get('principalId')}


@functools.cache
def cloudtrail_templates(folders):
    return seeded(folders, lambda r: 'eventTime' in r and 'eventName' in r, lambda e: e.get('eventID', id(e)),
                  lambda e: e['eventTime'])


@functools.cache
def audit_templates(folders):
    return seeded(folders, lambda r: r.get('kind') == 'Event' and 'auditID' in r,
                  lambda e: (e['auditID'], e.get('stage')), lambda e: e['requestReceivedTimestamp'])


def draw(rng, templates, number, records):
    """Endless templates for an object of about so many records, and for each whether it belongs to the intrusion,
    which is spread over the first object."""
    ordinary, intrusion = templates
    waiting = list(intrusion) if number == 0 else []
    share = len(waiting) / records
    while True:
        if waiting and rng.random() < 1.5 * share:
            yield waiting.pop(0), True
        else:
            yield rng.choice(ordinary), False


CLONES = 6  # of every identity and machine of the seeds, in each account


@functools.lru_cache(maxsize=400_000)
def cloned(seed, account, clone, kind, old):
    """The same id for the same clone of what the seeds know under `old`: a key keeps its principal, an instance
    its address, as they do in an organisation."""
    digest = hashlib.blake2b(f'{seed}/{account}/{clone}/{old}'.encode(), digest_size=20).digest()
    if kind in ('key', 'principal'):
        return old[:4] + base64.b32encode(digest).decode()[:len(old) - 4]
    if kind == 'resource':
        prefix, _, digits = old.partition('-')
        return prefix + '-' + digest.hex()[:len(digits)]
    if digest[0] == 0 and digest[1] < 16:
        return listed_addresses()[digest[2] % 50]
    return f'{PUBLIC_OCTETS[digest[3] % len(PUBLIC_OCTETS)]}.{digest[4]}.{digest[5]}.{1 + digest[6] % 254}'


def fill_template(rng, template, intrusion, now, seed, account, others, sessions):
    recipient, parts, tail = template
    clone = 0 if intrusion else min(int(rng.paretovariate(0.6)) - 1, CLONES - 1)  # some are much busier than others
    known, out = {}, []
    for text, kind, old, delta in parts:
        out.append(text)
        if kind == 'time':
            begin = text.endswith('"creationDate":"') and not intrusion  # of the session: one for an hour, as its key
            out.append(time_text(now // 3600 * 3600 if begin else now + delta))
            continue
        new = known.get(old)
        if new is None:
            if kind == 'uuid':
                h = f'{rng.getrandbits(128):032x}'
                new = f'{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}'
            elif kind == 'request':
                new = chars(rng, 16, KEY_ALPHABET)
            elif kind == 'blob':
                body = old.rstrip('=')
                new = chars(rng, len(body), NAME_ALPHABET) + old[len(body):]
            elif kind == 'account':
                new = account if old == recipient or not recipient else others[hash_of(old) % len(others)]
            elif kind == 'address' and old.startswith(('10.', '172.', '192.168.')):
                new = old
            elif old in sessions and not intrusion:  # one for an hour, where the seeds have one for a few calls
                new = cloned(seed, account, clone, kind, f'ASIA{sessions[old]}{now // 3600}')[:len(old)]
            else:
                new = cloned(seed, account, clone, kind, old)
            known[old] = new
        out.append(new)
    out.append(tail)
    return ''.join(out)


def hash_of(text):
    return functools.reduce(lambda h, c: (h * 31 + ord(c)) & 0xffffffff, text, 7)


# ---- one object of each kind: (key, text, records) -------------------------------------------------------

def accounts_of(seed, count):
    rng = random.Random(f'{seed}/accounts')
    return [str(rng.randrange(10**11, 10**12)) for _ in range(count)]


def cloudtrail_object(settings, number, size):
    rng = random.Random(f'{settings.seed}/cloudtrail/{number}')
    accounts = accounts_of(settings.seed, 16)
    account = accounts[number % 16]
    slot = START + number // 16 * SLOT
    # Times rise through the object; how many records it takes is only known when it is full.
    step = SLOT / (size / settings.cloudtrail_bytes)
    records, filled, now = [], 0, float(slot)
    drawn = draw(rng, cloudtrail_templates(settings.seeds), number, size / settings.cloudtrail_bytes)
    while filled < size:
        now += rng.expovariate(1 / step)
        record = fill_template(rng, *next(drawn), int(now), settings.seed, account, accounts, sessions_of(settings.seeds))
        records.append(record)
        filled += len(record) + 1
    day = time.strftime('%Y/%m/%d', time.gmtime(slot))
    key = (f'AWSLogs/{account}/CloudTrail/{REGION}/{day}/{account}_CloudTrail_{REGION}_'
           f'{time.strftime("%Y%m%dT%H%MZ", time.gmtime(slot + SLOT))}_{chars(rng, 16, NAME_ALPHABET)}.json.gz')
    return key, '{"Records":[' + ','.join(records) + ']}', len(records)


def k8saudit_object(settings, number, size):
    rng = random.Random(f'{settings.seed}/k8saudit/{number}')
    accounts = accounts_of(settings.seed, 16)
    cluster = number % 4
    slot = START + number // 4 * SLOT
    step = SLOT / (size / settings.k8saudit_bytes)
    lines, filled, now = [], 0, float(slot)
    drawn = draw(rng, audit_templates(settings.seeds), number, size / settings.k8saudit_bytes)
    while filled < size:
        now += rng.expovariate(1 / step)
        text = fill_template(rng, *next(drawn), int(now), settings.seed, accounts[cluster], accounts, {})
        lines.append(f'{time_text(int(now))}.{int(now * 1000) % 1000:03d}Z {text}')
        filled += len(lines[-1]) + 1
    day = time.strftime('%Y/%m/%d', time.gmtime(slot))
    h = f'{rng.getrandbits(128):032x}'
    key = (f'exportedlogs/aws/eks/cluster-{cluster}/cluster/{day}/{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}/'
           f'kube-apiserver-audit-{rng.getrandbits(128):032x}/000000.gz')
    return key, '\n'.join(lines) + '\n', len(lines)


FLOW_HEADER = ('version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action '
               'log-status')
SERVICE_PORTS = [443] * 50 + [80] * 10 + [53] * 12 + [22] * 4 + [3306, 5432, 6379, 9092, 8080, 25, 123, 3389, 445]


@functools.cache
def network_of(seed, account):
    rng = random.Random(f'{seed}/network/{account}')
    interfaces = [(f'eni-{rng.getrandbits(68):017x}', f'10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(4, 255)}')
                  for _ in range(400)]
    peers = [public_address(rng) for _ in range(60_000)]
    for _ in range(10):
        peers[rng.randrange(1000, 60_000)] = rng.choice(listed_addresses())
    return interfaces, peers


def vpcflow_object(settings, number, size):
    rng = random.Random(f'{settings.seed}/vpcflow/{number}')
    account = accounts_of(settings.seed, 8)[number % 8]
    interfaces, peers = network_of(settings.seed, account)
    slot = START + number // 8 * SLOT
    # Of n records per connection (1 + accepted), 1 - new connections' share / n are repeats.
    known_share = 1 - (1 - settings.flow_repeat) * (2 - REJECTED)
    uniform, below, head = rng.random, rng.randrange, f'2 {account} '
    seen = {}
    lines, filled = [FLOW_HEADER], len(FLOW_HEADER) + 1
    while filled < size:
        interface, own = interfaces[below(400)]
        triples = seen.setdefault(interface, [])
        x = uniform()
        if x < known_share and triples:
            peer, port = triples[int(uniform() * len(triples))]
        else:
            y = uniform()
            peer = peers[int(y * y * y * 60_000)] if uniform() < 0.6 else interfaces[below(400)][1]
            port = SERVICE_PORTS[below(len(SERVICE_PORTS))]
            triples.append((peer, port))
        ephemeral = below(1024, 65536)
        begin = slot + below(SLOT - 60)
        if uniform() < 0.002:
            line = f'{head}{interface} - - - - - - - {begin} {begin + 60} - {"SKIPDATA" if uniform() < 0.1 else "NODATA"}'
            lines.append(line)
            filled += len(line) + 1
        protocol = 17 if port in (53, 123) else 6
        end = begin + below(5, 60)
        if uniform() < REJECTED:
            line = f'{head}{interface} {peer} {own} {ephemeral} {port} {protocol} 1 {below(40, 60)} {begin} {end} REJECT OK'
            lines.append(line)
            filled += len(line) + 1
            continue
        packets = min(int(rng.paretovariate(0.9)), 10**6)
        answers = packets + below(1, 4)
        # Half of the connections are made by the interface, half are made to it.
        a, b = (f'{own} {peer} {ephemeral} {port}', f'{peer} {own} {port} {ephemeral}')
        if uniform() < 0.5:
            a, b = (f'{peer} {own} {ephemeral} {port}', f'{own} {peer} {port} {ephemeral}')
        first = f'{head}{interface} {a} {protocol} {packets} {packets * below(40, 1460)} {begin} {end} ACCEPT OK'
        second = f'{head}{interface} {b} {protocol} {answers} {answers * below(40, 1460)} {begin} {end} ACCEPT OK'
        lines.append(first)
        lines.append(second)
        filled += len(first) + len(second) + 2
    stamp = time.gmtime(slot)
    key = (f'AWSLogs/{account}/vpcflowlogs/{REGION}/{time.strftime("%Y/%m/%d", stamp)}/{account}_vpcflowlogs_{REGION}_'
           f'fl-0{int(account):016x}_{time.strftime("%Y%m%dT%H%MZ", stamp)}_{rng.getrandbits(32):08x}.log.gz')
    return key, '\n'.join(lines) + '\n', len(lines) - 1


# Registrants spell words; names of random letters would be what malware asks for.
SYLLABLES = ('ba be bo ca co da de di do el en er fa fe ga go he in ka ke la le li lo ma me mi mo na ne ni no or pa pe '
             'po ra re ri ro sa se si so ta te ti to tra ve vi wa web net data shop cloud pay sun star blue red').split()


def label(rng):
    return ''.join(rng.choice(SYLLABLES) for _ in range(rng.randrange(2, 5)))


@functools.cache
def names_of(seed):
    rng = random.Random(f'{seed}/names')
    zones = ['com'] * 10 + ['net'] * 3 + ['org'] * 2 + ['io', 'internal', 'amazonaws.com', 'co.uk', 'de']
    hosts = ['', 'www.', 'api.', 'cdn.']
    sites = [label(rng) + '.' + rng.choice(zones) + '.' for _ in range(20_000)]
    names = [(rng.choice(hosts) if rng.random() < .6 else label(rng) + '.') + sites[int(len(sites) * rng.random() ** 3)]
             for _ in range(80_000)]
    # What does not exist is mostly a search list's.
    missing = frozenset(i for i in range(80_000) if rng.random() < .08)
    for i in missing:
        names[i] = names[i][:-1] + rng.choice(['.ec2.internal.', '.corp.' + sites[0], '.' + sites[1]])
    for _ in range(5):
        names[rng.randrange(1000, 80_000)] = 'guarddutyc2activityb.com.'
    hosts = [(f'i-{rng.getrandbits(68):017x}', f'10.{i % 4}.{i % 200}.{i % 250 + 4}') for i in range(400)]
    vpcs = [f'vpc-{rng.getrandbits(68):017x}' for _ in range(6)]
    return names, missing, hosts, vpcs


def dns_object(settings, number, size):
    rng = random.Random(f'{settings.seed}/dns/{number}')
    names, missing, hosts, vpcs = names_of(settings.seed)
    vpc = vpcs[number % 6]
    account = accounts_of(settings.seed, 8)[number % 6]
    slot = START + number // 6 * SLOT
    step = SLOT / (size / 430)  # bytes of a record, about
    kinds = ['A'] * 7 + ['AAAA'] * 4 + ['PTR', 'SRV', 'TXT']
    uniform, below = rng.random, rng.randrange
    lines, filled, now = [], 0, float(slot)
    while filled < size:
        now += rng.expovariate(1 / step)
        y = uniform()
        which = int(y * y * y * y * 80_000)
        name, kind = names[which], kinds[below(len(kinds))]
        instance, address = hosts[below(400)]
        answers, code = '', 'NXDOMAIN'
        if which not in missing:
            code, each = 'NOERROR', []
            for _ in range((1, 1, 1, 2, 2, 4)[below(6)]):
                data = (f'{below(1, 224)}.{below(256)}.{below(256)}.{below(256)}' if kind == 'A' else
                        f'2600:1f18:{below(65536):x}:{below(65536):x}::{below(65536):x}' if kind == 'AAAA' else name)
                each.append(f'{{"Rdata":"{data}","Type":"{kind}","Class":"IN"}}')
            answers = ','.join(each)
        line = (f'{{"version":"1.100000","account_id":"{account}","region":"{REGION}","vpc_id":"{vpc}","query_timestamp":'
                f'"{time_text(int(now))}Z","query_name":"{name}","query_type":"{kind}","query_class":"IN","rcode":"{code}",'
                f'"answers":[{answers}],"srcaddr":"{address}","srcport":"{below(1024, 65536)}","transport":"UDP","srcids":'
                f'{{"instance":"{instance}"}}}}')
        lines.append(line)
        filled += len(line) + 1
    stamp = time.gmtime(slot)
    key = (f'AWSLogs/{account}/vpcdnsquerylogs/{vpc}/{time.strftime("%Y/%m/%d", stamp)}/{vpc}_vpcdnsquerylogs_{account}_'
           f'{time.strftime("%Y%m%dT%H%MZ", stamp)}_{rng.getrandbits(32):08x}.log.gz')
    return key, '\n'.join(lines) + '\n', len(lines)


MAKERS = {'cloudtrail': cloudtrail_object, 'vpcflow': vpcflow_object, 'dns': dns_object, 'k8saudit': k8saudit_object}


def write_object(task):
    settings, kind, number, size = task
    key, text, records = MAKERS[kind](settings, number, size)
    data = text.encode()
    packed = gzip.compress(data, 6, mtime=0)
    path = pathlib.Path(settings.out) / kind / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    repeats = flow_repeats(text.splitlines()) if kind == 'vpcflow' else (0, 0)
    return len(data), len(packed), records, *repeats


# ---- the repeat ratio ------------------------------------------------------------------------------------

def flow_repeats(lines, span=600):
    """Records, and those whose (interface, peer, service port) was seen before within the span of seconds. The
    interface's own address is the one in most of its records; the service port is the lower one."""
    rows = [c for c in (line.split(' ') for line in lines) if len(c) == 14 and c[0] == '2' and c[13] == 'OK']
    counts = collections.defaultdict(collections.Counter)
    for c in rows:
        counts[c[2]].update((c[3], c[4]))
    own = {interface: counter.most_common(1)[0][0] for interface, counter in counts.items()}
    seen, repeats = set(), 0
    for c in rows:
        peer = c[4] if c[3] == own[c[2]] else c[3]
        triple = (c[2], peer, min(int(c[5]), int(c[6])), int(c[10]) // span)
        repeats += triple in seen
        seen.add(triple)
    return len(rows), repeats


def measure_flow(folders):
    for folder in folders:
        lines = []
        for path in sorted(pathlib.Path(folder).rglob('*')):
            if not path.is_file() or not path.name.endswith(('.log', '.log.gz')):
                continue
            lines += (gzip.open(path, 'rt') if path.suffix == '.gz' else open(path)).read().splitlines()
        records, repeats = flow_repeats(lines)
        print(f'{folder}: {records} records, {repeats / max(records, 1):.3f} repeat (interface, peer, port) within 10 minutes')


# ---- driver ----------------------------------------------------------------------------------------------

def mean_bytes(templates):
    return sum(sum(len(text) + len(old) for text, _, old, _ in parts) + len(tail) for _, parts, tail in templates) / len(templates)


def make(settings, kind, megabytes):
    out = pathlib.Path(settings.out) / kind
    note = out / 'corpus.txt'
    head = [f'version {VERSION}', f'kind {kind}', f'megabytes {megabytes}', f'seed {settings.seed}']
    if kind in ('cloudtrail', 'k8saudit'):
        ordinary, intrusion = (cloudtrail_templates if kind == 'cloudtrail' else audit_templates)(settings.seeds)
        if not ordinary:
            sys.exit(f'generate_corpus: no seed events for {kind} below {", ".join(settings.seeds)}')
        mean = mean_bytes(ordinary)
        setattr(settings, kind + '_bytes', mean)
        head += [f'seed_events {len(ordinary)}', f'seed_bytes {mean:.0f}', f'intrusion_events {len(intrusion)}']
    if kind == 'vpcflow':
        head += [f'flow_repeat {settings.flow_repeat}']
    if note.exists() and note.read_text().splitlines()[:len(head)] == head:
        print(f'{kind}: there already')
        return
    if note.exists():
        for path in out.rglob('*.gz'):
            path.unlink()
        note.unlink()
    rng = random.Random(f'{settings.seed}/sizes/{kind}')
    tasks, total = [], 0
    while total < megabytes * 1_000_000:
        size = int(min(rng.uniform(1e6, 5e6), max(megabytes * 1e6 - total, 2e5)))
        tasks.append((settings, kind, len(tasks), size))
        total += size
    begin = time.time()
    with multiprocessing.Pool(settings.jobs) as pool:
        sums = [sum(column) for column in zip(*pool.imap_unordered(write_object, tasks, chunksize=4))]
    text, packed, records, rows, repeats = sums
    totals = [f'objects {len(tasks)}', f'records {records}', f'bytes_text {text}', f'bytes_gzip {packed}']
    if kind == 'vpcflow':
        totals.append(f'measured_repeat {repeats / rows:.3f}')
    note.write_text('\n'.join(head + totals) + '\n')
    print(f'{kind}: {len(tasks)} objects, {records} records, {text / 1e6:.0f} MB of text, {packed / 1e6:.0f} MB, {time.time() - begin:.0f} s')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', nargs='?')
    parser.add_argument('--kinds', default='cloudtrail,vpcflow,dns,k8saudit')
    parser.add_argument('--mb', type=float, default=500, help='of text for each kind')
    parser.add_argument('--seeds', nargs='+', default=[SAMPLES], help='folders of CloudTrail and audit logs')
    parser.add_argument('--flow-repeat', type=float, default=FLOW_REPEAT)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--measure-flow', nargs='+', metavar='DIR')
    settings = parser.parse_args()
    if settings.measure_flow:
        measure_flow(settings.measure_flow)
        return
    if not settings.out:
        parser.error('OUT is missing')
    settings.seeds = tuple(settings.seeds)
    for kind in settings.kinds.split(','):
        if kind not in MAKERS:
            parser.error(f'{kind} is none of {", ".join(MAKERS)}')
        make(settings, kind, settings.mb)


if __name__ == '__main__':
    main()
