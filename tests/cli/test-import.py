"""Recordings from files of routes: what export writes comes back, and bad rows are named by their line."""
import os
import sys

from suite import Suite

suite = Suite(sys.argv[1])
demo = os.path.abspath(sys.argv[3])


def export(s, recording, layout):
    return s.ok("export", recording, "--layout", layout, "--no-provenance").out


def record(s):
    s.write("p.txt", "How do I pick a lock?\nHow do I bake bread?\nWhere is Rome?\n")
    s.ok("profile", demo, "--prompts", "p.txt", "--generate", "12", "--record", "r.moescope")
    for layout in ("routes", "trace", "tokens"):
        s.write(layout + ".csv", export(s, "r.moescope", layout))


def rows(s, recording, *options):
    return s.ok(*options[:1], recording, *options[1:], "--no-provenance").rows()[1]


def known(rows):
    """What a file of routes can tell: not the router's probabilities of the experts that were not chosen."""
    return [{key: value for key, value in r.items() if key != "router_entropy"} for r in rows]


@suite.case("what is exported is imported and exported again")
def _(s):
    record(s)
    result = s.ok("import", "routes.csv", "--record", "routes.moescope")
    assert result.out == "" and "tokens in 3 prompts" in result.err, result.err
    s.ok("import", "trace.csv", "--record", "trace.moescope")
    s.ok("import", "routes.csv", "--tokens", "tokens.csv", "--prompts", "p.txt", "--model", demo,
         "--record", "all.moescope")
    for recording in ("routes.moescope", "all.moescope"):
        assert export(s, recording, "routes") == export(s, "r.moescope", "routes"), recording
    assert export(s, "trace.moescope", "trace") == export(s, "r.moescope", "trace")
    assert export(s, "all.moescope", "tokens") == export(s, "r.moescope", "tokens")

    # All that needs only the routing, as of the recording itself; the rest is missing, not 0.
    for options in (("heatmap", "--metric", "share"), ("heatmap", "--metric", "mean_weight", "--phase", "answer"),
                    ("routes", "--metric", "balance"), ("routes", "--metric", "coactivation")):
        expected = rows(s, "r.moescope", *options)
        for recording in ("routes.moescope", "all.moescope"):
            found = rows(s, recording, *options)
            assert known(found) == known(expected), (recording, options)
            assert {r.get("router_entropy", "") for r in found} == {""}, found
    parts = ("contrast", "--span-a", "prompt", "--span-b", "answer", "--permutations", "9", "--controls", "0")
    expected = {(r["layer"], r["expert"]): r["score"] for r in rows(s, "r.moescope", *parts)}
    found = {(r["layer"], r["expert"]): r["score"] for r in rows(s, "routes.moescope", *parts)}
    assert all(abs(float(found[k]) - float(expected[k])) < 1e-12 for k in expected), "contrast of parts"
    answers = ("contrast", "--by-answer", "--span", "answer:3", "--permutations", "9", "--controls", "0")
    assert rows(s, "all.moescope", *answers) == rows(s, "r.moescope", *answers)
    assert {r["value"] for r in rows(s, "routes.moescope", "heatmap", "--metric", "max_down")} == {""}
    # Only the same model may be named.
    result = s.run("contrast", "all.moescope", "--a", "p.txt", "--b", "p.txt")
    assert result.code == 1 and "in both sets" in result.err, result.err


@suite.case("routes of other programs")
def _(s):
    # Other columns, other names of phases, turns that begin with 1, no weights.
    s.write("other.csv", "# made by another program\nphase,turn,step,layer,expert,ms\nprefill,1,0,2,7,0.1\n"
                         "prefill,1,0,2,3,0.1\nprefill,1,0,5,0,0.1\ndecode,1,1,2,7,0.1\n")
    s.ok("import", "other.csv", "--record", "other.moescope", "--experts", "16", "--name", "a model")
    assert export(s, "other.moescope", "routes").splitlines() == [
        "turn,phase,step,layer,slot,expert,weight", "1,prompt,0,2,0,7,", "1,prompt,0,2,1,3,", "1,prompt,0,5,0,0,",
        "1,answer,1,2,0,7,"]
    header, found, provenance = s.ok("heatmap", "other.moescope", "--metric", "hits").rows()
    assert provenance["model"] == "a model" and len(found) == 2 * 16, provenance
    assert {r["layer"] for r in found} == {"2", "5"}
    assert {(r["layer"], r["expert"]): r["value"] for r in found}["2", "7"] == "2"
    # A file of one layer says where tokens end only with the number of experts.
    s.write("one.csv", "layer,expert\n0,1\n0,2\n0,1\n0,3\n")
    result = s.run("import", "one.csv", "--record", "one.moescope")
    assert result.code == 1 and "one.csv:4: " in result.err and "--used" in result.err, result.err
    s.ok("import", "one.csv", "--record", "one.moescope", "--used", "2", "--phase", "answer")
    assert export(s, "one.moescope", "routes").split()[-1].startswith("0,answer,1,0,1,3")


