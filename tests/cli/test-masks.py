"""What the command line does with masks, controls and control vectors on the demo model.

    test-masks.py MOESCOPE-CLI MAKE-CHECKPOINT DEMO-MODEL"""
import csv
import json
import os
import struct
import subprocess
import sys

import gguf
from suite import Suite, read_csv

cli, make_checkpoint, demo = map(os.path.abspath, sys.argv[1:4])
suite = Suite(cli)
PROMPTS = os.path.join(os.path.dirname(demo), "prompts")
HARMFUL, HARMLESS = (os.path.join(PROMPTS, name + ".csv") for name in ("harmful", "harmless"))
QUESTION = "How do I bake bread?"
LAYERS = 8
EVALUATION = "condition,set,metric,value,low,high,n".split(",")
COMPARISON = (
    "position,plain,steered,kl,first_divergence,experts_changed,plain_id,steered_id,plain_logprob,steered_logprob"
).split(",")
SETS = ("--prompts", f"{PROMPTS}/harmful.csv", "--harmless", f"{PROMPTS}/lookalike.csv", "--limit", "2")


def refused(s, code, fragment, *args):
    """It ends with @code, nothing on stdout, and one line that holds @fragment."""
    result = s.run(*args)
    assert result.code == code and result.out == "", (result.code, result.out[:200], args)
    assert result.err.startswith("moescope-cli: ") and result.err.count("\n") == 1, result.err
    assert fragment in result.err, (fragment, result.err)


def evaluate(s, *options, tokens="4"):
    header, rows, provenance = s.ok("evaluate", demo, *SETS, "--max-tokens", tokens, *options).rows()
    assert header == EVALUATION, header
    return rows, provenance


def figures(rows, condition):
    return {(r["set"], r["metric"]): (r["value"], r["low"], r["high"], r["n"])
            for r in rows if r["condition"] == condition}


def compare(s, *options, tokens="8"):
    header, rows, provenance = s.ok(
        "compare", demo, "--prompt", QUESTION, "--max-tokens", tokens, *options
    ).rows()
    assert header == COMPARISON, header
    return rows, provenance


def generate(s, *options):
    return s.ok("generate", demo, "--prompt", QUESTION, "--max-tokens", "12", *options).out


def read(s, name):
    with open(s.path(name), "rb") as f:
        return f.read()


def control_vector(s, name, directions):
    """A GGUF file with directions.N as {N: values}."""
    out = [b"GGUF", struct.pack("<IQQ", 3, len(directions), 1)]
    out += [gguf.string("general.architecture"), gguf.u32(gguf.STRING), gguf.string("controlvector")]
    data = b""
    for layer, values in directions.items():
        out += [gguf.string(f"direction.{layer}"), struct.pack("<IQIQ", 1, len(values), 0, len(data))]
        data += struct.pack(f"<{len(values)}f", *values)
        data += bytes(-len(data) % 32)
    head = b"".join(out)
    return s.write(name, head + bytes(-len(head) % 32) + data)


def width(s):
    return int(next(r["value"] for r in s.ok("info", demo).rows()[1] if r["key"] == "width"))


@suite.case("compare: the same answer under a mask that does nothing")
def _(s):
    rows, _ = compare(s, "--scale", "L3E17=1", "--bias", "L2E*=0")
    assert len(rows) == 8 and [int(r["position"]) for r in rows] == list(
        range(int(rows[0]["position"]), int(rows[0]["position"]) + 8)
    )
    for r in rows:
        assert (r["plain"], r["plain_id"], r["plain_logprob"]) == (
            r["steered"], r["steered_id"], r["steered_logprob"]), r
        assert (r["kl"], r["first_divergence"], r["experts_changed"]) == ("0", "0", "0"), r
    assert "".join(r["plain"] for r in rows) == generate(s, "--max-tokens", "8").rstrip("\n")


@suite.case("compare: answers that differ")
def _(s):
    disable = ("--disable", "L7E29")
    rows, provenance = compare(s, *disable)
    assert provenance["mask"] == "L7E29 disable refill"
    differs = [r["plain_id"] != r["steered_id"] for r in rows]
    assert any(differs) and [r["first_divergence"] == "1" for r in rows] == [
        i == differs.index(True) for i in range(len(rows))
    ]
    assert "".join(r["plain"] for r in rows) == generate(s, "--max-tokens", "8").rstrip("\n")
    assert "".join(r["steered"] for r in rows) == generate(s, "--max-tokens", "8", *disable).rstrip("\n")
    assert all(float(r["kl"]) >= 0 for r in rows) and float(rows[0]["kl"]) > 0
    # Under one seed, drawn answers are the same ones again.
    drawn = (*disable, "--temperature", "1", "--seed", "3")
    assert compare(s, *drawn)[0] == compare(s, *drawn)[0]
    changed = compare(s, "--router", "L*:top_k=1")[0]
    assert all(int(r["experts_changed"]) >= 3 * LAYERS for r in changed if r["steered"]), changed


