#!/usr/bin/env python3
"""Writes what the machines last ran as a table to docs/parity.md; build/machines/ has it."""

import collections
import re
import time
from xml.etree import ElementTree

from run import ROOT, machines

BEGIN, END = "<!-- made by make test-machines -->\n", "<!-- end -->\n"


def row(cells):
    return f"| {' | '.join(cells)} |\n"


def main():
    rows = row(("machine", "shows", "kernel", "tests", "result")) + row(["---"] * 5)
    for name, machine in machines().items():
        suite = ElementTree.parse(ROOT / "build/machines" / name / "junit.xml").getroot()
        outcomes = collections.Counter(case.get("status") for case in suite)
        # A test's name begins with its disk and its folder.
        folders = collections.Counter(re.split(r"[ ._]", case.get("name"))[1] for case in suite)
        tests = ", ".join(f"{count} {folder}" for folder, count in folders.items())
        result = f"{outcomes['run']} passed, {outcomes['fail']} failed, {outcomes['notrun']} skipped"
        rows += row((name, machine["shows"], suite.get("name"), tests, result))
    file = ROOT / "docs/parity.md"
    before, _, rest = file.read_text().partition(BEGIN)
    file.write_text(f"{before}{BEGIN}{time.strftime('%Y-%m-%d')}:\n\n{rows}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
