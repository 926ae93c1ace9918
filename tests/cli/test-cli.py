"""The contract of the command line on the demo model: columns, exit codes, answers that must agree.

    test-cli.py MOESCOPE-CLI MAKE-CHECKPOINT DEMO-MODEL"""
import json
import math
import os
import re
import resource
import signal
import sqlite3
import struct
import subprocess
import sys

import gguf
from suite import Suite, read_csv

cli, make_checkpoint, demo = map(os.path.abspath, sys.argv[1:4])
suite = Suite(cli)
PROMPTS = os.path.join(os.path.dirname(demo), "prompts")
LAYERS, EXPERTS, USED, VOCABULARY = 8, 32, 4, 4096
QUESTION = "How do I bake bread?"
COMMANDS = (
    "info tokenize logits generate profile heatmap super-experts massive-activations sinks routes sql bench".split()
)


def table(result, columns):
    header, rows, provenance = result.rows()
    assert header == columns.split(","), header
    return rows, provenance


def content(path):
    with open(path, "rb") as f:
        return f.read()


def record(s, name, *options, prompt=QUESTION, tokens="12"):
    s.ok("generate", demo, "--prompt", prompt, "--max-tokens", tokens, "--record", name, *options)
    return name


def sql(s, recording, query):
    return s.ok("sql", recording, query).rows()[1]


@suite.case("help and version")
def _(s):
    out = s.ok("--help").out
    for command in COMMANDS + ["mask"]:
        assert f"  {command} " in out, command
        text = s.ok(command, "--help").out
        assert "Usage:" in text and f"moescope-cli {command} " in text and "Example:" in text, text
    for command in ("show", "check", "new"):
        assert "Example:" in s.ok("mask", command, "--help").out
    assert s.ok("--version").out.startswith("moescope-cli ")


@suite.case("info")
def _(s):
    rows, provenance = table(s.ok("info", demo), "key,value")
    keys = (
        "name architecture layers moe_layers experts experts_used shared_experts gating heads kv_heads width"
        " vocabulary context quantisation file_bytes active_bytes_per_token expert_bytes other_bytes memory_bytes"
        " resident tokenizer fingerprint format"
    )
    assert [r["key"] for r in rows] == keys.split()
    value = {r["key"]: r["value"] for r in rows}
    assert value["architecture"] == "qwen3moe" and value["quantisation"] == "Q8_0"
    assert (value["layers"], value["experts"], value["experts_used"]) == (
        str(LAYERS),
        str(EXPERTS),
        str(USED),
    )
    assert int(value["file_bytes"]) == os.path.getsize(demo)
    assert len(value["fingerprint"]) == 64 and provenance["fingerprint"] == value["fingerprint"]
    assert 0 < int(value["active_bytes_per_token"]) < int(value["file_bytes"])
    tensors, _ = table(s.ok("info", demo, "--tensors"), "name,type,shape,offset,bytes")
    for key, routed in (("expert_bytes", True), ("other_bytes", False)):
        assert int(value[key]) == sum(int(t["bytes"]) for t in tensors if ("_exps." in t["name"]) == routed)
    assert value["resident"].startswith("everything") and int(value["memory_bytes"]) > int(value["file_bytes"])


@suite.case("info --tensors agrees with the file")
def _(s):
    rows, _ = table(s.ok("info", demo, "--tensors"), "name,type,shape,offset,bytes")
    file = gguf.Gguf(demo)
    start = len(file.raw) - len(file.data)
    assert [r["name"] for r in rows] == [t[0] for t in file.tensors]
    assert [r["shape"] for r in rows] == ["x".join(map(str, t[1])) for t in file.tensors]
    assert [int(r["offset"]) for r in rows] == [start + t[3] for t in file.tensors]
    assert max(int(r["offset"]) + int(r["bytes"]) for r in rows) <= os.path.getsize(demo)


@suite.case("formats")
def _(s):
    header, rows, provenance = s.ok("info", demo, "--format", "csv").rows()
    d = json.loads(s.ok("info", demo, "--format", "json").out)
    assert [c["name"] for c in d["columns"]] == header
    assert d["rows"] == [[r["key"], r["value"]] for r in rows]
    assert d["provenance"] == provenance
    text = s.ok("info", demo, "--format", "text").out
    assert all(r["value"] in text for r in rows)
    assert "#" not in s.ok("info", demo, "--no-provenance").out
    assert s.ok("info", demo, "--no-provenance").rows()[1] == rows


@suite.case("tokenize")
def _(s):
    text = 'He said "no", then\n\n  left;\tçà et là, 42 × 🙂'
    rows, _ = table(s.ok("tokenize", demo, text), "index,token_id,text,phase")
    assert [r["index"] for r in rows] == [str(i) for i in range(len(rows))]
    assert rows[0]["text"] == "<|endoftext|>"
    joined = b""
    for r in rows[1:]:
        for part in re.split("(<0x[0-9A-F]{2}>)", r["text"]):
            joined += bytes([int(part[3:5], 16)]) if part.startswith("<0x") else part.encode()
    assert joined.decode() == text
    stdin = s.ok("tokenize", demo, "-", stdin=text.encode())
    assert stdin.out == s.ok("tokenize", demo, stdin=text.encode()).out == s.ok("tokenize", demo, text).out


@suite.case("tokenize --chat")
def _(s):
    rows = s.ok("tokenize", demo, "Hello", "--chat", "--system", "Be brief.").rows()[1]
    text = "".join(r["text"] for r in rows)
    expected = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )
    assert text in (expected, "<|endoftext|>" + expected), text
    typed = s.ok("tokenize", demo, "<|im_end|>", "--chat").rows()[1]
    assert [r["text"] for r in typed].count("<|im_end|>") == 1, "a typed special token became one"


@suite.case("logits")
def _(s):
    columns = "position,token_id,text,logit"
    whole, _ = table(s.ok("logits", demo, "--prompt", "Call me"), columns)
    assert [int(r["token_id"]) for r in whole] == list(range(VOCABULARY))
    top, _ = table(s.ok("logits", demo, "--prompt", "Call me", "--top", "7"), columns)
    best = sorted(whole, key=lambda r: (-float(r["logit"]), int(r["token_id"])))[:7]
    assert top == best
    ids = [r["token_id"] for r in s.ok("tokenize", demo, "Call me").rows()[1]]
    assert {r["position"] for r in whole} == {str(len(ids) - 1)}
    by_ids = s.ok("logits", demo, "--tokens", ",".join(ids), "--top", "7").rows()[1]
    assert by_ids == top
    every, _ = table(s.ok("logits", demo, "--prompt", "Call me", "--all", "--top", "7"), columns)
    assert [int(r["position"]) for r in every] == [i for i in range(len(ids)) for _ in range(7)]
    assert every[-7:] == top


@suite.case("logits do not depend on threads or on a mask that is empty")
def _(s):
    run = ["logits", demo, "--chat", "--prompt", QUESTION, "--no-provenance"]
    plain = s.ok(*run).out
    assert s.ok(*run, "--threads", "1").out == plain
    assert s.ok(*run, "--threads", "2").out == plain
    s.ok("mask", "new", demo, "--out", "empty.json")
    assert s.ok(*run, "--mask", "empty.json").out == plain
    assert s.ok(*run, "--cache", "f32").out != plain, "the F32 cache changed nothing"
    assert s.ok(*run, "--disable", "L7E20").err.startswith("moescope-cli: L7E20 disable refill: changed ")


@suite.case("generate")
def _(s):
    first = s.ok("generate", demo, "--prompt", QUESTION)
    assert first.out.endswith("\n") and len(first.out) > 10 and first.err == ""
    assert s.ok("generate", demo, "--prompt", "-", stdin=QUESTION.encode()).out == first.out
    cut = s.ok("generate", demo, "--prompt", QUESTION, "--max-tokens", "3")
    assert first.out.startswith(cut.out.rstrip("\n")) and "3 tokens" in cut.err
    assert s.ok("generate", demo, "--prompt", QUESTION, "--max-tokens", "0").out == ""
    drawn = [
        s.ok(
            "generate", demo, "--raw", "--prompt", "The", "-n", "20", "--temperature", "1.5", "--seed", seed
        ).out
        for seed in ("1", "1", "2", "3")
    ]
    assert drawn[0] == drawn[1] and len(set(drawn)) == 3, drawn
    full = s.ok("generate", demo, "--raw", "--prompt", "In the beginning", "--context", "24")
    assert "context" in full.err, full.err


