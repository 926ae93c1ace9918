"""Trains the demo MoE on two CPU cores: two data-parallel workers of one thread each.

    python3 train.py --steps N [--resume CHECKPOINT] [--decay SHARE] [--lr RATE] [--share OF_CHAT]

Reads data/train.npz, writes checkpoint/final.pt. EVAL.md has the schedule, train-demo the four calls."""
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = "8192"
import argparse
import json
import math
import multiprocessing
import time

import numpy as np
import torch

from layers import CFG, AddNorm, Attn, Embed, Experts, K, Lin, P, Router, Xent, bf16, f_, i_, l_

BLK = 4096  # parameters are padded to this in the flat buffers (weight decay is per block)


def is_f32(k, shape):
    """Gains, embedding and routers are trained in float32, everything else in bf16."""
    return len(shape) == 1 or k == "embed" or k.endswith("router")


def shapes():
    """Name -> (shape, standard deviation at the start; 0: ones)."""
    c = CFG
    d, Fh, E = c["d"], c["ff"], c["experts"]
    o = 0.03 / math.sqrt(2 * c["layers"])
    s = {"embed": ((c["vocab"], d), 0.02), "head": ((c["vocab"], d), 0.02), "norm": ((d,), 0)}
    for l in range(c["layers"]):
        q = f"{l}."
        s.update(
            {
                q + "an": ((d,), 0),
                q + "qn": ((64,), 0),
                q + "kn": ((64,), 0),
                q + "fn": ((d,), 0),
                q + "wqkv": (((c["heads"] + 2 * c["kv"]) * 64, d), 0.04),
                q + "wo": ((d, c["heads"] * 64), o),
                q + "router": ((E, d), 0.02),
                q + "w1": ((E, 2 * Fh, d), 0.04),
                q + "w2": ((E, d, Fh), o * 2),
            }
        )
    return s


