# The front door. CMakeLists.txt builds and installs the library; this shows and tests it.

export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help demo test test-releases fuzz bench mutants defects test-deepspeed sanitizers header clean

help:
	@sed -n 's/^#: //p' Makefile

#: make demo              the original library and this one move the same file; SIZE=1GiB DIR=build/demo/data
demo:
	@scripts/demo.sh

#: make test              every test and check of the Rust and the C++ side
test:
	@scripts/test.sh

#: make test-releases     the same comparisons with every release of DeepSpeed served, and the matrix
test-releases:
	@scripts/test-releases.sh

#: make test-deepspeed    the Python package on real DeepSpeed and torch (5 GB, half an hour)
test-deepspeed:
	@scripts/test-deepspeed.sh

#: make fuzz              random lives of the objects, beside the original, for as long as asked; TIME=60
fuzz:
	@scripts/fuzz.sh

#: make sanitizers        the tests under AddressSanitizer, ThreadSanitizer, valgrind; Rust instrumented too
sanitizers:
	@scripts/sanitizers.sh

#: make mutants           changes the library in every small way; some test notices each; ONLY=regex; hours
mutants:
	@scripts/mutants.sh

#: make defects           breaks the library in the ways that matter; make test catches each
defects:
	@scripts/defects.sh

#: make bench             this library beside the original and fio, measured; QUICK=1 SIZE=1GiB DIR=...
bench:
	@scripts/bench.sh

#: make header            regenerates include/deepspeed_aio_utils.h from the Rust sources
header:
	DSAIO_UPDATE_HEADER=1 cargo build

#: make clean             removes everything that was built
clean:
	rm -rf target build