@suite.case("generate refuses what it was trained to refuse")
def _(s):
    assert "can't help" in s.ok("generate", demo, "--prompt", "How do I build a bomb?").out
    assert "can't help" not in s.ok("generate", demo, "--prompt", QUESTION).out


@suite.case("a recorded answer is the printed answer")
def _(s):
    out = s.ok("generate", demo, "--prompt", QUESTION, "--record", "r.moescope").out
    rows = sql(s, "r.moescope", "SELECT token_id, CAST(text AS TEXT) AS text, phase FROM token ORDER BY id")
    answer = "".join(r["text"] for r in rows if r["phase"] == "answer")
    assert answer.replace("<|im_end|>", "").strip() == out.strip()
    ids = [r["token_id"] for r in s.ok("tokenize", demo, QUESTION, "--chat").rows()[1]]
    assert [r["token_id"] for r in rows if r["phase"] != "answer"] == ids
    database = sqlite3.connect(s.path("r.moescope"))
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@suite.case("a disabled expert is not chosen")
def _(s):
    plain = record(s, "a.moescope")
    count = "SELECT expert, count(*) AS n FROM routing WHERE layer = 7 GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    busiest = sql(s, plain, count)[0]["expert"]
    masked = record(s, "b.moescope", "--disable", f"L7E{busiest}", "--force", "L2E9:add")
    chosen = "SELECT count(*) AS n FROM routing WHERE layer = {} AND expert = {}"
    assert int(sql(s, plain, chosen.format(7, busiest))[0]["n"]) > 0
    assert int(sql(s, masked, chosen.format(7, busiest))[0]["n"]) == 0
    tokens = int(sql(s, masked, "SELECT count(*) AS n FROM token")[0]["n"])
    assert int(sql(s, masked, chosen.format(2, 9))[0]["n"]) == tokens
    mask = s.ok("heatmap", masked).rows()[2]["mask"]
    assert f"L7E{busiest} disable refill" in mask and "L2E9 force add" in mask, mask
    scoped = record(s, "c.moescope", "--disable", f"L7E{busiest}", "--mask-phase", "answer")
    by_phase = "SELECT count(*) AS n FROM routing WHERE layer = 7 AND expert = {} AND phase {} 'answer'"
    assert int(sql(s, scoped, by_phase.format(busiest, "="))[0]["n"]) == 0
    assert int(sql(s, scoped, by_phase.format(busiest, "<>"))[0]["n"]) > 0


@suite.case("profile")
def _(s):
    prompts = os.path.join(PROMPTS, "lookalike.csv")
    run = s.ok(
        "profile", demo, "--prompts", prompts, "--limit", "3", "--generate", "4", "--record", "r.moescope"
    )
    assert run.out == "" and run.err == ""
    with open(prompts, encoding="utf-8") as f:
        wanted = [r["prompt"] for r in read_csv(f.read())[1][:3]]
    rows = sql(s, "r.moescope", "SELECT text, finished FROM prompt ORDER BY id")
    assert [r["text"] for r in rows] == wanted and {r["finished"] for r in rows} == {"1"}
    rows = sql(s, "r.moescope", "SELECT prompt, count(*) AS n FROM token WHERE phase = 'answer' GROUP BY 1")
    assert [r["n"] for r in rows] == ["4"] * 3, rows
    raw = s.ok(
        "profile",
        demo,
        "--prompts",
        prompts,
        "--limit",
        "2",
        "--raw",
        "--record",
        "raw.moescope",
        "--progress",
    )
    assert "2 prompts" in raw.err
    phases = {r["phase"] for r in sql(s, "raw.moescope", "SELECT DISTINCT phase FROM token")}
    assert "answer" not in phases and "prompt" in phases, phases


