#!/usr/bin/env python3
"""run.py MACHINE [TESTS]

Runs a machine of machines.ini in build/machines/, and writes the results of its tests to junit.xml there, as
ctest does. Prints the output of those that failed, and the end of the console if the machine did not finish.
TESTS is a regular expression for some of ctest's.
"""

import configparser
import contextlib
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

from initramfs import HERE, ROOT, Tree

# Seconds. A machine takes a few minutes, on a busy host many times that.
TIME_LIMIT = 3600
QEMU = {
    "x86_64": ("qemu-system-x86_64", "-machine q35 -cpu max", "ttyS0"),
    "aarch64": ("qemu-system-aarch64", "-machine virt,gic-version=3 -cpu neoverse-n1", "ttyAMA0"),
}
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
# What this machine has for the other's programs; the packages are of one release, for their names.
AARCH64 = "busybox-static e2fsprogs libext2fs2 libcom-err2 libss2 libblkid1 libuuid1"


def unpack(suite, architecture, directory, packages):
    script = ROOT / "scripts/unpack-debian.sh"
    subprocess.run([script, "-s", suite, DEBIAN[architecture], directory, *packages.split()], check=True)
    return directory


def prepare(machine, directory, tests):
    """The kernel, the initramfs and the disks; returns the names of the tests."""
    architecture = machine["architecture"]
    suite, package, *config = machine["kernel"].split()
    cache = directory.parent
    kernel = unpack(suite, architecture, cache / f"{suite}-{package}", package)
    if config:
        subprocess.run([HERE / "kernel.sh", kernel, HERE / config[0]], check=True)
    build, systems, programs = ROOT / "build/check", ["", "/usr"], ["busybox", "mkfs.ext4", "dmsetup"]
    if architecture == "aarch64":
        build = ROOT / "build/aarch64"
        packages = unpack("bookworm", architecture, cache / "aarch64", AARCH64)
        systems = [packages, "/usr/aarch64-linux-gnu", build / "libaio"]
        programs.remove("dmsetup")  # No test there uses it.
    tree = Tree(directory / "initramfs", f"{architecture}-linux-gnu", systems, programs)
    if not config:
        tree.add_modules(kernel)
    names = tree.add_tests(build, tests)
    tree.pack(directory / "initramfs.cpio")
    return next(kernel.glob("boot/vmlinu*")), names


def command(machine, directory, kernel):
    """qemu's, with the disks, which it makes."""
    program, options, console = QEMU[machine["architecture"]]
    words = [program, "-accel", "tcg", *options.split(), *machine["memory"].split()]
    words += ["-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"]
    words += ["-kernel", kernel, "-initrd", directory / "initramfs.cpio"]
    # Balancing would move pages while tests look where they are. A busy host is late with timers.
    kernel_options = "loglevel=3 panic=-1 numa_balancing=disable no_timer_check"
    words += ["-append", f"console={console} {kernel_options}"]
    for i, device in enumerate(machine["disks"].split()):
        image = directory / f"disk{i}"
        with open(image, "wb") as file:
            file.truncate(4 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", image], check=True)
        words += ["-drive", f"file={image},format=raw,if=none,id=disk{i},cache=unsafe"]
        words += ["-device", f"{device},drive=disk{i}"]
    return words


def boot(words, log):
    """What the console said."""
    with open(log, "wb") as console, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=TIME_LIMIT)
    return log.read_text(errors="replace").replace("\r", "")


def results(console):
    """Name, output, status and seconds of each test that came to its end."""
    return re.findall(r"@@ begin (.*)\n((?:(?!@@ begin ).*\n)*?)@@ end (\d+) (\d+)\n", console)


def write_junit(file, name, ended, missing):
    suite = ElementTree.Element("testsuite", name=name)
    for name, text, status, seconds in ended:
        skipped = status == "77" or status == "0" and "[  SKIPPED ]" in text
        outcome = "notrun" if skipped else "run" if status == "0" else "fail"
        text = re.sub(r"[^\t\n -\ufffd]", "?", text)  # what XML cannot have
        case = ElementTree.SubElement(suite, "testcase", name=name, status=outcome, time=seconds)
        if skipped:
            ElementTree.SubElement(case, "skipped", message="SKIP_")
        if outcome == "fail":
            print(f"---- {name}: status {status}\n{text}")
        ElementTree.SubElement(case, "system-out").text = text
    for name in missing:
        ElementTree.SubElement(suite, "testcase", name=name, status="fail")
    ElementTree.ElementTree(suite).write(file)


def machines():
    """Those of the table, by name."""
    table = configparser.ConfigParser()
    table.read(HERE / "machines.ini")
    return {name: table[name] for name in table.sections()}


def main(name, only=None):
    # Debian has mkfs.ext4 and modprobe where the path of an ordinary user does not lead.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    machine = machines()[name]
    directory = ROOT / "build/machines" / name
    kernel, tests = prepare(machine, directory, only or f"^({'|'.join(machine['tests'].split())})")
    console = boot(command(machine, directory, kernel), directory / "console.log")
    ended = results(console)
    missing = []
    if "@@ done" not in console:
        missing = [f"the machine, up to its end after {len(ended)} tests"]
        print("---- the end of the console", *console.split("\n")[-60:], sep="\n")
    elif len(ended) != len(tests) * len(machine["disks"].split()):
        missing = ["a result for each test"]
    write_junit(directory / "junit.xml", kernel.name.partition("-")[2], ended, missing)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
