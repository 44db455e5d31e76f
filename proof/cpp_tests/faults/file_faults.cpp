// What a file, its disk or its descriptor can be like.

#include "faults/disks.h"
#include "faults/faults.h"
#include "faults/interposer.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>

namespace {

void limit_file_size(int64_t bytes)
{
    const rlimit limit{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
}

std::function<void(Case&)> new_file_on(Disk disk, int error)
{
    return [=](Case& c) {
        c.disk = disk;
        c.num_bytes = 4 * MiB;
        c.old_size = 0;
        c.block_size = 96 * KiB;  // so that a request fits in part
        c.errors = {error};
        if (disk == Disk::tmpfs) { c.moved = 1 * MiB; }
    };
}

// A new file that is smaller than a sector, so that it goes through the page cache, and small
// enough for an inode of ext4. Offset and length differ, so that nothing but their sum is its end.
std::function<void(Case&)> failing_tail(Disk disk)
{
    return [=](Case& c) {
        new_file_on(disk, EIO)(c);
        c.file_offset = 64;
        c.num_bytes = 128;
        c.before = [](Stage&) { fail_disk(); };
    };
}

// A transfer that is not aligned: offset in the file, in memory, and what is above a multiple.
std::function<void(Case&)> unaligned(int64_t offset, int64_t shift, int64_t tail)
{
    return [=](Case& c) {
        c.file_offset = offset;
        c.memory_shift = shift;
        c.num_bytes += tail;
    };
}

// Other descriptors than the file's.
std::function<void(Case&)> descriptor(std::function<void(Stage&)> change, std::vector<int> errors)
{
    return [=](Case& c) {
        c.before = change;
        c.errors = errors;
        c.moved = 0;
        c.other_descriptor = true;
    };
}

void reopen(Stage& stage, int flags)
{
    const std::string link = "/proc/self/fd/" + std::to_string(stage.fd);
    const int other = open(link.c_str(), flags | O_DIRECT);
    close(stage.fd);
    stage.fd = other;
}

void take_pipe(Stage& stage, int end)
{
    int ends[2];
    if (pipe(ends) == 0) { stage.fd = ends[end]; }
}

std::vector<Fault> disks()
{
    return {
        {"full_tmpfs", "full tmpfs", false, true, always, new_file_on(Disk::tmpfs, ENOSPC)},
        {"full_ext4", "full ext4", false, true, always, new_file_on(Disk::ext4, ENOSPC)},
        {"failing_disk", "disk that fails with EIO", false, true, always,
         [](Case& c) {
             new_file_on(Disk::failing, EIO)(c);
             c.before = [](Stage&) {
                 intercept({SYS_io_submit}, [](const Call& call) {
                     if (call.count == 1) { fail_disk(); }
                     return let_it_through;
                 });
             };
         }},
        {"failing_disk_below_overlayfs", "disk that fails with EIO, below overlayfs; 128 bytes",
         false, true, always, failing_tail(Disk::overlay)},
        {"failing_disk_of_small_files",
         "disk that fails with EIO, ext4 with `inline_data`; 128 bytes", false, true, always,
         failing_tail(Disk::inline_data)},
        {"sectors_4k_own_padding",
         "4 KiB sectors: 1 MiB + 2 KiB by 2 threads (DeepSpeed's padding)", true, true, always,
         [](Case& c) {
             c.disk = Disk::sectors_4k;
             c.num_bytes += 2 * KiB;
             c.block_size = 1 * MiB;
             c.old_size = c.read_op ? c.num_bytes : 0;
             c.cuts = {c.num_bytes / 2};
         }},
        {"sectors_4k", "4 KiB sectors: offset and size are multiples of 512", true, true, always,
         [](Case& c) {
             c.disk = Disk::sectors_4k;
             unaligned(512, 0, 1536)(c);
         }},
        {"no_o_direct", "file system without O_DIRECT", true, true, nullptr,
         [](Case& c) { c.disk = Disk::ramfs; }},
    };
}

std::vector<Fault> alignment()
{
    return {
        {"tail", "size: no multiple of a sector", true, true, always, unaligned(0, 0, 100)},
        {"tail_of_file", "size: no multiple of a sector, and the file ends there", true, true,
         always,
         [](Case& c) {
             unaligned(0, 0, 100)(c);
             c.old_size = c.read_op ? c.num_bytes : 0;
         }},
        {"offset", "file offset: not aligned", true, true, always, unaligned(100, 0, 0)},
        {"memory", "memory: not aligned", true, true, always, unaligned(0, 1, 0)},
        {"offset_tail", "file offset and size: not aligned", true, true, always,
         unaligned(511, 0, 3)},
        {"memory_tail", "memory and size: not aligned", true, true, always, unaligned(0, 3, 4095)},
        {"offset_memory", "file offset and memory: not aligned, alike", true, true, always,
         unaligned(4095, 4095, 0)},
        {"offset_memory_tail", "file offset, memory and size: not aligned", true, true, always,
         unaligned(4097, 5, 777)},
        {"one_byte", "1 byte", true, true, always,
         [](Case& c) {
             c.file_offset = 5000;
             c.num_bytes = 1;
         }},
        {"inside_a_sector", "100 bytes over the edge of a sector", true, true, always,
         [](Case& c) {
             c.file_offset = 4050;
             c.num_bytes = 100;
         }},
        {"block_size", "block size 5000", true, true, always,
         [](Case& c) {
             c.num_bytes = 256 * KiB;
             c.block_size = 5000;
         }},
        {"block_size_above", "block size 128 KiB + 1", true, true, always,
         [](Case& c) { c.block_size += 1; }},
        {"shared_sector", "2 threads write the halves of one sector, 101 rounds", false, true,
         always,
         [](Case& c) {
             c.num_bytes = 16 * KiB;
             c.cuts = {8 * KiB + 200};
             c.rounds = 101;
         }},
        {"threads_meet", "4 threads meet at odd offsets", true, true, always,
         [](Case& c) {
             c.file_offset = 70;
             c.cuts = {1, 511, 512 * KiB + 4095};
         }},
    };
}

std::vector<Fault> sizes()
{
    return {
        {"none", "none, for comparison", true, true, nullptr, [](Case&) {}},
        {"short_file", "file shorter than the buffer", true, false, always,
         [](Case& c) {
             c.old_size = 512 * KiB;
             c.errors = {ENODATA};
             c.moved = c.old_size;
         }},
        {"short_file_unaligned", "file shorter than the buffer, no multiple of a sector", true,
         false, always,
         [](Case& c) {
             c.old_size = 500001;
             c.errors = {ENODATA};
             c.moved = c.old_size;
         }},
        {"empty_file", "empty file", true, false, always,
         [](Case& c) {
             c.old_size = 0;
             c.errors = {ENODATA};
             c.moved = 0;
         }},
        {"file_size_limit", "file size limit (`ulimit -f`)", false, true, always,
         [](Case& c) {
             c.old_size = 0;
             c.errors = {EFBIG};
             c.moved = 512 * KiB;
             c.before = [](Stage&) { limit_file_size(512 * KiB); };
         }},
        {"file_size_limit_unaligned", "file size limit that is no multiple of a sector", false,
         true, always,
         [](Case& c) {
             c.old_size = 0;
             c.errors = {EFBIG};
             c.before = [](Stage&) { limit_file_size(500000); };
         }},
        {"queue_bytes", "`queue_depth * block_size` is 2^31", true, true, sequential,
         [](Case& c) {
             c.block_size = 64 * MiB;
             c.queue_depth = 32;
         }},
        {"two_gib_block", "block of 2 GiB (the kernel moves 4 KiB less)", true, false, always,
         [](Case& c) {
             c.block_size = 0x7ffffe00;
             c.num_bytes = c.block_size;
             c.queue_depth = 1;
             c.folded = true;
         }},
    };
}

std::vector<Fault> descriptors()
{
    return {
        {"bad_descriptor", "descriptor: -1", true, true, nullptr,
         descriptor([](Stage& stage) { stage.fd = -1; }, {EBADF})},
        {"closed_descriptor", "descriptor: closed", true, true, nullptr,
         descriptor([](Stage& stage) { close(stage.fd); }, {EBADF})},
        {"read_only_descriptor", "descriptor: read-only, for a write", false, true, nullptr,
         descriptor([](Stage& stage) { reopen(stage, O_RDONLY); }, {EBADF})},
        {"write_only_descriptor", "descriptor: write-only, for a read", true, false, nullptr,
         descriptor([](Stage& stage) { reopen(stage, O_WRONLY); }, {EBADF})},
        {"directory", "descriptor: a directory", true, false, nullptr,
         descriptor([](Stage& stage) { stage.fd = open("/", O_RDONLY | O_DIRECTORY); },
                    {EISDIR, EINVAL})},
        {"pipe", "descriptor: a pipe", true, true, nullptr,
         [](Case& c) {
             const int end = c.read_op ? 0 : 1;
             descriptor([end](Stage& stage) { take_pipe(stage, end); }, {ESPIPE, EINVAL})(c);
         }},
        {"append", "descriptor: O_APPEND", false, true, always,
         [](Case& c) {
             c.before = [](Stage& stage) { reopen(stage, O_WRONLY | O_APPEND); };
             c.errors = {EINVAL};
             c.moved = 0;
         }},
    };
}

}  // namespace

std::vector<Group> file_faults()
{
    return {{"sizes", sizes()},
            {"disks", disks()},
            {"alignment", alignment()},
            {"descriptors", descriptors()}};
}