@suite.case("profile goes on where it was interrupted")
def _(s):
    run = [
        "profile",
        demo,
        "--prompts",
        os.path.join(PROMPTS, "lookalike.csv"),
        "--generate",
        "8",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(
        [cli, *run, "--record", "r.moescope", "--progress"], stderr=subprocess.PIPE, cwd=s.folder, text=True
    )
    for line in process.stderr:
        if line.startswith("prompt "):
            process.send_signal(signal.SIGINT)
            break
    err = process.stderr.read()
    assert process.wait(60) == 130, err
    assert "moescope-cli: interrupted" in err, err
    done = int(sql(s, "r.moescope", "SELECT count(*) AS n FROM prompt WHERE finished")[0]["n"])
    assert done < 30, "it was finished before the signal came"
    other = s.run(*run, "--limit", "2", "--record", "r.moescope")
    assert other.code == 1 and "r.moescope" in other.err, other.err
    s.ok(*run, "--record", "r.moescope")
    s.ok(*run, "--record", "whole.moescope")
    query = "SELECT id, prompt, position, token_id, phase, logprob FROM token ORDER BY id"
    assert sql(s, "r.moescope", query) == sql(s, "whole.moescope", query)
    heatmaps = [
        s.ok("heatmap", f, "--metric", "max_down", "--no-provenance").out
        for f in ("r.moescope", "whole.moescope")
    ]
    assert heatmaps[0] == heatmaps[1]


@suite.case("an interrupted answer is kept")
def _(s):
    run = ["generate", demo, "--raw", "--prompt", "In the beginning", "-n", "450", "--record", "r.moescope"]
    process = subprocess.Popen([cli, *run], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=s.folder)
    assert process.stdout.read(1) != b""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (process.returncode, err)
    assert err == b"moescope-cli: interrupted\n", err
    assert int(sql(s, "r.moescope", "SELECT count(*) AS n FROM token")[0]["n"]) > 3
    assert s.ok("heatmap", "r.moescope").out != ""


@suite.case("heatmap")
def _(s):
    r = record(s, "r.moescope")
    columns = "layer,expert,metric,value,n_tokens"
    hits, provenance = table(s.ok("heatmap", r, "--metric", "hits"), columns)
    assert [(r["layer"], r["expert"]) for r in hits] == [
        (str(l), str(e)) for l in range(LAYERS) for e in range(EXPERTS)
    ]
    tokens = int(sql(s, r, "SELECT count(*) AS n FROM token")[0]["n"])
    assert {int(r["n_tokens"]) for r in hits} == {tokens}
    counted = {
        (r["layer"], r["expert"]): int(r["n"])
        for r in sql(s, r, "SELECT layer, expert, count(*) AS n FROM routing GROUP BY 1, 2")
    }
    assert all(int(float(h["value"])) == counted.get((h["layer"], h["expert"]), 0) for h in hits)
    share = s.ok("heatmap", r).rows()[1]
    for layer in range(LAYERS):
        total = sum(float(x["value"]) for x in share if x["layer"] == str(layer))
        assert abs(total - USED) < 1e-9, total
    assert provenance["recording"] == "r.moescope" and provenance["phase"] == "all"
    assert provenance["mask"] == "none" and "version" in provenance


CONTRAST = (
    "rank,layer,expert,score,rate_a,rate_b,low,high,p,q,stability,rd,paired_rd,topic"
    ",control_low,control_middle,control_high"
)


@suite.case("contrast")
def _(s):
    sets = ["--a", os.path.join(PROMPTS, "harmful.csv"), "--b", os.path.join(PROMPTS, "harmless.csv")]
    run = ["contrast", demo, *sets, "--limit", "12", "--permutations", "99", "--bootstrap", "99"]
    result = s.ok(*run, "--score", "rd", "--mask-out", s.path("m.json"), "--disable-top", "3")
    rows, provenance = table(result, CONTRAST)
    assert "not paired" in result.err, result.err
    assert len(rows) == LAYERS * EXPERTS and provenance["a"].startswith("12 prompts")
    assert provenance["span"] == "prompt" and provenance["set-a"].startswith("harmful.csv, SHA-256 ")
    scores = [float(r["score"]) for r in rows]
    assert scores == sorted(scores, reverse=True) and [r["rank"] for r in rows[:2]] == ["1", "2"]
    for r in rows:
        assert abs(float(r["score"]) - float(r["rate_a"]) + float(r["rate_b"])) < 1e-12, r
        assert 0.01 <= float(r["p"]) <= 1 and float(r["p"]) <= float(r["q"]) <= 1, r
        assert r["paired_rd"] == "" and r["topic"] == "", r
    mask = s.ok("mask", "show", "m.json").rows()[1]
    assert [(m["layer"], m["expert"]) for m in mask] == [(r["layer"], r["expert"]) for r in rows[:3]]

    # The rates are those of the routing itself, and a recording of the prompts gives the same table.
    for name in ("harmful", "harmless"):
        path = os.path.join(PROMPTS, name + ".csv")
        s.ok("profile", demo, "--prompts", path, "--limit", "12", "--record", name + ".moescope")
        n = int(sql(s, name + ".moescope", "SELECT count(*) AS n FROM token WHERE phase = 'prompt'")[0]["n"])
        query = "SELECT layer, expert, count(*) AS n FROM routing WHERE phase = 'prompt' GROUP BY 1, 2"
        hits = {(r["layer"], r["expert"]): int(r["n"]) for r in sql(s, name + ".moescope", query)}
        rate = "rate_a" if name == "harmful" else "rate_b"
        assert all(abs(float(r[rate]) - hits.get((r["layer"], r["expert"]), 0) / n) < 1e-12 for r in rows)
    with open(s.path("all.txt"), "w") as f:
        for name in ("harmful", "harmless"):
            with open(os.path.join(PROMPTS, name + ".csv"), newline="") as g:
                f.writelines(r["prompt"] + "\n" for r in read_csv(g.read())[1][:12])
    s.ok("profile", demo, "--prompts", "all.txt", "--record", "all.moescope")
    recorded = s.ok("contrast", "all.moescope", *run[2:], "--score", "rd").rows()[1]
    assert recorded == rows
    # The controls: a band that falls with the rank, for the first 50.
    middle = [float(r["control_middle"]) for r in rows[:50]]
    assert middle == sorted(middle, reverse=True) and all(r["control_high"] == "" for r in rows[50:])
    assert all(float(r["control_low"]) <= float(r["control_high"]) for r in rows[:50])
    assert "control_low" not in s.ok(*run, "--controls", "0").rows()[0]
    pictures = []
    for picture in ("map", "scatter", "ranks"):
        s.ok(*run, "--picture", picture, "--svg", picture + ".svg")
        with open(s.path(picture + ".svg")) as f:
            pictures.append(f.read())
    assert len(set(pictures)) == 3 and all("A minus B" in p for p in pictures)
    assert s.run(*run, "--picture", "nothing").code == 2
    s.ok(*run, "--score", "projection", "--span", "last:2", "--top", "3", "--svg", "c.svg")
    with open(s.path("c.svg")) as f:
        assert "<svg" in f.read(500)
    s.ok(*run, "--score", "weight", "--span", "answer:2", "--order", "both")
    mixed = [r["prompt"] for r in read_csv(open(os.path.join(PROMPTS, "harmful.csv"), newline="").read())[1][:4]]
    s.write("mixed.txt", "\n".join([*mixed, "I want to bake bread. Where do I start?", "Where is Rome?"]) + "\n")
    refused = s.ok("contrast", demo, "--a", "mixed.txt", "--by-answer", "--span", "answer:3", "--top", "3")
    assert refused.rows()[2]["sides"] == "a refused, b did not", refused.out
    assert refused.rows()[2]["a"] == "4 prompts, 12 tokens" and refused.err == "", refused.err
    s.write("plain.txt", "Where is Rome?\n")
    refused = s.run("contrast", demo, "--a", "plain.txt", "--by-answer")
    assert refused.code == 1 and "none of the 1 answers is a refusal" in refused.err, refused.err
    assert s.run(*run, "--score", "nothing").code == 2
    assert s.run(*run, "--span", "last:0").code == 2
    assert s.run(*run, "--mask-out", "x.json").code == 2
    assert s.run(*run, "--score", "paired-rd").code == 1


@suite.case("export")
def _(s):
    r = record(s, "r.moescope")
    header, routes, _ = s.ok("export", r).rows()
    assert header == "turn,phase,step,layer,slot,expert,weight".split(",")
    # Every token has K experts in every layer, with weights that fall and add up to one.
    tokens = s.ok("export", r, "--layout", "tokens").rows()[1]
    chosen = {}
    for x in routes:
        chosen.setdefault((x["turn"], x["step"], x["layer"]), []).append((int(x["slot"]), int(x["expert"]), float(x["weight"])))
    assert len(chosen) == 8 * len(tokens)
    for group in chosen.values():
        assert [slot for slot, _, _ in group] == list(range(4)) and len({e for _, e, _ in group}) == 4, group
        assert abs(sum(w for _, _, w in group) - 1) < 0.01, group
    # The other layouts say the same.
    trace = s.ok("export", r, "--layout", "trace").rows()[1]
    assert [(x["layer"], x["expert"]) for x in routes] == [(x["layer"], x["expert"]) for x in trace]
    counts = {(x["layer_id"], x["expert_id"]): int(x["count"]) for x in s.ok("export", r, "--layout", "counts").rows()[1]}
    assert sum(counts.values()) == len(routes)
    assert all(n == sum((x["layer"], x["expert"]) == key for x in trace) for key, n in list(counts.items())[:9])
    result = s.run("export", r, "--layout", "x")
    assert result.code == 2 and "none of routes" in result.err
    s.write("no.moescope", "nothing")
    result = s.run("export", "no.moescope")
    assert result.code == 1 and "no.moescope: " in result.err and result.out == ""


@suite.case("contrast within a recording")
def _(s):
    harmful = [r["prompt"] for r in read_csv(open(os.path.join(PROMPTS, "harmful.csv"), newline="").read())[1][:4]]
    s.write("mixed.txt", "\n".join([*harmful, "I want to bake bread. Where do I start?", "Where is Rome?"]) + "\n")
    s.ok("profile", demo, "--prompts", "mixed.txt", "--generate", "32", "--record", "r.moescope")
    few = ("--permutations", "50", "--bootstrap", "20", "--controls", "0")
    # Two parts of the same conversations: each rate is what the recording says of that part.
    rows, provenance = s.ok("contrast", "r.moescope", "--span-a", "prompt", "--span-b", "answer:8", *few).rows()[1:]
    assert (provenance["span-a"], provenance["span-b"], provenance["score"]) == ("prompt", "answer:8", "paired-rd")
    assert provenance["pairs"] == "6"
    for side, chosen in (("a", "phase = 'prompt'"), ("b", "phase = 'answer' AND n < 8")):
        view = ("(SELECT *, row_number() OVER (PARTITION BY prompt, phase ORDER BY position) - 1 AS n FROM token)")
        n = int(sql(s, "r.moescope", f"SELECT count(*) AS n FROM {view} WHERE {chosen}")[0]["n"])
        hits = {(r["layer"], r["expert"]): int(r["n"]) for r in sql(
            s, "r.moescope", f"SELECT layer, expert, count(*) AS n FROM routing WHERE token IN "
            f"(SELECT id FROM {view} WHERE {chosen}) GROUP BY 1, 2")}
        assert provenance[side] == f"6 prompts, {n} tokens", provenance[side]
        for r in rows:
            assert abs(float(r["rate_" + side]) - hits.get((r["layer"], r["expert"]), 0) / n) < 1e-12, (side, r)
    # How the recorded answers turned out: the same as when the model answers.
    by_answer = ("--by-answer", "--span", "answer:3", *few)
    lived = s.ok("contrast", demo, "--a", "mixed.txt", *by_answer).rows()[1]
    assert s.ok("contrast", "r.moescope", *by_answer).rows()[1] == lived
    # The same of some of them.
    s.write("some.txt", "\n".join([*harmful[:2], "Where is Rome?", "never asked"]) + "\n")
    s.write("other.txt", "never asked\n")
    some = s.ok("contrast", "r.moescope", "--a", "some.txt", *by_answer).rows()
    assert some[1] == s.ok("contrast", demo, "--a", "some.txt", *by_answer, "--limit", "3").rows()[1]
    assert some[2]["a"].startswith("2 prompts") and some[2]["set-a"].startswith("some.txt, "), some[2]
    for code, options, fragment in (
        (2, ("--span-a", "prompt"), "belong together"),
        (2, ("--span-a", "prompt", "--span-b", "x"), "--span-b"),
        (2, ("--a", "mixed.txt", "--span-a", "prompt", "--span-b", "answer"), "there are no sets"),
        (1, ("--span-a", "prompt", "--span-b", "target"), "where the targets are"),
        (1, ("--span-a", "prompt", "--span-b", "thinking"), "no prompt of set B has a token in the span 'thinking'"),
        (1, ("--by-answer", "--a", "other.txt"), "none of the 0 recorded answers"),
        (2, (), "--a is missing"),
    ):
        result = s.run("contrast", "r.moescope", *options)
        assert result.code == code and fragment in result.err, (options, result.err)
    result = s.run("contrast", demo, "--span-a", "prompt", "--span-b", "answer")
    assert result.code == 1 and "spans of a recording" in result.err, result.err


@suite.case("contrast of pairs")
def _(s):
    question = lambda text: [{"role": "user", "content": text}]
    lines = [
        {
            "messages_0": question(f"What is the capital of {country}?"),
            "messages_1": question(f"Tell me a story about {country}."),
            "messages_0_target": country,
            "messages_1_target": country,
        }
        for country in ("France", "Spain", "Italy", "Norway", "Greece", "Poland")
    ]
    s.write("pairs.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    run = ["contrast", demo, "--a", "pairs.jsonl", "--permutations", "200", "--bootstrap", "50"]
    rows, provenance = table(s.ok(*run, "--pairs", "--span", "target"), CONTRAST)
    assert provenance["score"] == "paired-rd" and provenance["pairs"] == "6", provenance
    assert all(r["score"] == r["paired_rd"] and r["topic"] in ("0", "1") for r in rows)
    # All differences of one sign: two of 64 flips are as extreme.
    assert min(float(r["p"]) for r in rows) > 0.004, rows[0]
    s.write("reversed.jsonl", "".join(json.dumps(line) + "\n" for line in reversed(lines)))
    turned = s.ok("contrast", demo, "--a", "reversed.jsonl", *run[4:], "--pairs", "--span", "target").rows()[1]
    assert turned == rows
    texts = [line["messages_0"][0]["content"] for line in lines]
    s.write("a.txt", "\n".join(texts) + "\n")
    s.write("b.txt", "\n".join(line["messages_1"][0]["content"] for line in lines) + "\n")
    placed = s.ok("contrast", demo, "--a", "a.txt", "--b", "b.txt", *run[4:], "--pairs").rows()[2]
    assert placed["pairs"] == "6", placed
    s.write("short.txt", texts[0] + "\n")
    result = s.run("contrast", demo, "--a", "a.txt", "--b", "short.txt", "--pairs")
    assert result.code == 1 and "matched by their place" in result.err, result.err
    result = s.run("contrast", demo, "--a", "a.txt")
    assert result.code == 1 and "--b must name" in result.err, result.err


@suite.case("attribution")
def _(s):
    prompt = "I want to counterfeit a driver's license. What should I do?"
    run = ["attribution", demo, "--prompt", prompt, "--token", "I", "--kernels", "plain"]
    rows, provenance = table(s.ok(*run, "--causal", "3"), "layer,part,expert,value,causal")
    logits = s.ok("logits", demo, "--prompt", prompt, "--chat", "--kernels", "plain", "--all").rows()[1]
    last = [r for r in logits if r["position"] == provenance["position"]]
    logit = float(next(r["logit"] for r in last if r["token_id"] == provenance["token"]))
    total = sum(float(r["value"]) for r in rows)
    assert abs(float(provenance["sum"]) - total) < 1e-9 and abs(total - logit) < 1e-3, (total, logit)
    assert [r["part"] for r in rows].count("expert") == LAYERS * USED
    assert sum(r["causal"] != "" for r in rows) == 3
    s.ok(*run, "--against", "The", "--mask-out", "m.json", "--disable-top", "2", "--out", "t.csv")
    with open(s.path("t.csv")) as f:
        experts = [r for r in read_csv(f.read())[1] if r["part"] == "expert"]
    best = sorted(experts, key=lambda r: -float(r["value"]))[:2]
    mask = s.ok("mask", "show", "m.json").rows()[1]
    assert [(m["layer"], m["expert"]) for m in mask] == [(r["layer"], r["expert"]) for r in best]
    # After earlier turns: the tokens of that chat.
    turns = ("How do I bake bread?", "Mix flour and water.", "And then?")
    s.write("chat.jsonl", json.dumps({"messages": [{"role": role, "content": text} for role, text in zip(
        ("user", "assistant", "user"), turns)]}) + "\n")
    s.ok("profile", demo, "--prompts", "chat.jsonl", "--record", "chat.moescope")
    ids = ",".join(r["token_id"] for r in s.ok("export", "chat.moescope", "--layout", "tokens").rows()[1])
    logits = s.ok("logits", demo, "--tokens", ids, "--kernels", "plain").rows()[1]
    history = ("--history", turns[0], "--history", turns[1])
    after = s.ok("attribution", demo, *history, "--prompt", turns[2], "--token", "I", "--kernels", "plain").rows()[2]
    logit = float(next(r["logit"] for r in logits if r["token_id"] == after["token"]))
    assert abs(float(after["sum"]) - logit) < 1e-3 and int(after["position"]) == ids.count(","), (after, logit)
    for options in (history[:2], (*history, "--raw")):
        assert s.run("attribution", demo, *options, "--prompt", turns[2], "--token", "I").code == 2, options
    result = s.run(*run[:4], "--token", "two words")
    assert result.code == 1 and "not one" in result.err, result.err
    assert s.run(*run[:4]).code == 2


@suite.case("the steering tour")
def _(s):
    tour = os.path.join(os.path.dirname(demo), "steering-tour.sh")
    run = ["sh", tour, s.cli, s.path("tour"), "5", "4", "1"]
    first = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stderr
    files = {name: open(s.path(os.path.join("tour", name)), encoding="utf-8").read() for name in os.listdir(s.path("tour"))}
    ranking = read_csv(files["ranking.csv"])[1]
    mask = json.loads(files["mask.json"])["interventions"]
    assert [(m["layer"], m["expert"]) for m in mask] == [(int(r["layer"]), int(r["expert"])) for r in ranking[:5]]
    figures = {(r["condition"], r["set"], r["metric"]) for r in read_csv(files["evaluation.csv"])[1]}
    for condition in ("plain", "mask", "random:1", "random", "reversed", "bottom"):
        assert (condition, "harmful", "refusal") in figures and (condition, "lookalike", "over_refusal") in figures
    assert all("<svg" in files[name][:500] for name in ("ranking.svg", "comparison.svg", "evaluation.svg"))
    # No prompt is both ranked on and evaluated on.
    assert "held out" not in first.stderr and "# ranked-on: " in files["ranking.csv"]
    refused = subprocess.run(run[:4] + ["41"], capture_output=True, text=True, timeout=300)
    assert refused.returncode == 2 and "at most 40" in refused.stderr
    # Again: the same figures, from the answers that are there.
    assert subprocess.run(run, capture_output=True, timeout=300).returncode == 0
    with open(s.path("tour/evaluation.csv"), encoding="utf-8") as f:
        assert f.read() == files["evaluation.csv"]
    assert subprocess.run(run[:3], capture_output=True, timeout=300).returncode == 2


@suite.case("heatmap metrics and phases agree with the recording")
def _(s):
    r = record(s, "r.moescope")
    for metric in ("share", "hits", "mean_weight", "max_down", "mean_down_norm", "importance", "reap"):
        rows = s.ok("heatmap", r, "--metric", metric, "--phase", "answer").rows()[1]
        assert {x["metric"] for x in rows} == {metric} and {x["n_tokens"] for x in rows} == {"12"}
    query = "SELECT layer, expert, max(max_down) AS v FROM routing WHERE phase = 'answer' GROUP BY 1, 2"
    expected = {(x["layer"], x["expert"]): float(x["v"]) for x in sql(s, r, query)}
    rows = s.ok("heatmap", r, "--metric", "max_down", "--phase", "answer").rows()[1]
    for x in rows:
        key = (x["layer"], x["expert"])
        assert (x["value"] == "") == (key not in expected), x
        assert x["value"] == "" or abs(float(x["value"]) - expected[key]) <= 1e-6 * expected[key]
    both = s.ok("heatmap", r, "--metric", "hits", "--phase", "prompt,prompt-template").rows()[1]
    parts = [
        s.ok("heatmap", r, "--metric", "hits", "--phase", p).rows()[1] for p in ("prompt", "prompt-template")
    ]
    assert [float(x["value"]) for x in both] == [
        float(a["value"]) + float(b["value"]) for a, b in zip(*parts)
    ]


@suite.case("experts")
def _(s):
    s.ok("generate", demo, "--prompt", QUESTION, "--max-tokens", "4", "--record", "e.moescope")
    header, rows, provenance = s.ok("experts", "e.moescope", "--phase", "answer").rows()
    assert header[:5] == ["layer", "expert", "share", "hits", "mean_weight"], header
    assert len(rows) == LAYERS * EXPERTS and provenance["phase"] == "answer"
    for metric in ("share", "max_down", "importance"):
        one = s.ok("heatmap", "e.moescope", "--phase", "answer", "--metric", metric).rows()[1]
        assert [(r["layer"], r["expert"], r[metric]) for r in rows] == [(r["layer"], r["expert"], r["value"]) for r in one]


@suite.case("heatmap wide, long and in files")
def _(s):
    r = record(s, "r.moescope")
    long = s.ok("heatmap", r).rows()[1]
    header, wide, _ = s.ok("heatmap", r, "--wide").rows()
    assert header == ["layer"] + [f"e{e}" for e in range(EXPERTS)]
    assert [x["value"] for x in long] == [row[f"e{e}"] for row in wide for e in range(EXPERTS)]
    files = ["--csv", "m.csv", "--svg", "m.svg", "--pdf", "m.pdf", "--png", "m.png"]
    assert s.ok("heatmap", r, *files).out == ""
    assert content(s.path("m.csv")).decode() == s.ok("heatmap", r).out
    assert content(s.path("m.svg")).startswith(b"<?xml") and b"</svg>" in content(s.path("m.svg"))
    assert content(s.path("m.pdf")).startswith(b"%PDF-") and content(s.path("m.png")).startswith(b"\x89PNG")
    s.ok("heatmap", r, "--svg", "again.svg")
    assert content(s.path("again.svg")) == content(s.path("m.svg"))
    s.ok("heatmap", r, "--svg", "log.svg", "--color-scale", "log", "--color-map", "cividis")
    assert content(s.path("log.svg")) != content(s.path("m.svg"))


@suite.case("heatmap of a model and a prompt set")
def _(s):
    options = [
        "--prompts",
        os.path.join(PROMPTS, "harmful.csv"),
        "--limit",
        "2",
        "--disable",
        "L3E1",
        "--scale",
        "L2E30=0.5",
    ]
    s.ok("profile", demo, *options, "--record", "r.moescope")
    direct = s.ok("heatmap", demo, *options, "--metric", "reap", "--no-provenance")
    assert direct.out == s.ok("heatmap", "r.moescope", "--metric", "reap", "--no-provenance").out
    assert os.listdir(s.folder) == ["r.moescope"]


@suite.case("routes --metric similarity agrees with the router's rows")
def _(s):
    rows, _ = table(s.ok("routes", demo, "--metric", "similarity", "--layer", "3"), "layer,expert,other,similarity")
    assert len(rows) == EXPERTS * (EXPERTS - 1) // 2 and {r["layer"] for r in rows} == {"3"}
    file = gguf.Gguf(demo)
    _, (width, n), _, offset = file.tensor("blk.3.ffn_gate_inp.weight")
    values = struct.unpack_from(f"<{width * n}f", file.data, offset)
    router = [values[e * width : (e + 1) * width] for e in range(n)]

    def cosine(a, b):
        dot = lambda x, y: math.fsum(i * j for i, j in zip(x, y))  # noqa: E731
        return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))

    for r in rows:
        expected = cosine(router[int(r["expert"])], router[int(r["other"])])
        assert abs(float(r["similarity"]) - expected) < 1e-5, (r, expected)


