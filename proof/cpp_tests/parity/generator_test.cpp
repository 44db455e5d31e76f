// io_prep_generator: the original beside ours, from the constructor to the last block, every byte and
// every answer compared.

#include "parity/objects.h"

#include <gtest/gtest.h>

#include <limits>

namespace {

// A generator of one library, and what it works on.
class Generator {
  public:
    Generator(LoadedLibrary& library, const Transfer& transfer, bool read_op, uint64_t block_size)
        : library_(library), xfer_(transfer.construct(library)), owned_(&xfer_)
    {
        library.new_generator(&generator_, read_op, &owned_, block_size);
    }
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;

    int prep(int n_iocbs, Iocbs& iocbs)
    {
        errno = 4711;
        const int answer = library_.generator_prep(&generator_, n_iocbs, iocbs.vector());
        error_ = errno;
        return answer;
    }
    int prep_nowhere(int n_iocbs) { return library_.generator_prep(&generator_, n_iocbs, nullptr); }

    // The object's bytes, without the pointer to its own transfer.
    GeneratorStorage bytes() const
    {
        GeneratorStorage copy = generator_;
        memset(copy.bytes.data() + 8, 0, 8);
        return copy;
    }
    GeneratorFields fields() const { return generator_.fields(); }
    int error() const { return error_; }

  private:
    LoadedLibrary& library_;
    XferStorage xfer_;
    const void* owned_;
    GeneratorStorage generator_;
    int error_ = 0;
};

class Pair {
  public:
    Pair(const Transfer& transfer, bool read_op, uint64_t block_size)
        : theirs_(original(), transfer, read_op, block_size),
          mine_(ours(), transfer, read_op, block_size)
    {
        EXPECT_EQ(theirs_.bytes().bytes, mine_.bytes().bytes) << "after the constructor";
    }

    int prep(int n_iocbs, size_t vector_size)
    {
        Iocbs their_iocbs(vector_size), my_iocbs(vector_size);
        const int their_answer = theirs_.prep(n_iocbs, their_iocbs);
        const int my_answer = mine_.prep(n_iocbs, my_iocbs);
        EXPECT_EQ(their_answer, my_answer) << "asked for " << n_iocbs;
        EXPECT_EQ(my_iocbs.differs_from(their_iocbs), "") << "asked for " << n_iocbs;
        EXPECT_EQ(theirs_.bytes().bytes, mine_.bytes().bytes) << "asked for " << n_iocbs;
        EXPECT_EQ(theirs_.error(), mine_.error());
        return my_answer;
    }

    // Ends where another call would fail the original's assertion.
    bool can_go_on() const
    {
        const GeneratorFields now = mine_.fields();
        const bool finished = now.remaining_bytes == 0 || now.remaining_io_blocks == 0;
        return !finished || now.remaining_bytes == now.remaining_io_blocks;
    }

    Generator& mine() { return mine_; }
    Generator& theirs() { return theirs_; }

  private:
    Generator theirs_, mine_;
};

TEST(Generators, FromFirstToLastBlockOverAGrid)
{
    for (const int64_t block_size : {1, 511, 4096, 131072, 1048576}) {
        for (const int depth : {1, 2, 8, 128}) {
            for (const int64_t num_bytes : {int64_t(0), int64_t(1), block_size - 1, block_size,
                                            block_size + 1, block_size * depth * 3 + 17}) {
                Transfer transfer;
                transfer.num_bytes = num_bytes;
                transfer.file_offset = 8192;
                transfer.buffer_offset = 4096;
                SCOPED_TRACE(testing::Message() << num_bytes << " bytes in blocks of " << block_size
                                                << ", depth " << depth);
                Pair pair(transfer, num_bytes % 2 == 0, block_size);
                int64_t calls = 0;
                while (pair.prep(depth, depth) > 0) { ++calls; }
                ASSERT_FALSE(HasFailure());
                const int64_t blocks = (num_bytes + block_size - 1) / block_size;
                ASSERT_EQ(calls, (blocks + depth - 1) / depth);
            }
        }
    }
}

// The queue is full: the transfer is not looked at, so it may be gone.
TEST(Generators, AskedForNothingLooksAtNoTransfer)
{
    for (LoadedLibrary* library : {&original(), &ours()}) {
        Transfer transfer;
        transfer.num_bytes = 8192;
        XferStorage xfer = transfer.construct(*library);
        const void* owned = &xfer;
        GeneratorStorage generator;
        library->new_generator(&generator, true, &owned, 4096);
        const GeneratorStorage before = generator;
        owned = nullptr;
        Iocbs two(2), untouched(2);
        EXPECT_EQ(library->generator_prep(&generator, 0, two.vector()), 0);
        EXPECT_EQ(generator.bytes, before.bytes);
        EXPECT_EQ(two.differs_from(untouched), "");
    }
}

// Outside the domain but defined: both still agree, until the original would assert.
TEST(Generators, AdversarialSizes)
{
    const int64_t int64_max = std::numeric_limits<int64_t>::max();
    const int64_t two53 = int64_t(1) << 53;
    for (const int64_t num_bytes :
         {int64_t(-1), int64_t(-4096), int64_t(-8192), -int64_max, two53 - 1, two53 + 1, int64_max - 1,
          int64_max, std::numeric_limits<int64_t>::min()}) {
        for (const uint64_t block_size :
             {uint64_t(2), uint64_t(4095), uint64_t(4096), uint64_t(1) << 32, uint64_t(two53),
              uint64_t(int64_max), uint64_t(int64_max) + 1, ~uint64_t(0)}) {
            Transfer transfer;
            transfer.num_bytes = num_bytes;
            SCOPED_TRACE(testing::Message()
                         << num_bytes << " bytes in blocks of " << block_size);
            Pair pair(transfer, true, block_size);
            for (int call = 0; call < 5 && pair.can_go_on(); ++call) { pair.prep(3, 4); }
            ASSERT_FALSE(HasFailure());
        }
    }
}

TEST(Generators, AFullQueueChangesNothing)
{
    Transfer transfer;
    transfer.num_bytes = 10000;
    Pair pair(transfer, true, 4096);
    const auto before = pair.mine().bytes();
    EXPECT_EQ(pair.prep(0, 0), 0);
    EXPECT_EQ(before.bytes, pair.mine().bytes().bytes);
    EXPECT_EQ(pair.prep(3, 3), 3);
}

TEST(Generators, AtItsEndItLooksAtNothing)
{
    Transfer transfer;
    transfer.num_bytes = 4096;
    Pair pair(transfer, true, 4096);
    EXPECT_EQ(pair.prep(1, 1), 1);
    EXPECT_EQ(pair.theirs().prep_nowhere(-1), 0);
    EXPECT_EQ(pair.mine().prep_nowhere(-1), 0);
    EXPECT_EQ(pair.mine().prep_nowhere(1), 0);
}

}  // namespace
