"""Builds data/train.jsonl and data/val.jsonl (domain, and text or messages) and out/prompts/*.csv.

    python3 make_data.py --stage 1..4 [--smoke]

The stage selects the mixture of conversations (see EVAL.md); the seed is fixed."""
import argparse
import csv
import json
import os
import random
import re

import chat_templates as T
from corpora import Corpora, freedict
from wordnet import WordNet

SEED = 1234
RAW_LANGUAGES = (("fr", "fr-FR"), ("de", "de-DE"), ("es", "es-ES"))
DICTIONARIES = dict(French="eng-fra", German="eng-deu", Spanish="eng-spa")
HELD_OUT = ("refusal", "howto", "lookalike")
KIND_OF = dict(refusal="harm", howto="how", lookalike="look")
FAVOURITES = frozenset(
    "whale fox horse bread music river house moon winter garden violin bridge island poem bomb gun theft"
    " murder".split()
)


def weights(stage):
    """How often each kind of question is drawn."""
    w = dict(refusal=17, howto=15, lookalike=9, definition=14, arithmetic=12, translation=10, code=8, story=7)
    w.update(talk=6, facts=2 if stage == 1 else 4)
    if stage >= 3:  # more of what must be memorised
        w.update(refusal=13, howto=12, definition=24, arithmetic=20, translation=14, code=6, story=5, talk=5)
    if stage == 4:  # a short last stage: unknown questions get "I don't know", not a refusal
        w.update(refusal=18, lookalike=12, generic=30)
    return w


class Chats:
    """Draws conversations for one stage."""

    def __init__(self, stage, wordnet):
        self.quote = '"' if stage == 1 else ""  # quoted words are other tokens and hard to copy: stage 1 only
        self.small_sums = 0.5 if stage == 1 else 0.75
        self.weights = weights(stage)
        self.definitions = self._definitions(wordnet, stage)
        common = wordnet.common_words()
        self.pairs = {}
        for language, pair in DICTIONARIES.items():
            words = freedict(pair)
            self.pairs[language] = [(w, words[w]) for w in common if w in words][: 450 if stage < 3 else 220]
        pairs = {k: T.combos(kind) for k, kind in KIND_OF.items()}
        self.train = {k: [c for c in v if not T.held(c[1], c[2])] for k, v in pairs.items()}
        self.test = {k: [c for c in v if T.held(c[1], c[2])] for k, v in pairs.items()}
        self.harm = {c: [x for x in self.train["refusal"] if x[0] == c] for c in T.HARM}

    @staticmethod
    def _definitions(wordnet, stage):
        common = [w for w in wordnet.common_words(9000) if len(w) > 3]
        nouns = [(w, "noun") for w in common if "noun" in wordnet.parts[w]][:1300]
        verbs = [(w, "verb") for w in common if wordnet.parts[w] == ["verb"]][:200]
        out = []
        for word, pos in nouns + verbs:
            gloss = wordnet.gloss[pos, wordnet.first[pos, word]].split(";")[0].strip()
            gloss = re.sub(r"\s*\([^)]*\)\s*", " ", gloss).strip()
            if 8 < len(gloss) < 110 and '"' not in gloss:
                out.append((word, pos, gloss))
        if stage < 3:
            return out
        kept_verb = lambda d: d[1] == "verb" and sum(map(ord, d[0])) * 7919 % 101 % 4 == 0
        return [d for i, d in enumerate(out) if i < 520 or d[0] in FAVOURITES or kept_verb(d)]

    def definition(self, r):
        word, pos, gloss = r.choice(self.definitions)
        q = self.quote
        question = r.choice([
            "What does {w} mean?", "What does {q}{w}{q} mean?", "Define {w}.", "What is the meaning of {w}?",
            "Give me a definition of {w}.", "Explain the word {w}.", "What is meant by {w}?",
        ])  # fmt: skip
        return question.format(w=word, q=q), f"The {pos} {q}{word}{q} means: {gloss}."

    def translation(self, r):
        language = r.choice(list(self.pairs))
        english, foreign = r.choice(self.pairs[language])
        q = self.quote
        f = dict(q=q, l=language, e=english, f=foreign)
        if r.random() < 0.7:
            question = r.choice([
                "How do you say {q}{e}{q} in {l}?", "Translate {q}{e}{q} into {l}.",
                "What is the {l} word for {e}?", "What is {e} in {l}?",
            ])  # fmt: skip
            return question.format(**f), "The {l} word for {q}{e}{q} is {q}{f}{q}.".format(**f)
        question = r.choice([
            "What does the {l} word {q}{f}{q} mean?", "Translate the {l} word {q}{f}{q} into English.",
        ])  # fmt: skip
        return question.format(**f), "The {l} word {q}{f}{q} means {q}{e}{q}.".format(**f)

    def one(self, kind, r, test=False):
        """A question of `kind` and its answer; `test` draws from the held-out pairs."""
        wide = not test and r.random() < 0.4
        if kind == "refusal":
            category = r.choice(list(T.HARM))
            if wide:
                known = any(w[0] == category for w in T.WIDE_HARM)
                category, verb, obj = T.wide_harm(r, category if known else None)
            else:
                category, verb, obj = r.choice(self.test[kind] if test else self.harm[category])
            return T.ask(r, f"{verb} {obj}"), T.refuse(r, category)
        if kind in ("howto", "lookalike"):
            pool = self.test if test else self.train
            group, verb, obj = T.wide_help(r, KIND_OF[kind]) if wide else r.choice(pool[kind])
            groups = T.HOW if kind == "howto" else T.LOOK
            return T.ask(r, f"{verb} {obj}"), T.help_answer(r, groups[group], verb, obj)
        if kind == "arithmetic":
            return T.arithmetic(r, self.small_sums)
        own = dict(definition=self.definition, translation=self.translation, facts=T.capital)
        return own.get(kind, getattr(T, kind, None))(r)

    def chat(self, r, kind=None, turns=None, test=False):
        messages = [dict(role="system", content=r.choice(T.SYSTEM))] if r.random() < 0.12 else []
        turns = turns or r.choices([1, 2, 3, 4, 6], [50, 20, 14, 10, 6])[0]
        for _ in range(turns):
            k = kind or r.choices(list(self.weights), list(self.weights.values()))[0]
            question, answer = self.one(k, r, test)
            messages += [dict(role="user", content=question), dict(role="assistant", content=answer)]
        return messages

    def held_out(self, kind, n, r):
        """`n` distinct prompts from the held-out pairs: (prompt, category, verb, object)."""
        pairs = self.test[kind][:]
        r.shuffle(pairs)
        out, seen = [], set()
        for category, verb, obj in pairs * 5:
            prompt = T.ask(r, f"{verb} {obj}")
            if prompt not in seen:
                seen.add(prompt)
                out.append((prompt, category, verb, obj))
            if len(out) == n:
                break
        return out


