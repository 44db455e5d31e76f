# The commands of this repository. CMakeLists.txt builds and installs the library; these test it.

export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help check test lint demo bench faults test-all wheels test-releases test-deepspeed mutants defects \
  sanitizers fuzz msrv test-aarch64 test-machines test-filesystems header clean

help:
	@sed -n 's/^#: //p' Makefile

#: make check             format, lint, Rust tests, parity with one release; installs nothing; 10 seconds, first 2 minutes
check:
	@scripts/test.sh lint scripts cargo parity

#: make test              all tests but the long ones; sets itself up; 8 minutes
test:
	@scripts/setup.sh test
	@scripts/test.sh lint scripts cargo package ctest python demo

#: make lint              format and lint alone; installs the tools
lint:
	@scripts/setup.sh lint
	@scripts/test.sh lint

#: make demo              DeepSpeed and both libraries move the same file; SIZE=1GiB DIR=...
demo:
	@scripts/setup.sh demo
	@scripts/bench.sh demo

#: make bench             tensors moved by DeepSpeed, both libraries and fio, measured; QUICK=1 SIZE=1GiB DIR=...
bench:
	@scripts/setup.sh bench
	@scripts/bench.sh bench

#: make faults            full disks and other faults, on DeepSpeed's loops and on ours: the table; 3 minutes
faults:
	@scripts/faults.sh

#: make test-all          make test and all below, one after the other; 4 hours. TIERS="defects fuzz" for some
test-all:
	@scripts/test-all.sh

#: make wheels            the files of a release in build/wheels, for x86-64 and aarch64, and their tests; 6 minutes
wheels:
	@scripts/wheels.sh

#: make test-releases     the comparisons with every supported release of DeepSpeed
test-releases:
	@scripts/test-releases.sh

#: make test-deepspeed    the Python package on real DeepSpeed and torch (5 GB, half an hour)
test-deepspeed:
	@scripts/test-deepspeed.sh

#: make mutants           changes the libraries in every small way; some test notices each; 2 hours; ONLY=regex
mutants:
	@scripts/mutants.sh

#: make defects           breaks the library and the package in larger ways; make test notices each; ONLY=regex
defects:
	@scripts/defects.py

#: make sanitizers        the tests under AddressSanitizer, ThreadSanitizer, valgrind, Miri
sanitizers:
	@scripts/sanitizers.sh

#: make fuzz              random calls beside the original, for as long as asked; TIME=60
fuzz:
	@scripts/fuzz.sh

#: make msrv              builds and tests with the oldest Rust that Cargo.toml allows
msrv:
	@scripts/msrv.sh

#: make test-aarch64      the tests built for aarch64, those that qemu-user can run; 2 minutes
test-aarch64:
	@scripts/test-aarch64.sh

#: make test-machines     the tests in emulated machines: NUMA nodes, old kernels, large pages, bad disks; ONLY=regex; 45 minutes
test-machines:
	@scripts/test-machines.sh

#: make test-filesystems  transfers and faults on XFS, Btrfs and ext4 with data=journal; as root; 3 minutes
test-filesystems:
	@scripts/test-filesystems.sh

#: make header            regenerates the headers in include/ from the Rust sources
header:
	DSAIO_UPDATE_HEADER=1 cargo build

#: make clean             removes everything that was built
clean:
	rm -rf target build
