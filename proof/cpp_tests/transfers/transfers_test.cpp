// Real transfers over libaio: what a caller writes is in the file, what it reads is in memory, and
// nothing around either has changed.
//
// Sizes that O_DIRECT can move go through an O_DIRECT descriptor. DeepSpeed's loops cannot move the
// others (1 byte, an odd size) so; they use an ordinary one, and the requests are prepared the same
// way. With our loops, Unaligned uses O_DIRECT for all.

#include "callers/caller.h"
#include "support/direct_io_dir.h"
#include "support/pattern.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <fcntl.h>
#include <unistd.h>
#include <cstring>
#include <memory>
#include <tuple>
#include <vector>

namespace {

constexpr int64_t KiB = 1024, MiB = 1024 * KiB;
constexpr int64_t alignment = 4096;
constexpr unsigned char untouched = 0xa5;

// A buffer of the library's allocator with room before and after the transfer's memory.
class GuardedBuffer {
  public:
    GuardedBuffer(int64_t offset, int64_t num_bytes)
        : size_(offset + (num_bytes + 2 * alignment - 1) / alignment * alignment + alignment),
          start_(ds_page_aligned_alloc(size_), free)
    {
        memset(start_.get(), untouched, size_);
    }
    void* get() const { return start_.get(); }
    int64_t size() const { return size_; }