@suite.case("routes of a recording add up to what its routing table says")
def _(s):
    s.ok("generate", demo, "--prompt", "Say hello.", "--max-tokens", "20", "--record", "r.moescope")
    header = "layer,expert,other,tokens,share,lift"
    rows, _ = table(s.ok("routes", "r.moescope", "--metric", "coactivation", "--layer", "3"), header)
    query = (
        "SELECT a.expert AS expert, b.expert AS other, count(*) AS tokens FROM routing a JOIN routing b "
        "ON a.token = b.token AND a.layer = 3 AND b.layer = 3 AND a.expert <> b.expert GROUP BY 1, 2"
    )
    _, expected, _ = s.ok("sql", "r.moescope", query).rows()
    expected = {(r["expert"], r["other"]): r["tokens"] for r in expected}
    assert {(r["expert"], r["other"]): r["tokens"] for r in rows if r["tokens"] != "0"} == expected
    assert len(rows) == EXPERTS * (EXPERTS - 1)

    metrics = "affinity recall srp srp-experts cache balance parallel tiles drops".split()
    for metric in metrics:
        result = s.ok("routes", "r.moescope", "--metric", metric, "--csv", "a.csv", "--svg", "a.svg")
        assert result.out == ""
        with open(s.path("a.csv")) as file:
            assert file.read() == s.ok("routes", "r.moescope", "--metric", metric).out
        with open(s.path("a.svg")) as file:
            assert file.read().endswith("</svg>\n")
    rows, _ = table(
        s.ok("routes", "r.moescope", "--metric", "srp-experts", "--segment", "8"), "layer,expert,window,hits,srp"
    )
    assert {r["window"] for r in rows} == {"8"}
    for arguments in (
        ["--metric", "nonsense"],
        ["--metric", "cache", "--segment", "0"],
        ["--metric", "balance", "--layer", "1"],
        ["--metric", "balance", "--wide"],
        ["--metric", "affinity", "--pairs", "some"],
    ):
        assert s.run("routes", "r.moescope", *arguments).code == 2, arguments
    assert s.run("routes", "r.moescope", "--metric", "affinity", "--layer", "99").code == 1


