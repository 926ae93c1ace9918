"""Damaged, foreign and oversized files and inputs: one sentence and the right exit code, nothing left over.

    test-bad-input.py MOESCOPE-CLI MAKE-CHECKPOINT DEMO-MODEL"""
import io
import json
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import zipfile

import gguf
from suite import Suite

cli, make_checkpoint, demo = map(os.path.abspath, sys.argv[1:4])
suite = Suite(cli)
base = os.path.join(suite.root, "base.gguf")
subprocess.run([make_checkpoint, "qwen3moe-q8_0", base], check=True)
HARMLESS = os.path.join(os.path.dirname(demo), "prompts", "harmless.csv")


def refused(s, expected, *args, code=1, stdin=b""):
    """The command says one sentence that holds `expected`, prints no data and leaves no file."""
    before = sorted(os.listdir(s.folder))
    result = s.run(*args, stdin=stdin)
    assert result.code == code, f"exit code {result.code}, not {code}: {result.err or result.out[:200]}"
    lines = result.err.splitlines()
    assert len(lines) == 1, f"{len(lines)} lines on stderr: {result.err}"
    assert lines[0].startswith("moescope-cli: "), lines[0]
    assert len(lines[0]) < 600, f"a sentence of {len(lines[0])} characters"
    assert not lines[0].endswith("."), f"ends with a full stop: {lines[0]}"
    assert "(null)" not in lines[0], lines[0]
    assert result.out == "", f"data on stdout: {result.out[:200]}"
    for part in [expected] if isinstance(expected, str) else expected:
        assert part in lines[0], f"'{part}' is not in: {lines[0]}"
    after = sorted(os.listdir(s.folder))
    assert after == before, f"left behind: {sorted(set(after) - set(before))}"


def case(name, expected, make=None):
    """A file that `info` and `logits` must refuse. `make` returns its bytes, or None to have made it itself;
    without it the function below is that."""
    if make is None:
        return lambda function: case(name, expected, function)

    @suite.case(name)
    def run(s):
        path = s.path("bad.gguf")
        content = make(s)
        if content is not None:
            s.write("bad.gguf", content)
        for args in (["info", path], ["logits", path, "--tokens", "1,2", "--top", "1"]):
            refused(s, [path, *([expected] if isinstance(expected, str) else expected)], *args)

    return run


def loads(name, expected, make=None):
    """As case(), for what is only seen when the model is loaded."""
    if make is None:
        return lambda function: loads(name, expected, function)

    @suite.case(name)
    def run(s):
        path = s.write("bad.gguf", make(s))
        refused(s, [path, expected], "logits", path, "--tokens", "1,2", "--top", "1")

    return run


def patched(change):
    """The base file after change(gguf)."""

    def make(_):
        file = gguf.Gguf(base)
        result = change(file)
        return result if isinstance(result, bytes) else file.bytes()

    return make


def head(n):
    with open(base, "rb") as f:
        return f.read(n)


def zipped(_):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("model.gguf", b"GGUF")
    return buffer.getvalue()


def key(name, kind, value):
    def change(file):
        file.keys[name] = [kind, value]

    return patched(change)


def shape(name, dims):
    def change(file):
        file.tensor(name)[1] = dims

    return patched(change)


def tensor_field(name, index, value):
    def change(file):
        file.tensor(name)[index] = value

    return patched(change)


# What is not a GGUF file at all.
case("empty file", "empty", lambda s: b"")
case("HTML page", "not a GGUF", lambda s: b"<!DOCTYPE html><html><body>404 Not Found</body></html>")
case("ZIP archive", "not a GGUF", zipped)
case("zeros", "not a GGUF", lambda s: bytes(4096))
case("four letters only", "bad.gguf", lambda s: b"GGUF")
case("folder", "folder", lambda s: os.mkdir(s.path("bad.gguf")))
case("pipe", "not a regular file", lambda s: os.mkfifo(s.path("bad.gguf")))


