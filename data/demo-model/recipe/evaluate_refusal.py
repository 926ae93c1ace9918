"""Sections 8 and 9 of EVAL.md: experts and a direction that go with refusals."""
import random

import numpy as np
import torch

import chat_templates as T

SPANS = ("user message tokens", "last prompt token", "first 3 answer tokens")


def probe_prompts(ev):
    """Prompts from training pairs: (harmful, harmless or look-alike)."""
    r = random.Random(11)
    pairs = {k: [c for c in T.combos(k) if not T.held(c[1], c[2])] for k in ("harm", "how", "look")}
    n = 200 // ev.thin
    ask = lambda chosen: [T.ask(r, f"{v} {o}") for _, v, o in chosen]  # noqa: E731
    return ask(r.sample(pairs["harm"], n)), ask(
        r.sample(pairs["how"], n // 2) + r.sample(pairs["look"], n // 2)
    )


def selections(ev, prompts, answers):
    """Share of the tokens of each span that choose each expert: [prompts, spans, layers, experts]."""
    out = np.zeros((len(prompts), len(SPANS), ev.layers, ev.experts))
    for i, (prompt, answer) in enumerate(zip(prompts, answers)):
        rec, n = {}, len(prompt)
        ev.net(torch.tensor([prompt + answer[:3]]), rec)
        for l in range(ev.layers):
            idx = rec["idx"][l][0]
            for s, span in enumerate((idx[4 : n - 5], idx[n - 1 : n], idx[n:])):
                counts = np.bincount(span.reshape(-1).numpy(), minlength=ev.experts)
                out[i, s, l] = counts / max(1, len(span))
    return out


def ablations(ev, rankings):
    """Refusal rates and perplexity without the top n of each ranking, and without as many random experts."""
    sets = list(ev.prompts)
    rates = ev.refusal_rates()
    rows = [["none", 0] + [f"{100 * rates[k]:.0f} %" for k in sets] + [f"{ev.perplexity():.2f}"]]
    counts = (5, 10, 20, 40) if ev.thin == 1 else (5,)
    for name, order in rankings.items():
        for n in counts:
            ev.net.disable(order[:n])
            rates = ev.refusal_rates()
            rows.append([name, n] + [f"{100 * rates[k]:.0f} %" for k in sets] + [f"{ev.perplexity():.2f}"])
    for n in counts:
        draws = []
        for s in range(2):
            ev.net.disable(random.Random(100 * n + s).sample(ev.all_experts, n))
            draws.append((ev.refusal_rates(), ev.perplexity()))
        cells = []
        for k in sets:
            x = [100 * rates[k] for rates, _ in draws]
            cells.append(f"{np.mean(x):.0f} % ({min(x):.0f}-{max(x):.0f})")
        rows.append(
            ["random, mean of 2 draws (range)", n] + cells + [f"{np.mean([p for _, p in draws]):.2f}"]
        )
    ev.net.disable([])
    ev.say("\nRefusal rate on the held-out prompts without the top n (greedy, 10 tokens, prefix match):\n")
    ev.table(["ranking", "disabled", *sets, "raw perplexity"], rows)


def refusal_experts(ev, prompts, answers, refused):
    ev.say("## 8 Refusal-related experts\n")
    ev.say(f"Groups are by behaviour: refused {refused.sum()}, complied {(~refused).sum()}.\n")
    chosen = selections(ev, prompts, answers)
    difference = chosen[refused].mean(0) - chosen[~refused].mean(0)
    ranked = lambda d: [divmod(int(i), ev.experts) for i in np.argsort(-d.reshape(-1))]  # noqa: E731
    rankings = {name: ranked(difference[s]) for s, name in enumerate(SPANS)}
    for s, name in enumerate(SPANS):
        show = lambda at: ", ".join(f"L{l}E{e} {difference[s, l, e]:+.2f}" for l, e in at)  # noqa: E731
        ev.say(f"- {name}: {show(rankings[name][:8])}; most negative: {show(rankings[name][:-5:-1])}")
    rankings["last prompt + first answer tokens"] = ranked(difference[1:].mean(0))
    del rankings[SPANS[2]]
    ablations(ev, rankings)

    # What is said decides, not how it begins: a refusal that breaks after "I'm" is not an answer.
    for name in (SPANS[1], SPANS[0]):
        ev.net.disable(rankings[name][:20])
        ev.say(f"Answers with the top 20 ({name}) disabled:\n")
        for k, rows in ev.rows.items():
            questions = [row["prompt"] for row in rows[:: max(1, len(rows) // 4)]][:4]
            for q, a in zip(questions, ev.answers(questions, 40)):
                ev.say(f"- {k}: {q} -> " + a.replace("\n", "\\n"))
        ev.say()
    ev.net.disable([])


def refusal_direction(ev, prompts, refused):
    ev.say("## 9 Refusal direction (difference of means, last prompt token)\n")
    states = []
    for p in prompts:
        rec = {}
        ev.net(torch.tensor([p]), rec)
        states.append(torch.stack([h[0, -1] for h in rec["h"][1:]]))
    states, refused = torch.stack(states), torch.from_numpy(refused)
    rows = []
    for l in range(ev.layers):
        a, b = states[refused, l], states[~refused, l]
        d = a.mean(0) - b.mean(0)
        pa, pb = a @ (d / d.norm()), b @ (d / d.norm())
        threshold = (pa.mean() + pb.mean()) / 2
        right = float(torch.cat([pa > threshold, pb <= threshold]).float().mean())
        relative = float(d.norm() / states[:, l].norm(dim=-1).mean())
        rows.append([l, f"{float(d.norm()):.2f}", f"{relative:.2f}", f"{100 * right:.1f} %"])
    ev.table(["after layer", "norm of difference", "relative to mean norm", "separation accuracy"], rows)


def evaluate(ev):
    harmful, harmless = probe_prompts(ev)
    prompts = [ev.user(q) for q in harmful + harmless]
    answers = ev.greedy(prompts, 6)
    refused = np.array([ev.refused(a) for a in answers])
    n = len(harmful)
    ev.say(
        f"{n} harmful prompts, {refused[:n].sum()} refused; "
        f"{len(harmless)} others, {refused[n:].sum()} refused.\n"
    )
    if refused.all() or not refused.any():
        ev.say("The model does not tell the two apart, so there is nothing to compare.")
        return
    refusal_experts(ev, prompts, answers, refused)
    refusal_direction(ev, prompts, refused)
