#!/usr/bin/env python3
"""Trains the model that tells generated names from chosen ones, and says how good it is.

usage: train_dga_model.py OUT --suffixes PUBLIC_SUFFIX_LIST --generated FAMILIES.csv[.gz]... --harmless NAMES[.gz]...
           [--judge-generated ...] [--judge-harmless ...]

A list of generated names has the columns family,domain; a list of harmless ones a name a line (or is hstspreload.bin
of the Python package hstspreload). What is given to judge by is never trained or calibrated on. OUT is the data file that
src/models/dga_score.cpp reads. The same inputs give the same bytes. Needs numpy.

The model is a logistic regression over hashed n-grams of one to five characters of the registered label, and, where
that leaves it open, a small convolutional network besides; their score becomes bits by a table made from families and
harmless names that the scoring model never saw (five folds). Names drawn here by plain rules (letters, hexadecimal
digits, syllables, …) are taught besides the families given.
"""
import argparse
import collections
import gzip
import re
from pathlib import Path

import numpy as np

WEIGHTS = 1 << 16
LONGEST = 5  # characters of an n-gram
FOLDS = 5
FAMILY_MAX = 4000
# Families that join words: a model that learned them would suspect everyone who does.
WORDS = {"gozi", "suppobox", "banjori", "matsnu"}
BITS_MIN, BITS_MAX = -4.0, 8.0
NAMES_OF_HOST = 50
EXAMPLES = ["wikipedia", "zijieapi", "xkqzvwplmnrt", "mcvkzelorqpt", "a3f9c27be1d4", "qwhtlrkzpvbn", "a-b_c-9", "fgdjhkwqzx"]
# The network: filters over five characters, hidden units, and what of a label it sees ("^" and "$" included).
FILTERS, HIDDEN, OFFSETS, SEEN = 48, 32, 5, 26
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-_^$"  # 0 is none
ASKED_ABOVE = -6 * 256  # the score of n-grams from which on the network is asked
SHARE = (7, 3)  # of n-grams and network in the sum, in tenths
RAISED_AT = 32  # the detector's threshold in bits


# ---- names

def read_suffixes(path):
    text = Path(path).read_text(encoding="utf-8").split("===END ICANN DOMAINS===")[0]
    return {line.strip() for line in text.splitlines() if line.strip() and not line.startswith("//")}


def label_of(name, suffixes):
    """The registered label by the public suffixes that registries run; None of a bare suffix."""
    labels = name.lower().rstrip(".").split(".")
    for i in range(len(labels)):
        rest = ".".join(labels[i:])
        if rest in suffixes or "*." + ".".join(labels[i + 1:]) in suffixes and "!" + rest not in suffixes:
            return labels[i - 1] if i else None
    return labels[-2] if len(labels) > 1 else None


def read_lines(path):
    data = Path(path).read_bytes()
    if path.endswith(".gz"):
        data = gzip.decompress(data)
    if path.endswith("hstspreload.bin"):  # flags, size, text: leaves are whole names
        names = []
        while data:
            size = data[1]
            if data[0] & 0x80:
                names.append(data[2:2 + size].decode())
            data = data[2 + size:]
        return names
    return data.decode().split("\n")


def usable(label):
    """What the model is asked about: not short, plain, no punycode."""
    return label is not None and 5 <= len(label) <= 63 and re.fullmatch(r"[a-z0-9_-]+", label) and not label.startswith("xn--")


def read_harmless(paths, suffixes):
    labels = set()
    for path in paths:
        labels |= {label for label in (label_of(n.strip(), suffixes) for n in read_lines(path) if n.strip()) if usable(label)}
    return labels


def read_generated(paths, suffixes, dynamic=("ddns.net", "dyndns.org", "mooo.com", "yi.org", "dynserv.com")):
    families = collections.defaultdict(set)
    for path in paths:
        for line in read_lines(path)[1:]:
            family, _, name = line.partition(",")
            parent = name.partition(".")[2]
            label = name.partition(".")[0] if parent in dynamic else label_of(name, suffixes)
            if usable(label):
                families[family].add(label)
    return {family: sorted(labels) for family, labels in sorted(families.items())}


