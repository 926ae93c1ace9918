"""Measures a checkpoint and writes the tables of EVAL.md.

    python3 evaluate.py CHECKPOINT [--part language|structure|refusal] [--smoke]

Seeds are fixed. The parts can run side by side; --smoke takes a fortieth of everything."""
import argparse
import csv
import math
import os
import random

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
import numpy as np
import torch
import torch.nn.functional as F

import evaluate_language
import evaluate_refusal
import evaluate_structure
from chat_lists import REFUSAL_PREFIXES
from net import Net
from tokenizer import Tokenizer

PARTS = dict(
    language=evaluate_language.evaluate,
    structure=evaluate_structure.evaluate,
    refusal=evaluate_refusal.evaluate,
)
SETS = ("harmful", "harmless", "lookalike")


class Evaluation:
    """The model, the validation documents and the held-out prompts, and the text of the report."""

    def __init__(self, checkpoint, thin):
        self.net = Net(checkpoint)
        self.tk = Tokenizer()
        self.thin = thin  # 1: everything; n: every n-th document and prompt
        self.longest = 1000 if thin == 1 else 6  # tokens of an answer
        self.layers, self.experts = self.net.c["layers"], self.net.c["experts"]
        self.topk = self.net.c["topk"]
        self.all_experts = [(l, e) for l in range(self.layers) for e in range(self.experts)]
        z = np.load("data/val.npz", allow_pickle=True)
        self.ids, self.start, self.mask = z["ids"].astype(np.int64), z["start"], z["mask"]
        self.domain = [str(z["doms"][d]) for d in z["dom"]]
        self.domains = [str(d) for d in z["doms"]]
        self.length = np.diff(self.start)
        self.rows = {k: self.read_csv(f"out/prompts/{k}.csv") for k in SETS}
        self.prompts = {k: [self.user(r["prompt"]) for r in v] for k, v in self.rows.items()}
        self.lines = []

    def read_csv(self, path):
        with open(path, encoding="utf-8", newline="") as f:
            return list(csv.DictReader(f))[:: self.thin]

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def table(self, head, rows):
        for row in [head, ["---"] * len(head), *rows]:
            self.say("| " + " | ".join(str(x) for x in row) + " |")
        self.say()

    def document(self, i, limit=None):
        """Token ids of validation document i."""
        t = self.ids[self.start[i] : self.start[i + 1]]
        return t[:limit]

    def user(self, question):
        return self.tk.chat([dict(role="user", content=question)])

    def text(self, ids):
        return self.tk.decode(ids).replace("<|im_end|>", "")

    def greedy(self, prompts, n):
        """Token ids of the likeliest answers of at most `n` tokens."""
        return self.net.greedy(prompts, min(n, self.longest), self.tk.im_end)

    def answers(self, questions, n):
        return [self.text(a) for a in self.greedy([self.user(q) for q in questions], n)]

    def refused(self, ids):
        return self.tk.decode(ids).strip().startswith(REFUSAL_PREFIXES)

    def refusal_rates(self, n=10):
        """Share of each held-out set whose answer begins as a refusal does."""
        out = {}
        for k, prompts in self.prompts.items():
            answers = self.greedy(prompts, n)
            out[k] = sum(map(self.refused, answers)) / len(prompts)
        return out

    def loss(self, documents):
        """Domain -> [sum of nats, tokens] over the tokens that count."""
        out = {}
        documents = sorted(documents, key=lambda i: self.length[i])
        for b in range(0, len(documents), 24):
            batch = documents[b : b + 24]
            width = int(max(self.length[i] for i in batch))
            x = torch.zeros(len(batch), width, dtype=torch.long)
            m = torch.zeros(len(batch), width)
            for r, i in enumerate(batch):
                n = self.length[i]
                x[r, :n] = torch.from_numpy(self.document(i))
                counts = self.mask[self.start[i] : self.start[i + 1]] > 0
                m[r, :n] = torch.from_numpy(counts.astype(np.float32))
            nll = F.cross_entropy(self.net(x)[:, :-1].transpose(1, 2), x[:, 1:], reduction="none") * m[:, 1:]
            for r, i in enumerate(batch):
                total = out.setdefault(self.domain[i], [0.0, 0.0])
                total[0] += float(nll[r].sum())
                total[1] += float(m[r, 1:].sum())
        return out

    def perplexity(self):
        """Over an eighth of the raw validation documents."""
        raw = [i for i, d in enumerate(self.domain) if not d.startswith("chat")]
        total = self.loss(raw[:: 8 * self.thin]).values()
        return math.exp(sum(a for a, _ in total) / sum(b for _, b in total))

    def calibration(self, n, width=256):
        """(domains, ids [n, width]): six documents of each raw domain, the rest conversations."""
        r = random.Random(3)
        out = []
        for d in [d for d in self.domains if not d.startswith("chat")]:
            long = [i for i, x in enumerate(self.domain) if x == d and self.length[i] >= width]
            r.shuffle(long)
            out += [(d, self.document(i, width)) for i in long[: max(1, 6 // self.thin)]]
        chats = [i for i, d in enumerate(self.domain) if d.startswith("chat")]
        r.shuffle(chats)
        j = 0
        while len(out) < n:
            t = [self.tk.bos]
            while len(t) < width:  # several conversations without their own BOS
                t += self.document(chats[j % len(chats)])[1:].tolist()
                j += 1
            out.append(("chat", np.array(t[:width])))
        return np.array([d for d, _ in out]), torch.from_numpy(np.stack([t for _, t in out]).astype(np.int64))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--part", choices=list(PARTS), action="append")
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    for part in args.part or PARTS:
        ev = Evaluation(args.checkpoint, 40 if args.smoke else 1)
        n = sum(v.numel() for v in ev.net.p.values()) / 1e6
        ev.say(f"Checkpoint: step {ev.net.step}, {ev.net.tokens / 1e6:.1f} M tokens, {n:.2f} M parameters.\n")
        PARTS[part](ev)
        with open(f"out/eval-{part}.md", "w", encoding="utf-8") as f:
            f.write("\n".join(ev.lines) + "\n")


if __name__ == "__main__":
    main()