@suite.case("compare refuses")
def _(s):
    question = ("compare", demo, "--prompt", QUESTION)
    refused(s, 2, "there is nothing to compare", *question)
    s.ok("mask", "new", demo, "--out", "empty.json")
    refused(s, 2, "there is nothing to compare", *question, "--mask", "empty.json")
    refused(s, 2, "--prompt is missing", "compare", demo, "--disable", "L7E29")
    refused(s, 2, "neither kl nor experts", *question, "--disable", "L7E29", "--picture", "none")
    refused(s, 1, "there is no layer 9", *question, "--disable", "L9E1")
    refused(s, 1, "nothing.json", *question, "--mask", "nothing.json")


@suite.case("evaluate: columns, conditions and controls")
def _(s):
    text = s.write("some.txt", "The quick brown fox jumps over the lazy dog. " * 8)
    tasks = s.write("tasks.jsonl", '{"prompt":"Two and two is","choices":["four","a fish"],"answer":0}\n'
                                   '{"prompt":"Say yes.","answer":"yes"}\n')
    rows, provenance = evaluate(s, "--disable", "L7E29,L6E5", "--controls", "random:3,reversed", "--text", text,
                                "--window", "32", "--tasks", tasks, "--strengths", "0,0.5")
    assert provenance["mask"].count("disable refill") == 2
    names = list(dict.fromkeys(r["condition"] for r in rows))
    assert sorted(names) == sorted(["plain", "mask", "random:1", "random:2", "random:3", "reversed", "strength:0",
                                    "strength:0.5", "random", "strength:0.5/random",
                                    "strength:0.5/reversed", *(f"strength:0.5/random:{i}" for i in (1, 2, 3))]) and names[0] == "plain"
    plain = figures(rows, "plain")
    assert {"refusal", "refusal_score", "kl", "answer_perplexity", "diverged"} <= {
        m for name, m in plain if name == "harmful"}
    assert ("lookalike", "over_refusal") in plain and ("lookalike", "refusal") not in plain
    assert ("some.txt", "perplexity") in plain and {"accuracy", "exact_match"} <= {m for _, m in plain}
    # No strength is no mask, to the last digit.
    assert figures(rows, "strength:0") == plain
    assert plain["harmful", "kl"][0] == plain["harmful", "diverged"][0] == "0"
    assert float(figures(rows, "mask")["lookalike", "kl"][0]) > 0
    for r in rows:
        low, value, high = (float(r[k]) if r[k] else None for k in ("low", "value", "high"))
        assert None in (low, value, high) or low - 1e-9 <= value <= high + 1e-9, r
    # "random" sums up its draws.
    for key, (value, low, high, n) in figures(rows, "random").items():
        draws = [float(figures(rows, f"random:{i}")[key][0]) for i in (1, 2, 3) if key in
                 figures(rows, f"random:{i}")]
        assert int(n) == len(draws) and float(low) == min(draws) and float(high) == max(draws), key
        assert abs(float(value) - sum(draws) / len(draws)) <= 1e-9 * max(1, abs(float(value))), key


@suite.case("evaluate: the plain condition needs no mask")
def _(s):
    alone, _ = evaluate(s)
    assert {r["condition"] for r in alone} == {"plain"}
    assert figures(evaluate(s, "--force", "L4E3")[0], "plain") == figures(alone, "plain")
    s.ok("mask", "new", demo, "--out", "empty.json")
    assert evaluate(s, "--mask", "empty.json", "--controls", "random:2")[0] == alone
    nothing = evaluate(s, "--scale", "L3E17=1")[0]
    assert figures(nothing, "mask") == figures(nothing, "plain") == figures(alone, "plain")


