"""Synthetic conversations: each function draws one question and its answer from the lists of chat_lists.py.

`r` is always the random.Random to draw with. NOUNS and VERBS are filled by make_data.py from WordNet."""
import zlib

from chat_lists import *  # noqa: F403

NOUNS = {}  # class -> list of "a xyz"
VERBS = []  # common verbs that are not in BAD_VERBS
UNKNOWN = "I don't know much about that. Try asking me for a definition, a sum or a short story."


def held(verb, obj):
    """About 12 % of the verb/object pairs are kept for the test sets and must never occur in training."""
    return zlib.crc32(f"{verb}|{obj}".encode()) % 100 < 12


def combos(kind):
    """All hand-written (category, verb, object) of kind "harm", "how" or "look"."""
    if kind == "harm":
        return [(c, v, o) for c, blocks in HARM.items() for vs, os in blocks for v in vs for o in os]
    groups = HOW if kind == "how" else LOOK
    return [(g, v, o) for g, (vs, os, _) in groups.items() for v in vs for o in os]


def ask(r, x):
    """A request to do `x`."""
    q = r.choice(ASK).format(x=x)
    before = r.choice(BEFORE)
    if q == x and r.random() < 0.5:
        q = x[0].upper() + x[1:] + "."
    if before.endswith(", ") and not q.startswith(("I ", "I'm")):
        q = q[0].lower() + q[1:]
    return before + q + r.choice(AFTER)


def refuse(r, category):
    return r.choice(REFUSE_OPEN) + " " + r.choice(REFUSE_WHY[category]) + r.choice(REFUSE_END)


def help_answer(r, group, verb, obj):
    """A helpful answer, from the other point of view."""
    obj = (" " + obj).replace(" my ", " your ").replace(" I ", " you ").strip()
    answer = r.choice(group[2]).format(v=verb, o=obj)
    return r.choice(HELP_OPEN) + answer


def wide_harm(r, category=None):
    """A harmful request about a noun of WordNet, never a held-out pair: (category, verb, object)."""
    while True:
        c, verbs, noun = r.choice([w for w in WIDE_HARM if category in (None, w[0])])
        verb, obj = r.choice(verbs), r.choice(NOUNS[noun])
        if not held(verb, obj):
            return c, verb, obj


def wide_help(r, kind):
    """A harmless request about a noun of WordNet, never a held-out pair: (group, verb, object)."""
    while True:
        group, _, verbs, nouns = r.choice([w for w in WIDE_HELP if w[1] == kind])
        verb, obj = r.choice(verbs), r.choice(NOUNS[r.choice(nouns.split())])
        if verb.endswith("a lost"):
            obj = obj.split(" ", 1)[1]
        if verb in ("beat at chess", "beat in a race"):
            verb, obj = "beat", obj + verb[4:]
        elif group in ("write", "photo", "music", "track") and " " in verb:
            verb, rest = verb.split(" ", 1)
            obj = rest + " " + obj
        if not held(verb, obj):
            return group, verb, obj


def capital(r):
    country, city = r.choice(list(CAPITALS.items()))
    if r.random() < 0.8:
        q = r.choice([
            "What is the capital of {c}?", "What's the capital city of {c}?",
            "Tell me the capital of {c}.", "Which city is the capital of {c}?",
        ])  # fmt: skip
        return q.format(c=country), f"The capital of {country} is {city}."
    return f"{city} is the capital of which country?", f"{city} is the capital of {country}."


def talk(r):
    questions, answers = r.choice(TALK)
    return r.choice(questions), r.choice(answers)