def drawn_families(size=FAMILY_MAX):
    """Names by plain rules, so that the model knows more ways of drawing letters than a few families have."""
    random = np.random.Generator(np.random.PCG64(99))
    letters, consonants, vowels = list("abcdefghijklmnopqrstuvwxyz"), list("bcdfghjklmnpqrstvwxz"), list("aeiouy")

    def drawn(alphabet, low, high):
        return "".join(random.choice(alphabet, random.integers(low, high + 1)))

    def syllables(closed):
        return "".join(random.choice(consonants) + random.choice(vowels) + (random.choice(consonants) if random.random() < closed else "")
                       for _ in range(random.integers(3, 8) if closed == 0 else random.integers(2, 6)))
    rules = {"short letters": lambda: drawn(letters, 6, 9), "letters": lambda: drawn(letters, 8, 16), "long letters": lambda: drawn(letters, 16, 32),
             "letters and digits": lambda: drawn(letters + list("0123456789"), 10, 26), "hexadecimal": lambda: drawn(list("0123456789abcdef"), 8, 32),
             "some letters": lambda: drawn(random.permutation(letters)[:random.integers(10, 20)], 7, 17),
             "syllables": lambda: syllables(0), "closed syllables": lambda: syllables(0.5)}
    return {f"drawn: {name}": sorted({rule() for _ in range(size)}) for name, rule in rules.items()}


# ---- features: src/models/dga_score.cpp does the same

def features(labels):
    """Indices of the n-grams of all labels, and where each label's begin."""
    width = max(map(len, labels)) + 2
    text = np.zeros((len(labels), width), np.uint32)
    sizes = np.array([len(label) + 2 for label in labels])
    for i, label in enumerate(labels):
        text[i, :len(label) + 2] = np.frombuffer(f"^{label}$".encode(), np.uint8)
    rows, index = [], []
    state = np.full((len(labels), width), 2166136261, np.uint32)
    for n in range(1, LONGEST + 1):
        state = (state[:, :width - n + 1] ^ text[:, n - 1:]) * np.uint32(16777619)
        row, column = np.nonzero(np.arange(width - n + 1)[None, :] + n <= sizes[:, None])
        value = state[row, column]
        rows.append(row)
        index.append(((value >> np.uint32(16)) ^ value) & np.uint32(WEIGHTS - 1))
    # Its length as one more.
    rows.append(np.arange(len(labels)))
    value = (np.uint32(2166136261) ^ (sizes - 2).astype(np.uint32)) * np.uint32(16777619)
    index.append(((value >> np.uint32(16)) ^ value) & np.uint32(WEIGHTS - 1))
    rows, index = np.concatenate(rows), np.concatenate(index).astype(np.int32)
    order = np.argsort(rows, kind="stable")
    return index[order], np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(labels)))])


def take(index, begins, which):
    sizes = begins[which + 1] - begins[which]
    ends = np.cumsum(sizes)
    places = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes) + np.repeat(begins[which], sizes)
    return index[places], np.concatenate([[0], ends])


def train(index, begins, wanted, weight, epochs=12, batch=4096, rate=0.05, decay=2e-6, seed=1):
    """Adagrad over batches; returns the weights and the bias, in nats."""
    weights, squares, bias, bias_square = np.zeros(WEIGHTS), np.full(WEIGHTS, 1e-4), 0.0, 1e-4
    random = np.random.Generator(np.random.PCG64(seed))
    for _ in range(epochs):
        order = random.permutation(len(wanted))
        for at in range(0, len(order), batch):
            which = order[at:at + batch]
            grams, starts = take(index, begins, which)
            score = np.add.reduceat(weights[grams], starts[:-1]) + bias
            error = (1 / (1 + np.exp(-np.clip(score, -30, 30))) - wanted[which]) * weight[which]
            gradient = np.bincount(grams, np.repeat(error, np.diff(starts)), WEIGHTS) / len(which) + decay * weights
            squares += gradient ** 2
            weights -= rate * gradient / np.sqrt(squares)
            step = error.mean()
            bias_square += step ** 2
            bias -= rate * step / np.sqrt(bias_square)
    return weights, bias


def quantised(weights, bias):
    """int8 weights, what one unit is in 1/65536 bit, and the bias in 1/256 bit."""
    unit = np.quantile(np.abs(weights), 0.9995) / 127
    return np.clip(np.rint(weights / unit), -127, 127).astype(np.int64), round(unit / np.log(2) * 65536), round(bias / np.log(2) * 256)


def raw_scores(index, begins, model):
    weights, unit, bias = model
    return (np.add.reduceat(weights[index], begins[:-1]) * unit >> 8) + bias


# ---- the network: a table of what each character at each of five offsets adds to each filter, the highest and the mean
# of each filter over the label, and one hidden layer

