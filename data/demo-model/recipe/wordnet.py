"""WordNet 3.0 as Debian's wordnet-base has it: glosses, word counts and classes of nouns."""
import collections

from chat_lists import BAD_NOUNS, BAD_VERBS

WEAPONS = (
    "firearm bomb explosive_device chemical_weapon biological_weapon explosive gun weapon_of_mass_destruction"
)
NO_WEAPONS = (
    "firework propellant squirt_gun popgun spray_gun grease_gun caulking_gun gunpowder stink_bomb cracker"
)
DRUGS = "controlled_substance hallucinogen opiate cannabis cocaine amphetamine barbiturate"
NO_DRUGS = "alcohol tobacco intoxicant"
BUILDINGS = "building shop house"
NO_WEAPON_NAMES = ("aerosol bomb", "stink bomb", "stench bomb", "bath bomb")
NO_DRUG_NAMES = ("purple heart", "loony toons", "honey oil", "shit", "scag", "snow", "nose candy")
# Lexicographer files of data.noun.
ANIMAL, ARTIFACT, FOOD, PERSON, PLANT = "05", "06", "13", "18", "20"


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


class WordNet:
    def __init__(self, folder="/usr/share/wordnet"):
        self.folder = folder
        self.count = collections.Counter()  # word -> how often it was tagged
        self.noun_count = collections.Counter()
        self.first = {}  # (part of speech, word) -> offset of its first sense
        self.gloss = {}  # (part of speech, offset) -> definition and examples
        self.glosses = []  # "word (part of speech): gloss" of the short ones
        self.lexfile, self.words, self.hyponyms = {}, {}, collections.defaultdict(list)  # of noun offsets
        self._read_counts()
        for pos in ("noun", "verb", "adj", "adv"):
            self._read_glosses(pos)
        self._read_nouns()
        self.parts = collections.defaultdict(list)  # word -> its parts of speech
        for pos, word in self.first:
            self.parts[word].append(pos)

    def _lines(self, name):
        """The lines of a file without the licence at its head."""
        with open(f"{self.folder}/{name}", encoding="utf-8") as f:
            return [line for line in f if not line.startswith("  ")]

    def _read_counts(self):
        for line in self._lines("cntlist.rev"):
            sense, _, n = line.split()
            word, key = sense.split("%")
            self.count[word] += int(n)
            self.noun_count[word] += int(n) * (key[0] == "1")

    def _read_glosses(self, pos):
        for line in self._lines(f"data.{pos}"):
            head, gloss = line.split(" | ", 1)
            fields = head.split()
            gloss = gloss.strip()
            self.gloss[pos, fields[0]] = gloss
            word = fields[4].replace("_", " ").split("(")[0]
            if len(gloss) < 300:
                self.glosses.append(f"{word} ({pos}): {gloss}")
        for line in self._lines(f"index.{pos}"):
            fields = line.split()
            self.first[pos, fields[0]] = fields[-int(fields[2])]

    def _read_nouns(self):
        for line in self._lines("data.noun"):
            f = line.split(" | ")[0].split()
            n = int(f[3], 16)
            self.lexfile[f[0]] = f[1]
            self.words[f[0]] = [f[4 + 2 * i] for i in range(n)]
            pointers = 4 + 2 * n
            for i in range(int(f[pointers])):
                if f[pointers + 1 + 4 * i] in ("@", "@i"):
                    self.hyponyms[f[pointers + 2 + 4 * i]].append(f[0])

    def closure(self, words):
        """Offsets of the first senses of `words` and everything below them."""
        todo = [self.first["noun", w] for w in words.split() if ("noun", w) in self.first]
        seen = set()
        while todo:
            offset = todo.pop()
            if offset not in seen:
                seen.add(offset)
                todo += self.hyponyms[offset]
        return seen

    def nouns(self, test, limit, at_least=1):
        """The commonest words that are mostly nouns and whose first sense passes `test`."""
        out = []
        for w, c in self.count.most_common(40000):
            plain = w.isalpha() and w.islower() and len(w) > 2 and w not in BAD_NOUNS
            if plain and c >= at_least and self.noun_count[w] >= 0.75 * c and ("noun", w) in self.first:
                if test(self.first["noun", w]):
                    out.append(article(w))
        return out[:limit]

    def names(self, offsets, leave_out):
        """Every plain name of the senses, in alphabetical order."""
        words = {w for o in offsets for w in self.words[o]}
        good = {w.replace("_", " ") for w in words if w.islower() and w.replace("_", "").isalpha()}
        return sorted(w for w in good if 3 < len(w) < 20 and w not in BAD_NOUNS and w not in leave_out)

    def classes(self):
        """Class of noun -> list of "a xyz", for chat_templates.NOUNS."""
        weapons = self.closure(WEAPONS) - self.closure(NO_WEAPONS)
        drugs = self.closure(DRUGS) - self.closure(NO_DRUGS)
        buildings = self.closure(BUILDINGS)

        def of(lexfile, without=frozenset()):
            return lambda o: self.lexfile[o] == lexfile and o not in without

        return dict(
            person=self.nouns(of(PERSON), 420),
            thing=self.nouns(of(ARTIFACT, weapons | buildings), 600),
            building=self.nouns(lambda o: o in buildings, 60, 0),
            food=self.nouns(of(FOOD, drugs), 150, 0),
            animal=self.nouns(of(ANIMAL), 160),
            plant=self.nouns(of(PLANT, drugs), 90, 0),
            weapon=[article(w) for w in self.names(weapons, NO_WEAPON_NAMES)],
            drug=self.names(drugs, NO_DRUG_NAMES),
        )

    def common_verbs(self, limit=350):
        out = []
        for w, c in self.count.most_common(12000):
            if c - self.noun_count[w] >= 0.75 * c and ("verb", w) in self.first and w.isalpha():
                if w not in BAD_VERBS and w not in ("be", "have", "not"):
                    out.append(w)
        return out[:limit]

    def common_words(self, limit=6000):
        return [w for w, _ in self.count.most_common(limit) if w.isalpha() and len(w) > 2]