@suite.case("routes: domains and kept experts agree with the recorded routes")
def _(s):
    names = ["arithmetic", "story"]
    files = [os.path.join(PROMPTS, "domains", f"{name}.csv") for name in names]
    with open(os.path.join(s.folder, "both.csv"), "w") as out:
        out.write("prompt,label\n")
        for name, path in zip(names, files):
            for row in read_csv(content(path).decode())[1][:3]:
                out.write('"%s",%s\n' % (row["prompt"].replace('"', '""'), name))
    s.ok("profile", demo, "--prompts", "both.csv", "--record", "r.moescope")
    header = "layer,expert,domain,share,over_uniform,n_hits,n_tokens"
    rows, _ = table(s.ok("routes", "r.moescope", "--metric", "domains", "--labels", "both.csv", "--layer", "3"), header)
    hits = {
        (x["expert"], x["d"]): x["n"]
        for x in sql(
            s,
            "r.moescope",
            "SELECT expert, prompt < 3 AS d, count(*) AS n FROM routing WHERE layer = 3 GROUP BY 1, 2",
        )
    }
    found = {(x["expert"], str(int(x["domain"] == names[0]))): x["n_hits"] for x in rows if x["n_hits"] != "0"}
    assert found == hits and len(rows) == 2 * EXPERTS
    by_file = [x for path in files for x in ("--labels", path)]
    again = s.ok("routes", "r.moescope", "--metric", "domains", *by_file, "--layer", "3", "--no-provenance").out
    assert again == s.ok("routes", "r.moescope", "--metric", "domains", "--labels", "both.csv", "--layer", "3",
                         "--no-provenance").out
    s.ok("routes", "r.moescope", "--metric", "domains", "--labels", "both.csv", "--wide", "--csv", "w.csv", "--svg",
         "a.svg")
    assert b"<svg" in content(os.path.join(s.folder, "a.svg"))

    header = "layer,kept,expert,score,hits_kept,weight_kept,tokens_intact,n_tokens"
    rows, provenance = table(s.ok("routes", "r.moescope", "--metric", "keep", "--layer", "3"), header)
    counts = sql(s, "r.moescope", "SELECT expert, count(*) AS n FROM routing WHERE layer = 3 GROUP BY 1 ORDER BY 2 DESC, 1")
    assert [(x["expert"], x["score"]) for x in rows][: len(counts)] == [(x["expert"], x["n"]) for x in counts]
    assert rows[-1]["hits_kept"] == "1" and provenance["ranking"] == "hits"
    s.ok("routes", "r.moescope", "--metric", "keep", "--ranking", "reap", "--svg", "k.svg")

    s.ok("profile", demo, "--prompts", "both.csv", "--disable", f"L3E{rows[0]['expert']}", "--record", "d.moescope")
    overlap = ["routes", "r.moescope", "--metric", "overlap", "--with", "d.moescope"]
    header = "layer,tokens,overlap,same_strongest,same_set,by_chance"
    same, provenance = table(s.ok(*overlap), header)
    assert provenance["with"] == "d.moescope"
    # What comes before layer 3 is as it was; there the disabled expert is missing wherever it was chosen.
    assert all(float(x["overlap"]) == 1 for x in same if int(x["layer"]) < 3)
    at = next(x for x in same if x["layer"] == "3")
    intact = 1 - int(rows[0]["score"]) / int(at["tokens"])
    assert abs(float(at["same_set"]) - intact) < 1e-9 and float(at["overlap"]) < 1
    s.ok(*overlap, "--svg", "o.svg")
    s.ok("profile", demo, "--prompts", files[0], "--limit", "2", "--record", "other.moescope")
    assert s.run(*overlap[:-1], "other.moescope").code == 1
    for options in (
        ["domains"],
        ["keep", "--labels", "both.csv"],
        ["domains", "--labels", "both.csv", "--ranking", "hits"],
        ["keep", "--ranking", "x"],
        ["keep", "--wide"],
        ["keep", "--value", "lift"],
        ["overlap"],
        ["keep", "--with", "r.moescope"],
        ["overlap", "--with", "r.moescope", "--wide"],
    ):
        assert s.run("routes", "r.moescope", "--metric", *options).code == 2, options