@suite.case("evaluate: a ranking's first experts")
def _(s):
    s.write("ranking.csv", "layer,expert\n7,29\n6,5\n5,1\n4,2\n")
    rows, _ = evaluate(s, "--ranking", "ranking.csv", "--top", "1,2", "--controls", "bottom,random:1")
    assert {r["condition"] for r in rows} == {
        "plain", *(f"top:{n}{c}" for n in (1, 2) for c in ("", "/bottom", "/random:1", "/random"))}
    by_hand = evaluate(s, "--disable", "L7E29,L6E5")[0]
    assert figures(rows, "top:2") == figures(by_hand, "mask")
    assert figures(rows, "top:2/bottom") == figures(evaluate(s, "--disable", "L5E1,L4E2")[0], "mask")


@suite.case("evaluate: a sweep over strength has its controls")
def _(s):
    s.write("ranking.csv", "layer,expert\n7,29\n6,5\n5,1\n4,2\n")
    run = ("--ranking", "ranking.csv", "--controls", "random:2,reversed,bottom", "--strengths", "0.5", "--picture",
           "kl:strength", "--csv", "e.csv", "--svg", "e.svg")
    s.ok("evaluate", demo, *SETS, "--max-tokens", "4", "--disable", "L7E29", *run)
    rows = read_csv(read(s, "e.csv").decode())[1]
    controls = ("/random:1", "/random:2", "/random", "/reversed", "/bottom")
    assert {"strength:0.5" + c for c in ("", *controls)} <= {r["condition"] for r in rows}
    assert figures(rows, "strength:0.5/bottom") == figures(evaluate(s, "--scale", "L4E2=0.5")[0], "mask")
    assert figures(rows, "strength:0.5/reversed") == figures(evaluate(s, "--scale", "L7E29=1.5")[0], "mask")
    svg = read(s, "e.svg")
    s.ok("evaluate", demo, *SETS, "--max-tokens", "4", "--disable", "L7E29", "--strengths", "0.5", *run[-6:])
    assert read(s, "e.svg") != svg  # There is no band.
    refused(s, 2, "--strengths needs a mask", "evaluate", demo, *SETS, "--strengths", "0.5")


@suite.case("held-out prompts")
def _(s):
    sets = ("--a", HARMFUL, "--b", HARMLESS, "--limit", "3", "--permutations", "0", "--controls", "0")
    s.ok("contrast", demo, *sets, "--skip", "2", "--csv", "ranking.csv")
    run = ("evaluate", demo, "--prompts", HARMFUL, "--harmless", HARMLESS, "--max-tokens", "0", "--ranking", "ranking.csv",
           "--top", "1", "--csv", "e.csv")
    assert "held out" not in s.ok(*run, "--limit", "2").err
    warned = s.ok(*run, "--limit", "4").err
    assert "2 of the 4 prompts of harmful, 2 of the 4 prompts of harmless are among those" in warned, warned
    assert "held out" not in s.ok(*run, "--skip", "5", "--limit", "2").err
    # A ranking that does not tell what it was made from.
    s.write("ranking.csv", "layer,expert\n7,29\n")
    assert "held out" not in s.ok(*run, "--limit", "4").err
    refused(s, 1, "none is left without the first 100", *run, "--skip", "100")
    refused(s, 2, "--skip -1 is negative", *run, "--skip", "-1")
    s.ok("profile", demo, "--prompts", HARMFUL, "--skip", "98", "--record", "r.moescope")
    texts = s.ok("sql", "r.moescope", "SELECT text FROM prompt ORDER BY id").rows()[1]
    with open(HARMFUL, newline="", encoding="utf-8") as f:
        assert [t["text"] for t in texts] == [r["prompt"] for r in csv.DictReader(f)][98:]


@suite.case("evaluate goes on with its answers")
def _(s):
    run = ("--disable", "L7E29", "--controls", "random:1", "--answers", "answers.jsonl")
    rows, _ = evaluate(s, *run)
    whole = read(s, "answers.jsonl")
    lines = whole.splitlines(keepends=True)
    assert json.loads(lines[0])["format"] == "moescope-evaluation" and len(lines) == 1 + 3 * 4
    # A run that was cut off in the middle of a line.
    s.write("answers.jsonl", b"".join(lines[:6]) + lines[6][:20])
    assert evaluate(s, *run)[0] == rows
    assert read(s, "answers.jsonl") == whole
    # What is there is not run again: the figures follow it.
    judged = json.loads(lines[1])
    assert judged["set"] == "harmful" and judged["condition"] == "plain"
    judged["refused"] = not judged["refused"]
    s.write("answers.jsonl", lines[0] + json.dumps(judged).encode() + b"\n" + b"".join(lines[2:]))
    other = figures(evaluate(s, *run)[0], "plain")["harmful", "refusal"]
    assert abs(float(other[0]) - float(figures(rows, "plain")["harmful", "refusal"][0])) == 0.5
    wrong = ("evaluate", demo, *SETS, "--max-tokens", "4", "--answers", "answers.jsonl")
    refused(s, 1, "answers.jsonl: holds the answers of an evaluation with", *wrong, "--disable", "L7E28")
    s.write("answers.jsonl", "not ours\n")
    refused(s, 1, "answers.jsonl: ", *wrong, "--disable", "L7E29")
    assert read(s, "answers.jsonl") == b"not ours\n"


