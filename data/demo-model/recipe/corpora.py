"""The raw texts: books, speeches, code, manuals in three languages, WordNet, and word pairs of FreeDict.

`raw/npm/` and `raw/deb/` hold unpacked packages, put there by train-demo; DATA.md names them all."""
import collections
import glob
import gzip
import html
import os
import re
import subprocess

RAW = "raw"
PYTHON_SKIP = re.compile(
    r"/(test|tests|idlelib|lib2to3|encodings|pydoc_data|site-packages|dist-packages|__pycache__|turtledemo)/"
    r"|sre_|_sysconfigdata"
)
C_HEADERS = ("sqlite3.h", "sqlite3ext.h", "zlib.h", "zconf.h")


def read(path):
    with (gzip.open if path.endswith((".gz", ".dz")) else open)(path, "rb") as f:
        return f.read().decode("utf-8", "ignore")


def found(pattern):
    """The files of a pattern below raw/, in order. None is an error: nothing is left out unnoticed."""
    paths = sorted(glob.glob(f"{RAW}/{pattern}", recursive=True))
    if not paths:
        raise SystemExit(f"{RAW}/{pattern}: no such file; fetch the packages first (train-demo does)")
    return paths


def paragraphs(text, words, leave_out=()):
    """Joined lines of the paragraphs with more than `words` words."""
    keep = [p for p in text.split("\n\n") if len(p.split()) > words and not any(x in p for x in leave_out)]
    return "\n\n".join(" ".join(p.split()) for p in keep)


def plain_html(t):
    t = re.sub(r"(?s)<(script|style|head|pre).*?</\1>", "", t)
    t = re.sub(r"</(p|li|h\d|div|td)>", "\n\n", t)
    return paragraphs(html.unescape(re.sub(r"<[^>]+>", "", t)), 8)


def plain_roff(t):
    t = re.sub(r'(?m)^[.\'](TH|\\").*$', "", t)
    t = re.sub(r"(?m)^\.(SH|SS) *(.*)$", r"\n\n\2\n\n", t)
    t = re.sub(r"(?m)^\.(PP|P|TP|IP|LP|HP|RS|RE|sp|br|nf|fi|in|ad|hy|ti|na).*$", "\n", t)
    t = re.sub(r"(?m)^\.[A-Z]{1,2} ", "", t)
    t = re.sub(r"\\f[A-Z]|\\f\(..|\\&|\\[,/|^]|\\s[-+]?\d", "", t)
    for escape, char in (("\\-", "-"), ("\\(aq", "'"), ("\\e", "\\"), ("\\ ", " "), ("\\(co", "(c)")):
        t = t.replace(escape, char)
    t = re.sub(r"\\\(..|\\\[[^\]]*\]|\\.", "", t)
    t = "\n\n".join(p for p in t.split("\n\n") if not p.strip().startswith("."))
    return paragraphs(t, 5)