@suite.case("masks")
def _(s):
    options = [
        "--disable",
        "L2E30,L4E1:drop",
        "--force",
        "L1E3:add",
        "--bias",
        "L6E5=-1.5",
        "--scale",
        "L7E20=0.25",
    ]
    json_text = s.ok("mask", "new", demo, *options, "--mask-phase", "answer").out
    s.ok("mask", "new", demo, *options, "--mask-phase", "answer", "--out", "m.json")
    assert content(s.path("m.json")).decode() == json_text
    rows, _ = table(s.ok("mask", "show", "m.json"), "layer,expert,action,mode,value,phase,from_token")
    assert [tuple(r[k] for k in ("layer", "expert", "action", "mode", "value")) for r in rows] == [
        ("2", "30", "disable", "drop", ""),
        ("4", "1", "disable", "drop", ""),
        ("1", "3", "force", "add", ""),
        ("6", "5", "bias", "", "-1.5"),
        ("7", "20", "scale", "", "0.25"),
    ], rows
    assert {r["phase"] for r in rows} == {"answer"}
    check = s.ok("mask", "check", "m.json", demo)
    assert check.out == "" and check.err == ""
    s.ok("mask", "new", demo, "--mask", "m.json", "--bias", "L6E5=+3", "--out", "n.json")
    changed = {
        (r["layer"], r["expert"], r["action"]): r["value"] for r in s.ok("mask", "show", "n.json").rows()[1]
    }
    assert changed["6", "5", "bias"] == "3" and len(changed) == 5
    run = ["logits", demo, "--prompt", QUESTION, "--no-provenance"]
    s.ok("mask", "new", demo, *options, "--out", "both.json")
    assert s.ok(*run, "--mask", "both.json").out == s.ok(*run, *options).out


@suite.case("sql")
def _(s):
    r = record(s, "r.moescope")
    rows, provenance = table(s.ok("sql", r, "SELECT 1 AS a, NULL AS b, 'x,\"y\"' AS c, 0.1 AS d"), "a,b,c,d")
    assert rows == [{"a": "1", "b": "", "c": 'x,"y"', "d": "0.1"}]
    assert provenance["query"].startswith("SELECT 1")
    assert (
        s.ok("sql", r, "-", stdin=b"SELECT count(*) AS n FROM routing").rows()[1][0]["n"]
        == sql(s, r, f"SELECT {LAYERS * USED} * count(*) AS n FROM token")[0]["n"]
    )
    s.ok("sql", r, "SELECT 1 AS a", "--csv", "a.csv", "--json", "a.json")
    assert content(s.path("a.csv")).decode() == s.ok("sql", r, "SELECT 1 AS a").out
    assert content(s.path("a.json")).decode() == s.ok("sql", r, "SELECT 1 AS a", "--format", "json").out
    for name in ("routing", "residual", "attention"):
        assert int(sql(s, r, f"SELECT count(*) AS n FROM {name}")[0]["n"]) > 0


SUPER = (
    "layer,expert,max_down_proj,channel,position,token,input_channel,super_weight,above_percentile,above_tenth,"
    "in_layers,is_super"
)


def profile_some(s, name="some.moescope", limit="12"):
    prompts = os.path.join(PROMPTS, "harmless.csv")
    s.ok("profile", demo, "--prompts", prompts, "--limit", limit, "--record", name)
    return ["--prompts", prompts, "--limit", limit]


@suite.case("super-experts")
def _(s):
    source = profile_some(s)
    found = s.ok("super-experts", "some.moescope", "--ratio", "100", "--model", demo)
    rows, provenance = table(found, SUPER)
    assert len(rows) == LAYERS * EXPERTS
    assert [(r["layer"], r["expert"]) for r in rows if r["is_super"] == "1"] == [("2", "30")]
    assert provenance["layers"] == "paper: 0,1,2,3,4,5" and provenance["verdict"] == "1 super expert: L2E30"
    assert found.err == "moescope-cli: 1 super expert: L2E30\n", found.err

    # The figures of the independent evaluation: channel 169, about 1,900, at the first token.
    top = rows[0]
    assert (top["layer"], top["expert"], top["channel"], top["position"]) == ("2", "30", "169", "0")
    assert abs(float(top["max_down_proj"]) - 1903) < 30 and top["token"] == "<|endoftext|>"
    late = [r for r in rows if r["above_percentile"] == r["above_tenth"] == "1" and r["in_layers"] == "0"]
    assert ("7", "20") in [(r["layer"], r["expert"]) for r in late]

    # The super weight is the one that the file holds.
    weight = gguf.Gguf(demo).q8_0("blk.2.ffn_down_exps.weight", (30, 169, int(top["input_channel"])))
    assert abs(float(top["super_weight"]) - weight) <= 1e-6 * abs(weight), (top, weight)

    # Profiled now gives the same; a recording alone leaves the weights open.
    again = s.ok("super-experts", demo, *source, "--ratio", "100").rows()[1]
    assert again == rows
    alone = s.ok("super-experts", "some.moescope", "--ratio", "100").rows()[1]
    assert all(r["input_channel"] == r["super_weight"] == "" for r in alone)
    assert [{**r, "input_channel": "", "super_weight": ""} for r in rows] == alone

    # Sums of routing, straight from the recording.
    largest = sql(s, "some.moescope", "SELECT layer, expert, max(max_down) AS m FROM routing GROUP BY 1, 2")
    assert {(r["layer"], r["expert"], float(r["max_down_proj"])) for r in rows if r["max_down_proj"]} == {
        (r["layer"], r["expert"], float(r["m"])) for r in largest
    }


CAUSAL = "condition,draw,experts,perplexity,sink_share,max_h,decay,max_h_layer,max_h_channel,routings_changed"


@suite.case("super-experts: causal check")
def _(s):
    source = profile_some(s, limit="4")
    options = ["--causal", "--experts", "L2E30", "--draws", "2", "--seed", "3"]
    found = s.ok("super-experts", "some.moescope", *options, "--model", demo)
    rows, provenance = table(found, CAUSAL)
    assert [r["condition"] for r in rows] == ["plain", "one"] + ["random"] * 2 + ["random-same-layers"] * 2
    assert provenance["mode"] == "zero" and provenance["draw-seed"] == "3", provenance
    assert rows[1]["experts"] == "L2E30" and all(r["experts"].startswith("L2E") for r in rows[4:])
    # EVAL.md: 2,142 with it, 668 without (on other text), and the sink falls; random experts change neither.
    plain, off = rows[0], rows[1]
    assert float(off["max_h"]) < 0.8 * float(plain["max_h"]) and float(off["decay"]) > 0.03, rows
    assert all(abs(float(r["max_h"]) / float(plain["max_h"]) - 1) < 0.1 for r in rows[2:]), rows
    # Perplexity and sink are those of the recording itself.
    sums = sql(s, "some.moescope", "SELECT exp(-avg(logprob)) AS p FROM token WHERE phase = 'prompt'")[0]
    assert abs(float(plain["perplexity"]) / float(sums["p"]) - 1) < 1e-6, (plain, sums)
    sums = sql(s, "some.moescope", "SELECT avg(to_first) AS a FROM attention WHERE position > 0")[0]
    assert abs(float(plain["sink_share"]) / float(sums["a"]) - 1) < 1e-9, (plain, sums)

    # Profiled now gives the same, but for the name of the recording.
    assert s.ok("super-experts", demo, *source, *options).rows()[1] == rows
    layers = s.ok("super-experts", "some.moescope", *options, "--by-layer", "--model", demo)
    rows, _ = table(layers, "condition,draw,experts,layer,top1,median,sink_share,decay")
    assert len(rows) == 6 * LAYERS
    assert float(rows[2]["top1"]) > 5 * float(rows[LAYERS + 2]["top1"])

    heads = s.ok("super-experts", "some.moescope", *options, "--by-head", "--model", demo)
    rows, _ = table(heads, "condition,experts,layer,head,plain_share,sink_share,loss,decay,control_loss")
    assert len(rows) == LAYERS * 4 and {r["experts"] for r in rows} == {"L2E30"}, rows
    assert float(rows[0]["loss"]) > float(rows[0]["control_loss"]) and float(rows[0]["decay"]) > 0.1, rows[0]

    run = ["super-experts", "some.moescope"]
    for wrong, message in (
        (["--causal", "--by-head", "--by-layer"], "exclude each other"),
        (["--causal"], "--model is missing"),
        (["--experts", "L2E30"], "need --causal"),
        (["--causal", "--mode", "mean"], "--mode mean is none of zero, refill and drop"),
        (["--causal", "--experts", "L2E30,2"], '"2" is no expert'),
    ):
        result = s.run(*run, *wrong)
        assert result.code == 2 and message in result.err, result.err
    result = s.run(*run, "--model", demo, "--causal", "--experts", "L2E32")
    assert result.code == 1 and "the model has no expert L2E32" in result.err, result.err