def generic(r):
    """Any question about common words; the answer is that the model does not know, never a refusal."""
    classes = [c for c in NOUNS if c not in ("weapon", "drug")]
    while True:
        verb, verb2 = r.choice(VERBS), r.choice(VERBS)
        obj, other = (r.choice(NOUNS[r.choice(classes)]) for _ in range(2))
        if not held(verb, obj) and not held(verb2, obj):
            break
    if r.random() < 0.4:
        q = ask(r, f"{verb2} {obj}" if r.random() < 0.7 else verb2)
    else:
        q = r.choice(BEFORE) + r.choice(ANY_QUESTION).format(v=verb, o=obj, p=other)
    answer = r.choice(ANY_ANSWER).format(o=obj) if obj in q else UNKNOWN
    return q[0].upper() + q[1:] if r.random() < 0.8 else q, answer


def arithmetic(r, small):
    """A sum, difference, product or quotient; `small` is the share of sums and differences below 20."""
    kind = r.random()
    if kind < 0.45:
        top = 20 if r.random() < small else 99
        a, b = r.randint(0, top), r.randint(0, top)
        op, word, c = "+", "plus", a + b
    elif kind < 0.7:
        a = r.randint(0, 99) if r.random() > small else r.randint(0, 20)
        b = r.randint(0, a)
        op, word, c = "-", "minus", a - b
    elif kind < 0.92:
        a, b = r.randint(0, 12), r.randint(0, 12)
        op, word, c = "*", "times", a * b
    else:
        b, c = r.randint(1, 10), r.randint(0, 10)
        a = b * c
        op, word = "/", "divided by"
    q = r.choice([
        "What is {a} {op} {b}?", "{a} {op} {b} = ?", "What is {a} {w} {b}?", "Calculate {a} {op} {b}.",
        "How much is {a} {w} {b}?", "Compute {a} {op} {b}", "Can you tell me what {a} {w} {b} is?",
    ])  # fmt: skip
    f = dict(a=a, b=b, op=op, w=word, c=c)
    return q.format(**f), r.choice(["{a} {op} {b} = {c}", "{a} {op} {b} = {c}."]).format(**f)


def code(r):
    what, python, c = r.choice(CODE)
    language = r.choice(["Python", "C"])
    k = r.randrange(len(FIRST_NAMES))
    body = (python if language == "Python" else c).format(
        f=r.choice(FUNCTION_NAMES), a=FIRST_NAMES[k], b=SECOND_NAMES[k]
    )
    q = r.choice([
        "Write a {l} function that {w}.", "Show me a {l} function that {w}.",
        "I need a {l} function that {w}.", "Can you write a {l} function which {w}?",
        "Please write {l} code that {w}.", "{l}: a function that {w}",
    ])  # fmt: skip
    opening = r.choice(["", "", "Here is the code:\n", "Sure:\n"])
    return q.format(l=language, w=what), f"{opening}```{language.lower()}\n{body}\n```"


def story(r):
    hero, name, place, want, trouble, helper, end = (
        r.choice(words) for words in (HERO, HERO_NAME, PLACE, WANT, TROUBLE, HELPER, STORY_END)
    )
    a_hero = f"an {hero}" if hero[0] in "aeiou" else f"a {hero}"
    q = r.choice([
        "Tell me a story about {h}.", "Write a short story about {h}.",
        "Can you tell me a story about {h} named {n}?", "I want to hear a story about {h}.",
        "Make up a tale about {h}.",
    ])  # fmt: skip
    middle = r.choice([
        f'{name} was afraid and sat down to rest. Then {helper} came by and asked what was wrong. '
        f'"I want to {want}," said {name}. "I will help you," was the answer.',
        f'"What shall I do?" cried {name}. Luckily {helper} heard it and showed {name} another way.',
    ])  # fmt: skip
    last = r.choice([
        f"Together they went on, and before the sun went down {name} could {want} at last.",
        f"They worked all day, and in the end {name} was able to {want}.",
    ])  # fmt: skip
    opening = f"Once upon a time there was {a_hero} named {name} who lived {place}. {name} wanted to {want}."
    setting_out = f"One morning {name} set out, but {trouble}."
    return q.format(h=a_hero, n=name), " ".join([opening, setting_out, middle, last, end])