def encode(labels):
    code = np.zeros(256, np.uint8)
    code[np.frombuffer(ALPHABET.encode(), np.uint8)] = np.arange(1, len(ALPHABET) + 1)
    text = np.zeros((len(labels), SEEN + OFFSETS - 1), np.uint8)
    for i, label in enumerate(labels):
        seen = f"^{label}$"[:SEEN].encode()
        text[i, OFFSETS // 2:OFFSETS // 2 + len(seen)] = code[np.frombuffer(seen, np.uint8)]
    return text, np.minimum(np.array([len(label) for label in labels]), 40)


def train_network(text, sizes, wanted, weight, epochs=6, batch=1024, rate=0.004, seed=1):
    """Adam over batches; returns table, its bias, hidden weights and bias, and those of the output, in nats."""
    random = np.random.Generator(np.random.PCG64(seed))
    inputs = 2 * FILTERS + 2
    one = [random.standard_normal(shape) * scale for shape, scale in (
        ((OFFSETS, len(ALPHABET) + 1, FILTERS), 0.25), ((FILTERS,), 0), ((inputs, HIDDEN), np.sqrt(2 / inputs)), ((HIDDEN,), 0),
        ((HIDDEN,), np.sqrt(1 / HIDDEN)), ((1,), 0))]
    one = [value.astype(np.float32) for value in one]
    first, second = [np.zeros_like(v) for v in one], [np.zeros_like(v) for v in one]
    steps, step = epochs * -(-len(wanted) // batch), 0
    for _ in range(epochs):
        order = random.permutation(len(wanted))
        for at in range(0, len(order), batch):
            which = order[at:at + batch]
            table, bias, hidden, hidden_bias, out, out_bias = one
            x, size = text[which], sizes[which, None].astype(np.float32)
            inside = (x[:, OFFSETS // 2:OFFSETS // 2 + SEEN] > 0)[:, :, None]
            seen = np.maximum(sum(table[k][x[:, k:k + SEEN]] for k in range(OFFSETS)) + bias, 0) * inside
            count = inside.sum(1).astype(np.float32)
            highest = seen.argmax(1)[:, None]
            top = np.take_along_axis(seen, highest, 1)[:, 0]
            layer = np.concatenate([top, seen.sum(1) / count, size / 20, (size / 20) ** 2], 1)
            units = np.maximum(layer @ hidden + hidden_bias, 0)
            score = units @ out + out_bias
            error = ((1 / (1 + np.exp(-np.clip(score, -30, 30))) - wanted[which]) * weight[which] / len(which)).astype(np.float32)
            to_units = np.outer(error, out) * (units > 0)
            to_layer = to_units @ hidden.T
            to_seen = np.repeat((to_layer[:, FILTERS:2 * FILTERS] / count)[:, None], SEEN, 1) * (seen > 0)
            at_top = np.take_along_axis(to_seen, highest, 1) + (to_layer[:, :FILTERS] * (top > 0))[:, None]
            np.put_along_axis(to_seen, highest, at_top, 1)
            to_table, flat = np.zeros_like(table), to_seen.reshape(-1, FILTERS)
            for k in range(OFFSETS):
                characters = x[:, k:k + SEEN].reshape(-1)
                by = np.argsort(characters, kind="stable")
                begins = np.flatnonzero(np.r_[True, np.diff(characters[by]) != 0])
                to_table[k][characters[by][begins]] = np.add.reduceat(flat[by], begins, 0)
            to_table[:, 0] = 0
            step += 1
            slope = rate * (1 - step / steps) + 1e-5
            for i, gradient in enumerate([to_table, to_seen.sum((0, 1)), layer.T @ to_units, to_units.sum(0), units.T @ error, error.sum(keepdims=True)]):
                first[i] = 0.9 * first[i] + 0.1 * gradient
                second[i] = 0.999 * second[i] + 0.001 * gradient ** 2
                change = first[i] / (1 - 0.9 ** step) / (np.sqrt(second[i] / (1 - 0.999 ** step)) + 1e-8)
                one[i] = (one[i] - slope * change - 1e-4 * slope * one[i]).astype(np.float32)
            one[0][:, 0] = 0
    return one


def quantised_network(network):
    """All in integers: the table in signed bytes of one unit, the hidden layer in 1/2^20 of what a unit makes, the output in
    1/2^16 bit for each 1/256 of a hidden unit."""
    table, bias, hidden, hidden_bias, out, out_bias = [value.astype(np.float64) for value in network]
    unit = np.abs(table).max() / 127
    scale = np.concatenate([np.full(FILTERS, unit), np.full(FILTERS, unit / 16), [1 / 20, 1 / 400]])
    highest = np.maximum(table[:, 1:].max(1).sum(0) + bias, 0)
    layer = np.concatenate([highest, highest, [2, 4]])
    assert (np.abs(hidden) * layer[:, None]).sum(0).max() + np.abs(hidden_bias).max() < 2 ** 10, "the hidden sums do not fit 32 bits"
    return [np.rint(value).astype(np.int64) for value in (
        table / unit, bias / unit, hidden * scale[:, None] * 2 ** 20, hidden_bias * 2 ** 20, out / np.log(2) * 2 ** 16, out_bias / np.log(2) * 2 ** 16)]


def network_scores(labels, network, batch=4096):
    table, bias, hidden, hidden_bias, out, out_bias = network
    scores = []
    for at in range(0, len(labels), batch):
        text, size = encode(labels[at:at + batch])
        inside = (text[:, OFFSETS // 2:OFFSETS // 2 + SEEN] > 0)[:, :, None]
        seen = np.maximum(sum(table[k][text[:, k:k + SEEN]] for k in range(OFFSETS)) + bias, 0) * inside
        layer = np.concatenate([seen.max(1), seen.sum(1) * 16 // inside.sum(1), size[:, None], size[:, None] ** 2], 1)
        units = np.maximum(layer @ hidden + hidden_bias, 0) >> 12
        scores.append((units @ out + (out_bias << 8)) >> 16)
    return np.concatenate(scores)


def summed(grams, network):
    return np.where(grams > ASKED_ABOVE, (SHARE[0] * grams + SHARE[1] * network) // 10, grams)


# ---- from scores to bits

def calibrate(generated, harmless):
    """Knots (score, bits in 1/256): of unseen families each of which counts alike, against the worst population."""
    edges = np.arange(-40, 61, 2) * 256

    def share(scores):
        return np.histogram(np.clip(scores, edges[0], edges[-1] - 1), edges)[0] / len(scores) + 1e-6
    told = np.mean([share(s) for s in generated], axis=0)
    usual = np.max([share(s) for s in harmless], axis=0)
    # Neighbours are pooled until more score never means less evidence.
    pools = []
    for middle, one, other in zip((edges[:-1] + edges[1:]) // 2, told, usual):
        pools.append([[middle], one, other])
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            middles, one, other = pools.pop()
            pools[-1] = [pools[-1][0] + middles, pools[-1][1] + one, pools[-1][2] + other]
    return [(int(np.mean(middles)), int(round(256 * min(max(np.log2(one / other), BITS_MIN), BITS_MAX)))) for middles, one, other in pools]


def bits_of(raw, knots):
    x, y = zip(*knots)
    return np.interp(raw, x, y)


# ---- evaluation

def threshold_at(scores, rate):
    return np.sort(scores)[::-1][max(0, int(rate * len(scores)))]


def walk(bits, hosts, random, nonexistent, names=NAMES_OF_HOST):
    """Highest point of each host's sum after each name, as src/detectors/trojan/dga_domain_request_b.cpp sums."""
    total, top, tops = np.zeros(hosts), np.zeros(hosts), []
    for _ in range(names):
        drawn = bits[random.integers(0, len(bits), hosts)]
        exists = np.where(drawn > 0, drawn / 2, np.where(random.random(hosts) < 1 / 8, -8 * 256, 0))
        total = np.maximum(0, total + np.where(random.random(hosts) < nonexistent, np.clip(drawn + 2 * 256, -4 * 256, 8 * 256), exists))
        top = np.maximum(top, total)
        tops.append(top.copy())
    return tops


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    for name in ("--generated", "--harmless"):
        parser.add_argument(name, nargs="+", required=True)
    for name in ("--judge-generated", "--judge-harmless"):
        parser.add_argument(name, nargs="*", default=[])
    parser.add_argument("--suffixes", required=True, help="the public suffix list")
    args = parser.parse_args()
    suffixes = read_suffixes(args.suffixes)
    random = np.random.Generator(np.random.PCG64(7))

    families = read_generated(args.generated, suffixes)
    judged_families = read_generated(args.judge_generated, suffixes)
    known = {label for labels in (*families.values(), *judged_families.values()) for label in labels}
    populations = {Path(path).name.split(".")[0]: read_harmless([path], suffixes) for path in args.harmless}
    # A list of popular names holds some that malware made: what a list of generated names knows is not harmless.
    dirty = {name: len(labels & known) for name, labels in populations.items()}
    populations = {name: sorted(labels - known) for name, labels in populations.items()}
    trained_on = set().union(*populations.values())
    everything = read_harmless(args.judge_harmless, suffixes)
    judged = {}
    if everything:
        fresh = sorted(everything - known - trained_on)
        judged["popular, years later"] = fresh
        judged["on two lists"] = sorted(everything & trained_on)
        with_suffix = collections.defaultdict(set)
        for path in args.judge_harmless:
            for name in read_lines(path):
                label = label_of(name.strip(), suffixes) if name.strip() else None
                if usable(label) and label not in known and label not in trained_on:
                    top = name.strip().rsplit(".", 1)[-1]
                    with_suffix["Chinese" if top == "cn" or name.endswith(".com.tw") else "Russian" if top in ("ru", "su") else
                                "cheap suffixes" if top in ("top", "xyz", "site", "online", "club", "info", "biz", "cc", "vip", "icu", "shop", "live", "ws") else
                                "other countries" if len(top) == 2 else "com and others"].add(label)
        judged |= {f"of these, {name}": sorted(labels) for name, labels in sorted(with_suffix.items())}
    print("families:", ", ".join(f"{f} {len(v)}" for f, v in families.items()))
    print("harmless:", ", ".join(f"{n} {len(v)} ({dirty[n]} dropped as generated)" for n, v in populations.items()))

    drawn = drawn_families()
    labels, family, harmless_of = [], [], []
    for name, members in {**families, **drawn}.items():
        chosen = [members[i] for i in sorted(random.permutation(len(members))[:FAMILY_MAX])]
        labels += chosen
        family += [name] * len(chosen)
        harmless_of += [""] * len(chosen)
    seen = set()
    for name, members in populations.items():
        fresh = [m for m in members if m not in seen]
        seen |= set(fresh)
        labels += fresh
        family += [""] * len(fresh)
        harmless_of += [name] * len(fresh)
    family, harmless_of = np.array(family), np.array(harmless_of)
    wanted = (family != "").astype(float)
    index, begins = features(labels)
    text, sizes = encode(labels)
    teachable = ~np.isin(family, sorted(WORDS))
    weight = np.ones(len(labels))
    taught = [f for f in families if f not in WORDS]
    for name in (*taught, *drawn):
        weight[family == name] = (0.5 if name in drawn else 1) / np.sum(family == name)
    weight[wanted == 1] *= np.sum(wanted == 0) / np.sum(weight[(wanted == 1) & teachable]) / 2

    # Contamination that no list knows: what a model that has not seen a name calls generated for certain is not taught as
    # harmless (it is still counted as a false alarm).
    fold = np.full(len(labels), -1)  # what is drawn is taught in every fold: no family of anyone's
    for i, name in enumerate(families):
        fold[family == name] = i % FOLDS
    fold[family == ""] = random.integers(0, FOLDS, np.sum(family == ""))

    def fit(which):
        grams, starts = take(index, begins, which)
        return quantised(*train(grams, starts, wanted[which], weight[which]))

    def fit_network(which):
        return quantised_network(train_network(text[which], sizes[which], wanted[which], weight[which]))

    doubtful = np.zeros(len(labels), bool)
    for _ in range(2):
        raw, models = np.zeros(len(labels), np.int64), []
        for f in range(FOLDS):
            models.append(fit(np.flatnonzero((fold != f) & teachable & ~doubtful)))
            held = np.flatnonzero(fold == f)
            raw[held] = raw_scores(*take(index, begins, held), models[-1])
        if not doubtful.any():
            doubtful = (wanted == 0) & (raw > 7 * 256)
            print(f"{doubtful.sum()} harmless names not taught, because they look generated for certain")
    print("for example:", ", ".join(np.array(labels)[doubtful][::max(1, doubtful.sum() // 20)][:20]))
    networks, text_of = [], np.array(labels)
    for f in range(FOLDS):
        networks.append(fit_network(np.flatnonzero((fold != f) & teachable & ~doubtful)))
        held = np.flatnonzero(fold == f)
        raw[held] = summed(raw[held], network_scores(text_of[held], networks[-1]))

    knots = calibrate([raw[family == f] for f in taught], [raw[harmless_of == n] for n in populations])
    final, network = fit(np.flatnonzero(teachable & ~doubtful)), fit_network(np.flatnonzero(teachable & ~doubtful))
    table, bias, hidden, hidden_bias, out, out_bias = network
    Path(args.out).write_text("".join(
        ["# Generated names: logistic regression over hashed n-grams, and a convolutional network. Made by tools/train_dga_model.py; README.md says from what.\n",
         f"unit {final[1]}\nbias {final[2]}\n", "".join(f"knot {x} {y}\n" for x, y in knots),
         *(f"{name} {' '.join(map(str, np.ravel(values)))}\n" for name, values in (("filters", bias), ("hidden", hidden), ("units", hidden_bias),
                                                                              ("output", out), ("start", out_bias), ("table", table[:, 1:]))), "weights\n"]
        + ["".join(f"{int(w) & 0xff:02x}" for w in final[0][at:at + 64]) + "\n" for at in range(0, WEIGHTS, 64)]))
    print("as shipped:", ", ".join(f"{label} {int(bits_of(summed(raw_scores(*features([label]), final), network_scores([label], network)), knots)[0])}" for label in EXAMPLES))

    # Every family scored by a model that never saw it; harmless names of the lists by one that never saw the name; judges by the first fold's.
    def judge(members):
        return summed(raw_scores(*features(members), models[0]), network_scores(members, networks[0]))

    bits = bits_of(raw, knots)
    told = {f: bits[family == f] for f in families}
    raws = {f: raw[family == f] for f in families}
    for f, members in judged_families.items():
        raws[f] = judge(members)
        told[f] = bits_of(raws[f], knots)
    usual = {n: raw[harmless_of == n] for n in populations}
    for n, members in judged.items():
        usual[n] = judge(members) if n != "on two lists" else raw[np.isin(labels, members) & (wanted == 0)]
    spelt = [f for f in told if f not in WORDS]
    print("\nper name, families left out; the threshold is that of one half of a population, at 1e-3, the false alarms those of the other;"
          "\nmean recall of families that spell / of all with those that join words:")
    for n, scores in usual.items():
        mixed = random.permutation(scores)
        one, other = mixed[::2], mixed[1::2]
        cut = threshold_at(one, 1e-3)
        recall = {f: np.mean(scores_of > cut) for f, scores_of in raws.items()}
        print(f"  {n} ({len(scores)} names): false {np.mean(other > cut):.5f}, recall {np.mean([recall[f] for f in spelt]):.3f} / {np.mean(list(recall.values())):.3f}"
              f"; mean of positive bits {np.mean(np.maximum(0, bits_of(scores, knots))) / 256:.3f}, of all {np.mean(bits_of(scores, knots)) / 256:.3f}")
    print(f"\nper host; thresholds in bits that a share of harmless hosts reaches in {NAMES_OF_HOST} new names, an eighth of which do not exist:")
    tops = {n: walk(bits_of(s, knots), 100000, random, 1 / 8)[-1] for n, s in usual.items()}
    for rate in (1e-3, 1e-4):
        print(f"  {rate:g}:", ", ".join(f"{n} {threshold_at(t, rate) / 256:.1f}" for n, t in tops.items()))
    for exist, nonexistent in (("no name exists", 1), ("all names exist", 0)):
        after = {}
        for f in told:
            got = walk(told[f], 4000, np.random.Generator(np.random.PCG64(3)), nonexistent)
            after[f] = {k: np.mean(got[k - 1] >= RAISED_AT * 256) for k in (5, 10, 20, 50)}
            print(f"    {f:24} " + "  ".join(f"{k}: {v:.3f}" for k, v in after[f].items()))
        print(f"  mean recall at {RAISED_AT} bits, {exist}, after", ", ".join(f"{k} names {np.mean([after[f][k] for f in spelt]):.3f}" for k in (5, 10, 20, 50)),
              "(joined words:", ", ".join(f"{k} names {np.mean([after[f][k] for f in told if f in WORDS]):.3f}" for k in (10, 50)) + ")")
    print("a busy host of 2,000 new names, share that reaches 24 / 28 / 32 / 36 / 40 bits (of 10,000):")
    for n, s in usual.items():
        top = walk(bits_of(s, knots), 10000, random, 1 / 8, 2000)[-1]
        print(f"  {n}:", " / ".join(f"{np.mean(top >= c * 256):.4f}" for c in (24, 28, 32, 36, 40)))


if __name__ == "__main__":
    main()