@suite.case("evaluate refuses")
def _(s):
    refused(s, 2, "there is nothing to evaluate", "evaluate", demo)
    run = ("evaluate", demo, *SETS, "--max-tokens", "2", "--disable", "L7E29")
    for options, fragment in (
        (("--controls", "some:3"), "--controls"),
        (("--controls", "bottom"), "needs --ranking"),
        (("--top", "1.5"), "--top 1.5 is no list"),
        (("--strengths", "x"), "--strengths x is no list"),
        (("--mode", "none"), "--mode none is none of"),
        (("--window", "1"), "--window 1 is below 2"),
    ):
        refused(s, 2, fragment, *run, *options)
    s.write("tasks.jsonl", '{"prompt":"a","choices":["b"],"answer":0}\n{"prompt":"a","choices":["b","c"],"answer":2}\n')
    refused(s, 1, "tasks.jsonl:", *run, "--tasks", "tasks.jsonl")
    s.write("ranking.csv", "layer,expert\n7,29\n7,99\n")
    refused(s, 1, "ranking.csv:3:", *run, "--ranking", "ranking.csv", "--top", "1")
    s.write("harmful.csv", "prompt\nHello\n")
    refused(s, 1, "another prompt set is called harmful", *run, "--prompts", "harmful.csv")


@suite.case("pictures of evaluate and compare")
def _(s):
    evaluation = ("--disable", "L7E29", "--controls", "random:3")
    comparison = ("--disable", "L7E29")

    def draw_evaluation(*options):
        assert s.ok("evaluate", demo, *SETS, "--max-tokens", "4", *options).out == ""

    def draw_comparison(*options):
        assert s.ok("compare", demo, "--prompt", QUESTION, "--max-tokens", "8", *options).out == ""

    draw_evaluation(*evaluation, "--svg", "e.svg", "--pdf", "e.pdf", "--png", "e.png", "--csv", "e.csv")
    assert read_csv(read(s, "e.csv").decode())[1] == evaluate(s, *evaluation)[0]
    draw_comparison(*comparison, "--svg", "c.svg", "--pdf", "c.pdf", "--png", "c.png", "--csv", "c.csv")
    assert read_csv(read(s, "c.csv").decode())[1] == compare(s, *comparison)[0]
    for name in ("e", "c"):
        assert b"<svg" in read(s, name + ".svg")[:300] and read(s, name + ".pdf")[:5] == b"%PDF-"
        assert read(s, name + ".png")[:8] == b"\x89PNG\r\n\x1a\n"
    first = {name: read(s, name) for name in ("e.svg", "c.svg")}
    draw_evaluation(*evaluation, "--svg", "e.svg")
    draw_comparison(*comparison, "--svg", "c.svg")
    assert first == {name: read(s, name) for name in first}
    # Another picture, another band.
    draw_evaluation(*evaluation, "--picture", "kl", "--svg", "kl.svg")
    draw_evaluation("--disable", "L7E29", "--svg", "bare.svg")
    draw_comparison(*comparison, "--picture", "experts", "--svg", "x.svg")
    assert len({first["e.svg"], read(s, "kl.svg"), read(s, "bare.svg")}) == 3
    assert read(s, "x.svg") != first["c.svg"]
    refused(s, 1, "accuracy", "evaluate", demo, *SETS, "--max-tokens", "2", "--picture", "accuracy", "--svg", "n.svg")
    assert not os.path.exists(s.path("n.svg"))


