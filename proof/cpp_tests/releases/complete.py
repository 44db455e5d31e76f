"""Every release on PyPI between the first and the last of the table is in it.

usage: complete.py RELEASES
"""

import os
import re
import subprocess
import sys

SKIPPED = 77


def key(release):
    return tuple(int(number) for number in release.split("."))


def main(releases_file):
    with open(releases_file, encoding="utf-8") as file:
        listed = [line.split()[0] for line in file if line[0].isdigit()]
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "deepspeed"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^Available versions: (.*)$", asked.stdout, re.MULTILINE)
    if not found:
        print(f"PyPI does not tell which releases it has: {asked.stderr.strip()[-300:]}")
        return 1 if "CI" in os.environ else SKIPPED
    plain = [name for name in found[1].split(", ") if re.fullmatch(r"\d+\.\d+\.\d+", name)]
    between = [name for name in plain if key(listed[0]) <= key(name) <= key(listed[-1])]
    status = 0
    for release in sorted(set(between) ^ set(listed), key=key):
        print(f"FAILED: {release} is {'in the table' if release in listed else 'on PyPI'} only")
        status = 1
    for release in plain:
        if key(release) > key(listed[-1]):
            print(f"note: PyPI has {release}, newer than the table; see whether it can be supported")
    if listed != sorted(listed, key=key):
        print("FAILED: the table is not in order")
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