@case("socket", "bad.gguf")
def _(s):
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(s.path("bad.gguf"))


case("dangling link", "No such file", lambda s: os.symlink("nowhere", s.path("bad.gguf")))
case("link to itself", "bad.gguf", lambda s: os.symlink("bad.gguf", s.path("bad.gguf")))


@suite.case("no such file")
def _(s):
    refused(s, ["gone.gguf", "No such file"], "info", "gone.gguf")


@suite.case("a path below a file")
def _(s):
    s.write("file", "x")
    refused(s, ["file/model.gguf", "Not a directory"], "info", "file/model.gguf")


@suite.case("a device")
def _(s):
    refused(s, "/dev/null", "info", "/dev/null")
    refused(s, "/dev/zero", "info", "/dev/zero")


@suite.case("a path with a line end in it")
def _(s):
    refused(s, "No such file", "info", "two\nlines.gguf")


# Damage to the header.
case("big-endian", "big-endian", patched(lambda f: b"GGUF" + struct.pack(">I", 3) + f.bytes()[8:]))
case("version 1", "version 1", patched(lambda f: setattr(f, "version", 1)))
case("version 99", "version 99", patched(lambda f: setattr(f, "version", 99)))
case("too many keys", "keys", patched(lambda f: setattr(f, "n_keys", 2**63)))
case("too many tensors", "tensors", patched(lambda f: setattr(f, "n_tensors", 2**63)))
case("more keys than there are", "bad.gguf", patched(lambda f: setattr(f, "n_keys", len(f.keys) + 5)))
for fraction in (8, 24, 100, 1000, 9000):
    case(f"cut off after {fraction} bytes", "bad.gguf", lambda s, n=fraction: head(n))
case("cut off in the weights", "bad.gguf", lambda s: head(os.path.getsize(base) - 4096))
case("a string of 2^62 bytes", "bad.gguf", key("general.name", gguf.STRING, struct.pack("<Q", 2**62)))
case("an array of 2^61 numbers", "bad.gguf", key("x", gguf.ARRAY, struct.pack("<IQ", gguf.UINT32, 2**61)))
case("a value of an unknown type", "type", key("x", 77, b""))
case("text that is not UTF-8", "UTF-8", key("general.name", gguf.STRING, gguf.string(b"\xff\xfe")))


@case("the same key twice", "taken")
@patched
def _(file):
    raw = file.bytes()
    entry = gguf.string("general.name") + gguf.u32(gguf.STRING) + gguf.string("again")
    count = struct.unpack_from("<Q", raw, 16)[0]
    return raw[:16] + struct.pack("<Q", count + 1) + entry + raw[24:]


# Tensors.
DOWN = "blk.0.ffn_down_exps.weight"
case("dimensions that overflow", "dimensions", shape(DOWN, [2**40, 2**40, 2]))
case("a dimension of 0", "dimension of 0", shape(DOWN, [0, 64, 8]))
case("nine dimensions", "dimensions", shape(DOWN, [1] * 9))
case("rows that are no whole blocks", "bad.gguf", shape(DOWN, [33, 64, 8]))
case("a tensor type from the future", "type", tensor_field(DOWN, 2, 250))
case("weights beyond the end", "bad.gguf", tensor_field(DOWN, 3, 2**50))
case("unaligned weights", "bad.gguf", tensor_field(DOWN, 3, 7))
case("overlapping weights", "overlap", tensor_field(DOWN, 3, 0))
loads("a quantisation that is not supported", "Q2_K", tensor_field("output_norm.weight", 2, 10))
loads("experts missing", "ffn_down_exps", patched(lambda f: f.drop_tensor(DOWN)))
loads("router missing", "ffn_gate_inp", patched(lambda f: f.drop_tensor("blk.0.ffn_gate_inp.weight")))
loads("embedding missing", "token_embd", patched(lambda f: f.drop_tensor("token_embd.weight")))


