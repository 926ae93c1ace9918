"""What the tests of the command line share: running it, and reporting cases as TAP."""
import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import traceback


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def rows(self):
        """The table on stdout: (header, rows as dicts, provenance as dict)."""
        return read_csv(self.out)


def read_csv(text):
    provenance = {}
    lines = text.split("\n")
    while lines and lines[0].startswith("#"):
        key, _, value = lines.pop(0)[1:].strip().partition(": ")
        provenance[key] = value
    rows = list(csv.reader(io.StringIO("\n".join(lines), newline="")))
    header = rows[0]
    for row in rows[1:]:
        assert len(row) == len(header), f"a row of {len(row)} fields under a header of {len(header)}: {row}"
    return header, [dict(zip(header, row)) for row in rows[1:]], provenance


class Suite:
    """Cases are functions called with the suite; `folder` is empty before each and removed at the end."""

    def __init__(self, cli):
        self.cli = os.path.abspath(cli)
        self.cases = []
        self.root = tempfile.mkdtemp(prefix="moescope-test-")
        self.folder = os.path.join(self.root, "case")
        os.environ["TMPDIR"] = os.path.join(self.root, "tmp")
        # A sanitizer that lists the suppressions it used would look like a second message.
        os.environ["LSAN_OPTIONS"] = os.environ.get("LSAN_OPTIONS", "") + ":print_suppressions=0"
        os.mkdir(os.environ["TMPDIR"])

    def case(self, name):
        def add(function):
            self.cases.append((name, function))
            return function

        return add

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        path = self.path(name)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def run(self, *args, stdin=b"", timeout=300):
        process = subprocess.run(
            [self.cli, *args], input=stdin, capture_output=True, timeout=timeout, cwd=self.folder
        )
        out, err = process.stdout.decode("utf-8", "strict"), process.stderr.decode("utf-8", "replace")
        return Result(process.returncode, out, err)

    def ok(self, *args, **kwargs):
        result = self.run(*args, **kwargs)
        assert result.code == 0, f"exit code {result.code} of {args}: {result.err}"
        return result

    def main(self):
        print(f"1..{len(self.cases)}", flush=True)
        failed = 0
        for number, (name, function) in enumerate(self.cases, 1):
            os.mkdir(self.folder)
            try:
                function(self)
                left = os.listdir(os.environ["TMPDIR"])
                assert left == [], f"left behind in the temporary folder: {left}"
                print(f"ok {number} {name}", flush=True)
            except Exception:
                failed += 1
                print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"{name}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
                print(f"not ok {number} {name}", flush=True)
            finally:
                shutil.rmtree(self.folder)
        shutil.rmtree(self.root)
        sys.exit(1 if failed else 0)
