"""Byte-level BPE with the qwen2 pre-tokenizer, vocabulary 4096.

    python3 tokenizer.py learn     learns out/tokenizer.json from data/train.jsonl
    python3 tokenizer.py encode    encodes data/*.jsonl to data/*.npz"""
import collections
import heapq
import json
import random
import sys

import numpy as np
import regex

PAT = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_map():
    """GPT-2's printable character for each byte."""
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs = bs[:]
    n = 0
    for b in range(256):
        if b not in bs:
            bs.append(b)
            cs.append(256 + n)
            n += 1
    return {b: chr(c) for b, c in zip(bs, cs)}


B2U = byte_map()
U2B = {u: b for b, u in B2U.items()}


class Tokenizer:
    def __init__(self, path="out/tokenizer.json"):
        with open(path, encoding="utf-8") as f:
            d = json.load(f)
        self.vocab, self.merges = d["vocab"], [tuple(m.split(" ")) for m in d["merges"]]
        self.id = {t: i for i, t in enumerate(self.vocab)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.bos, self.im_start, self.im_end = (self.id[s] for s in SPECIAL)
        self.cache = {}

    def word(self, w):
        """The ids of one pre-token."""
        if w in self.cache:
            return self.cache[w]
        s = [B2U[b] for b in w.encode()]
        while len(s) > 1:
            i = min(range(len(s) - 1), key=lambda i: self.rank.get((s[i], s[i + 1]), 1 << 30))
            if (s[i], s[i + 1]) not in self.rank:
                break
            s[i : i + 2] = [s[i] + s[i + 1]]
        self.cache[w] = r = [self.id[x] for x in s]
        return r

    def encode(self, text):
        return [t for m in PAT.finditer(text) for t in self.word(m.group())]

    def chat(self, msgs, gen=True):
        """The ids of a conversation; `gen` opens the answer."""
        out = [self.bos]
        for m in msgs:
            out += (
                [self.im_start]
                + self.encode(m["role"] + "\n" + m["content"])
                + [self.im_end]
                + self.encode("\n")
            )
        return out + ([self.im_start] + self.encode("assistant\n") if gen else [])

    def decode(self, ids):
        return b"".join(
            SPECIAL[SPECIAL.index(self.vocab[i])].encode()
            if self.vocab[i] in SPECIAL
            else bytes(U2B[c] for c in self.vocab[i])
            for i in ids
        ).decode("utf-8", "replace")


def train(words, size):
    """The merges learned from `words`, a Counter of byte strings as unicode."""
    W = [[list(w), c] for w, c in words.items()]
    pairs = collections.Counter()
    where = collections.defaultdict(set)
    for k, (s, c) in enumerate(W):
        for p in zip(s, s[1:]):
            pairs[p] += c
            where[p].add(k)
    heap = [(-c, p) for p, c in pairs.items()]
    heapq.heapify(heap)
    merges = []
    while len(merges) < size and heap:
        c, p = heapq.heappop(heap)
        if pairs[p] != -c or c == 0:
            continue
        merges.append(p)
        new = p[0] + p[1]
        changed = set()
        for k in where.pop(p):
            s, n = W[k]
            i = 0
            for q in zip(s, s[1:]):
                pairs[q] -= n
                changed.add(q)
            while i < len(s) - 1:
                if (s[i], s[i + 1]) == p:
                    s[i : i + 2] = [new]
                i += 1
            for q in zip(s, s[1:]):
                pairs[q] += n
                where[q].add(k)
                changed.add(q)
        for q in changed:
            if pairs[q] > 0:
                heapq.heappush(heap, (-pairs[q], q))
    return merges


def pieces(tk, d):
    """The documents of at most 512 tokens of one line of data: (ids, 1 where the loss counts)."""
    if "text" in d:
        t = tk.encode(d["text"])
        for i in range(0, len(t), 511):
            if len(t) - i < 32:
                break
            ids = [tk.bos] + t[i : i + 511]
            yield ids, [1] * len(ids)
        return
    newline = tk.encode("\n")
    ids, mask = [tk.bos], [0]
    for m in d["messages"]:
        head = [tk.im_start] + tk.encode(m["role"] + "\n")
        body = tk.encode(m["content"]) + [tk.im_end]
        if len(ids) + len(head) + len(body) + 1 > 512:
            break
        ids += head + body + newline
        mask += [0] * len(head) + [int(m["role"] == "assistant")] * len(body) + [0] * len(newline)
    yield ids, mask


def encode(split):
    tk = Tokenizer()
    ids, mask, start, domain, names = [], [], [], [], []
    with open(f"data/{split}.jsonl", encoding="utf-8") as f:
        for line in f:
            d = json.loads(line)
            if d["domain"] not in names:
                names.append(d["domain"])
            for piece, counts in pieces(tk, d):
                start.append(len(ids))
                domain.append(names.index(d["domain"]))
                ids += piece
                mask += counts
    start.append(len(ids))
    np.savez(
        f"data/{split}.npz",
        ids=np.array(ids, np.uint16),
        start=np.array(start, np.int64),
        dom=np.array(domain, np.uint8),
        mask=np.array(mask, np.uint8),
        doms=np.array(names),
    )
    tokens = {n: int(np.diff(start)[np.array(domain) == i].sum()) for i, n in enumerate(names)}
    print(split, len(ids), "tokens", len(domain), "documents", tokens)


def learn():
    r = random.Random(5)
    words = collections.Counter()
    with open("data/train.jsonl", encoding="utf-8") as f:
        docs = [json.loads(line) for line in f]
    # A sample of a large corpus; all of a small one, which would not have enough distinct pairs otherwise.
    everything = len(docs) < 10_000
    for d in docs:
        if everything or r.random() < (0.3 if "text" in d else 0.06):
            if "text" in d:
                words.update(PAT.findall(d["text"]))
            else:
                words.update(PAT.findall("\n".join(m["role"] + "\n" + m["content"] for m in d["messages"])))
    words = collections.Counter({"".join(B2U[b] for b in w.encode()): c for w, c in words.items()})
    print("distinct words", len(words))
    merges = train(words, 4096 - 256 - len(SPECIAL))
    vocab = [B2U[b] for b in range(256)] + ["".join(m) for m in merges] + SPECIAL
    assert len(vocab) == len(set(vocab)) == 4096
    with open("out/tokenizer.json", "w", encoding="utf-8") as f:
        json.dump(dict(vocab=vocab, merges=[" ".join(m) for m in merges]), f, ensure_ascii=False)


if __name__ == "__main__":
    if sys.argv[1:] == ["learn"]:
        learn()
    elif sys.argv[1:] == ["encode"]:
        encode("train")
        encode("val")
    else:
        sys.exit(__doc__)