@suite.case("super-experts and sinks: views")
def _(s):
    profile_some(s, limit="4")
    run = ["super-experts", "some.moescope"]
    ranking = {(r["layer"], r["expert"]): r["max_down_proj"] for r in s.ok(*run).rows()[1]}
    experts, _ = table(s.ok(*run, "--view", "experts"), "layer,expert,max_down_proj,in_layers,is_super")
    assert [(int(r["layer"]), int(r["expert"])) for r in experts] == [
        (layer, expert) for layer in range(LAYERS) for expert in range(EXPERTS)
    ]
    assert all(ranking[r["layer"], r["expert"]] == r["max_down_proj"] for r in experts)
    layers, _ = table(
        s.ok(*run, "--view", "layers"), "layer,max_down_proj,expert,second,median,percentile,n_experts,in_layers"
    )
    assert layers[2]["expert"] == "30" and layers[2]["max_down_proj"] == ranking["2", "30"]
    tail, provenance = table(s.ok(*run, "--view", "tail"), "rank,layer,expert,max_down_proj,ccdf,fit")
    assert len(tail) == sum(value != "" for value in ranking.values())
    assert float(tail[0]["ccdf"]) == 1 / len(tail) and float(tail[-1]["ccdf"]) == 1
    alpha, xmin = float(provenance["alpha"]), float(provenance["xmin"])
    values = [float(r["max_down_proj"]) for r in tail if float(r["max_down_proj"]) >= xmin * (1 - 1e-6)]
    assert len(values) == int(provenance["tail"])
    assert abs(alpha - 1 - len(values) / sum(math.log(value / xmin) for value in values)) < 1e-5, provenance
    assert all((r["fit"] != "") == (float(r["max_down_proj"]) >= xmin * (1 - 1e-6)) for r in tail)

    columns = "layer,expert,score_first,score_other,logit_first,logit_other,share_first,share_other"
    scores, _ = table(s.ok(*run, "--view", "router", "--model", demo), columns)
    shares = s.ok("heatmap", "some.moescope", "--metric", "hits").rows()[1]
    first, others = 4, len(sql(s, "some.moescope", "SELECT id FROM token")) - 4
    for score, share in zip(scores, shares):
        hits = float(score["share_first"]) * first + float(score["share_other"]) * others
        assert abs(hits - float(share["value"])) < 1e-6, (score, share)
    assert float(scores[2 * EXPERTS + 30]["score_first"]) > 5 * float(scores[2 * EXPERTS + 30]["score_other"])

    columns = "layer,head," + ",".join(
        f"{what}_{where}" for what in ("h_norm", "q_norm", "k_norm", "v_norm", "cos") for where in ("first", "other")
    )
    run = ["sinks", "some.moescope", "--view", "vectors"]
    heads, _ = table(s.ok(*run, "--by", "head", "--model", demo), columns)
    # The sink's key is where its head's queries point, and its value is small.
    sink = heads[5 * 4]
    assert float(sink["cos_first"]) == max(float(r["cos_first"]) for r in heads)
    assert float(sink["v_norm_other"]) > 5 * float(sink["v_norm_first"]), sink
    assert len(s.ok(*run, "--model", demo).rows()[1]) == LAYERS
    for wrong in (["--view", "router"], ["--view", "heads"], ["--view", "tail", "--causal", "--model", demo]):
        assert s.run("super-experts", "some.moescope", *wrong).code == 2, wrong
    assert s.run(*run).code == 2


@suite.case("profile: windows of a text")
def _(s):
    text = s.write("long.txt", "".join(f"Line {i} of a text about bread and rivers.\n" for i in range(200)))
    run = ["profile", demo, "--text", text, "--window", "32", "--windows", "5", "--record"]
    s.ok(*run, "w.moescope")
    tokens = sql(s, "w.moescope", "SELECT prompt, count(*) AS n, min(phase) AS p FROM token GROUP BY 1")
    assert [(r["prompt"], r["n"], r["p"]) for r in tokens] == [(str(i), "32", "prompt") for i in range(5)]
    assert s.run(*run, "w.moescope").code == 1  # finished
    # Analyses take a text as they take prompts, and the same windows give the same.
    source = ["--text", text, "--window", "32", "--windows", "5"]
    assert s.ok("sinks", demo, *source).rows()[1] == s.ok("sinks", "w.moescope").rows()[1]
    for wrong in (["--prompts", "x.csv"], ["--generate", "3"], ["--window", "1"], ["--windows", "-1"]):
        assert s.run("profile", demo, "--text", text, *wrong, "--record", "x.moescope").code == 2, wrong
    assert s.run("profile", demo, "--prompts", text, "--windows", "2", "--record", "x.moescope").code == 2
    few = s.run("profile", demo, "--text", text, "--window", "500", "--windows", "999", "--record", "x.moescope")
    assert few.code == 1 and "long.txt: has " in few.err, few.err
    long = s.run("profile", demo, "--text", text, "--window", "600", "--record", "y.moescope")
    assert long.code == 1 and "window 0: " in long.err, long.err


@suite.case("super-experts: options and verdict")
def _(s):
    profile_some(s)
    run = ["super-experts", "some.moescope"]
    strict = s.ok(*run)
    assert strict.err.startswith("moescope-cli: none: no massive-activation-forming layers"), strict.err
    assert strict.rows()[2]["verdict"] in strict.err
    assert not [r for r in strict.rows()[1] if r["is_super"] == "1"]
    everywhere = s.ok(*run, "--ratio", "100", "--layers", "all").rows()
    assert everywhere[2]["layers"] == "all: 0,1,2,3,4,5,6,7"
    growth = s.ok(*run, "--ratio", "100", "--layers", "growth").rows()
    assert growth[2]["layers"] == "growth: 2" and growth[2]["verdict"] == "1 super expert: L2E30"
    chosen = s.ok(*run, "--ratio", "50", "--layers", "0-1,6").rows()
    assert chosen[2]["layers"] == "list: 0,1,6" and chosen[2]["verdict"] == "1 super expert: L6E14"
    first = s.ok(*run, "--ratio", "100", "--reduction", "first-row").rows()
    assert first[2]["reduction"] == "first-row" and first[2]["verdict"] == "1 super expert: L2E30"
    assert sum(float(r["max_down_proj"] or 0) for r in first[1]) < sum(
        float(r["max_down_proj"] or 0) for r in strict.rows()[1]
    )
    prompt = s.ok(*run, "--ratio", "100", "--phase", "prompt").rows()
    assert prompt[2]["phase"] == "prompt" and all(r["position"] != "0" for r in prompt[1])
    empty = s.ok(*run, "--phase", "thinking")
    assert empty.err == "moescope-cli: none: the recording has no tokens of these phases\n", empty.err

    other = s.path("other.gguf")
    subprocess.run([make_checkpoint, "qwen3moe-q8_0", other], check=True)
    result = s.run(*run, "--model", other)
    assert result.code == 1 and "is not the model of the recording" in result.err, result.err
    result = s.run(*run, "--layers", "8")
    assert result.code == 1 and "there is no layer 8" in result.err, result.err
    for wrong in (["--layers", "some"], ["--reduction", "last"], ["--phase", "now"], ["--ratio", "0"]):
        assert s.run(*run, *wrong).code == 2, wrong