@loads("a tensor of the wrong shape", "attn_q")
@patched
def _(file):
    t = file.tensor("blk.0.attn_q.weight")
    t[1] = [t[1][0], t[1][1] // 2]


@loads("a vocabulary that the embedding contradicts", "bad.gguf")
@patched
def _(file):
    t = file.tensor("token_embd.weight")
    t[1] = [t[1][0], t[1][1] - 1]


# What the keys say.
case("unknown architecture", "mamba", key("general.architecture", gguf.STRING, gguf.string("mamba")))
case("one part of a model in several files", "parts", key("split.count", gguf.UINT32, gguf.u32(3)))
case("dense model", "no experts", key("qwen3moe.expert_count", gguf.UINT32, gguf.u32(0)))
case(
    "no architecture", "general.architecture", patched(lambda f: f.keys.pop("general.architecture") and None)
)
case("no layers", "bad.gguf", key("qwen3moe.block_count", gguf.UINT32, gguf.u32(0)))
case("a billion layers", "bad.gguf", key("qwen3moe.block_count", gguf.UINT32, gguf.u32(10**9)))
case(
    "more experts used than there are",
    "bad.gguf",
    key("qwen3moe.expert_used_count", gguf.UINT32, gguf.u32(999)),
)
case("no expert used", "bad.gguf", key("qwen3moe.expert_used_count", gguf.UINT32, gguf.u32(0)))
case("no heads", "bad.gguf", key("qwen3moe.attention.head_count", gguf.UINT32, gguf.u32(0)))
case(
    "a width of text", "embedding_length", key("qwen3moe.embedding_length", gguf.STRING, gguf.string("wide"))
)
case(
    "a width that is negative", "embedding_length", key("qwen3moe.embedding_length", gguf.INT32, b"\xff" * 4)
)
nan = struct.pack("<f", float("nan"))
case(
    "an epsilon that is no number",
    "epsilon",
    key("qwen3moe.attention.layer_norm_rms_epsilon", gguf.FLOAT32, nan),
)
case("a rotary base of 0", "freq_base", key("qwen3moe.rope.freq_base", gguf.FLOAT32, bytes(4)))
loads("unknown tokenizer", "wordpiece", key("tokenizer.ggml.model", gguf.STRING, gguf.string("wordpiece")))
loads("unknown pre-tokenizer", "klingon", key("tokenizer.ggml.pre", gguf.STRING, gguf.string("klingon")))
loads("no tokens", "tokens", patched(lambda f: f.keys.pop("tokenizer.ggml.tokens") and None))


# Prompts.
@suite.case("empty prompt")
def _(s):
    refused(s, "empty", "generate", base, "--raw", "--prompt", "")
    refused(s, "empty", "logits", base, "--prompt", "")


@suite.case("a prompt of 100,000 tokens")
def _(s):
    text = b"kill a process " * 34000
    refused(s, ["context", "512"], "generate", demo, "--prompt", "-", stdin=text)
    refused(s, ["context", "512"], "generate", demo, "--raw", "--prompt", "-", stdin=text)
    refused(s, ["context", "512"], "logits", demo, "--prompt", "-", "--top", "1", stdin=text)


@suite.case("a prompt that is not UTF-8")
def _(s):
    refused(s, "UTF-8", "generate", demo, "--prompt", "-", stdin=b"caf\xe9")
    refused(s, "UTF-8", "generate", demo, "--prompt", b"caf\xe9")


@suite.case("a prompt with a NUL")
def _(s):
    refused(s, "NUL", "generate", demo, "--prompt", "-", stdin=b"a\0b")


@suite.case("a model without a chat template")
def _(s):
    refused(s, ["base.gguf", "--raw"], "generate", base, "--prompt", "hello")


@suite.case("a chat template of no known family")
def _(s):
    file = gguf.Gguf(base)
    file.keys["tokenizer.chat_template"] = [gguf.STRING, gguf.string("{{ raise_exception('no') }}")]
    refused(s, "--raw", "generate", s.write("m.gguf", file.bytes()), "--prompt", "hello")


@suite.case("token ids outside the vocabulary")
def _(s):
    refused(s, "4096", "logits", demo, "--tokens", "1,4096", "--top", "1")
    refused(s, "token id", "logits", demo, "--tokens", "1,x", "--top", "1")
    refused(s, "token id", "logits", demo, "--tokens", "-5", "--top", "1")
    refused(s, "token id", "logits", demo, "--tokens", "99999999999999999999", "--top", "1")


@suite.case("a context beyond every limit")
def _(s):
    refused(s, "context", "logits", demo, "--tokens", "1", "--context", "2000000000", "--top", "1")


@suite.case("a table of too many rows")
def _(s):
    ids = ",".join(["5"] * 2500)
    refused(s, "--top", "logits", demo, "--tokens", ids, "--context", "3000", "--all")


# Prompt sets.
@suite.case("prompt sets")
def _(s):
    out = ["--record", "r.moescope"]
    refused(s, "gone.csv", "profile", demo, "--prompts", "gone.csv", *out)
    refused(s, "empty.csv", "profile", demo, "--prompts", s.write("empty.csv", ""), *out)
    refused(s, "blank.txt", "profile", demo, "--prompts", s.write("blank.txt", "\n# nothing\n\n"), *out)
    refused(s, ["q.csv", "column"], "profile", demo, "--prompts", s.write("q.csv", "a,b\n1,2\n"), *out)
    refused(s, ["nope", "prompt"], "profile", demo, "--prompts", HARMLESS, "--column", "nope", *out)
    refused(s, "open.csv", "profile", demo, "--prompts", s.write("open.csv", 'prompt\n"never closed\n'), *out)
    refused(s, "bin.csv", "profile", demo, "--prompts", s.write("bin.csv", b"prompt\n\xff\xfe\n"), *out)
    refused(s, s.folder, "profile", demo, "--prompts", s.folder, *out)


@suite.case("a prompt of a set that does not fit the context")
def _(s):
    path = s.write("p.txt", "short\n" + "kill a process " * 400 + "\n")
    result = s.run("profile", demo, "--prompts", path, "--record", "r.moescope")
    assert result.code == 1 and "p.txt:2: " in result.err and "context" in result.err, result.err
    assert len(result.err.splitlines()) == 1, result.err
    rows = s.ok("sql", "r.moescope", "SELECT count(*) AS n FROM prompt").rows()[1]
    assert int(rows[0]["n"]) >= 1, "the first prompt was lost"


# Masks and interventions.
def mask(s, *options):
    s.ok("mask", "new", demo, *options, "--out", "m.json")
    with open(s.path("m.json"), encoding="utf-8") as f:
        return json.load(f)


@suite.case("masks of another model")
def _(s):
    d = mask(s, "--disable", "L1E2")
    refused(s, "m.json", "generate", base, "--raw", "--prompt", "a", "--mask", "m.json")
    refused(s, "m.json", "mask", "check", "m.json", base)
    d["model"]["fingerprint"] = "0" * 64
    s.write("m.json", json.dumps(d))
    refused(s, "m.json", "generate", demo, "--prompt", "a", "--mask", "m.json")
    s.ok("mask", "check", "m.json", demo, "--mask-other-weights")


@suite.case("damaged mask files")
def _(s):
    d = mask(s, "--disable", "L1E2")
    for name, content in {
        "cut": json.dumps(d)[:40],
        "empty": "",
        "list": "[]",
        "deep": "[" * 100000,
        "other": '{"format": "something"}',
        "newer": json.dumps({**d, "version": 99}),
        "extra": json.dumps({**d, "surprise": 1}),
        "action": json.dumps({**d, "interventions": [{"layer": 1, "expert": 2, "action": "explode"}]}),
        "layer": json.dumps({**d, "interventions": [{"layer": "x", "expert": 2, "action": "disable"}]}),
        "huge": json.dumps({**d, "interventions": [{"layer": 10**30, "expert": 2, "action": "disable"}]}),
        "none": json.dumps({k: v for k, v in d.items() if k != "interventions"}),
    }.items():
        path = s.write(name + ".json", content)
        refused(s, path, "mask", "show", path)
        refused(s, path, "generate", demo, "--prompt", "a", "--mask", path)


@suite.case("interventions that cannot act")
def _(s):
    run = ["logits", demo, "--tokens", "1", "--top", "1"]
    refused(s, "L99", *run, "--disable", "L99E1")
    refused(s, "L1E32", *run, "--disable", "L1E32")
    refused(s, "layer 1", *run, "--disable", "L1E*")
    refused(s, "layer 1", *run, "--force", "L1E0,L1E1,L1E2,L1E3,L1E4")
    refused(s, "L1E1", *run, "--force", "L1E1", "--disable", "L1E1")
    refused(s, "L1S", *run, "--disable", "L1S")
    refused(s, "L1E2", *run, "--disable", "L1E2:mean")
    refused(s, "layer 1", *run, "--router", "L1:random", "--bias", "L1E2=1")


@suite.case("interventions that are not written right")
def _(s):
    run = ["logits", demo, "--tokens", "1", "--top", "1"]
    for options in (
        ["--disable", "expert 3"],
        ["--disable", "L1E2:sideways"],
        ["--disable", "L1E2:median"],
        ["--clamp", "L1E2"],
        ["--router", "L1:heat=2"],
        ["--router", "L1E2:random"],
        ["--disable", ""],
        ["--bias", "L1E2"],
        ["--bias", "L1E2=nan"],
        ["--scale", "L1E2=inf"],
        ["--force", "L1E2:zero"],
        ["--disable", "L1E2", "--mask-phase", "later"],
    ):
        refused(s, options[-2], *run, *options, code=2)


# Recordings.
@suite.case("files that are no recordings")
def _(s):
    for name, content in {"text": "hello", "empty": "", "zeros": bytes(8192)}.items():
        path = s.write(name, content)
        refused(s, path, "sql", path, "SELECT 1")
        refused(s, path, "heatmap", path)
    database = sqlite3.connect(s.path("other.db"))
    database.execute("CREATE TABLE t (x)")
    database.commit()
    database.close()
    refused(s, "other.db", "sql", "other.db", "SELECT 1")
    refused(s, "other.db", "heatmap", "other.db")
    refused(s, "gone", "sql", "gone.moescope", "SELECT 1")
    refused(s, s.folder, "heatmap", s.folder)
    refused(s, "--prompts", "heatmap", demo)


def recording(s):
    s.ok("generate", demo, "--prompt", "How do I bake bread?", "--max-tokens", "4", "--record", "r.moescope")
    return s.path("r.moescope")


@suite.case("damaged recordings")
def _(s):
    path = recording(s)
    with open(path, "rb") as f:
        whole = f.read()
    cut = s.write("cut.moescope", whole[: len(whole) // 2])
    refused(s, cut, "heatmap", cut)

    def damaged(name, *statements):
        copy = s.write(name, whole)
        database = sqlite3.connect(copy)
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.close()
        refused(s, copy, "heatmap", copy)

    database = sqlite3.connect(path)
    tables = {
        r[0]: [c[1] for c in database.execute(f"PRAGMA table_info({r[0]})")]
        for r in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    blobs = [
        (t, c)
        for t, columns in tables.items()
        for c in columns
        if c != "text" and database.execute(f"SELECT typeof({c}) FROM {t} LIMIT 1").fetchone() == ("blob",)
    ]
    database.close()
    assert blobs, "no blobs found to damage"
    for table, column in blobs:
        damaged(f"short-{column}.moescope", f"UPDATE {table} SET {column} = substr({column}, 1, 3)")
    damaged("newer.moescope", "PRAGMA user_version = 9999")
    damaged("norun.moescope", "DELETE FROM run")


@suite.case("SQL that fails or writes")
def _(s):
    path = recording(s)
    before = open(path, "rb").read()
    refused(s, path, "sql", path, "SELEC 1")
    refused(s, path, "sql", path, "SELECT * FROM nowhere")
    refused(s, path, "sql", path, "DELETE FROM token")
    refused(s, path, "sql", path, "ATTACH 'x.db' AS x")
    refused(s, path, "sql", path, "")
    refused(s, path, "sql", path, "SELECT 1; DELETE FROM token")
    refused(s, path, "sql", path, "PRAGMA journal_mode = DELETE")
    assert open(path, "rb").read() == before, "the recording was changed"


# Where results go.
@suite.case("folders that cannot be written")
def _(s):
    s.write("file", "x")
    for out in ("/proc/x.csv", "file/x.csv", "gone/x.csv", s.folder):
        refused(s, out, "info", demo, "--out", out)
        refused(s, out, "mask", "new", demo, "--disable", "L1E2", "--out", out)
    path = recording(s)
    for option in ("--csv", "--svg", "--pdf", "--png"):
        for out in ("/proc/x", "file/x", "gone/x"):
            refused(s, out, "heatmap", path, option, out)
    for out in ("/proc/x.moescope", "file/x.moescope", "gone/x.moescope"):
        refused(s, out, "generate", demo, "--prompt", "a", "--record", out)
        refused(s, out, "profile", demo, "--prompts", HARMLESS, "--record", out)


@suite.case("a full disk")
def _(s):
    with open("/dev/full", "wb") as full:
        process = subprocess.run([cli, "info", demo], stdout=full, stderr=subprocess.PIPE, cwd=s.folder)
    assert process.returncode == 1 and b"No space left" in process.stderr, process.stderr


@suite.case("recordings that are there already")
def _(s):
    path = recording(s)
    before = open(path, "rb").read()
    refused(s, path, "generate", demo, "--prompt", "a", "--record", path)
    refused(s, path, "profile", demo, "--prompts", HARMLESS, "--record", path)
    other = s.write("notes.txt", "mine")
    refused(s, other, "profile", demo, "--prompts", HARMLESS, "--record", other)
    assert open(path, "rb").read() == before and open(other).read() == "mine"


# Wrong usage.
@suite.case("wrong usage")
def _(s):
    run = ["logits", demo, "--tokens", "1"]
    for args in (
        [],
        ["explode"],
        ["--explode"],
        ["info"],
        ["info", demo, "more"],
        ["info", demo, "--format", "xml"],
        ["info", demo, "--colour"],
        ["logits", demo],
        [*run, "--prompt", "a"],
        [*run, "--top", "0"],
        [*run, "--top", "many"],
        [*run, "--threads", "-1"],
        [*run, "--threads", "two"],
        [*run, "--cache", "f64"],
        [*run, "--kernels", "magic"],
        [*run, "--seed", "-1"],
        ["generate", demo],
        ["generate", demo, "--prompt", "a", "--temperature", "-1"],
        ["generate", demo, "--prompt", "a", "--temperature", "nan"],
        ["generate", demo, "--prompt", "a", "--top-p", "0"],
        ["generate", demo, "--prompt", "a", "--max-tokens", "-3"],
        ["generate", demo, "--prompt", "a", "--raw", "--system", "b"],
        ["profile", demo, "--prompts", HARMLESS],
        ["profile", demo, "--record", "r.moescope"],
        ["heatmap", "x", "--metric", "beauty"],
        ["heatmap", "x", "--phase", "later"],
        ["heatmap", "x", "--color-scale", "cubic"],
        ["heatmap", "x", "--color-map", "jet"],
        ["mask"],
        ["mask", "burn", "x"],
        ["sql", "x"],
        ["bench", demo, "--threads", "0"],
        ["bench", demo, "--threads", "1,,2"],
        ["bench", demo, "--probes", "some"],
        ["bench", demo, "--repeat", "0"],
        ["bench", demo, "--prefill", "0", "--decode", "0"],
    ):
        refused(s, "help", *args, code=2)


suite.main()
