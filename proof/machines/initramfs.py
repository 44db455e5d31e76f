"""Makes the initramfs of a machine: busybox, modules, test programs where they were built, the libraries that
all of these need, and a script that runs the tests."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# In the order in which they are loaded; a kernel may have some built in.
MODULES = ("virtio_pci", "virtio_blk", "nvme", "ext4", "overlay", "loop", "dm_mod", "dm_flakey")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class Tree:
    """The initramfs as a directory, with these programs. `systems` are where this architecture's programs and
    libraries are, each laid out as / is in Debian."""

    def __init__(self, directory, triplet, systems, programs):
        self.directory = directory
        self.folders = [
            Path(f"{system}/{folder}")
            for system in systems
            for folder in (f"lib/{triplet}", f"usr/lib/{triplet}", "lib", "lib64", "bin", "sbin")
        ]
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for program in programs:
            self.copy(self.find(program), f"/bin/{program}")
        self.copy(HERE / "init", "/init")

    def find(self, name):
        for folder in self.folders:
            if (folder / name).exists():
                return folder / name
        places = ", ".join(map(str, self.folders))
        raise FileNotFoundError(f"{name} is in none of {places}; add its package to run.py or setup.sh")

    def copy(self, file, to=None):
        """Copies a file, and if it is a program, the libraries that it needs."""
        target = Path(f"{self.directory}{to or file}")
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
        with open(file, "rb") as start:
            if start.read(4) != b"\x7fELF":
                return
        headers = output("readelf", "-W", "-l", "-d", file)
        for interpreter in re.findall(r"program interpreter: (.*)\]", headers):
            self.copy(self.find(Path(interpreter).name), interpreter)
        # Those in our build are found where they are; the others in the system's folder.
        ours = ":".join(re.findall(r"RUNPATH.*\[(.*)\]", headers)).split(":")
        for name in re.findall(r"NEEDED.*\[(.*)\]", headers):
            if "$ORIGIN" in ours and name.startswith("libdeepspeed_"):
                continue  # The test puts it beside the program.
            own = [Path(folder, name) for folder in ours if folder and Path(folder, name).exists()]
            self.copy(*(own[:1] or (self.find(name), f"/lib/{name}")))

    def add_modules(self, kernel):
        """The modules, and a list of them in the order in which they are loaded."""
        [version] = kernel.glob("**/lib/modules/*")
        base = version.parent.parent.parent
        subprocess.run(["depmod", "-b", base, version.name], check=True)
        (self.directory / "modules").mkdir()
        names = []
        for module in MODULES:
            wanted = output("modprobe", "-d", base, "-S", version.name, "-D", module)
            for path in map(Path, re.findall(r"^insmod (\S+)", wanted, re.M)):
                unpack = "xzcat" if path.suffix == ".xz" else "cat"
                name = path.name.removesuffix(".xz")
                with open(self.directory / "modules" / name, "wb") as target:
                    subprocess.run([unpack, path], stdout=target, check=True)
                names += [name] if name not in names else []
        (self.directory / "modules/list").write_text("".join(f"{name}\n" for name in names))

    def add_tests(self, build, pattern):
        """The script that runs those of ctest's tests that match; returns their names."""
        found = json.loads(output("ctest", "--test-dir", build, "-R", pattern, "--show-only=json-v1"))
        names, lines = [], []
        for test in found["tests"]:
            properties = {each["name"]: each["value"] for each in test["properties"]}
            words = test["command"]
            if "qemu-" in words[0]:  # the emulator of one program, with an option
                words = words[3:]
            environment = properties.get("ENVIRONMENT", [])
            for file in words + [value.partition("=")[2] for value in environment]:
                if file.startswith(f"{ROOT}/"):
                    self.copy(Path(file))
            names.append(test["name"])
            start = [test["name"], properties["WORKING_DIRECTORY"], str(4 * int(properties["TIMEOUT"]))]
            lines.append(shlex.join(["run", *start, *environment, *words]))
        # What the programs and scripts open by themselves.
        for pattern in ("proof/cpp_tests/*/*.sh", "python/deepspeed_aio_utils/symbols*.txt"):
            for file in ROOT.glob(pattern):
                self.copy(file)
        for library in build.glob("proof/cpp_tests/**/*.so"):
            self.copy(library)
        (self.directory / "tests").write_text("\n".join(lines))
        return names

    def pack(self, file):
        names = output("find", self.directory, "-mindepth", "1", "-printf", "%P\\n")
        with open(file, "wb") as target:
            pack = ["busybox", "cpio", "-o", "-H", "newc"]
            subprocess.run(pack, cwd=self.directory, input=names.encode(), stdout=target, check=True)