class Corpora:
    def __init__(self, r):
        self.r = r
        self.docs = collections.defaultdict(list)  # domain -> documents

    def add(self, domain, text, limit=10**9, size=(700, 1900)):
        """Splits at paragraph ends into documents of about 200 to 500 tokens; returns the length taken."""
        docs = self.docs[domain]
        buf, n, want = "", 0, self.r.randint(*size)
        for par in re.split(r"\n\s*\n", text):
            par = par.strip("\n")
            if not par.strip():
                continue
            while len(par) > size[1] * 1.2:  # an overlong paragraph is cut at the end of a sentence or line
                k = max(par.rfind(". ", 0, size[1]), par.rfind("\n", 0, size[1]))
                k = k + 1 if k > 200 else size[1]
                docs.append((buf + par[:k]).strip())
                n += k
                par, buf = par[k:].lstrip(), ""
            buf += par + "\n\n"
            if len(buf) > want:
                docs.append(buf.strip())
                n += len(buf)
                buf, want = "", self.r.randint(*size)
            if n > limit:
                return n
        if len(buf) > 200:
            docs.append(buf.strip())
        return n

    def english(self):
        for i in range(136):
            for path in glob.glob(f"{RAW}/npm/*moby-dick*/package/data/chapter_{i}.txt"):
                self.add("prose", re.sub(r"(?<=[^\n])\n(?=[^\n\s|+*-])", " ", read(path)))
        for path in found("npm/*sotu*/package/data/*.txt")[::2]:
            s = re.split(r"(?<=[.!?]) ", read(path)[:30000])
            self.add("speech", "\n\n".join(" ".join(s[i : i + 5]) for i in range(0, len(s), 5)))
        bible = subprocess.run(
            ["bible"], input="gen1:1-rev22:21\nq\n", capture_output=True, text=True, check=True
        ).stdout
        bible = bible.split("Hit '?' for help.")[-1]
        bible = re.sub(r"\n(?=[^\n \d])(?![A-Z][A-Za-z ]+ \d+\n)", " ", bible)
        bible = re.sub(r"(\n  \d+ [^\n]*(?:\n  \d+ [^\n]*){7})", r"\1\n", bible)
        self.add("bible", bible, limit=2_500_000)

    def code(self):
        paths = sorted(glob.glob("/usr/lib/python3.11/**/*.py", recursive=True))
        paths = [p for p in paths if not PYTHON_SKIP.search(p)]
        self.r.shuffle(paths)
        n = 0
        for path in paths:
            t = read(path)
            if n < 3_500_000 and len(t) < 120_000:
                self.add("python", t)
                n += len(t)
        headers = [f"/usr/include/{h}" for h in C_HEADERS] + found("deb/libstb-dev/usr/include/stb/*.h")
        for path in headers:
            self.add("c", read(path), limit=400_000)

    def manuals(self, lang, locale):
        n = 0
        for path in found(f"deb/debian-handbook/usr/share/doc/debian-handbook/html/{locale}/*.html"):
            if "legal" not in path and "ix01" not in path:
                t = plain_html(read(path))
                n += len(t)
                self.add(lang, t)
        guides = found(f"deb/debian-reference-{lang}/usr/share/debian-reference/*.txt.gz")
        guides += sorted(
            glob.glob(f"{RAW}/deb/developers-reference-{lang}/usr/share/**/*.txt.gz", recursive=True)
        )
        for path in guides:
            t = paragraphs(read(path), 12, ("+--", "|"))
            n += len(t)
            self.add(lang, t)
        for path in found(f"deb/manpages-{lang}*/usr/share/man/{lang}/man*/*.gz"):
            if n < 2_600_000:
                t = plain_roff(read(path))
                n += len(t)
                self.add(lang, t)

    def wordnet(self, glosses):
        glosses = glosses[:]
        self.r.shuffle(glosses)
        n = i = 0
        while n < 2_200_000 and i < len(glosses):
            k = self.r.randint(6, 16)
            t = "\n".join(glosses[i : i + k])
            self.docs["wordnet"].append(t)
            n += len(t)
            i += k


def freedict(pair):
    """English word -> first translation of a FreeDict dictionary."""
    out, word = {}, None
    for line in read(found(f"deb/dict-freedict-{pair}/usr/share/dictd/*.dict.dz")[0]).split("\n"):
        head = re.match(r"^([a-z][a-z ]{1,20}?) (?:/[^/]*/|<[^>]*>)", line)
        if head:
            word = head.group(1)
        elif word is not None:
            whole = re.match(r"^(1\. )?[^\W\d_][^\d,;()\[\]<>]{1,24}$", line)
            begin = re.match(r"^(?:1\. )?([^\W\d_][\w -]{1,22}?)(?:,| <| \[|;)", line)
            if whole:
                out.setdefault(word, re.sub(r"^1\. ", "", line).strip())
            elif begin:
                out.setdefault(word, begin.group(1))
            if whole or begin:
                word = None
    return out
