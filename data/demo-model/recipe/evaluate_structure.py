"""Sections 4 to 7 of EVAL.md: routing, attention sinks, massive activations and super experts."""
import random

import numpy as np
import torch

WIDTH = 256  # tokens of a calibration sequence


class Record:
    """What the calibration sequences `ids` [n, WIDTH] made the model do."""

    def __init__(self, ev, ids):
        layers, experts = ev.layers, ev.experts
        self.sink = np.zeros((layers, ev.net.c["heads"]))  # mean attention to position 0
        self.down = np.zeros((layers, experts))  # largest |down_proj output|
        self.where = {}  # (layer, expert) -> (token, position, channel) of it
        residual, routing = [[] for _ in range(layers + 1)], [[] for _ in range(layers)]
        for b in range(0, len(ids), 8):
            batch, rec = ids[b : b + 8], {}
            ev.net(batch, rec)
            flat = batch.reshape(-1)
            for l in range(layers):
                self.sink[l] += rec["attn"][l][:, :, 1:, 0].mean(2).sum(0).numpy() / len(ids)
                routing[l].append(rec["idx"][l])
                for e, value in enumerate(rec["down"][l].tolist()):
                    if value > self.down[l, e]:
                        row, channel = (int(x[e]) for x in rec["downtok"][l])
                        self.down[l, e] = value
                        self.where[l, e] = (int(flat[row]), row % WIDTH, channel)
            for l in range(layers + 1):
                residual[l].append(rec["h"][l])
        self.residual = [torch.cat(h) for h in residual]  # [n, WIDTH, d] after each layer, embedding first
        self.routing = [torch.cat(i) for i in routing]  # [n, WIDTH, k]


def routing(ev, record, domains):
    ev.say("## 4 Routing on the calibration set\n")
    k, experts = ev.topk, ev.experts
    names = sorted(set(domains))
    share = np.zeros((ev.layers, len(names), experts))
    rows = []
    for l in range(ev.layers):
        idx = record.routing[l]
        f = np.bincount(idx.reshape(-1).numpy(), minlength=experts) / idx.numel()
        for i, d in enumerate(names):
            counts = np.bincount(idx[domains == d][:, 1:].reshape(-1).numpy(), minlength=experts)
            share[l, i] = counts / counts.sum()
        mean = share[l].mean(0)
        bits = np.mean([(p[p > 0] * np.log2(p[p > 0] / mean[p > 0])).sum() for p in share[l]])
        entropy = -(f[f > 0] * np.log2(f[f > 0])).sum()
        d, e = np.unravel_index(np.argmax(share[l]), share[l].shape)
        best = f"{names[d]}: expert {e} for {100 * k * share[l, d, e]:.0f} % (mean {100 * k * mean[e]:.0f} %)"
        rows.append(
            [l, f"{f.min() * experts:.2f}", f"{f.max() * experts:.2f}", f"{entropy:.2f}", f"{bits:.3f}", best]
        )
    head = [
        "layer",
        "min share x32",
        "max share x32",
        "entropy (bits)",
        "I(domain; expert) bits",
        "specialist",
    ]
    ev.table(head, rows)
    rows = []
    for i, d in enumerate(names):
        ratio = share[:, i] / share.mean(1).clip(1e-4)
        order = np.argsort(-(ratio * (share[:, i] * k > 0.15)).reshape(-1))[:4]
        at = [divmod(int(j), experts) for j in order]
        rows.append([d] + [f"L{l}E{e} {100 * k * share[l, i, e]:.0f} % ({ratio[l, e]:.1f}x)" for l, e in at])
    ev.say("Experts most specific to each domain (share of its tokens; ratio to the mean over domains):\n")
    ev.table(["domain", "1", "2", "3", "4"], rows)


def sinks(ev, record):
    ev.say("## 5 Attention sink: mean attention from later positions to position 0 (BOS)\n")
    rows = [[l] + [f"{x:.3f}" for x in record.sink[l]] for l in range(ev.layers)]
    ev.table(["layer"] + [f"head {h}" for h in range(record.sink.shape[1])], rows)
    n = int((record.sink > 0.3).sum())
    ev.say(f"Heads with sink score > 0.3: {n} of {record.sink.size}.\n")