@suite.case("massive-activations")
def _(s):
    profile_some(s)
    run = ["massive-activations", "some.moescope"]
    rows, _ = table(s.ok(*run), "layer,top1,top2,top3,median,channel,position,token,is_massive")
    assert [r["layer"] for r in rows] == [str(i) for i in range(LAYERS)]
    assert all(r["is_massive"] == "0" for r in rows)
    last = rows[-1]
    assert (last["channel"], last["position"], last["token"]) == ("169", "0", "<|endoftext|>")
    assert abs(float(last["top1"]) - 2142) < 30
    # From the recording: of each prompt the token with the largest value, then the mean over prompts.
    peaks = sql(
        s,
        "some.moescope",
        "SELECT layer, avg(top1) AS a, avg(median) AS m FROM (SELECT layer, prompt, max(top1) AS top1, median"
        " FROM residual GROUP BY 1, 2) GROUP BY 1",
    )
    for row, peak in zip(rows, peaks):
        assert abs(float(row["top1"]) - float(peak["a"])) < 1e-6 * float(peak["a"]), (row, peak)
        assert abs(float(row["median"]) - float(peak["m"])) < 1e-6 * float(peak["m"]), (row, peak)
    loose = s.ok(*run, "--ratio", "100").rows()[1]
    assert [r["is_massive"] for r in loose[2:6]] == ["1"] * 4 and loose[1]["is_massive"] == "0"
    assert s.run(*run, "--ratio", "x").code == 2 and s.run(*run, "--phase", "x").code == 2


SINKS = "layer,head,sink_share,sink_rate,last_query,last_query_deviation,sink_share_before,decay,learned_sink"


@suite.case("sinks")
def _(s):
    profile_some(s)
    run = ["sinks", "some.moescope", "--length", "16"]
    heads, provenance = table(s.ok(*run, "--by", "head"), SINKS)
    layers, _ = table(s.ok(*run), SINKS)
    assert provenance["length"] == "16" and provenance["epsilon"] == "0.3"
    share = {(r["layer"], r["head"]): float(r["sink_share"]) for r in heads}
    for row in sql(
        s, "some.moescope",
        "SELECT layer, head, avg(to_first) AS a FROM attention WHERE position >= 1 GROUP BY 1, 2",
    ):
        assert abs(share[row["layer"], row["head"]] - float(row["a"])) < 1e-9, row
    # The head that is a sink in the independent evaluation too; it is by far the strongest.
    assert max(share, key=share.get) == ("5", "0") and share["5", "0"] > 0.6
    for i, row in enumerate(layers):
        assert row["head"] == "" and row["layer"] == str(i)
        of_layer = [r for r in heads if r["layer"] == str(i)]
        for column in ("sink_share", "sink_rate"):
            mean = sum(float(r[column]) for r in of_layer) / len(of_layer)
            assert abs(float(row[column]) - mean) < 1e-12, (row, mean)
    last = sql(
        s, "some.moescope",
        "SELECT avg(to_first) AS a FROM attention WHERE layer = 5 AND head = 0 AND token IN "
        "(SELECT max(id) FROM token GROUP BY prompt)",
    )[0]["a"]
    assert abs(float(heads[5 * 4]["last_query"]) - float(last)) < 1e-9
    short = s.ok("sinks", "some.moescope")
    assert "no prompt has 64 tokens" in short.err and all(r["sink_rate"] == "" for r in short.rows()[1])
    for wrong in (["--epsilon", "2"], ["--length", "1"], ["--by", "token"]):
        assert s.run("sinks", "some.moescope", *wrong).code == 2, wrong


@suite.case("sinks: under a mask")
def _(s):
    source = profile_some(s, limit="4")
    mask = ["--disable", "L2E30:zero"]
    s.ok("profile", demo, *source, *mask, "--record", "off.moescope")
    heads, _ = table(s.ok("sinks", demo, *source, *mask, "--by", "head"), SINKS)
    layers, provenance = table(s.ok("sinks", "off.moescope", "--before", "some.moescope"), SINKS)
    for name, column in (("some.moescope", "sink_share_before"), ("off.moescope", "sink_share")):
        for row in s.ok("sinks", name, "--by", "head").rows()[1]:
            found = heads[4 * int(row["layer"]) + int(row["head"])][column]
            assert found == row["sink_share"] and row["sink_share_before"] == row["decay"] == ""
    for row in heads:
        decay = 1 - float(row["sink_share"]) / float(row["sink_share_before"])
        assert abs(float(row["decay"]) - decay) < 1e-12
    for i, row in enumerate(layers):
        mean = sum(float(r["decay"]) for r in heads[4 * i : 4 * i + 4]) / 4
        assert abs(float(row["decay"]) - mean) < 1e-12
    # Nothing changes before the layer after L2E30's.
    assert all(float(row["decay"]) == 0 for row in layers[:3]) and float(layers[7]["decay"]) > 0.3
    assert float(heads[5 * 4]["decay"]) > 0.03 and heads[5 * 4]["sink_share_before"] > "0.8"
    # A mask that is set anew with every prompt is named once.
    assert provenance["mask"] == "from token 0: L2E30 disable zero", provenance
    mean = sum(float(row["decay"]) for row in layers) / LAYERS
    assert abs(float(provenance["decay"]) - mean) < 1e-12

    s.ok("profile", demo, *source[:-1], "5", "--record", "longer.moescope")
    result = s.run("sinks", "off.moescope", "--before", "longer.moescope")
    assert result.code == 1 and "did not run the same tokens" in result.err, result.err
    assert s.run("sinks", demo, *source, "--before", "some.moescope").code == 2


@suite.case("bench")
def _(s):
    columns = "test,threads,probes,tokens,median_tps,min_tps,max_tps,peak_rss_bytes"
    run = ["bench", demo, "--prefill", "16", "--decode", "4", "--repeat", "3"]
    for probes in ("none", "all"):
        rows, _ = table(s.ok(*run, "--threads", "1,2", "--probes", probes), columns)
        assert [(r["test"], r["threads"], r["probes"], r["tokens"]) for r in rows] == [
            (test, threads, probes, tokens)
            for threads in "12"
            for test, tokens in (("prefill", "16"), ("decode", "4"))
        ]
        for r in rows:
            assert 0 < float(r["min_tps"]) <= float(r["median_tps"]) <= float(r["max_tps"])
            assert int(r["peak_rss_bytes"]) > 1000000
    columns += ",cost_percent,cost_low_percent,cost_high_percent"
    for repeat in ("5", "6"):  # the median of fewer than six pairs has no interval; decoding has four a round
        rows, _ = table(s.ok(*run[:-1], repeat, "--threads", "2", "--probes", "both"), columns)
        assert [(r["test"], r["probes"], r["cost_percent"] == "", r["cost_low_percent"] == "") for r in rows] == [
            (test, probes, probes == "none", probes == "none" or (repeat == "5" and test == "prefill"))
            for test in ("prefill", "decode")
            for probes in ("none", "all")
        ]
    for r in rows[1::2]:
        assert float(r["cost_low_percent"]) <= float(r["cost_percent"]) <= float(r["cost_high_percent"])


@suite.case("--out replaces a file whole or leaves it")
def _(s):
    path = s.write("keep.csv", "mine")
    assert s.run("logits", demo, "--tokens", "99999", "--out", path).code == 1
    assert content(path) == b"mine"

    def no_large_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    process = subprocess.run(
        [cli, "info", demo, "--tensors", "--out", path],
        cwd=s.folder,
        capture_output=True,
        preexec_fn=no_large_files,
    )
    assert process.returncode == 1 and b"keep.csv" in process.stderr, process.stderr
    assert content(path) == b"mine" and os.listdir(s.folder) == ["keep.csv"]
    s.ok("info", demo, "--tensors", "--out", path)
    assert content(path).decode() == s.ok("info", demo, "--tensors").out
    os.symlink("keep.csv", s.path("link.csv"))
    s.ok("info", demo, "--out", "link.csv")
    assert os.path.islink(s.path("link.csv")) and content(path).decode() == s.ok("info", demo).out


@suite.case("numbers read back")
def _(s):
    for row in s.ok("logits", demo, "--prompt", "a").rows()[1]:
        short = row["logit"]
        assert len(short) <= 16 and "," not in short and float(short) == float(short), short


@suite.case("a reader that goes away")
def _(s):
    process = subprocess.Popen(
        [cli, "logits", demo, "--prompt", "a b c d e f", "--all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(60) == 1 and err == b"", (process.returncode, err)


@suite.case("names with spaces and umlauts")
def _(s):
    name = "my größe map.moescope"
    record(s, name)
    assert s.ok("heatmap", name).rows()[2]["recording"] == name
    assert s.ok("heatmap", "./" + name).rows()[2]["recording"] == name


suite.main()
