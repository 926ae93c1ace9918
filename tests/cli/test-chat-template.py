"""Chat templates on the command line: what is rendered, the date and the switch for thinking.

    test-chat-template.py MOESCOPE-CLI MAKE-CHECKPOINT DEMO-MODEL"""
import json
import os
import sys

import gguf
from suite import Suite

cli, _, demo = map(os.path.abspath, sys.argv[1:4])
suite = Suite(cli)
DAY = ["--date", "2026-02-03"]


def with_template(s, name, template):
    file = gguf.Gguf(demo)
    file.keys["tokenizer.chat_template"] = [gguf.STRING, gguf.string(template)]
    return s.write(name, file.bytes())


def settings(s, recording):
    return json.loads(s.ok("sql", recording, "SELECT settings FROM run").rows()[1][0]["settings"])


@suite.case("the rendered text and the phases of its tokens")
def _(s):
    words = ["tokenize", demo, "a <|im_end|> b", "--chat", "--system", "Be brief."]
    rows = s.ok(*words).rows()[1]
    assert "".join(r["text"] for r in rows if r["phase"] == "prompt") == "Be brief.a <|im_end|> b", rows
    assert "".join(r["text"] for r in rows) == s.ok(*words, "--rendered").out[:-1]
    assert {r["phase"] for r in s.ok("tokenize", demo, "a b").rows()[1]} == {"prompt-template", "prompt"}


@suite.case("wrong usage")
def _(s):
    for wrong in (
        ["--rendered"],
        ["--date", "2026-01-31"],
        ["--thinking", "on"],
        ["--chat", "--date", "2026-02-30"],
        ["--chat", "--date", "2026-1-31"],
        ["--chat", "--date", "20260131"],
        ["--chat", "--date", "0000-01-01"],
        ["--chat", "--thinking", "maybe"],
        ["--chat", "--rendered", "--format", "csv"],
    ):
        result = s.run("tokenize", demo, "Hello", *wrong)
        assert result.code == 2 and result.out == "" and result.err.startswith("moescope-cli: "), (wrong, result.err)


@suite.case("the date")
def _(s):
    model = with_template(s, "m.gguf", "{{ strftime_now('%d %B %Y') }}: {% for m in messages %}{{ m.content }}{% endfor %}")
    shown = s.ok("tokenize", model, "Hello", "--chat", "--rendered", *DAY).out
    assert shown.endswith("03 February 2026: Hello\n"), shown
    _, tokens, provenance = s.ok("tokenize", model, "Hello", "--chat", *DAY).rows()
    assert provenance["date"] == "2026-02-03"
    ids = ",".join(r["token_id"] for r in tokens)
    same = s.ok("logits", model, "--tokens", ids, "--top", "3").rows()
    _, logits, provenance = s.ok("logits", model, "--prompt", "Hello", "--chat", "--top", "3", *DAY).rows()
    assert logits == same[1] and provenance["date"] == "2026-02-03" and "date" not in same[2]


@suite.case("the date in a recording")
def _(s):
    model = with_template(s, "m.gguf", "{{ strftime_now('%Y') }}: {{ messages[0].content }}")
    common = ["generate", model, "--prompt", "Hello", "-n", "1", *DAY, "--record"]
    s.ok(*common, "chat.moescope")
    s.ok(*common, "raw.moescope", "--raw")
    s.ok("generate", demo, "--prompt", "Hello", "-n", "1", "--record", "none.moescope", *DAY)
    assert settings(s, "chat.moescope")["date"] == "2026-02-03"
    assert "date" not in settings(s, "raw.moescope")
    assert "date" not in settings(s, "none.moescope")


@suite.case("thinking")
def _(s):
    switch = "{{ messages[0].content }}{% if enable_thinking is defined and not enable_thinking %}<no>{% endif %}"
    model = with_template(s, "m.gguf", switch)
    common = ["tokenize", model, "Hello", "--chat", "--rendered"]
    default, off = s.ok(*common).out, s.ok(*common, "--thinking", "off").out
    assert off == default[:-1] + "<no>\n" and s.ok(*common, "--thinking", "on").out == default
    s.ok("generate", model, "--prompt", "Hi", "-n", "1", "--thinking", "off", "--record", "r.moescope")
    assert settings(s, "r.moescope")["thinking"] == "off"
    result = s.run("generate", demo, "--prompt", "Hello", "--thinking", "off")
    assert result.code == 1 and "no switch for thinking" in result.err and result.out == "", result.err


@suite.case("how prompts became tokens, in the tables of studies")
def _(s):
    model = with_template(s, "m.gguf", "{{ strftime_now('%Y') }}: {% for m in messages %}{{ m.content }} {% endfor %}"
                          "{% if enable_thinking is defined and not enable_thinking %}<no>{% endif %}")
    s.write("a.txt", b"one\ntwo\n")
    s.write("b.txt", b"three\nfour\n")
    prompt = ["--prompt", "Hello"]
    off = ["--disable", "L7E29"]
    told = ["--system", "Be brief.", "--thinking", "off", *DAY]
    for study in (
        ["evaluate", "--prompts", "a.txt", "--max-tokens", "1"],
        ["contrast", "--a", "a.txt", "--b", "b.txt", "--permutations", "9", "--bootstrap", "9", "--controls", "0"],
        ["compare", *prompt, *off, "--max-tokens", "1"],
        ["attribution", *prompt, "--token", "I"],
    ):
        words = [study[0], model, *study[1:]]
        says = s.ok(*words, *told).rows()[2]["prompts-as"]
        assert says == 'chat template (other), system message "Be brief.", thinking off, date 2026-02-03', says
        assert s.ok(*words, *DAY).rows()[2]["prompts-as"] == "chat template (other), date 2026-02-03"
        assert s.ok(*words, "--raw").rows()[2]["prompts-as"] == "raw text"
    provenance = s.ok("evaluate", demo, "--prompts", "a.txt", "--max-tokens", "2", "--temperature", "0.7", "--seed", "9").rows()[2]
    assert [provenance[key] for key in ("max-tokens", "temperature", "seed")] == ["2", "0.7", "9"], provenance
    s.ok("profile", demo, "--prompts", "a.txt", "--record", "r.moescope", "--generate", "8", "--seed", "5")
    both = s.ok("contrast", "r.moescope", "--span-a", "prompt", "--span-b", "answer", "--permutations", "9", "--seed", "7").rows()[2]
    assert both["seed"] == "5" and both["draw-seed"] == "7" and "prompts-as" not in both, both


suite.main()
