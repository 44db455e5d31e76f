#!/usr/bin/env python3
"""ctest_counts.py JUNIT_XML SKIPPED FAILED

Prints "PASSED FAILED SKIPPED" of a run of ctest, and writes to the file SKIPPED one line
"name: reason" for each test that was skipped, to the file FAILED the name of each that failed.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree


def skip_reason(output):
    """What a GoogleTest gave to GTEST_SKIP(), or the last line of a script."""
    of_googletest = re.search(r": Skipped\n(.*?)\n\s*(?:\n|\[  SKIPPED)", output, re.DOTALL)
    if of_googletest:
        return " ".join(of_googletest.group(1).split())
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return re.sub(r"^skipped: ", "", lines[-1]) if lines else "no reason given"


def main(junit_xml, skipped_file, failed_file):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    reasons = []
    failures = []
    for case in ElementTree.parse(junit_xml).getroot().iter("testcase"):
        name = case.get("name")
        status = case.get("status")
        skipped = case.find("skipped")
        if status == "run":
            counts["passed"] += 1
        elif status == "disabled":
            counts["skipped"] += 1
            reasons.append(f"{name}: disabled")
        # A test whose program is missing is "notrun" too, and no skip.
        elif skipped is not None and skipped.get("message", "").startswith("SKIP_"):
            counts["skipped"] += 1
            reasons.append(f"{name}: {skip_reason(case.findtext('system-out') or '')}")
        else:
            counts["failed"] += 1
            failures.append(name)
    for path, lines in (skipped_file, reasons), (failed_file, failures):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main(*sys.argv[1:])