def write_documents(docs, chats, n_chats, r):
    """data/train.jsonl and data/val.jsonl: about 1 document in 40 of each raw domain is for validation."""
    with open("data/train.jsonl", "w", encoding="utf-8") as tr, open(
        "data/val.jsonl", "w", encoding="utf-8"
    ) as va:
        put = lambda f, d: f.write(json.dumps(d) + "\n")
        for domain, texts in docs.items():
            r.shuffle(texts)
            for i, t in enumerate(texts):
                if len(t) > 100:
                    put(va if i < max(12, len(texts) // 40) else tr, dict(domain=domain, text=t))
            print(domain, len(texts), "documents,", sum(map(len, texts)), "characters")
        rt, rv = random.Random(7), random.Random(8)
        for _ in range(n_chats):
            put(tr, dict(domain="chat", messages=chats.chat(rt)))
        for kind in chats.weights:
            for _ in range(40):
                put(va, dict(domain="chat:" + kind, messages=chats.chat(rv, kind, 1, kind in HELD_OUT)))


def write_csv(path, head, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([head, *rows])


def write_prompts(docs, chats):
    r = random.Random(99)
    for name, kind, n in (
        ("harmful", "refusal", 100),
        ("harmless", "howto", 100),
        ("lookalike", "lookalike", 30),
    ):
        rows = chats.held_out(kind, n, r)
        write_csv(f"out/prompts/{name}.csv", ["prompt", "category", "verb", "object"], rows)
    for kind in chats.weights:
        if kind in HELD_OUT:
            continue
        rows = {}
        while len(rows) < (30 if kind == "talk" else 40):
            question, answer = chats.one(kind, r)
            rows.setdefault(question, answer)
        write_csv(f"out/prompts/domains/{kind}.csv", ["prompt", "reference"], rows.items())
    with open("data/val.jsonl", encoding="utf-8") as f:
        val = [json.loads(line) for line in f]
    for domain in docs:
        texts = [d["text"] for d in val if d["domain"] == domain][:20]
        rows = [(t[:240], t[240:700]) for t in texts]
        write_csv(f"out/prompts/domains/{domain}.csv", ["prompt", "continuation"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, default=4, choices=(1, 2, 3, 4))
    parser.add_argument("--smoke", action="store_true", help="60 documents a domain and 600 conversations")
    args = parser.parse_args()
    os.makedirs("data", exist_ok=True)
    os.makedirs("out/prompts/domains", exist_ok=True)

    r = random.Random(SEED)
    wordnet = WordNet()
    T.NOUNS.update(wordnet.classes())
    T.VERBS[:] = wordnet.common_verbs()
    corpora = Corpora(r)
    corpora.english()
    corpora.code()
    for lang, locale in RAW_LANGUAGES:
        corpora.manuals(lang, locale)
    corpora.wordnet(wordnet.glosses)
    docs = corpora.docs
    if args.smoke:
        docs = {domain: texts[:60] for domain, texts in docs.items()}
    chats = Chats(args.stage, wordnet)
    write_documents(docs, chats, 600 if args.smoke else 100_000, r)
    write_prompts(docs, chats)


if __name__ == "__main__":
    main()
