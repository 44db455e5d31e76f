#!/usr/bin/env python3
"""pytest_counts.py JUNIT_XML SKIPPED FAILED

Prints "PASSED FAILED SKIPPED" of a run of pytest, and writes to the file SKIPPED one line
"name: reason" for each test that was skipped, to the file FAILED the name of each that failed.
"""

import sys
import xml.etree.ElementTree as ElementTree


def main(junit_xml, skipped_file, failed_file):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    reasons = []
    failures = []
    for case in ElementTree.parse(junit_xml).getroot().iter("testcase"):
        name = f"{case.get('classname').rpartition('.')[2]}.{case.get('name')}"
        skipped = case.find("skipped")
        # An error is what failed around the test, such as in a fixture.
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
            failures.append(name)
        elif skipped is not None:
            counts["skipped"] += 1
            reasons.append(f"{name}: {skipped.get('message') or 'no reason given'}")
        else:
            counts["passed"] += 1
    for path, lines in (skipped_file, reasons), (failed_file, failures):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main(*sys.argv[1:])
