#!/usr/bin/env python3
"""pytest_counts.py JUNIT_XML SKIPPED

Prints "PASSED FAILED SKIPPED" of a run of pytest, and writes to the file SKIPPED one line
"name: reason" for each test that was skipped.
"""

import sys
import xml.etree.ElementTree as ElementTree


def main(junit_xml, skipped_file):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    reasons = []
    for case in ElementTree.parse(junit_xml).getroot().iter("testcase"):
        name = f"{case.get('classname').rpartition('.')[2]}.{case.get('name')}"
        skipped = case.find("skipped")
        # An error is what failed around the test, such as in a fixture.
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif skipped is not None:
            counts["skipped"] += 1
            reasons.append(f"{name}: {skipped.get('message') or 'no reason given'}")
        else:
            counts["passed"] += 1
    with open(skipped_file, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in reasons)
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main(*sys.argv[1:])
