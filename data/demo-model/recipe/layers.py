"""The layers of the network as autograd functions over the fused kernels of kernels.cpp.

bfloat16 matrix products; float32 residual stream, normalisation and routing. Activations are [tokens, width];
attention is block-diagonal over the documents whose starts are in `seg`."""
import ctypes
import math
import os
import subprocess

import torch

CFG = dict(d=256, layers=8, heads=4, kv=2, hd=64, experts=32, topk=4, ff=64, vocab=4096, ctx=512)
CFG.update(theta=10000.0, eps=1e-6)
HERE = os.path.dirname(os.path.abspath(__file__))
f_, i_, l_ = ctypes.c_float, ctypes.c_int, ctypes.c_long
bf16 = torch.bfloat16


def load_kernels():
    """Compiles the kernels into the working directory when they are newer than what is there."""
    sources, library = [f"{HERE}/kernels.cpp", f"{HERE}/attention.cpp"], os.path.abspath("kernels.so")
    newest = max(map(os.path.getmtime, [*sources, f"{HERE}/kernels.h"]))
    if not os.path.exists(library) or os.path.getmtime(library) < newest:
        options = "-O3 -march=native -ffast-math -fopenmp -Wno-psabi -shared -fPIC"
        subprocess.run(["g++", *options.split(), *sources, "-o", library], check=True)
    kernels = ctypes.CDLL(library)
    kernels.sumsq2.restype = ctypes.c_double
    kernels.moe_sort.restype = ctypes.c_int
    kernels.init_rope(f_(CFG["theta"]))
    return kernels


def has_bf16():
    """Whether the processor multiplies bfloat16 matrices itself."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        return "avx512_bf16" in f.read()


K = load_kernels()
BF16 = has_bf16()


def mm(a, b, out=None):
    """a @ b of bfloat16 matrices; by way of float32 where the processor is far slower otherwise."""
    if BF16:
        return torch.mm(a, b) if out is None else torch.mm(a, b, out=out)
    c = torch.mm(a.float(), b.float())
    return c.to(bf16) if out is None else out.copy_(c)


def P(t):
    """The address of a tensor's values, for a kernel."""
    if t is None:
        return None
    assert t.is_contiguous()
    return ctypes.c_void_p(t.data_ptr())


class AddNorm(torch.autograd.Function):
    """x + delta and its RMS norm with gain g; delta may be None."""

    @staticmethod
    def forward(ctx, x, delta, g):
        N, W = x.shape
        x2 = torch.empty_like(x)
        y = torch.empty(N, W, dtype=bf16)
        r = torch.empty(N)
        K.addnorm_fwd(P(x), P(delta), P(g), l_(N), i_(W), P(x2), P(y), P(r))
        ctx.save_for_backward(x2, g, r)
        ctx.has = delta is not None
        return x2, y

    @staticmethod
    def backward(ctx, dx2, dy):
        x2, g, r = ctx.saved_tensors
        N, W = x2.shape
        dx = torch.zeros(N, W) if dx2 is None else dx2.contiguous()
        dg = torch.zeros(W)
        dd = torch.empty(N, W, dtype=bf16) if ctx.has else None
        K.addnorm_bwd(P(x2), P(g), P(r), P(dy.contiguous()), l_(N), i_(W), P(dx), i_(1), P(dd), P(dg))
        return dx, dd, dg


class Lin(torch.autograd.Function):
    """x @ w.T"""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return mm(x, w.t())

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return mm(dy, w), mm(dy.t(), x)


class Attn(torch.autograd.Function):
    """Causal attention with per-head QK norm (gains gq, gk) and rotary positions."""

    @staticmethod
    def forward(ctx, qkv, gq, gk, seg, H, KV):
        N = qkv.shape[0]
        o = torch.empty(N, H * 64, dtype=bf16)
        lse = torch.empty(N, H)
        K.attn_fwd(P(qkv), P(gq), P(gk), P(seg), i_(len(seg) - 1), i_(H), i_(KV), P(o), P(lse))
        ctx.save_for_backward(qkv, gq, gk, seg, o, lse)
        ctx.h = (H, KV)
        return o

    @staticmethod
    def backward(ctx, do):
        qkv, gq, gk, seg, o, lse = ctx.saved_tensors
        H, KV = ctx.h
        d = torch.empty_like(qkv)
        dq, dk = torch.zeros(64), torch.zeros(64)
        K.attn_bwd(
            P(qkv),
            P(gq),
            P(gk),
            P(seg),
            i_(len(seg) - 1),
            i_(H),
            i_(KV),
            P(o),
            P(lse),
            P(do.contiguous()),
            P(d),
            P(dq),
            P(dk),
        )
        return d, dq, dk, None, None, None


