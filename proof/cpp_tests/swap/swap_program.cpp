// A program as a user of DeepSpeed's sources has it, linked against libraries that lie beside it: a
// libdeepspeed_aio_utils.so, and for DeepSpeed's loops their sources or a
// libdeepspeed_aio_common.so. It writes and reads a file in both modes and prints what came of it
// on stdout, and on stderr which libraries it ran on.

#include "callers/caller.h"
#include "support/direct_io_dir.h"
#include "support/pattern.h"

#include <deepspeed_aio_common.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>
#include <cinttypes>
#include <cstdio>

void* ds_page_aligned_alloc(const int64_t size, const bool lock);  // 0.19.8 declares it elsewhere

namespace {

constexpr int64_t size = (5 << 20) + 8192;  // no multiple of the block
constexpr int64_t offset = 12288;

// The bytes of all requests that prepare a transfer of a file by its number and an address that
// every run has alike.
uint64_t digest_of_requests()
{
    const auto xfer = std::make_unique<io_xfer_ctxt>(7, offset, 4096, size, nullptr);
    std::vector<iocb> storage(16);
    std::vector<iocb*> iocbs;
    for (auto& iocb : storage) { iocbs.push_back(&iocb); }
    uint64_t digest = 14695981039346656037u;
    const auto add = [&](int n) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(storage.data());
        for (size_t i = 0; i < n * sizeof(iocb); ++i) {
            digest = (digest ^ bytes[i]) * 1099511628211u;
        }
    };
    io_prep_generator generator(true, xfer, 131072);
    while (const int n = generator.prep_iocbs(16, &iocbs)) { add(n); }
    io_prep_context batch(false, xfer, 131072, &iocbs);
    batch.prep_iocbs(16, 15 * 131072 + 1, nullptr, 4096);
    add(16);
    return digest;
}

bool round_trip(const std::string& directory, bool overlap)
{
    const TemporaryFile file(directory);
    auto* buffer = static_cast<char*>(ds_page_aligned_alloc(size, false));
    fill_pattern(buffer, size, overlap);
    const int fd = open(file.path().c_str(), O_RDWR | O_DIRECT);
    Request request{false, overlap, fd, offset, 0, size, buffer, 131072, 8, false};
    move_bytes(request);
    memset(buffer, 0, size);
    request.read_op = true;
    move_bytes(request);
    int64_t by_path = -1, by_fd = -1;
    get_file_size(file.path().c_str(), by_path);
#if HAS_FD_FILE_SIZE
    get_fd_file_size(fd, by_fd);
#else
    by_fd = by_path;
#endif
    close(fd);
    const bool same = first_difference(buffer, size, overlap) == size;
    free(buffer);
    printf("%s: %s, sizes %" PRId64 " %" PRId64 "\n", overlap ? "overlap" : "sequential",
           same ? "verified" : "DAMAGED", by_path, by_fd);
    return same && by_path == size + offset && by_fd == by_path;
}

// Names the file that has the function; `our_name` is what only our library has.
void say_what_runs(void* function, const char* our_name)
{
    Dl_info library;
    if (dladdr(function, &library) == 0) { return; }
    const bool ours = dlsym(RTLD_DEFAULT, our_name) != nullptr;
    fprintf(stderr, "runs on %s, %s\n", library.dli_fname, ours ? "ours" : "the original");
}

}  // namespace

int main()
{
    std::string reason;
    const std::string directory = direct_io_dir(reason);
    if (directory.empty()) {
        printf("skipped: %s\n", reason.c_str());
        return 77;
    }
    say_what_runs(reinterpret_cast<void*>(&get_file_size), "dsaio_version");
    say_what_runs(reinterpret_cast<void*>(&do_aio_operation_overlap), "dsaio_transfer_version");
    const int64_t missing = get_file_size("/nonexistent", *new int64_t);
    printf("requests %016" PRIx64 ", missing file %" PRId64 "\n", digest_of_requests(), missing);
    const bool sequential = round_trip(directory, false);
    const bool overlap = round_trip(directory, true);
    return sequential && overlap ? 0 : 1;
}
