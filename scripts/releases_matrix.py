#!/usr/bin/env python3
"""releases_matrix.py JUNIT_XML RELEASES

Prints, as a table in Markdown, how many tests of each kind each release passed.
"""

import sys
import xml.etree.ElementTree as ElementTree

# Heading, and how the names of its tests begin.
COLUMNS = [
    ("same bytes, answers, errno", "parity_{}."),
    ("random lives", "differential_{}"),
    ("symbols", "symbols.original_{}."),
    ("layout", "layout.original_{}."),
    ("transfers, its header", "transfers_{}_original_header."),
    ("transfers, our header", "transfers_{}_our_header."),
    ("swap", "swap_{}_"),
    ("load", "load_{}"),
]


def cell(cases, prefix):
    found = [case for case in cases if case.get("name").startswith(prefix)]
    passed = sum(case.get("status") == "run" for case in found)
    skipped = sum(case.find("skipped") is not None for case in found)
    if not found:
        return "none"
    if passed == len(found):
        return str(passed)
    return f"{passed} of {len(found)}" + (f" ({skipped} skipped)" if skipped else " FAILED")


def main(junit_xml, releases_file):
    cases = list(ElementTree.parse(junit_xml).getroot().iter("testcase"))
    with open(releases_file, encoding="utf-8") as file:
        releases = [line.split() for line in file if line[0].isdigit()]
    print("| DeepSpeed | era | " + " | ".join(heading for heading, _ in COLUMNS) + " |")
    print("|---|---|" + "--:|" * len(COLUMNS))
    for release, era in releases:
        identifier = release.replace(".", "_")
        cells = [cell(cases, prefix.format(identifier)) for _, prefix in COLUMNS]
        if set(cells) != {"none"}:
            print(f"| {release} | {era} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