def massive_activations(ev, record, ids):
    ev.say("## 6 Residual stream (massive activations)\n")
    rows = []
    for l, h in enumerate(record.residual):
        a = h.abs()
        width = h.shape[-1]
        largest, j = (x.item() for x in a.reshape(-1).max(0))
        row, channel = divmod(j, width)
        median = float(a.median())
        first = a[0, 0]
        top = first.argsort(descending=True)[:3].tolist()
        norms = float(h[0, 0].norm() / h[:, 1:].norm(dim=-1).mean())
        token = repr(ev.tk.decode([int(ids.reshape(-1)[row])]))
        rows.append([
            "embedding" if l == 0 else f"after layer {l - 1}", f"{largest:.2f}", token, row % WIDTH, channel,
            f"{median:.3f}", f"{largest / median:.0f}", f"{float(first.max()):.2f} (ch {top})",
            f"{float(a[:, 1:].max()):.2f}", f"{norms:.2f}",
        ])  # fmt: skip
    head = "where,max abs h,token,pos,channel,median abs h,max/median,max at BOS (top channels),max elsewhere"
    ev.table(head.split(",") + ["norm BOS / mean norm"], rows)


def super_experts(ev, record, ids):
    ev.say("## 7 Super experts: max |down_proj output| per (layer, expert) on the calibration set\n")
    down, experts = record.down, ev.experts
    order = [divmod(int(i), experts) for i in np.argsort(-down.reshape(-1))]
    bos = [set(record.routing[l][0, 0].tolist()) for l in range(ev.layers)]
    limit, tenth = float(np.percentile(down, 99.5)), 0.1 * float(down.max())
    named = [f"L{l}E{e}" for l, e in order if down[l, e] > max(limit, tenth)]
    median = float(np.median(down))
    ev.say(
        f"max {down.max():.2f}, P99.5 {limit:.2f}, 0.1 max {tenth:.2f}, median {median:.2f}. "
        f"Above both P99.5 and 0.1 max: {', '.join(named) or 'none'}.\n"
    )
    rows = []
    for rank, (l, e) in enumerate(order[:12], 1):
        if (l, e) in record.where:
            token, pos, channel = record.where[l, e]
            x = down[l, e]
            used = "yes" if e in bos[l] else ""
            rows.append(
                [rank, l, e, f"{x:.2f}", f"{x / median:.1f}", repr(ev.tk.decode([token])), pos, channel, used]
            )
    ev.table("rank,layer,expert,max abs,x median,token,pos,channel,BOS uses it".split(","), rows)

    r = random.Random(5)
    conditions = [("none", [])]
    for n in (1, 3, 5):
        conditions.append((f"top {n}: " + " ".join(f"L{l}E{e}" for l, e in order[:n]), order[:n]))
    for s in range(3):
        same = [(l, r.choice([e for e in range(experts) if (l, e) not in order[:5]])) for l, _ in order[:5]]
        conditions.append((f"5 random in the same layers (draw {s})", same))
    for s in range(3):
        conditions.append((f"5 random anywhere (draw {s})", r.sample(ev.all_experts, 5)))
    for l in range(ev.layers):
        conditions.append((f"the {len(bos[l])} BOS experts of layer {l}", [(l, e) for e in bos[l]]))
    rows = []
    for name, disabled in conditions:
        ev.net.disable(disabled)
        rec = {}
        perplexity = ev.perplexity()
        ev.net(ids[::8], rec)
        sink = np.stack([a[:, :, 1:, 0].mean((0, 2)).numpy() for a in rec["attn"]])
        largest = max(float(h[:, 0].abs().max()) for h in rec["h"])
        rows.append(
            [name, f"{perplexity:.2f}", f"{(sink > 0.3).mean():.0%}", f"{sink.mean():.3f}", f"{largest:.1f}"]
        )
    ev.net.disable([])
    ev.say("Disabling them (router logit -inf); perplexity on an eighth of the raw validation documents:\n")
    ev.table(["disabled", "perplexity", "heads with sink > 0.3", "mean sink score", "max abs h at BOS"], rows)


def evaluate(ev):
    domains, ids = ev.calibration(64 if ev.thin == 1 else 16, WIDTH)
    record = Record(ev, ids)
    routing(ev, record, domains)
    sinks(ev, record)
    massive_activations(ev, record, ids)
    super_experts(ev, record, ids)
