#!/usr/bin/env python3
"""table.py TOOL (TITLE UTILS_LIBRARY COMMON_LIBRARY)...

Runs every case on each pair of libraries, and prints as Markdown what became of them.
"""

import collections
import subprocess
import sys


def outcomes(tool, utils, common):
    """How often each fault had each outcome."""
    run = subprocess.run([tool, utils, common, "report"], stdout=subprocess.PIPE, text=True, check=True)
    faults = {}
    for line in run.stdout.splitlines():
        words = line.split("\t")
        if len(words) == 4:
            faults.setdefault(words[0], collections.Counter())[words[1]] += 1
    return faults


def cell(counts):
    """One word where all cases of the fault end alike."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))


def row(cells):
    print(f"| {' | '.join(cells)} |")


def main(tool, *libraries):
    columns = [(title, outcomes(tool, *pair)) for title, *pair in zip(*[iter(libraries)] * 3)]
    row(["fault", *(title for title, _ in columns)])
    row(["---"] * (len(columns) + 1))
    for fault in columns[0][1]:
        row([fault, *(cell(faults[fault]) for _, faults in columns)])
    silent = (sum("silent" in counts for counts in faults.values()) for _, faults in columns)
    # The first row is that of no fault.
    total = f"**{len(columns[0][1]) - 1} faults; bytes are lost in silence with**"
    row([total, *(f"**{count}**" for count in silent)])


if __name__ == "__main__":
    main(*sys.argv[1:])
