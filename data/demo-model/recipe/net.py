"""The model in plain float32 PyTorch, for evaluation.

It can record routing, attention and residual stream, and disable experts (by a router logit of -1e9)."""
import torch
import torch.nn.functional as F


class Net:
    def __init__(self, ck):
        z = torch.load(ck, map_location="cpu")
        self.c = z["cfg"]
        self.p = {k: v.detach().float().contiguous() for k, v in z["p"].items()}
        self.step, self.tokens = z["step"], z["tokens"]
        self.mask = torch.zeros(self.c["layers"], self.c["experts"])
        self.make_rope()

    def make_rope(self):
        a = torch.arange(1024)[:, None].float() * self.c["theta"] ** (-torch.arange(32) * 2 / 64.0)
        self.cos, self.sin = a.cos()[:, None], a.sin()[:, None]

    def disable(self, pairs):
        self.mask.zero_()
        for l, e in pairs:
            self.mask[l, e] = -1e9
        return self

    def rms(self, x, g):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * g

    def rope(self, x):
        T = x.shape[1]
        c, s = self.cos[:T], self.sin[:T]
        a, b = x[..., :32], x[..., 32:]
        return torch.cat([a * c - b * s, a * s + b * c], -1)

    @torch.no_grad()
    def __call__(self, ids, rec=None, last=None):
        """Logits of ids [B, T], of the positions `last` [B] only when given.

        `rec` is filled per layer with attn [B, H, T, T], h [B, T, W] (the embedding first), idx and wt
        [B, T, k], down [E] (largest |down_proj output|) and downtok (token, channel of it)."""
        c, p = self.c, self.p
        B, T = ids.shape
        x = p["embed"][ids]
        cm = torch.full((T, T), -1e30).triu(1)
        if rec is not None:
            rec.update(h=[x.clone()], attn=[], idx=[], wt=[], down=[], downtok=[])
        for l in range(c["layers"]):
            g = lambda n: p[f"{l}.{n}"]
            qkv = (self.rms(x, g("an")) @ g("wqkv").t()).view(B, T, 8, 64)
            q = self.rope(self.rms(qkv[:, :, :4], g("qn"))).transpose(1, 2)
            k = self.rope(self.rms(qkv[:, :, 4:6], g("kn"))).transpose(1, 2).repeat_interleave(2, 1)
            v = qkv[:, :, 6:].transpose(1, 2).repeat_interleave(2, 1)
            s = (q @ k.transpose(-1, -2) / 8 + cm).softmax(-1)
            x = x + (s @ v).transpose(1, 2).reshape(B, T, 256) @ g("wo").t()
            y = self.rms(x, g("fn")).view(B * T, -1)
            lg = y @ g("router").t() + self.mask[l]
            pr = lg.softmax(-1)
            w, idx = pr.topk(c["topk"], -1)
            w = w / w.sum(-1, keepdim=True)
            out = torch.zeros_like(y)
            dmax = torch.zeros(c["experts"])
            dtok = torch.zeros(c["experts"], dtype=torch.long) - 1
            dch = torch.zeros(c["experts"], dtype=torch.long)
            for e in range(c["experts"]):
                r, kk = (idx == e).nonzero(as_tuple=True)
                if not len(r):
                    continue
                h = y[r] @ g("w1")[e].t()
                o = (F.silu(h[:, :64]) * h[:, 64:]) @ g("w2")[e].t()
                out.index_add_(0, r, o * w[r, kk, None])
                if rec is not None:
                    m, j = o.abs().reshape(-1).max(0)
                    dmax[e] = m
                    dtok[e] = r[int(j) // 256]
                    dch[e] = int(j) % 256
            x = x + out.view(B, T, -1)
            if rec is not None:
                rec["attn"].append(s)
                rec["h"].append(x.clone())
                rec["idx"].append(idx.view(B, T, -1))
                rec["wt"].append(w.view(B, T, -1))
                rec["down"].append(dmax)
                rec["downtok"].append((dtok, dch))
        if last is not None:
            x = x[torch.arange(B), last][:, None]
        return self.rms(x, p["norm"]) @ p["head"].t()

    def greedy(self, prompts, n, stop, bs=64):
        """Greedy continuations of token lists, `n` tokens or up to `stop`, batched by length."""
        out = [None] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for b in range(0, len(order), bs):
            ii = order[b : b + bs]
            seqs = [list(prompts[i]) for i in ii]
            done = [False] * len(ii)
            for _ in range(n):
                act = [j for j in range(len(ii)) if not done[j]]
                if not act:
                    break
                T = max(len(seqs[j]) for j in act)
                ids = torch.zeros(len(act), T, dtype=torch.long)
                for r, j in enumerate(act):
                    ids[r, : len(seqs[j])] = torch.tensor(seqs[j])
                nx = self(ids, last=torch.tensor([len(seqs[j]) - 1 for j in act]))[:, 0].argmax(-1).tolist()
                for r, j in enumerate(act):
                    seqs[j].append(nx[r])
                    done[j] = nx[r] == stop or len(seqs[j]) >= 512
            for j, i in enumerate(ii):
                out[i] = seqs[j][len(prompts[i]) :]
        return out