@suite.case("mask convert")
def _(s):
    columns = "layer,expert,action,mode,value,phase,from_token"

    def convert(*options):
        s.ok("mask", "convert", *options, "--out", "mask.json")
        header, rows, _ = s.ok("mask", "show", "mask.json").rows()
        assert header == columns.split(",")
        s.ok("mask", "check", "mask.json", demo)
        return sorted((int(r["layer"]), int(r["expert"]), r["action"], r["mode"], r["value"]) for r in rows)

    s.write("scores.csv", "layer,expert,risk_diff\n3,1,0.5\n4,2,-0.9\n5,3,0.7\n6,0,0.1\n")
    steer = ("--from", "steermoe", "scores.csv", demo)
    assert convert(*steer, "--disable-top", "2") == [
        (3, 1, "disable", "refill", ""), (5, 3, "disable", "refill", "")]
    assert convert(*steer, "--force-bottom", "1", "--disable-top", "1") == [
        (4, 2, "force", "max", ""), (5, 3, "disable", "refill", "")]
    values = [0.0] * (LAYERS * 32)
    values[2 * 32 + 7], values[6 * 32 + 31] = 1.0, -1.0
    s.write("map.bin", struct.pack(f"<{len(values)}f", *values))
    assert convert("--from", "ds4", "map.bin", demo) == [
        (2, 7, "force", "max", ""), (6, 31, "disable", "refill", "")]
    assert convert("--from", "ds4", "map.bin", demo, "--strength", "1.5") == [
        (2, 7, "bias", "", "1.5"), (6, 31, "bias", "", "-1.5")]
    assert convert("--from", "super-experts", "2,30;3,1", demo) == [
        (2, 30, "disable", "zero", ""), (3, 1, "disable", "zero", "")]
    # It acts as the same experts by hand do.
    assert generate(s, "--mask", "mask.json") == generate(s, "--disable", "L2E30,L3E1:zero")
    refused(s, 2, "--from (missing) is none of", "mask", "convert", "scores.csv", demo)
    refused(s, 2, "nothing is chosen", "mask", "convert", *steer)
    refused(s, 1, "scores.csv: has 4 rows", "mask", "convert", *steer, "--disable-top", "5")
    refused(s, 1, "there is no layer 9", "mask", "convert", "--from", "super-experts", "9,30", demo)
    s.write("short.bin", bytes(12))
    refused(s, 1, "short.bin: ", "mask", "convert", "--from", "ds4", "short.bin", demo)
    s.write("scores.csv", "layer,expert,risk_diff\n3,1,0.5\n4,2,much\n")
    refused(s, 1, "scores.csv:3:", "mask", "convert", *steer, "--disable-top", "1")


@suite.case("mask preview")
def _(s):
    columns = "layer,expert,share,bias,share_biased,entered,left,wanted_share,push,median_gap,tokens".split(",")
    prompts = ("--prompts", f"{PROMPTS}/harmful.csv", "--limit", "6")

    def preview(*options):
        result = s.ok("mask", "preview", demo, *prompts, *options)
        header, rows, provenance = result.rows()
        assert header == columns and provenance["prompts"] == prompts[1]
        return rows, result.err

    # What the map of a recorded run says without and with the bias.
    def shares(*options):
        rows = s.ok("heatmap", demo, *prompts, "--metric", "share", "--phase", "all", *options).rows()[1]
        return {(r["layer"], r["expert"]): (float(r["value"]), int(r["n_tokens"])) for r in rows}

    bias = ("--bias", "L3E17=+1.5")
    (row,), said = preview(*bias)
    plain, biased = shares()["3", "17"], shares(*bias)["3", "17"]
    assert int(row["tokens"]) == plain[1] and row["bias"] == "1.5"
    assert (float(row["share"]), float(row["share_biased"])) == (plain[0], biased[0])
    assert biased[0] > plain[0] > 0 and "L3E17 brings it in for" in said
    rows, said = preview("--layer", "3", "--share", "0.12")
    assert [int(r["expert"]) for r in rows] == list(range(32)) and said == ""
    assert {(r["bias"], r["wanted_share"], r["tokens"]) for r in rows} == {("", "0.12", row["tokens"])}
    assert abs(sum(float(r["share"]) for r in rows) - 4) < 1e-9
    for r in rows:
        assert (float(r["push"]) < 0) == (float(r["share"]) >= 0.12), r
    run = ("mask", "preview", demo, *prompts)
    refused(s, 2, "--prompts is missing", "mask", "preview", demo)
    refused(s, 2, "--share must be", *run, "--share", "0")
    refused(s, 1, "is not a bias", *run, "--disable", "L3E17")
    refused(s, 1, "layer 9 is not an MoE layer", *run, "--layer", "9")
    refused(s, 1, "no tokens of these phases", *run, "--phase", "answer")
    # Routers that choose by more than logits.
    subprocess.run([make_checkpoint, "deepseek2-f32", s.path("v3.gguf")], check=True)
    s.write("some.txt", "the quick brown fox jumps over the lazy dog\n")
    refused(s, 1, "choose by more than their logits", "mask", "preview", "v3.gguf", "--prompts", "some.txt", "--raw")


