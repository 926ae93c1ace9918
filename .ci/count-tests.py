"""Reads meson's testlog.json and prints `N passed, N failed`, summed over the cases of all tests.

A TAP test counts each of its cases; any other test counts as one. A test that did not end well
(crash, time-out, wrong number of cases) counts as one failure more when none of its cases failed."""
import json
import re
import sys

GOOD = ("OK", "EXPECTEDFAIL")


def cases(test):
    """(passed, failed, skipped) of one test."""
    passed = failed = skipped = 0
    for line in (test.get("stdout") or "").splitlines():
        match = re.match(r"(not )?ok\b[^#]*(# *(SKIP|TODO)\b)?", line, re.IGNORECASE)
        if match is None:
            continue
        if match.group(3):
            skipped += 1
        elif match.group(1):
            failed += 1
        else:
            passed += 1
    if test["result"] == "SKIP":
        return 0, 0, max(skipped, 1)
    if passed + failed + skipped == 0:
        return (1, 0, 0) if test["result"] in GOOD else (0, 1, 0)
    if test["result"] not in GOOD and failed == 0:
        failed = 1
    return passed, failed, skipped


def main():
    passed = failed = skipped = 0
    bad = []
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                p, f, s = cases(test)
                passed, failed, skipped = passed + p, failed + f, skipped + s
                if f > 0:
                    bad.append(f"{test['name']} ({test['result'].lower()})")
    except OSError as error:
        print(f"no test ran: {error}", file=sys.stderr)
    if bad:
        print("failed: " + ", ".join(bad))
    if skipped:
        print(f"skipped: {skipped}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
