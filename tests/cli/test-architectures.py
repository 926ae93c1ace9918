"""Files of the architectures with attention of their own that say what is not computed: refused by name.

    test-architectures.py MOESCOPE-CLI MAKE-CHECKPOINT"""
import os
import struct
import subprocess
import sys

import gguf
from suite import Suite

cli, make_checkpoint = map(os.path.abspath, sys.argv[1:3])
suite = Suite(cli)


def base(checkpoint):
    path = os.path.join(suite.root, checkpoint + ".gguf")
    if not os.path.exists(path):
        subprocess.run([make_checkpoint, checkpoint, path], check=True)
    return gguf.Gguf(path)


def case(checkpoint, name, expected, change):
    @suite.case(f"{checkpoint}: {name}")
    def _(s):
        file = base(checkpoint)
        change(file)
        path = s.write("bad.gguf", file.bytes())
        result = s.run("logits", path, "--tokens", "1,2", "--top", "1")
        assert result.code == 1, f"exit code {result.code}: {result.err or result.out[:200]}"
        lines = result.err.splitlines()
        assert len(lines) == 1 and path in lines[0] and expected in lines[0], result.err
        assert result.out == "", result.out[:200]


def uint(key, value):
    return lambda f: f.keys.update({key: [gguf.UINT32, gguf.u32(value)]})


def real(key, value):
    return lambda f: f.keys.update({key: [gguf.FLOAT32, struct.pack("<f", value)]})


def text(key, value):
    return lambda f: f.keys.update({key: [gguf.STRING, gguf.string(value)]})


def ints(key, *values):
    raw = struct.pack(f"<IQ{len(values)}i", gguf.INT32, len(values), *values)
    return lambda f: f.keys.update({key: [gguf.ARRAY, raw]})


def without(key):
    return lambda f: f.keys.pop(key)


def without_tensor(name):
    return lambda f: f.drop_tensor(name)


case("gpt-oss-q8_0", "no window", "sliding_window", uint("gpt-oss.attention.sliding_window", 0))
case("gpt-oss-q8_0", "missing window", "sliding_window is missing",
     without("gpt-oss.attention.sliding_window"))
case("gpt-oss-q8_0", "a RoPE for windows", "RoPE of their own", real("gpt-oss.rope.freq_base_swa", 10000))
case("gpt-oss-q8_0", "half a YaRN", "extrapolation factor of 0.5",
     real("gpt-oss.rope.scaling.yarn_ext_factor", 0.5))
case("gpt-oss-q8_0", "unknown scaling", "dynamic", text("gpt-oss.rope.scaling.type", "dynamic"))
case("gpt-oss-q8_0", "no sinks", "blk.1.attn_sinks.weight is missing",
     without_tensor("blk.1.attn_sinks.weight"))
case("gpt-oss-q8_0", "not a number", "attn_factor", real("gpt-oss.rope.scaling.attn_factor", float("nan")))
case("gpt-oss-q8_0", "a longrope without factors", "rope_factors_long.weight is missing",
     text("gpt-oss.rope.scaling.type", "longrope"))

case("deepseek2-old-q8_0", "no rank", "kv_lora_rank is missing", without("deepseek2.attention.kv_lora_rank"))
case("deepseek2-old-q8_0", "a rank of 0", "kv_lora_rank", uint("deepseek2.attention.kv_lora_rank", 0))
case("deepseek2-old-q8_0", "another rank", "attn_kv_a_mqa.weight",
     uint("deepseek2.attention.kv_lora_rank", 64))
case("deepseek2-old-q8_0", "shared keys", "1 key-value heads beside 4 heads",
     uint("deepseek2.attention.head_count_kv", 1))
case("deepseek2-old-q8_0", "rotated throughout", "leave nothing", uint("deepseek2.rope.dimension_count", 48))
case("deepseek2-old-q8_0", "linear scaling", "linear rope scaling",
     text("deepseek2.rope.scaling.type", "linear"))
case("deepseek2-old-q8_0", "a temperature", "temperature", real("deepseek2.attention.temperature_scale", 0.1))
case("deepseek2-old-q8_0", "half a new layout", "value_length_mla is missing",
     uint("deepseek2.attention.key_length_mla", 48))
case("deepseek2-lite-q8_0", "no k_b", "blk.3.attn_k_b.weight is missing",
     without_tensor("blk.3.attn_k_b.weight"))

case("lfm2moe-q8_0", "no list of heads", "head_count_kv", uint("lfm2moe.attention.head_count_kv", 2))
case("lfm2moe-q8_0", "too short a list", "3 numbers for 4 layers",
     ints("lfm2moe.attention.head_count_kv", 0, 2, 0))
case("lfm2moe-q8_0", "two kinds of layers", "key-value heads in one model",
     ints("lfm2moe.attention.head_count_kv", 0, 2, 0, 1))
case("lfm2moe-q8_0", "a convolution over one token", "l_cache", uint("lfm2moe.shortconv.l_cache", 1))
case("lfm2moe-q8_0", "another convolution", "shortconv.conv.weight", uint("lfm2moe.shortconv.l_cache", 4))
case("lfm2moe-q8_0", "no convolution where one is said", "blk.2.shortconv.conv.weight is missing",
     without_tensor("blk.2.shortconv.conv.weight"))
case("lfm2moe-q8_0", "a convolution where attention is said", "blk.2.attn_q.weight is missing",
     ints("lfm2moe.attention.head_count_kv", 0, 2, 2, 0))

suite.main()
