// What memory can be like, and what the kernel can answer to the system calls of a transfer.

#include "faults/faults.h"
#include "faults/interposer.h"
#include "faults/transfer.h"

#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace {

std::function<void(Case&)> bad_memory(std::function<void(Stage&)> before)
{
    return [=](Case& c) {
        c.errors = {EFAULT};
        c.before = before;
    };
}

void unmap(Stage& stage, int64_t from)
{
    char* start = stage.memory - reinterpret_cast<uintptr_t>(stage.memory) % 4096;
    munmap(start + from, stage.num_bytes + 4096 - from);
}

// Such memory is mapped, and who touches it gets SIGBUS.
void map_truncated_file(Stage& stage)
{
    constexpr int populate_read = 22;  // MADV_POPULATE_READ
    char* start = stage.memory - reinterpret_cast<uintptr_t>(stage.memory) % 4096;
    if (madvise(start, 1, populate_read) != 0) {
        skip("before Linux 5.14 such memory ends the process, as docs/guarantees.md says");
    }
    unmap(stage, 0);
    const int fd = memfd_create("truncated", 0);
    mmap(start, stage.num_bytes + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    close(fd);
}

// The transfer's second half lies beyond the last address of a process, which the kernel finds out
// when it takes the requests: it takes those before that one.
void move_to_last_addresses(Stage& stage)
{
    const int64_t half = stage.num_bytes / 2;
    // Where addresses end on aarch64, by the size of its pages, and on x86-64.
    for (const uintptr_t end :
         {uintptr_t(1) << 48, uintptr_t(1) << 47, uintptr_t(0x7ffffffff000)}) {
        char* const start = reinterpret_cast<char*>(end - half);
        if (mremap(stage.memory, half, half, MREMAP_MAYMOVE | MREMAP_FIXED, start) == start) {
            stage.memory = start;
            return;
        }
    }
    skip(std::string("the last addresses: ") + strerror(errno));
}

using Answer = std::function<long(const Call&)>;

std::function<void(Case&)> kernel_that(std::vector<int> numbers, Answer answer)
{
    return [=](Case& c) { c.before = [=](Stage&) { intercept(numbers, answer); }; };
}

// Both ends of the transfer are not aligned, so that other calls than those of AIO are needed too.
std::function<void(Case&)> with_ends(std::function<void(Case&)> change)
{
    return [=](Case& c) {
        change(c);
        c.file_offset = 700;
        c.num_bytes += 1000;
    };
}

Answer every_other(int error)
{
    return [=](const Call& call) { return call.count % 2 == 0 ? -error : let_it_through; };
}

long make(const Call& call, long changed, int which)
{
    const long* a = call.arguments;
    long b[] = {a[0], a[1], a[2], a[3], a[4], a[5]};
    b[which] = changed;
    const long result = syscall(call.number, b[0], b[1], b[2], b[3], b[4], b[5]);
    return result == -1 ? -errno : result;
}

// The kernel moves a part of each request, and says so.
long make_shorter(const Call& call)
{
    const long count = std::min(call.arguments[1], 64L);
    const auto* const* requests = reinterpret_cast<const iocb* const*>(call.arguments[2]);
    std::vector<iocb> shorter;
    std::vector<const iocb*> pointers;
    for (long i = 0; i < count; ++i) {
        shorter.push_back(*requests[i]);
        const auto half = shorter.back().aio_nbytes / 2 / 4096 * 4096;
        if (half > 0) { shorter.back().aio_nbytes = half; }
    }
    for (const iocb& request : shorter) { pointers.push_back(&request); }
    const long result = syscall(call.number, call.arguments[0], count, pointers.data());
    return result == -1 ? -errno : result;
}

// A sync that does not start to write, or does not wait before and after, fails.
Answer every_other_and_whole_syncs(int error)
{
    return [=](const Call& call) -> long {
        constexpr long whole =
            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        if (call.number == SYS_sync_file_range && call.arguments[3] != whole) { return -EIO; }
        return every_other(error)(call);
    };
}

const std::vector<int> getevents{SYS_io_getevents, SYS_io_pgetevents};
const std::vector<int> getevents_and_destroy{SYS_io_getevents, SYS_io_pgetevents, SYS_io_destroy};
const std::vector<int> syncs{SYS_fdatasync, SYS_fsync, SYS_sync_file_range};
const std::vector<int> other_calls{SYS_pread64, SYS_pwrite64,       SYS_preadv,    SYS_pwritev,
                                   SYS_preadv2, SYS_pwritev2,       SYS_fdatasync, SYS_fsync,
                                   SYS_openat,  SYS_sync_file_range};

void ignore(int) {}

void start_signals(Stage&)
{
    struct sigaction action {};
    action.sa_handler = ignore;  // and no SA_RESTART
    sigaction(SIGALRM, &action, nullptr);
    const itimerval often{{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &often, nullptr);
}

std::vector<Fault> memory()
{
    return {
        {"unmapped", "memory that is not mapped", true, true, always,
         [](Case& c) {
             bad_memory([](Stage& stage) { unmap(stage, 0); })(c);
             c.moved = 0;
         }},
        {"unmapped_unaligned", "memory that is not mapped, not aligned", true, true, always,
         [](Case& c) {
             bad_memory([](Stage& stage) { unmap(stage, 0); })(c);
             c.moved = 0;
             c.memory_shift = 9;
         }},
        {"half_unmapped", "memory that is mapped up to its half", true, true, always,
         [](Case& c) {
             bad_memory([](Stage& stage) { unmap(stage, stage.num_bytes / 2); })(c);
             c.moved = c.num_bytes / 2;
         }},
        {"half_unmapped_unaligned", "memory that is mapped up to its half, not aligned", true, true,
         always,
         [](Case& c) {
             bad_memory([](Stage& stage) { unmap(stage, stage.num_bytes / 2); })(c);
             c.memory_shift = 9;
         }},
        {"truncated_memory", "memory is a file that was truncated, not aligned", true, true, always,
         [](Case& c) {
             bad_memory(map_truncated_file)(c);
             c.moved = 0;
             c.memory_shift = 9;
         }},
        {"read_only_memory", "memory that is read-only, for a read", true, false, always,
         bad_memory([](Stage& stage) { mprotect(stage.memory, stage.num_bytes, PROT_READ); })},
        {"last_addresses", "memory that ends at the last address (io_submit takes a part)", true,
         true, nullptr, bad_memory(move_to_last_addresses)},
    };
}

std::vector<Fault> calls()
{
    return {
        {"no_events", "no aio events left (fs.aio-max-nr)", true, true, sequential,
         kernel_that({SYS_io_setup}, [](const Call&) { return -EAGAIN; })},
        // With a queue, short as it is, whole blocks need no pread or pwrite.
        {"few_events", "aio events for a depth of 2", true, true, sequential,
         kernel_that({SYS_io_setup, SYS_pread64, SYS_pwrite64},
                     [](const Call& call) -> long {
                         if (call.number != SYS_io_setup) { return -EIO; }
                         return call.arguments[0] > 2 ? -EAGAIN : let_it_through;
                     })},
        {"no_aio", "no aio in the kernel (ENOSYS)", true, true, sequential,
         kernel_that({SYS_io_setup}, [](const Call&) { return -ENOSYS; })},
        {"refused_submit", "io_submit refused by a sandbox (EPERM)", true, true, nullptr,
         kernel_that({SYS_io_submit}, [](const Call&) { return -EPERM; })},
        {"refused_getevents", "io_getevents refused by a sandbox (EPERM)", true, true, nullptr,
         kernel_that(getevents, [](const Call&) { return -EPERM; })},
        {"refused_wait", "io_getevents and io_destroy refused by a sandbox (EPERM)", true, true,
         nullptr,
         [](Case& c) {
             kernel_that(getevents_and_destroy, [](const Call&) { return -EPERM; })(c);
             c.errors = {EPERM};
             c.line = "dsaio: io_getevents and io_destroy are refused: ";
         }},
        {"submit_eintr", "io_submit: every other one answers EINTR", true, true, nullptr,
         kernel_that({SYS_io_submit}, every_other(EINTR))},
        {"submit_eagain", "io_submit: every other one answers EAGAIN", true, true, nullptr,
         kernel_that({SYS_io_submit}, every_other(EAGAIN))},
        {"submit_never", "io_submit: always EAGAIN", true, true, nullptr,
         kernel_that({SYS_io_submit}, [](const Call&) { return -EAGAIN; })},
        {"submit_partial", "io_submit takes 3 requests at most", true, true, nullptr,
         kernel_that(
             {SYS_io_submit},
             [](const Call& call) { return make(call, std::min(call.arguments[1], 3L), 1); })},
        {"short_requests", "the kernel moves half of each request", true, true, always,
         kernel_that({SYS_io_submit}, make_shorter)},
        {"getevents_eintr", "io_getevents: every other one answers EINTR", true, true, nullptr,
         kernel_that(getevents, every_other(EINTR))},
        {"getevents_few", "io_getevents: interrupted after 1 event", true, true, nullptr,
         kernel_that(getevents,
                     [](const Call& call) {
                         Call one = call;
                         one.arguments[1] = std::min(one.arguments[1], 1L);
                         return make(one, std::min(one.arguments[2], 1L), 2);
                     })},
        {"other_eintr", "unaligned ends; every other pread, pwrite, open or sync answers EINTR",
         true, true, always,
         with_ends(kernel_that(other_calls, every_other_and_whole_syncs(EINTR)))},
        {"other_eagain", "unaligned ends; every other pread, pwrite, open or sync answers EAGAIN",
         true, true, always, with_ends(kernel_that(other_calls, every_other(EAGAIN)))},
        {"failed_syncs", "unaligned ends; they cannot be written back (EIO)", false, true, always,
         [](Case& c) {
             with_ends(kernel_that(syncs, [](const Call&) { return -EIO; }))(c);
             c.errors = {EIO};
             c.moved = 0;
         }},
        {"no_descriptors", "no file descriptors left, and ends that are not aligned", true, true,
         always,
         [](Case& c) {
             with_ends([](Case&) {})(c);
             c.before = [](Stage&) {
                 const rlimit none{0, 0};
                 setrlimit(RLIMIT_NOFILE, &none);
             };
             c.errors = {EMFILE};
         }},
        {"old_kernel", "4 KiB sectors, on a kernel that does not tell the alignment", true, true,
         always,
         [](Case& c) {
             with_ends(kernel_that({SYS_statx}, [](const Call&) { return -ENOSYS; }))(c);
             c.disk = Disk::sectors_4k;
         }},
        {"signals", "10,000 signals a second", true, true, nullptr,
         [](Case& c) {
             c.num_bytes = 4 * MiB;
             c.before = start_signals;
         }},
    };
}

}  // namespace

std::vector<Group> kernel_faults() { return {{"memory", memory()}, {"calls", calls()}}; }
