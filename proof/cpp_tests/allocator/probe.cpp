// Allocates a locked buffer and prints what it is like, for tests that need a process of their own:
// the environment is read once. Given "collapses" in place of a size, it prints whether the kernel
// makes huge pages without advice. With "old" after a size it does not, as before Linux 6.1.

#include "support/child.h"
#include "support/memory_state.h"

#include <deepspeed_aio_utils.h>

#include <sys/syscall.h>
#include <cerrno>
#include <cstring>

int main(int argc, char** argv)
{
    if (argc > 2 && strcmp(argv[2], "old") == 0 && !make_fail(SYS_madvise, EINVAL, collapse)) {
        puts("this process may not filter system calls");
        return cannot_run;
    }
    if (argc > 1 && strcmp(argv[1], "collapses") == 0) {
        puts(kernel_collapses() ? "yes" : "no");
        return 0;
    }
    const int64_t size = (argc > 1 ? atoll(argv[1]) : 512) * MiB;
    std::string reason;
    if (!may_lock(size, reason)) {
        puts(reason.c_str());
        return cannot_run;
    }
    const long mine = faults(RUSAGE_THREAD), all = faults(RUSAGE_SELF);
    void* memory = ds_page_aligned_alloc(size, true);
    // A thread faults in its stack at least, so this counts 0 only where none was started.
    const long by_helpers = (faults(RUSAGE_SELF) - all) - (faults(RUSAGE_THREAD) - mine);
    printf("helpers %s\n", by_helpers > 0 ? "yes" : "no");
    printf("huge %s\n", huge_bytes(memory, size) > size / 2 ? "yes" : "no");
    printf("resident %s\n",
           resident_pages(memory, size) == size / sysconf(_SC_PAGESIZE) ? "yes" : "no");
    return 0;
}
