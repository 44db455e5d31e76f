#!/usr/bin/env python3
"""counts.py [--by-release] RESULTS

Reads the JUnit XML of ctest or pytest, or the output of cargo test, and prints

    counts PASSED FAILED SKIPPED
    skipped NAME: REASON        for each test that was skipped
    failed NAME                 for each that failed

With --by-release it prints, instead, a row of a table for each release of DeepSpeed in the names.
"""

import collections
import re
import sys
import xml.etree.ElementTree as ElementTree


def skip_reason(output):
    """What a GoogleTest gave to GTEST_SKIP(), or the last line of a script."""
    of_googletest = re.search(r": Skipped\n(.*?)\n\s*(?:\n|\[  SKIPPED)", output, re.DOTALL)
    if of_googletest:
        return of_googletest[1]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1].removeprefix("skipped: ") if lines else ""


def junit(path):
    """(outcome, name, reason of a skip) of each test case."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = case.get("name")
        skipped = case.find("skipped")
        status = case.get("status")
        if status is None:  # pytest's
            name = f"{case.get('classname').rpartition('.')[2]}.{name}"
            # An error is what failed around the test, such as in a fixture.
            if case.find("failure") is not None or case.find("error") is not None:
                yield "failed", name, ""
            elif skipped is not None:
                yield "skipped", name, skipped.get("message")
            else:
                yield "passed", name, ""
        elif status == "run":
            yield "passed", name, ""
        elif status == "disabled":
            yield "skipped", name, "disabled"
        # ctest calls a test whose program is missing "notrun", too; that is a failure.
        elif skipped is not None and skipped.get("message", "").startswith("SKIP_"):
            yield "skipped", name, skip_reason(case.findtext("system-out") or "")
        else:
            yield "failed", name, ""


def cargo(path):
    """The same from the output of cargo test, whose last line for each program has the figures."""
    words = {"passed": "passed", "failed": "failed", "ignored": "skipped"}
    count, named = collections.Counter(), []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(r"test (.+) \.\.\. (FAILED|ignored)(?:, (.*))?$", line)
            if found:
                named.append(("failed" if found[2] == "FAILED" else "skipped", found[1], found[3]))
            if line.startswith("test result:"):
                for number, word in re.findall(r"(\d+) (passed|failed|ignored)", line):
                    count[words[word]] += int(number)
    return count, named


def main(path, by_release=False):
    if path.endswith(".xml"):
        cases = list(junit(path))
        count = collections.Counter(outcome for outcome, _, _ in cases)
    else:
        count, cases = cargo(path)
    if by_release:
        rows = collections.defaultdict(collections.Counter)
        for outcome, name, _ in cases:
            for release in re.findall(r"_(\d+_\d+_\d+|newest)(?![a-z\d])", name):
                rows[release.replace("_", ".")][outcome] += 1
        print("| DeepSpeed | passed | failed | skipped |\n|---|--:|--:|--:|")
        for release, n in rows.items():  # as ctest has them, from the oldest to the newest
            print(f"| {release} | {n['passed']} | {n['failed']} | {n['skipped']} |")
        return
    print("counts", count["passed"], count["failed"], count["skipped"])
    for outcome, name, reason in cases:
        if outcome == "skipped":
            print(f"skipped {name}: {' '.join((reason or 'no reason given').split())}")
        elif outcome == "failed":
            print("failed", name)


if __name__ == "__main__":
    main(sys.argv[-1], by_release="--by-release" in sys.argv)