  private:
    int64_t size_;
    std::unique_ptr<void, void (*)(void*)> start_;
};

class Descriptor {
  public:
    Descriptor(const TemporaryFile& file, int flags) : fd_(open(file.path().c_str(), flags)) {}
    ~Descriptor() { close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

std::vector<unsigned char> contents(const TemporaryFile& file)
{
    const Descriptor descriptor(file, O_RDONLY);
    const off_t size = lseek(descriptor.get(), 0, SEEK_END);
    std::vector<unsigned char> bytes(size);
    for (off_t done = 0; done < size;) {
        const ssize_t n = pread(descriptor.get(), bytes.data() + done, size - done, done);
        if (n <= 0) { return {}; }
        done += n;
    }
    return bytes;
}

struct Shape {
    int64_t num_bytes, file_offset, buffer_offset;
    bool single_submit;
};

// (overlap, block size, queue depth)
class Transfers : public testing::TestWithParam<std::tuple<bool, int64_t, int>> {
  protected:
    void SetUp() override
    {
        std::string reason;
        directory_ = direct_io_dir(reason);
        if (directory_.empty()) { GTEST_SKIP() << reason; }
    }

    virtual int flags(const Shape& shape) const
    {
        const bool direct = shape.num_bytes % alignment == 0;
        return direct ? O_DIRECT : 0;
    }

    Request request(const Shape& shape, bool read_op, int fd, void* buffer) const
    {
        const auto [overlap, block_size, queue_depth] = GetParam();
        return {read_op,
                overlap,
                fd,
                shape.file_offset,
                shape.buffer_offset,
                shape.num_bytes,
                buffer,
                static_cast<int>(block_size),
                queue_depth,
                shape.single_submit};
    }

    // Writes; then the file holds the pattern at the offset, and before it a hole.
    void write_and_check(const Shape& shape)
    {
        const TemporaryFile file(directory_);
        const GuardedBuffer buffer(shape.buffer_offset, shape.num_bytes);
        auto* memory = static_cast<char*>(buffer.get()) + shape.buffer_offset;
        fill_pattern(memory, shape.num_bytes, 1);
        const Descriptor descriptor(file, O_WRONLY | flags(shape));
        move_bytes(request(shape, false, descriptor.get(), buffer.get()));

        const auto bytes = contents(file);
        const int64_t end = shape.num_bytes == 0 ? 0 : shape.file_offset + shape.num_bytes;
        ASSERT_EQ(static_cast<int64_t>(bytes.size()), end);
        if (end == 0) { return; }
        EXPECT_EQ(first_other_than(bytes.data(), shape.file_offset, 0), size_t(shape.file_offset));
        EXPECT_EQ(first_difference(bytes.data() + shape.file_offset, shape.num_bytes, 1),
                  size_t(shape.num_bytes));
    }

    // Reads; then memory holds the pattern at the offset, and nothing else has changed.
    void read_and_check(const Shape& shape)
    {
        const TemporaryFile file(directory_);
        const int64_t file_size = shape.file_offset + shape.num_bytes + alignment;
        {
            std::vector<unsigned char> bytes(file_size, 0x11);
            fill_pattern(bytes.data() + shape.file_offset, shape.num_bytes, 2);
            const Descriptor descriptor(file, O_WRONLY);
            ASSERT_EQ(write(descriptor.get(), bytes.data(), file_size), file_size);
        }
        const GuardedBuffer buffer(shape.buffer_offset, shape.num_bytes);
        const Descriptor descriptor(file, O_RDONLY | flags(shape));
        move_bytes(request(shape, true, descriptor.get(), buffer.get()));

        const auto* memory = static_cast<const unsigned char*>(buffer.get());
        const int64_t end = shape.buffer_offset + shape.num_bytes;
        EXPECT_EQ(first_other_than(memory, shape.buffer_offset, untouched),
                  size_t(shape.buffer_offset));
        EXPECT_EQ(first_difference(memory + shape.buffer_offset, shape.num_bytes, 2),
                  size_t(shape.num_bytes));
        EXPECT_EQ(first_other_than(memory + end, buffer.size() - end, untouched),
                  size_t(buffer.size() - end));
    }

    // Each size with each shape, whose own size does not count.
    void move_every_size(const std::vector<Shape>& shapes)
    {
        const auto [overlap, block_size, queue_depth] = GetParam();
        // Many queues' worth, unless that is more than a test should move.
        const int64_t many = std::min(3 * queue_depth * block_size, 8 * MiB);
        for (const int64_t num_bytes : {int64_t(0), int64_t(1), block_size, block_size + alignment,
                                        block_size - 1, many + alignment}) {
            for (Shape shape : shapes) {
                shape.num_bytes = num_bytes;
                SCOPED_TRACE(testing::Message()
                             << (overlap ? "overlap" : "sequential") << ", block " << block_size
                             << ", depth " << queue_depth << ", bytes " << num_bytes
                             << ", file offset " << shape.file_offset << ", buffer offset "
                             << shape.buffer_offset
                             << (shape.single_submit ? ", single submit" : ""));
                write_and_check(shape);
                read_and_check(shape);
            }
        }
    }

    std::string directory_;
};

TEST_P(Transfers, MoveEveryByteAndNoOther)
{
    move_every_size(
        {{0, 0, 0, false}, {0, 3 * alignment, 2 * alignment, false}, {0, 0, alignment, true}});
}

// With every caller.
INSTANTIATE_TEST_SUITE_P(Usual, Transfers,
                         testing::Combine(testing::Bool(), testing::Values(64 * KiB),
                                          testing::Values(8)));

// With the newest release and our header.
INSTANTIATE_TEST_SUITE_P(SmallBlocks, Transfers,
                         testing::Combine(testing::Bool(), testing::Values(4 * KiB),
                                          testing::Values(1, 128)));
INSTANTIATE_TEST_SUITE_P(LargeBlocks, Transfers,
                         testing::Combine(testing::Bool(), testing::Values(1 * MiB),
                                          testing::Values(1, 8)));

// With our loops alone: the file and the memory aligned or not, in step or not.
class AnyAlignment : public Transfers {
  protected:
    int flags(const Shape&) const override { return O_DIRECT; }
};

TEST_P(AnyAlignment, MovesEveryByteAndNoOther)
{
    move_every_size({{0, 0, 0, false},
                     {0, 512, 512, false},
                     {0, 3 * alignment + 100, 2 * alignment + 100, false},
                     {0, 3 * alignment + 100, 7, true},
                     {0, 0, alignment + 1, false},
                     {0, 1, 0, true}});
}

INSTANTIATE_TEST_SUITE_P(Unaligned, AnyAlignment,
                         testing::Combine(testing::Bool(), testing::Values(100000, 64 * KiB),
                                          testing::Values(1, 8)));

// D1. The unmodified sequential caller multiplies these two in `int`: -2^31, and 0. On top of the
// original it then writes what lies behind the buffer to the file, or reads over it.
class OverflowedQueueBytes : public Transfers {};

TEST_P(OverflowedQueueBytes, StayInsideTheTransfer)
{
    const Shape shape{24 * MiB, 0, 0, false};
    write_and_check(shape);
    read_and_check(shape);
}

INSTANTIATE_TEST_SUITE_P(SixteenMiB, OverflowedQueueBytes,
                         testing::Combine(testing::Bool(), testing::Values(16 * MiB),
                                          testing::Values(128, 256)));

}  // namespace