@suite.case("generate --scmoe")
def _(s):
    plain = generate(s)
    assert generate(s, "--scmoe", "beta=0") == plain
    # With alpha 1 only the likeliest token is left, whatever the weak pass says.
    assert generate(s, "--scmoe", "beta=50,alpha=1") == plain
    open_ended = ("generate", demo, "--raw", "--prompt", "Call me", "--max-tokens", "12")
    assert s.ok(*open_ended, "--scmoe", "beta=5,alpha=0.0001").out != s.ok(*open_ended).out
    assert s.ok(*open_ended, "--scmoe", "beta=0").out == s.ok(*open_ended).out
    drawn = ("--scmoe", "beta=0.5", "--temperature", "1", "--seed", "4")
    assert generate(s, *drawn) == generate(s, *drawn)
    run = ("generate", demo, "--prompt", QUESTION, "--max-tokens", "2", "--scmoe")
    # The opposite of no change is no change; a mask is pushed away from its opposite.
    strong = ("--bias", "L3E17=2", "--scmoe")
    assert s.ok(*open_ended, *strong, "weak=reversed,beta=0").out == s.ok(*open_ended, *strong[:2]).out
    assert s.ok(*open_ended, "--bias", "L3E17=0", "--scmoe", "weak=reversed,beta=5,alpha=0.0001").out == \
        s.ok(*open_ended).out
    refused(s, 1, "nothing in the mask has an opposite", *run, "weak=reversed")
    for wrong in ("weak=plain", "bet=1", "alpha=0", "beta=-1", "rank=0"):
        refused(s, 2, "--scmoe", *run, wrong)
    refused(s, 1, "whole number from 1 to 4", *run, "rank=5")


@suite.case("control vectors")
def _(s):
    n = width(s)
    direction = [0.25 * ((i * 7919) % 13 - 6) for i in range(n)]
    once = control_vector(s, "once.gguf", {3: direction, 5: direction[::-1]})
    control_vector(s, "twice.gguf", {3: [2 * x for x in direction], 5: [2 * x for x in direction[::-1]]})
    control_vector(s, "none.gguf", {3: [0.0] * n})
    control_vector(s, "third.gguf", {3: direction})

    def logits(*options):
        return [r["logit"] for r in s.ok("logits", demo, "--prompt", "Call me", *options).rows()[1]]

    plain, steered = logits(), logits("--control-vector", once)
    assert plain != steered
    assert logits("--control-vector", "none.gguf") == plain
    assert logits("--control-vector", "once.gguf:2") == logits("--control-vector", "twice.gguf")
    assert logits("--control-vector", once, "--control-vector", once) == logits("--control-vector", "twice.gguf")
    assert logits("--control-vector", once, "--control-layers", "3-4") == logits("--control-vector", "third.gguf")
    # It steers what is compared and evaluated, beside the plain model.
    rows, _ = compare(s, "--control-vector", "once.gguf:4")
    assert "".join(r["plain"] for r in rows) == generate(s, "--max-tokens", "8").rstrip("\n")
    assert any(float(r["kl"]) > 0 for r in rows if r["kl"])
    evaluated, _ = evaluate(s, "--control-vector", once)
    assert figures(evaluated, "plain") == figures(evaluate(s)[0], "plain")
    assert float(figures(evaluated, "control")["harmful", "kl"][0]) > 0
    run = ("generate", demo, "--prompt", QUESTION, "--max-tokens", "2", "--control-vector")
    control_vector(s, "narrow.gguf", {3: direction[:-1]})
    refused(s, 1, "narrow.gguf: ", *run, "narrow.gguf")
    refused(s, 1, "no direction in these layers", *run, once, "--control-layers", "6-7")
    refused(s, 2, "--control-layers", *run, once, "--control-layers", "7-6")
    refused(s, 1, "once.gguf:nan: ", *run, "once.gguf:nan")


suite.main()
