// io_prep_context and io_prep_generator: what random calls, which proof/differential compares,
// seldom come to; and the values of the first deliberate divergence, D1.

#include "parity/objects.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

TEST(Batch, NoIocbsMeansNothingIsLookedAt)
{
    // Not even the transfer: the original returns before it needs one.
    const void* none = nullptr;
    for (LoadedLibrary* library : {&original(), &ours()}) {
        Iocbs iocbs(0);
        ContextStorage context;
        library->new_context(&context, true, &none, 0, iocbs.vector());
        library->context_prep(&context, 0, 0, nullptr, 0);
    }
}

TEST(Batch, ATransferMayBeGivenAfterTheContext)
{
    Transfer transfer;
    transfer.num_bytes = 5000;
    Iocbs theirs(2), mine(2);
    for (auto [library, iocbs] : {std::pair(&original(), &theirs), std::pair(&ours(), &mine)}) {
        const void* owned = nullptr;
        ContextStorage context;
        library->new_context(&context, false, &owned, 4096, iocbs->vector());
        XferStorage xfer = transfer.construct(*library);
        owned = &xfer;
        library->context_prep(&context, 2, 5000, transfer.buffer, 0);
    }
    EXPECT_EQ(mine.differs_from(theirs), "");
    EXPECT_EQ(mine[1].u.c.nbytes, 5000u - 4096);
}

// The queue is full: the transfer is not looked at, so it may be gone.
TEST(Generator, AskedForNothingLooksAtNoTransfer)
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

// A finished generator looks at neither the number nor the vector.
TEST(Generator, AtItsEndItLooksAtNothing)
{
    for (LoadedLibrary* library : {&original(), &ours()}) {
        Transfer transfer;
        transfer.num_bytes = 4096;
        XferStorage xfer = transfer.construct(*library);
        const void* owned = &xfer;
        GeneratorStorage generator;
        library->new_generator(&generator, true, &owned, 4096);
        Iocbs one(1);
        EXPECT_EQ(library->generator_prep(&generator, 1, one.vector()), 1);
        EXPECT_EQ(library->generator_prep(&generator, -1, nullptr), 0);
        EXPECT_EQ(library->generator_prep(&generator, 1, nullptr), 0);
    }
}

// Lengths of the requests that a batch call prepares.
std::vector<uint64_t> lengths(LoadedLibrary& library, int64_t transfer_bytes, uint64_t block_size,
                              int n_iocbs, int64_t num_bytes, int64_t start_offset = 0)
{
    Transfer transfer;
    transfer.num_bytes = transfer_bytes;
    XferStorage xfer = transfer.construct(library);
    const void* owned = &xfer;
    Iocbs iocbs(n_iocbs);
    ContextStorage context;
    library.new_context(&context, true, &owned, block_size, iocbs.vector());
    library.context_prep(&context, n_iocbs, static_cast<uint64_t>(num_bytes), transfer.buffer,
                         start_offset);
    std::vector<uint64_t> lengths;
    for (int i = 0; i < n_iocbs; ++i) { lengths.push_back(iocbs[i].u.c.nbytes); }
    return lengths;
}

constexpr int64_t MiB = 1 << 20;

// The first call of DeepSpeed's sequential loop, whose `queue_depth * block_size` is an `int`.
std::vector<uint64_t> first_lengths(LoadedLibrary& library, int64_t transfer_bytes, int queue_depth)
{
    const int64_t product = static_cast<int32_t>(static_cast<uint32_t>(queue_depth) * (16u << 20));
    const int64_t blocks = (transfer_bytes + 16 * MiB - 1) / (16 * MiB);
    return lengths(library, transfer_bytes, 16 * MiB,
                   static_cast<int>(std::min<int64_t>(queue_depth, blocks)),
                   std::min(product, transfer_bytes));
}

TEST(BatchD1, AnOverflowedByteCountStaysInsideTheTransfer)
{
    const std::vector<uint64_t> right{16 * MiB, 16 * MiB, 8 * MiB};
    for (const int queue_depth : {128, 256}) {
        EXPECT_EQ(first_lengths(ours(), 40 * MiB, queue_depth), right) << queue_depth;
        // The reason for the divergence, and a reminder to drop it should DeepSpeed mend it.
        EXPECT_NE(first_lengths(original(), 40 * MiB, queue_depth), right) << queue_depth;
    }
    // One block, of which a product of 0 holds nothing; and two, of which 257 x 16 MiB holds one.
    EXPECT_EQ(first_lengths(ours(), 5, 256), std::vector<uint64_t>{5});
    EXPECT_EQ(first_lengths(ours(), 32 * MiB, 257), (std::vector<uint64_t>{16 * MiB, 16 * MiB}));
    // 300 x 16 MiB wraps to 704 MiB: 44 blocks' worth for 300 blocks.
    const std::vector<uint64_t> full(300, 16 * MiB);
    EXPECT_EQ(first_lengths(ours(), 300 * 16 * MiB, 300), full);
    EXPECT_NE(first_lengths(original(), 300 * 16 * MiB, 300), full);
}

// The second batch of a transfer: what is left is counted from where the batch starts.
TEST(BatchD1, TheLastBatchEndsWhereTheTransferEnds)
{
    const int64_t product = -2048 * MiB;  // 128 x 16 MiB, as an int
    EXPECT_EQ(lengths(ours(), (2048 + 24) * MiB, 16 * MiB, 2, product, 2048 * MiB),
              (std::vector<uint64_t>{16 * MiB, 8 * MiB}));
}

TEST(BatchD1, BlocksPastTheTransfersEndAreEmpty)
{
    EXPECT_EQ(lengths(ours(), 10000, 4096, 5, 10000),
              (std::vector<uint64_t>{4096, 4096, 10000 - 8192, 0, 0}));
}

}  // namespace
