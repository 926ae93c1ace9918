"""Writes a checkpoint as GGUF v3, architecture qwen3moe.

    python3 export_gguf.py CHECKPOINT OUT.gguf f16|f32|q8_0"""
import json
import struct
import sys

import numpy as np
import torch

TEMPLATE = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
U32, F32, BOOL, STR, ARR, I32 = 4, 6, 7, 8, 9, 5
ALIGN = 32


def s(x):
    """A GGUF string."""
    b = x.encode()
    return struct.pack("<Q", len(b)) + b


def kv(k, t, v):
    """A metadata pair of type t."""
    if t == ARR:
        et, xs = v
        return (
            s(k)
            + struct.pack("<IIQ", ARR, et, len(xs))
            + (b"".join(map(s, xs)) if et == STR else struct.pack(f"<{len(xs)}i", *xs))
        )
    return (
        s(k)
        + struct.pack("<I", t)
        + {
            U32: lambda: struct.pack("<I", v),
            F32: lambda: struct.pack("<f", v),
            BOOL: lambda: struct.pack("<?", v),
            STR: lambda: s(v),
        }[t]()
    )


def q8_0(a):
    """Blocks of 32 values: a float16 scale and 32 int8."""
    b = a.reshape(-1, 32).astype(np.float32)
    d = np.abs(b).max(1) / 127
    inv = np.where(d > 0, 1 / np.where(d > 0, d, 1), 0)
    q = np.rint(b * inv[:, None]).astype(np.int8)
    out = np.empty((len(b), 34), np.uint8)
    out[:, :2] = d.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 2:] = q.view(np.uint8)
    return out.tobytes()


def encode(name, a, kind):
    """(GGML type, bytes); vectors and routers stay float32."""
    if a.ndim == 1 or "ffn_gate_inp" in name or kind == "f32":
        return 0, a.astype(np.float32).tobytes()
    if kind == "q8_0":
        return 8, q8_0(a)
    assert np.abs(a).max() < 65504
    return 1, a.astype(np.float16).tobytes()


def tensors(p, c):
    """(GGUF name, tensor) in file order."""
    yield "token_embd.weight", p["embed"]
    for l in range(c["layers"]):
        g = lambda n: p[f"{l}.{n}"]
        b = f"blk.{l}."
        q = c["heads"] * c["hd"]
        k = c["kv"] * c["hd"]
        w = g("wqkv")
        F = c["ff"]
        yield b + "attn_norm.weight", g("an")
        yield b + "attn_q.weight", w[:q]
        yield b + "attn_k.weight", w[q : q + k]
        yield b + "attn_v.weight", w[q + k :]
        yield b + "attn_output.weight", g("wo")
        yield b + "attn_q_norm.weight", g("qn")
        yield b + "attn_k_norm.weight", g("kn")
        yield b + "ffn_norm.weight", g("fn")
        yield b + "ffn_gate_inp.weight", g("router")
        yield b + "ffn_gate_exps.weight", g("w1")[:, :F]
        yield b + "ffn_up_exps.weight", g("w1")[:, F:]
        yield b + "ffn_down_exps.weight", g("w2")
    yield "output_norm.weight", p["norm"]
    yield "output.weight", p["head"]


def main(ck, out, kind):
    z = torch.load(ck, map_location="cpu")
    c = z["cfg"]
    p = z["p"]
    t = json.load(open("out/tokenizer.json"))
    V = t["vocab"]
    A = "qwen3moe."
    n = sum(x.numel() for x in p.values())
    meta = [
        ("general.architecture", STR, "qwen3moe"),
        ("general.type", STR, "model"),
        ("general.name", STR, "Moebius demo MoE"),
        ("general.size_label", STR, f"{c['experts']}x{n / 1e6:.0f}M"),
        ("general.license", STR, "see DATA.md"),
        (
            "general.description",
            STR,
            f"tiny demo MoE, {n} parameters, trained from scratch on {z['tokens']} tokens",
        ),
        ("general.file_type", U32, dict(f32=0, f16=1, q8_0=7)[kind]),
        ("general.quantization_version", U32, 2),
        (A + "block_count", U32, c["layers"]),
        (A + "context_length", U32, c["ctx"]),
        (A + "embedding_length", U32, c["d"]),
        (A + "feed_forward_length", U32, c["ff"] * c["topk"]),
        (A + "expert_feed_forward_length", U32, c["ff"]),
        (A + "attention.head_count", U32, c["heads"]),
        (A + "attention.head_count_kv", U32, c["kv"]),
        (A + "attention.key_length", U32, c["hd"]),
        (A + "attention.value_length", U32, c["hd"]),
        (A + "attention.layer_norm_rms_epsilon", F32, c["eps"]),
        (A + "rope.freq_base", F32, c["theta"]),
        (A + "rope.dimension_count", U32, c["hd"]),
        (A + "expert_count", U32, c["experts"]),
        (A + "expert_used_count", U32, c["topk"]),
        (A + "vocab_size", U32, len(V)),
        ("tokenizer.ggml.model", STR, "gpt2"),
        ("tokenizer.ggml.pre", STR, "qwen2"),
        ("tokenizer.ggml.tokens", ARR, (STR, V)),
        (
            "tokenizer.ggml.token_type",
            ARR,
            (I32, [3 if x.startswith("<|") and x.endswith("|>") else 1 for x in V]),
        ),
        ("tokenizer.ggml.merges", ARR, (STR, t["merges"])),
        ("tokenizer.ggml.bos_token_id", U32, V.index("<|endoftext|>")),
        ("tokenizer.ggml.eos_token_id", U32, V.index("<|im_end|>")),
        ("tokenizer.ggml.padding_token_id", U32, V.index("<|endoftext|>")),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.chat_template", STR, TEMPLATE),
    ]
    infos, blobs, off = [], [], 0
    for name, x in tensors(p, c):
        a = np.ascontiguousarray(x.detach().float().numpy())
        ty, b = encode(name, a, kind)
        infos.append(
            s(name)
            + struct.pack("<I", a.ndim)
            + b"".join(struct.pack("<Q", d) for d in a.shape[::-1])
            + struct.pack("<IQ", ty, off)
        )
        b += b"\0" * (-len(b) % ALIGN)
        blobs.append(b)
        off += len(b)
    head = (
        b"GGUF"
        + struct.pack("<IQQ", 3, len(infos), len(meta))
        + b"".join(kv(*m) for m in meta)
        + b"".join(infos)
    )
    with open(out, "wb") as f:
        f.write(head + b"\0" * (-len(head) % ALIGN))
        f.writelines(blobs)
    print(out, kind, len(infos), "tensors,", n, "parameters, step", z["step"])


if __name__ == "__main__":
    main(*sys.argv[1:4])
