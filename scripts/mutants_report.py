#!/usr/bin/env python3
"""mutants_report.py MUTANTS_OUT KNOWN [--part]

Compares what survived a run of cargo mutants with the list in KNOWN. Fails where one survived that
is not listed, or a listed one was caught. After a run of all mutants it writes the figures to KNOWN.
"""

import collections
import datetime
import json
import pathlib
import re
import sys

CAUGHT_BY_HARNESS = "--test the_cpp_harness`"


def without_place(name):
    """src/a.rs:12:9: replace x -> src/a.rs: replace x, so that an edit elsewhere moves nothing."""
    return re.sub(r"^(\S+?):\d+:\d+: ", r"\1: ", name)


def outcomes(out):
    """(name, summary, log) of every mutant that was tried."""
    for outcome in json.loads((out / "outcomes.json").read_text())["outcomes"]:
        if outcome["scenario"] != "Baseline":
            name = outcome["scenario"]["Mutant"]["name"]
            log = (out / outcome["log_path"]).read_text(errors="replace")
            yield name, outcome["summary"], log


def listed(text):
    """Names in KNOWN: lines that begin with src/; what is indented below one is its reason."""
    names = []
    lines = text.splitlines()
    for line, after in zip(lines, lines[1:] + [""]):
        if line.startswith("src/"):
            if not after.startswith("    "):
                sys.exit(f"mutants_report: no reason is given below this line: {line}")
            names.append(line)
    return collections.Counter(names)


def figures(tried):
    summaries = collections.Counter(summary for _, summary, _ in tried)
    by_harness = sum(s == "CaughtMutant" and CAUGHT_BY_HARNESS in log for _, s, log in tried)
    caught = summaries["CaughtMutant"]
    viable = len(tried) - summaries["Unviable"]
    return [
        ("mutants", len(tried)),
        ("that do not compile", summaries["Unviable"]),
        ("that do", viable),
        ("caught by the Rust tests", caught - by_harness),
        ("caught by the C++ harness, after the Rust tests had passed", by_harness),
        ("that never end (the tests' time limit catches them)", summaries["Timeout"]),
        ("survivors", summaries["MissedMutant"]),
    ]


def write_figures(known, text, lines):
    began, ended = "# figures\n", "# end of figures\n"
    before, rest = text.split(began)
    block = "".join(f"#   {number:4} {what}\n" for what, number in lines)
    date = f"# Of a run on {datetime.date.today()}:\n"
    known.write_text(before + began + date + block + ended + rest.split(ended)[1])


def main(out, known, part=None):
    out, known = pathlib.Path(out), pathlib.Path(known)
    tried = list(outcomes(out))
    if not tried:
        sys.exit("mutants_report: no mutant was tried.")
    text = known.read_text()
    expected = listed(text)
    here = collections.Counter(without_place(name) for name, _, _ in tried)
    # A run of some says nothing of the others; one of all must find every listed mutant.
    if part:
        expected &= here
    survived = collections.Counter(
        without_place(name) for name, summary, _ in tried if summary == "MissedMutant")

    lines = figures(tried)
    for what, number in lines:
        print(f"{number:5} {what}")
    for name in sorted((survived - expected).elements()):
        print(f"NOT LISTED: {name}")
    for name in sorted((expected - survived).elements()):
        print(f"LISTED, but {'caught' if here[name] else 'no mutant'}: {name}")
    if survived != expected:
        sys.exit(f"mutants_report: {known.name} and the run disagree. Write a test that catches what "
                 "survived, or list it with the reason why nobody could notice; take out of the list "
                 "what is caught.")
    if not part:
        write_figures(known, text, lines)
    print(f"Every survivor is listed in {known.name}, with its reason.")


if __name__ == "__main__":
    main(*sys.argv[1:])
