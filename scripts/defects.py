#!/usr/bin/env python3
"""Breaks the library in the ways of proof/defects/defects.ini, one at a time and in a copy, and shows
that `make test` notices each: the steps and tests that should notice run in the copy, and the tests
that the table names must be among those that fail.

ONLY  a regular expression: only the defects whose names match
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "defects"
COPY = BUILD / "source"
NOT_COPIED = ("build", "target", ".git", "__pycache__", ".mypy_cache")


def files(directory):
    for path, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name not in NOT_COPIED]
        links = [name for name in folders if Path(path, name).is_symlink()]
        yield from (Path(path, name).relative_to(directory) for name in names + links)


def restore_copy():
    """Only what differs is written, and gets a new time, so that a build redoes that and no more."""
    ours = set(files(ROOT))
    for file in set(files(COPY)) - ours:
        (COPY / file).unlink()
    for file in ours:
        here, there = ROOT / file, COPY / file
        if here.is_symlink():
            if not there.is_symlink():
                there.unlink(missing_ok=True)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.symlink_to(os.readlink(here))
            continue
        if not there.exists() or there.read_bytes() != here.read_bytes():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here, there)
        shutil.copymode(here, there)


def lines(text):
    return [line for line in text.split("\n") if line.strip()]


def change(name, text):
    """Makes the change of a defect: under the name of a file, in place of the lines with "-" those
    with "+". Spaces at the ends of a line do not count; the new lines are indented like the old.
    """
    file, old, new = None, [], []

    def replace():
        text = (COPY / file).read_text().split("\n")
        at = [n for n in range(len(text)) if [t.strip() for t in text[n:n + len(old)]] == old]
        if len(at) != 1:
            sys.exit(f"defects: {name} changes lines that {file} has {len(at)} times, not once; write "
                     f"its change anew from today's source:\n" + "\n".join(old))
        indent = re.match(" *", text[at[0]])[0]
        text[at[0]:at[0] + len(old)] = [indent + line for line in new]
        (COPY / file).write_text("\n".join(text))

    for line in lines(text) + ["end"]:
        if line.startswith("-") and not new:
            old.append(line[1:].strip())
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            if old:
                replace()
            if line.startswith("-"):
                old, new = [line[1:].strip()], []
            else:
                file, old, new = line, [], []


def run_tests(log, steps, tests, pytests):
    """The copy's tests, where a skip for want of a tool is a failure; whether all passed."""
    environment = {**os.environ, "CI": "true", "TESTS": tests, "PYTESTS": pytests}
    environment.pop("CARGO_TARGET_DIR", None)
    with open(log, "w", encoding="utf-8") as output:
        return subprocess.run([COPY / "scripts/test.sh", *steps], env=environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode == 0


def attempt(name, defect):
    """Why the defect was missed, and the tests that failed."""
    log = BUILD / f"{name}.log"
    restore_copy()
    change(name, defect["change"])
    if run_tests(log, defect["steps"].split(), defect.get("tests", ""), defect.get("pytests", "")):
        return "everything passed", []
    output = log.read_text(errors="replace")
    failed = lines((re.findall(r"^Failed:\n(.*?)\n\n", output, re.MULTILINE | re.DOTALL) or [""])[-1])
    missing = [wanted for wanted in lines(defect["caught by"])
               if not any(re.search(wanted, test) for test in failed)]
    # A build could fail for any reason.
    if "saying" in defect and not re.search(defect["saying"], output):
        missing.append(f"the words {defect['saying']}")
    return ", ".join(missing), [re.sub(r" +#.*", "", test).strip() for test in failed]


def main():
    table = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    table.read(ROOT / "proof/defects/defects.ini", encoding="utf-8")
    names = [name for name in table.sections() if re.search(os.environ.get("ONLY", "."), name)]
    if not names:
        sys.exit(f"defects: no defect matches ONLY={os.environ['ONLY']}.")
    chosen = {name: table[name] for name in names}
    subprocess.run([ROOT / "scripts/setup.sh", "test"], check=True)
    (COPY / "build").mkdir(parents=True, exist_ok=True)
    if not (COPY / "build/tools").exists():
        (COPY / "build/tools").symlink_to(ROOT / "build/tools")
    restore_copy()

    def every(key, separator):
        return separator.join(sorted({d[key] for d in chosen.values() if key in d}))

    print("Building and testing the copy without a defect (minutes the first time)", flush=True)
    log = BUILD / "no-defect.log"
    if not run_tests(log, sorted(set(every("steps", " ").split())), every("tests", "|"),
                     every("pytests", " or ")):
        sys.exit(f"{log.read_text(errors='replace')}\ndefects: the copy fails without a defect; "
                 "mend that first.")
    missed = 0
    for name, defect in chosen.items():
        missing, failed = attempt(name, defect)
        missed += bool(missing)
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        print(f"{name:28} {f'MISSED by {missing}; failed: ' if missing else ''}"
              f"{', '.join(failed[:3])}{more}", flush=True)
    restore_copy()
    print(f"{len(names) - missed} passed, {missed} failed, 0 skipped")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