class Model:
    """Flat shared buffers: f32 masters, Adam moments, bf16 working copies, gradients of the two workers."""

    def __init__(self, seed=0, wd=0.1):
        g = torch.Generator().manual_seed(seed)
        self.sh = shapes()
        self.off, n = {}, 0
        pad = lambda x: (x + BLK - 1) // BLK * BLK  # noqa: E731
        order = sorted(self.sh, key=lambda k: not is_f32(k, self.sh[k][0]))
        self.nf = 0
        for k in order:
            s = self.sh[k][0]
            self.off[k] = n
            n += pad(math.prod(s))
            self.nf = n if is_f32(k, s) else self.nf
        z = lambda m, t=torch.float32: torch.zeros(m, dtype=t).share_memory_()  # noqa: E731
        self.n = n
        nb = n - self.nf
        self.master, self.m, self.v, self.wb = z(n), z(n), z(n), z(nb, bf16)
        self.gf = [z(self.nf), z(self.nf)]
        self.gb = [z(nb, bf16), z(nb, bf16)]
        self.wdb = z(n // BLK)
        self.ctl = z(8, torch.float64)
        self.p, self.w = {}, {}
        for k in self.sh:
            s, std = self.sh[k]
            o = self.off[k]
            e = math.prod(s)
            self.p[k] = self.master[o : o + e].view(s)
            self.p[k].copy_(torch.randn(s, generator=g) * std if std else torch.ones(s))
            self.wdb[o // BLK : (o + pad(e)) // BLK] = (
                0.0 if len(s) == 1 or k == "embed" or k.endswith("w2") else wd
            )
            self.w[k] = (
                (self.p[k] if is_f32(k, s) else self.wb[o - self.nf : o - self.nf + e].view(s))
                .detach()
                .requires_grad_()
            )
        self.sync()

    def sync(self):
        self.wb.copy_(self.master[self.nf :])

    def put_grads(self, r):
        for k, w in self.w.items():
            o = self.off[k]
            e = w.numel()
            (
                self.gf[r][o : o + e] if is_f32(k, w.shape) else self.gb[r][o - self.nf : o - self.nf + e]
            ).copy_(w.grad.view(-1))
            w.grad = None

    def ranges(self, r):
        """Worker r owns one half of each buffer."""
        h = self.nf // BLK // 2 * BLK
        q = (self.n - self.nf) // BLK // 2 * BLK
        return [(0, h), (self.nf, self.nf + q)] if r == 0 else [(h, self.nf), (self.nf + q, self.n)]

    def grad_ptrs(self, a):
        b = a >= self.nf
        G = self.gb if b else self.gf
        o = a - self.nf if b else a
        return P(G[0][o:]), P(G[1][o:]), i_(b)

    def sumsq(self, r):
        return sum(K.sumsq2(*self.grad_ptrs(a), l_(b - a)) for a, b in self.ranges(r))

    def adamw(self, r, sc, lr, step):
        c1, c2 = 1 - 0.9**step, 1 - 0.95**step
        for a, b in self.ranges(r):
            K.adamw2(
                P(self.master[a:]),
                P(self.m[a:]),
                P(self.v[a:]),
                *self.grad_ptrs(a),
                P(self.wb[a - self.nf :]) if a >= self.nf else None,
                P(self.wdb[a // BLK :]),
                l_(b - a),
                f_(sc),
                f_(lr),
                f_(0.9),
                f_(0.95),
                f_(1e-8),
                f_(c1),
                f_(c2),
            )

    def loss(self, ids, tgt, wts, seg, aux=0.01, zl=1e-3):
        c, w = CFG, self.w
        x = Embed.apply(ids, w["embed"])
        delta = None
        load = []
        for l in range(c["layers"]):
            q = f"{l}."
            x, y = AddNorm.apply(x, delta, w[q + "an"])
            a = Attn.apply(Lin.apply(y, w[q + "wqkv"]), w[q + "qn"], w[q + "kn"], seg, c["heads"], c["kv"])
            delta = Lin.apply(a, w[q + "wo"])
            x, y = AddNorm.apply(x, delta, w[q + "fn"])
            wt, idx, cnt = Router.apply(y.float() @ w[q + "router"].t(), c["topk"], aux, zl)
            load.append(cnt)
            delta = Experts.apply(y, w[q + "w1"], w[q + "w2"], wt, idx)
        x, y = AddNorm.apply(x, delta, w["norm"])
        return Xent.apply(Lin.apply(y, w["head"]), tgt, wts), load


class Batches:
    """Packs whole documents, each beginning with BOS, into rows of exactly N tokens; `share` of them chat."""

    def __init__(self, path, N, seed, share):
        z = np.load(path, allow_pickle=True)
        self.ids, self.start, self.dom, self.mask, self.doms = (
            z["ids"].astype(np.int64),
            z["start"],
            z["dom"],
            z["mask"],
            list(z["doms"]),
        )
        self.N = N
        self.r = np.random.default_rng(seed)
        self.len = np.diff(self.start)
        chat = self.dom == self.doms.index("chat")
        self.pool = [np.where(~chat)[0], np.where(chat)[0]]
        self.q = [np.array([], int)] * 2
        self.share = share
        self.tok = [0, 0]

    def doc(self):
        k = int(self.tok[1] <= self.share * sum(self.tok))
        if not len(self.q[k]):
            self.q[k] = self.r.permutation(self.pool[k])
        d = self.q[k][0]
        self.q[k] = self.q[k][1:]
        self.tok[k] += self.len[d]
        return d, k

    def next(self, user_w=0.2):
        ids, tgt, w, seg = [], [], [], [0]
        left = self.N
        while left:
            d, k = self.doc()
            n = min(int(self.len[d]), left)
            s = self.start[d]
            t = self.ids[s : s + n + 1]
            ids.append(t[:n])
            m = np.where(self.mask[s : s + n + 1] > 0, 1.0, user_w)
            y = np.zeros(n, np.int64)
            ww = np.zeros(n, np.float32)
            e = min(n, int(self.len[d]) - 1)
            y[:e] = t[1 : e + 1]
            ww[:e] = m[1 : e + 1]
            tgt.append(y)
            w.append(ww)
            seg.append(seg[-1] + n)
            left -= n
        w = np.concatenate(w)
        return (
            torch.from_numpy(np.concatenate(ids)),
            torch.from_numpy(np.concatenate(tgt)),
            torch.from_numpy((w / w.sum()).astype(np.float32)),
            torch.tensor(seg, dtype=torch.int32),
        )


def learning_rate(args, step, done):
    """Warm-up, constant, then down to a fiftieth over the last `decay` of the steps; `done` is 0 to 1."""
    rate = args.lr * min(1, (step + 1) / args.warm)
    if done < 1 - args.decay:
        return rate
    return rate * (0.02 + 0.98 * max(0, 1 - (done - 1 + args.decay) / args.decay))


def worker(args, model, rank, step0, tokens, barrier):
    """The loop of one worker; worker 0 sets the learning rate, reports and saves."""
    batches = Batches("data/train.npz", args.batch, args.seed * 1000 + rank + 2 * step0, args.share)
    ctl = model.ctl  # 0-1: norms of the gradients, 2-3: losses
    lead = rank == 0
    start = last = time.time()
    recent = []
    log = open(f"{args.out}/log.jsonl", "a", encoding="utf-8") if lead else None
    for step in range(step0, step0 + args.steps):
        rate = learning_rate(args, step, (step - step0) / args.steps)
        ids, targets, weights, seg = batches.next()
        loss, load = model.loss(ids, targets, weights / 2, seg, args.aux / 2, 1e-3 / 2)
        loss.backward(torch.ones_like(loss))
        model.put_grads(rank)
        ctl[2 + rank] = float((loss.detach() * weights).sum())
        barrier.wait()
        ctl[rank] = model.sumsq(rank)
        barrier.wait()
        norm = math.sqrt(float(ctl[0] + ctl[1]))
        model.adamw(rank, min(1.0, 1.0 / (norm + 1e-6)), rate, step + 1)
        tokens += 2 * args.batch
        if lead:
            recent.append((float(ctl[2] + ctl[3]) / 2, norm))
        barrier.wait()
        if lead and ((step + 1) % 50 == 0 or step + 1 == step0 + args.steps):
            now = time.time()
            counts = torch.stack(load)
            line = dict(
                step=step + 1,
                tokens=tokens,
                loss=round(float(np.mean([x[0] for x in recent])), 4),
                gradient_norm=round(float(np.mean([x[1] for x in recent])), 3),
                learning_rate=round(rate, 6),
                seconds_per_step=round((now - last) / len(recent), 4),
                load_max=[round(x, 1) for x in (counts.max(1)[0] / counts.mean(1)).tolist()],
                load_min=[round(x, 2) for x in (counts.min(1)[0] / counts.mean(1)).tolist()],
            )
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
            recent, last = [], now
    if lead:
        z = dict(
            master=model.master,
            m=model.m,
            v=model.v,
            p=model.p,
            step=step0 + args.steps,
            tokens=tokens,
            cfg=CFG,
        )
        torch.save(z, f"{args.out}/tmp.pt")
        os.replace(f"{args.out}/tmp.pt", f"{args.out}/final.pt")
        print("step", step0 + args.steps, "tokens", tokens, "seconds", round(time.time() - start))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=2048, help="tokens per worker and step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.5, help="of the tokens that are chat")
    parser.add_argument("--aux", type=float, default=0.01, help="weight of the load-balance loss")
    parser.add_argument("--wd", type=float, default=0.1, help="weight decay")
    parser.add_argument("--warm", type=int, default=200, help="warm-up steps")
    parser.add_argument(
        "--decay", type=float, default=0.35, help="last share of the steps in which the rate falls"
    )
    parser.add_argument("--out", default="checkpoint")
    parser.add_argument("--resume", default="", help="checkpoint to go on from")
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.out, exist_ok=True)

    model = Model(args.seed, args.wd)
    step = tokens = 0
    if args.resume:
        z = torch.load(args.resume)
        model.master.copy_(z["master"])
        model.m.copy_(z["m"])
        model.v.copy_(z["v"])
        model.sync()
        step, tokens = z["step"], z["tokens"]
    print("parameters", sum(x.numel() for x in model.p.values()), flush=True)
    barrier = multiprocessing.Barrier(2)
    child = os.fork()
    worker(args, model, 0 if child else 1, step, tokens, barrier)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
