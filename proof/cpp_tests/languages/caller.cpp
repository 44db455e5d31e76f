// A C++14 program on every declaration that the original's header has, without a test framework:
// those want a newer language, and a standard library of their own. What the original's header
// includes is not included here.
//
// usage: caller FILE

#include <deepspeed_aio_utils.h>

#include <cerrno>
#include <cstdio>
#include <type_traits>

#define HAS_TYPE(declaration, ...) \
    static_assert(std::is_same<decltype(declaration), __VA_ARGS__>::value, #declaration)
HAS_TYPE(io_xfer_ctxt::_fd, const int);
HAS_TYPE(io_xfer_ctxt::_file_base_offset, const int64_t);
HAS_TYPE(io_xfer_ctxt::_buffer_base_offset, const int64_t);
HAS_TYPE(io_xfer_ctxt::_mem_buffer, const void*);
HAS_TYPE(io_xfer_ctxt::_num_bytes, const int64_t);
HAS_TYPE(io_prep_context::_read_op, const bool);
HAS_TYPE(io_prep_context::_xfer_ctxt, const std::unique_ptr<io_xfer_ctxt>&);
HAS_TYPE(io_prep_context::_block_size, const size_t);
HAS_TYPE(io_prep_context::_iocbs, const std::vector<iocb*>*);
HAS_TYPE(io_prep_generator::_read_op, const bool);
HAS_TYPE(io_prep_generator::_xfer_ctxt, const std::unique_ptr<io_xfer_ctxt>&);
HAS_TYPE(io_prep_generator::_block_size, const size_t);
HAS_TYPE(io_prep_generator::_remaining_bytes, int64_t);
HAS_TYPE(io_prep_generator::_num_io_blocks, int64_t);
HAS_TYPE(io_prep_generator::_remaining_io_blocks, int64_t);
HAS_TYPE(io_prep_generator::_next_iocb_index, int64_t);
HAS_TYPE(&get_file_size, int64_t (*)(const char*, int64_t&));
HAS_TYPE(&get_fd_file_size, int64_t (*)(int, int64_t&));
HAS_TYPE(&ds_page_aligned_alloc, void* (*)(int64_t, bool));
HAS_TYPE(&io_prep_context::prep_iocbs,
         void (io_prep_context::*)(int, size_t, const void*, int64_t));
HAS_TYPE(&io_prep_generator::prep_iocbs, int (io_prep_generator::*)(int, std::vector<iocb*>*));

namespace {

void check(bool holds, const char* what, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: FAILED: %s (errno %d)\n", __FILE__, line, what, errno);
        exit(1);
    }
}
#define CHECK(condition) check(condition, #condition, __LINE__)

constexpr int fd = 3;
constexpr int64_t file_offset = 1 << 20;
constexpr int64_t buffer_offset = 512;
constexpr int64_t num_bytes = 2 * 4096 + 100;
constexpr size_t block_size = 4096;
char buffer[buffer_offset + num_bytes];

// Requests whose bytes are all set, so that a byte left alone is seen.
class Requests {
  public:
    explicit Requests(size_t count) : storage_(count)
    {
        memset(static_cast<void*>(storage_.data()), 0xa5, count * sizeof(iocb));
        for (auto& request : storage_) { pointers_.push_back(&request); }
    }
    std::vector<iocb*>* pointers() { return &pointers_; }

    // The request at `slot` must be what libaio makes of the block at `shift`.
    void expect(size_t slot, bool read_op, int64_t shift, size_t length) const
    {
        iocb expected;
        auto* prepare = read_op ? io_prep_pread : io_prep_pwrite;
        prepare(&expected, fd, buffer + buffer_offset + shift, length, file_offset + shift);
        CHECK(memcmp(&expected, &storage_[slot], sizeof expected) == 0);
    }

  private:
    std::vector<iocb> storage_;
    std::vector<iocb*> pointers_;
};

std::unique_ptr<io_xfer_ctxt> transfer()
{
    return std::unique_ptr<io_xfer_ctxt>(
        new io_xfer_ctxt(fd, file_offset, buffer_offset, num_bytes, buffer));
}

// Classes of a caller's own: their constructors call the C2 form of the base's, where an object by
// itself is constructed by the C1 form.
struct OwnTransfer : io_xfer_ctxt {
    OwnTransfer(int a, int64_t b, int64_t c, int64_t d, const void* e) : io_xfer_ctxt(a, b, c, d, e)
    {
    }
};
struct OwnContext : io_prep_context {
    OwnContext(bool a, const std::unique_ptr<io_xfer_ctxt>& b, size_t c, std::vector<iocb*>* d)
        : io_prep_context(a, b, c, d)
    {
    }
};
struct OwnGenerator : io_prep_generator {
    OwnGenerator(bool a, const std::unique_ptr<io_xfer_ctxt>& b, size_t c)
        : io_prep_generator(a, b, c)
    {
    }
};

template <class Transfer>
void fields()
{
    const Transfer xfer(fd, file_offset, buffer_offset, num_bytes, buffer);
    CHECK(xfer._fd == fd && xfer._file_base_offset == file_offset);
    CHECK(xfer._buffer_base_offset == buffer_offset && xfer._num_bytes == num_bytes);
    CHECK(xfer._mem_buffer == buffer);
}

template <class Context>
void batch(bool read_op)
{
    const auto xfer = transfer();
    Requests requests(3);
    Context context(read_op, xfer, block_size, requests.pointers());
    CHECK(context._read_op == read_op && &context._xfer_ctxt == &xfer);
    CHECK(context._block_size == block_size && context._iocbs == requests.pointers());

    context.prep_iocbs(3, num_bytes, buffer, 0);
    requests.expect(0, read_op, 0, 4096);
    requests.expect(1, read_op, 4096, 4096);
    requests.expect(2, read_op, 8192, 100);
    context.prep_iocbs(2, num_bytes - 4096, buffer + 4096, 4096);
    requests.expect(0, read_op, 4096, 4096);
    requests.expect(1, read_op, 8192, 100);
    requests.expect(2, read_op, 8192, 100);
}

// The generator's buffer offset moves every block, as the batch's does.
template <class Generator>
void generator(bool read_op)
{
    const auto xfer = transfer();
    Requests requests(2);
    Generator generator(read_op, xfer, block_size);
    CHECK(generator._read_op == read_op && &generator._xfer_ctxt == &xfer);
    CHECK(generator._block_size == block_size && generator._num_io_blocks == 3);
    CHECK(generator._remaining_bytes == num_bytes && generator._remaining_io_blocks == 3);
    CHECK(generator._next_iocb_index == 0);

    CHECK(generator.prep_iocbs(2, requests.pointers()) == 2);
    requests.expect(0, read_op, 0, 4096);
    requests.expect(1, read_op, 4096, 4096);
    CHECK(generator._remaining_bytes == 100 && generator._remaining_io_blocks == 1);
    CHECK(generator._next_iocb_index == 2);
    CHECK(generator.prep_iocbs(0, requests.pointers()) == 0);
    CHECK(generator.prep_iocbs(2, requests.pointers()) == 1);
    requests.expect(0, read_op, 8192, 100);
    requests.expect(1, read_op, 4096, 4096);
    CHECK(generator._remaining_bytes == 0 && generator._remaining_io_blocks == 0);
    CHECK(generator.prep_iocbs(2, requests.pointers()) == 0);
}

void file_sizes(const char* path)
{
    const int file = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(file != -1 && ftruncate(file, 12345) == 0);
    int64_t size = 0;
    CHECK(get_file_size(path, size) == 0 && size == 12345);
    size = 0;
    CHECK(get_fd_file_size(file, size) == 0 && size == 12345);
    close(file);
    CHECK(get_fd_file_size(file, size) == -1 && errno == EBADF && size == 12345);
    CHECK(get_file_size("/nonexistent/file", size) == -1 && errno == ENOENT && size == 12345);
}

void pages()
{
    constexpr size_t bytes = 10000;
    for (const bool lock : {false, true}) {
        void* memory = lock ? ds_page_aligned_alloc(bytes, true) : ds_page_aligned_alloc(bytes);
        if (memory == nullptr) {
            // RLIMIT_MEMLOCK may forbid it here.
            CHECK(lock && (errno == ENOMEM || errno == EPERM || errno == EAGAIN));
            continue;
        }
        CHECK(reinterpret_cast<uintptr_t>(memory) % sysconf(_SC_PAGESIZE) == 0);
        memset(memory, 1, bytes);
        if (lock) { CHECK(munlock(memory, bytes) == 0); }
        free(memory);
    }
}

// Headers that callers have come to rely on; other functions here use the rest of them.
void includes()
{
    struct stat status;
    std::memset(&status, 0, sizeof status);
    assert(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED && sizeof(off_t) == 8);
    std::ifstream file("/dev/null");
    std::cout << std::string(file.good() ? "" : "no /dev/null");
}

}  // namespace

int main(int argc, char** argv)
{
    CHECK(argc == 2);
    fields<io_xfer_ctxt>();
    fields<OwnTransfer>();
    for (const bool read_op : {false, true}) {
        batch<io_prep_context>(read_op);
        batch<OwnContext>(read_op);
        generator<io_prep_generator>(read_op);
        generator<OwnGenerator>(read_op);
    }
    file_sizes(argv[1]);
    pages();
    includes();
    CHECK(dsaio_version() != nullptr);
}