class Experts(torch.autograd.Function):
    """SwiGLU experts w1 [E, 2F, W], w2 [E, W, F] on the tokens sorted by expert; wt [N, k] weighs them."""

    @staticmethod
    def forward(ctx, y, w1, w2, wt, idx):
        N, k = idx.shape
        E, F2, W = w1.shape
        Fh = F2 // 2
        PAD = 64
        cap = N * k + E * PAD
        pos = torch.empty(N * k, dtype=torch.int32)
        src = torch.empty(cap, dtype=torch.int32)
        off = torch.empty(E + 1, dtype=torch.int32)
        R = K.moe_sort(P(idx), i_(N), i_(k), i_(E), i_(PAD), P(pos), P(src), P(off))
        o = off.tolist()
        X = torch.empty(R, W, dtype=bf16)
        K.gather(P(y), P(src), i_(R), i_(W), P(X))
        wr = torch.zeros(R)
        wr[pos.long()] = wt.reshape(-1)
        G = torch.empty(R, F2, dtype=bf16)
        A = torch.empty(R, Fh, dtype=bf16)
        O = torch.empty(R, W, dtype=bf16)
        for e in range(E):
            if o[e + 1] > o[e]:
                mm(X[o[e] : o[e + 1]], w1[e].t(), out=G[o[e] : o[e + 1]])
        K.swiglu_fwd(P(G), P(wr), i_(R), i_(Fh), P(A))
        for e in range(E):
            if o[e + 1] > o[e]:
                mm(A[o[e] : o[e + 1]], w2[e].t(), out=O[o[e] : o[e + 1]])
        out = torch.empty(N, W, dtype=bf16)
        K.combine(P(O), P(pos), i_(N), i_(k), i_(W), P(out))
        ctx.save_for_backward(w1, w2, X, G, A, wr, pos, src)
        ctx.o = o
        ctx.k = k
        return out

    @staticmethod
    def backward(ctx, do):
        w1, w2, X, G, A, wr, pos, src = ctx.saved_tensors
        o = ctx.o
        E, F2, W = w1.shape
        Fh = F2 // 2
        R = X.shape[0]
        N = do.shape[0]
        dO = torch.empty(R, W, dtype=bf16)
        K.gather(P(do.contiguous()), P(src), i_(R), i_(W), P(dO))
        dA = torch.empty_like(A)
        dw1, dw2 = torch.zeros_like(w1), torch.zeros_like(w2)
        for e in range(E):
            s, t = o[e], o[e + 1]
            if t > s:
                mm(dO[s:t], w2[e], out=dA[s:t])
                mm(dO[s:t].t(), A[s:t], out=dw2[e])
        dG = torch.empty_like(G)
        dw = torch.empty(R)
        K.swiglu_bwd(P(G), P(wr), P(dA), i_(R), i_(Fh), P(dG), P(dw))
        dX = dO
        for e in range(E):
            s, t = o[e], o[e + 1]
            if t > s:
                mm(dG[s:t], w1[e], out=dX[s:t])
                mm(dG[s:t].t(), X[s:t], out=dw1[e])
        dy = torch.empty(N, W, dtype=bf16)
        K.combine(P(dX), P(pos), i_(N), i_(ctx.k), i_(W), P(dy))
        return dy, dw1, dw2, dw[pos.long()].view(N, ctx.k), None


class Xent(torch.autograd.Function):
    """Cross entropy per token; the logits become the weighted gradient in place."""

    @staticmethod
    def forward(ctx, lg, y, w):
        l = torch.empty(len(y))
        K.xent(P(lg), P(y), P(w), i_(lg.shape[0]), i_(lg.shape[1]), P(l))
        ctx.lg = lg
        return l

    @staticmethod
    def backward(ctx, dl):
        g = ctx.lg
        ctx.lg = None
        return g, None, None  # weights are already inside


class Embed(torch.autograd.Function):
    """Rows of w [V, W]."""

    @staticmethod
    def forward(ctx, ids, w):
        ctx.ids = ids
        ctx.sh = w.shape
        return w[ids]

    @staticmethod
    def backward(ctx, d):
        g = torch.zeros(ctx.sh)
        K.embed_bwd(P(d.contiguous()), P(ctx.ids), i_(len(ctx.ids)), i_(d.shape[1]), P(g))
        return None, g


class Router(torch.autograd.Function):
    """Top-k routing; the gradients of the load-balance (aux) and z losses are added in backward."""

    @staticmethod
    def forward(ctx, lg, k, aux, zl):
        N, E = lg.shape
        p = torch.empty(N, E)
        wt = torch.empty(N, k)
        idx = torch.empty(N, k, dtype=torch.int64)
        lse = torch.empty(N)
        cnt = torch.empty(E)
        K.router_fwd(P(lg), l_(N), i_(E), i_(k), P(p), P(wt), P(idx), P(lse), P(cnt))
        ctx.save_for_backward(p, wt, idx, lse, cnt)
        ctx.c = (aux, zl)
        ctx.mark_non_differentiable(idx, cnt)
        return wt, idx, cnt

    @staticmethod
    def backward(ctx, dwt, _, __):
        p, wt, idx, lse, cnt = ctx.saved_tensors
        N, E = p.shape
        d = torch.empty(N, E)
        K.router_bwd(
            P(p),
            P(wt),
            P(idx),
            P(lse),
            P(cnt),
            P(dwt.contiguous()),
            l_(N),
            i_(E),
            i_(wt.shape[1]),
            f_(ctx.c[0]),
            f_(ctx.c[1]),
            P(d),
        )
        return d, None, None, None
