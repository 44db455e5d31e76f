// Writes a file with O_DIRECT and reads it back, on whichever libdeepspeed_aio_utils.so lies next to
// this program, in both of DeepSpeed's modes. The transfers are done by the caller it is linked with
// (callers/caller.h); everything that they move is verified, because DeepSpeed's do not look at the
// results of their requests.
//
// usage: transfer_tool DIRECTORY BYTES
//
// Standard output, one line each:
//   library version=<dsaio_version() or none> caller=<words> file=<path>
//   mode=<sequential|overlap> locked=<yes|no> allocate_ms=<n> write_gbps=<n> read_gbps=<n>
//     checksum=<hex> verified=<yes|no>
// Standard error: sentences for people. Exit status: 0 when all is verified, else 1.

#include "callers/caller.h"
#include "support/random_words.h"
#include "support/stopwatch.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libaio.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

// Declared here because DeepSpeed has moved it from one header to another.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);

namespace {

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
constexpr int64_t kAlignment = 4096;  // of O_DIRECT
constexpr int kBlockSize = kMiB;
constexpr int kQueueDepth = 32;

[[noreturn]] void refuse(const std::string& sentence)
{
    fprintf(stderr, "transfer_tool: %s\n", sentence.c_str());
    exit(1);
}

std::string in_mib(int64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

// ---- The file ------------------------------------------------------------------------------------

// A file without a name: it is gone as soon as this program is, however it ends.
struct File {
    int write_fd;     // as DeepSpeed opens a file to write
    int read_fd;      // as DeepSpeed opens a file to read
    int ordinary_fd;  // through the page cache, to verify

    explicit File(const std::string& directory)
    {
        // No signal may end the program while the file has a name.
        sigset_t all, before;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        std::string path = directory + "/.transfer_tool-XXXXXX";
        const int created = mkostemp(path.data(), O_CLOEXEC);
        if (created == -1) {
            refuse("no file can be made in " + directory + ": " + strerror(errno) + ".");
        }
        write_fd = open(path.c_str(), O_WRONLY | O_CREAT | O_DIRECT, 0600);
        const int write_error = errno;
        read_fd = open(path.c_str(), O_RDONLY | O_DIRECT);
        const int read_error = errno;
        ordinary_fd = open(path.c_str(), O_RDONLY);
        unlink(path.c_str());
        close(created);
        sigprocmask(SIG_SETMASK, &before, nullptr);
        if (write_fd == -1) { no_direct_io(directory, write_error); }
        if (read_fd == -1) { no_direct_io(directory, read_error); }
        if (ordinary_fd == -1) { refuse("the file just made in " + directory + " cannot be read."); }
        probe_direct_io(directory);
    }
    ~File()
    {
        close(write_fd);
        close(read_fd);
        close(ordinary_fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // A full disk is noticed here, before anything is moved.
    void reserve(const std::string& directory, int64_t bytes) const
    {
        // Not posix_fallocate(): where the file system cannot, glibc would write, and not aligned.
        if (fallocate(write_fd, 0, 0, bytes) == 0) { return; }
        if (errno != EOPNOTSUPP && errno != ENOSYS) {
            refuse(in_mib(bytes) + " cannot be reserved in " + directory + ": " + strerror(errno) +
                   ".");
        }
        struct statvfs space;
        if (fstatvfs(write_fd, &space) != 0 || space.f_blocks == 0) { return; }
        const auto free_bytes = static_cast<int64_t>(space.f_bavail * space.f_frsize);
        if (free_bytes < bytes) {
            refuse(directory + " has only " + in_mib(free_bytes) + " left, and " + in_mib(bytes) +
                   " are needed.");
        }
    }

  private:
    [[noreturn]] static void no_direct_io(const std::string& directory, int error)
    {
        refuse("the file system of " + directory + " does not take O_DIRECT (" + strerror(error) +
               "); name a directory on a disk.");
    }

    // Some file systems take the flag and refuse the requests.
    void probe_direct_io(const std::string& directory) const
    {
        std::unique_ptr<void, decltype(&free)> block(aligned_alloc(kAlignment, kAlignment), free);
        memset(block.get(), 0, kAlignment);
        if (pwrite(write_fd, block.get(), kAlignment, 0) == kAlignment) { return; }
        if (errno == ENOSPC || errno == EDQUOT) {
            refuse("no space is left in " + directory + ".");
        }
        no_direct_io(directory, errno);
    }
};

// ---- The bytes -----------------------------------------------------------------------------------

// By ordinary read(2), through the page cache, which knows nothing of the library. Empty files and
// short ones give another checksum.
uint64_t checksum_of_file(const File& file, int64_t bytes)
{
    std::vector<char> chunk(kMiB);
    uint64_t sum = 0;
    for (int64_t offset = 0; offset < bytes; offset += chunk.size()) {
        const auto wanted = std::min<int64_t>(chunk.size(), bytes - offset);
        memset(chunk.data(), 0, chunk.size());
        for (int64_t got = 0; got < wanted;) {
            const auto n =
                pread(file.ordinary_fd, chunk.data() + got, wanted - got, offset + got);
            if (n < 0) { refuse(std::string("the file cannot be read back: ") + strerror(errno)); }
            if (n == 0) { break; }
            got += n;
        }
        sum = checksum(chunk.data(), wanted, sum);
    }
    // The memory back, and no copy that a read could be served from.
    posix_fadvise(file.ordinary_fd, 0, 0, POSIX_FADV_DONTNEED);
    return sum;
}

// ---- The machine ---------------------------------------------------------------------------------

int64_t available_memory()
{
    int64_t available = INT64_MAX;
    std::ifstream meminfo("/proc/meminfo");
    for (std::string key; meminfo >> key;) {
        if (key == "MemAvailable:" && meminfo >> available) {
            available *= kKiB;
            break;
        }
    }
    // A container's limit; "max" is no number and leaves it at that.
    int64_t limit;
    if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit) {
        available = std::min(available, limit);
    }
    return available;
}

// Before anything is touched. In a memory file system the file needs as much as the buffer.
void require_memory(const File& file, int64_t bytes)
{
    struct statfs where;
    const bool file_in_memory = fstatfs(file.write_fd, &where) == 0 && where.f_type == TMPFS_MAGIC;
    const int64_t needed = (file_in_memory ? 2 : 1) * bytes;
    const int64_t available = available_memory();
    if (needed > available - 64 * kMiB) {
        refuse(in_mib(needed) + " do not fit in the " + in_mib(available) +
               " of memory that are available; choose a smaller size.");
    }
}

// DeepSpeed's callers do not look whether they got a queue.
void require_queue()
{
    io_context_t queue = nullptr;
    const int status = io_queue_init(kQueueDepth, &queue);
    if (status != 0) {
        refuse(std::string("the kernel grants no queue for asynchronous I/O: ") +
               strerror(-status) + " (see /proc/sys/fs/aio-nr and aio-max-nr).");
    }
    io_queue_release(queue);
}

void print_library()
{
    const void* allocator = dlsym(RTLD_DEFAULT, "_Z21ds_page_aligned_alloclb");
    Dl_info info;
    if (allocator == nullptr || dladdr(allocator, &info) == 0) {
        refuse("ds_page_aligned_alloc is in no shared library.");
    }
    // Ours has it; the original does not.
    void* library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    const auto version = reinterpret_cast<const char* (*)()>(
        library == nullptr ? nullptr : dlsym(library, "dsaio_version"));
    const std::unique_ptr<char, decltype(&free)> path(realpath(info.dli_fname, nullptr), free);
    printf("library version=%s caller=%s file=%s\n", version == nullptr ? "none" : version(),
           caller_name(), path == nullptr ? info.dli_fname : path.get());
}

// ---- One mode ------------------------------------------------------------------------------------

struct Buffer {
    void* data;
    bool locked;
    double allocate_seconds;
};

void release(const Buffer& buffer, int64_t bytes)
{
    if (buffer.locked) { munlock(buffer.data, bytes); }
    free(buffer.data);
}

Buffer allocate(int64_t bytes)
{
    // Memory that a virtual machine's host has taken back is slow to touch, for either library, and
    // which run meets it is chance. An allocation that does not count brings it back.
    if (void* first = ds_page_aligned_alloc(bytes, true)) { release({first, true, 0}, bytes); }
    const Stopwatch locked_time;
    void* data = ds_page_aligned_alloc(bytes, true);
    if (data != nullptr) { return {data, true, locked_time.seconds()}; }

    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    fprintf(stderr,
            "transfer_tool: note: the kernel did not lock %s of memory (RLIMIT_MEMLOCK is %lld "
            "KiB), so the buffer is not locked here; run as root, or raise the limit with ulimit "
            "-l or in /etc/security/limits.conf.\n",
            in_mib(bytes).c_str(), static_cast<long long>(limit.rlim_cur / kKiB));
    const Stopwatch plain_time;
    data = ds_page_aligned_alloc(bytes, false);
    if (data == nullptr) { refuse(in_mib(bytes) + " of memory cannot be allocated."); }
    return {data, false, plain_time.seconds()};
}

double gigabytes_per_second(const Request& request)
{
    const Stopwatch time;
    move_bytes(request);
    return static_cast<double>(request.num_bytes) / time.seconds() / 1e9;
}

// Whether everything that was written, and everything that was read, is what it should be.
bool run_mode(const std::string& directory, int64_t bytes, bool overlap)
{
    const File file(directory);
    require_memory(file, bytes);
    file.reserve(directory, bytes);
    const Buffer buffer = allocate(bytes);

    fill(buffer.data, bytes, overlap ? 2 : 1);
    const uint64_t expected = checksum(buffer.data, bytes);

    Request request{};
    request.overlap = overlap;
    request.num_bytes = bytes;
    request.buffer = buffer.data;
    request.block_size = kBlockSize;
    request.queue_depth = kQueueDepth;

    request.read_op = false;
    request.fd = file.write_fd;
    const double write_gbps = gigabytes_per_second(request);
    const bool written = checksum_of_file(file, bytes) == expected;

    memset(buffer.data, 0, bytes);
    request.read_op = true;
    request.fd = file.read_fd;
    const double read_gbps = gigabytes_per_second(request);
    const uint64_t read_back = checksum(buffer.data, bytes);

    const char* mode = overlap ? "overlap" : "sequential";
    const bool verified = written && read_back == expected;
    printf("mode=%s locked=%s allocate_ms=%.3f write_gbps=%.4f read_gbps=%.4f "
           "checksum=%016llx verified=%s\n",
           mode, buffer.locked ? "yes" : "no", buffer.allocate_seconds * 1e3, write_gbps, read_gbps,
           static_cast<unsigned long long>(read_back), verified ? "yes" : "no");
    if (!verified) {
        fprintf(stderr, "transfer_tool: %s: what was %s is not what it should be.\n", mode,
                written ? "read" : "written");
    }

    release(buffer, bytes);
    return verified;
}

int64_t parse_bytes(const char* text)
{
    char* end = nullptr;
    errno = 0;
    const long long bytes = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || bytes <= 0 || bytes % kAlignment != 0) {
        refuse(std::string("\"") + text + "\" is not a positive multiple of 4096 bytes.");
    }
    return bytes;
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc != 3) { refuse("usage: transfer_tool DIRECTORY BYTES"); }
    const std::string directory = argv[1];
    const int64_t bytes = parse_bytes(argv[2]);
    setvbuf(stdout, nullptr, _IOLBF, 0);
    signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of fallocate(), not the end

    print_library();
    require_queue();
    bool verified = true;
    for (const bool overlap : {false, true}) { verified &= run_mode(directory, bytes, overlap); }
    return verified ? 0 : 1;
}