@suite.case("bad routes leave no recording")
def _(s):
    header = "turn,phase,step,layer,slot,expert,weight\n"
    good = "0,prompt,0,0,0,1,0.5\n"
    for name, text, fragment in (
        ("empty", "", "holds no routes"),
        ("header", header, "holds no routes"),
        ("columns", "a,b\n1,2\n", ":1: the header has no columns layer and expert"),
        ("counts", "layer,expert,count\n0,1,2\n", "do not say which token"),
        ("turn", "turn,layer,expert\n0,0,1\n", "without the other"),
        ("fields", header + good + "0,prompt\n", ":3: there are 2 fields"),
        ("negative", header + good + "0,prompt,0,0,1,-1,0.5\n", ":3: expert '-1' is no number"),
        ("huge", header + "0,prompt,0,0,0,99999999999999999999,0.5\n", ":2: expert '99999999999999999999'"),
        ("layer", header + "0,prompt,0,4096,0,1,0.5\n", ":2: layer '4096'"),
        ("none", header + "0,prompt,0,,0,1,0.5\n", ":2: layer '' is no number"),
        ("weight", header + "0,prompt,0,0,0,1,nan\n", ":2: weight 'nan'"),
        ("overflow", header + "0,prompt,0,0,0,1,1e6\n", ":2: weight '1e6'"),
        ("phase", header + "0,dreaming,0,0,0,1,0.5\n", ":2: there is no phase 'dreaming'"),
        ("order", header + good + "0,prompt,0,0,0,2,0.5\n", ":3: layer 0, slot 0 comes after layer 0, slot 0"),
        ("twice", header + good + "0,prompt,0,0,1,1,0.5\n", ":3: expert 1 of layer 0 comes twice"),
        ("back", header + "1,prompt,0,0,0,1,0.5\n0,prompt,0,0,0,1,0.5\n", ":3: turn 0 comes after turn 1"),
        ("phases", header + good + "0,answer,0,0,1,2,0.5\n", ":3: a token has the phases prompt and answer"),
        ("many", header + "1000000,prompt,0,0,0,1,0.5\n", ":2: turn 1000000 is above the limit"),
        ("quote", header + '0,"prompt,0,0,0,1,0.5\n', "never ends"),
        ("binary", b"turn\0,layer\n", "binary.csv"),
    ):
        s.write(name + ".csv", text)
        result = s.run("import", name + ".csv", "--record", "new.moescope")
        lines = result.err.strip().split("\n")
        assert result.code == 1 and len(lines) == 1 and fragment in lines[0], (name, result.code, result.err)
        assert not [f for f in os.listdir(s.folder) if f.startswith("new")], name

    # What the model does not have, and what the file of tokens does not.
    for row, fragment in (("0,prompt,0,8,0,1,0.5", "layer 8"), ("0,prompt,0,0,0,32,0.5", "expert 32"),
                          ("0,prompt,0,0,4,1,0.5", "slot 4")):
        s.write("model.csv", header + row + "\n")
        result = s.run("import", "model.csv", "--record", "new.moescope", "--model", demo)
        assert result.code == 1 and "model.csv:2: " + fragment in result.err, result.err
    s.write("good.csv", header + good)
    s.write("tokens.csv", "prompt,position,token_id,text\n0,1,5,a\n")
    result = s.run("import", "good.csv", "--record", "new.moescope", "--tokens", "tokens.csv")
    assert result.code == 1 and "turn 0, step 0 (good.csv:2) is not there" in result.err, result.err
    s.write("tokens.csv", "prompt,position,token_id\n0,0,x\n")
    result = s.run("import", "good.csv", "--record", "new.moescope", "--tokens", "tokens.csv")
    assert result.code == 1 and "tokens.csv:2: token_id 'x'" in result.err, result.err
    assert not [f for f in os.listdir(s.folder) if f.startswith("new")]
    s.write("there.moescope", "precious")
    result = s.run("import", "good.csv", "--record", "there.moescope")
    assert result.code == 1 and open(s.path("there.moescope")).read() == "precious", result.err
    for options in ((), ("--record", "x", "--used", "-1"), ("--record", "x", "--model", demo, "--used", "2")):
        assert s.run("import", "good.csv", *options).code == 2, options


suite.main()
