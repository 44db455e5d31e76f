// Preparation in many threads, each with objects of its own: every byte of every request is the one
// that a single thread gets.

#include "support/requests.h"
#include "threads/together.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace {

constexpr int rounds = 50;
constexpr size_t depth = 16;

// A transfer that no other thread has.
dsaio_transfer transfer_of(int number, int round)
{
    auto transfer = some_transfer();
    transfer.fd = number;
    transfer.file_offset = (INT64_C(1) << 40) * number;
    transfer.buffer_offset = 4096 * round;
    transfer.num_bytes = 100'000 * (number + 1) + round;
    return transfer;
}

int64_t block_size_of(int number) { return 4096 + 512 * number; }

// Whether requests 0 to `count` - 1 are the blocks of the transfer from `position` on.
bool are_blocks(const Requests& requests, int count, const dsaio_transfer& transfer, bool read_op,
                int64_t block_size, int64_t position)
{
    for (int i = 0; i < count; ++i, position += block_size) {
        const int64_t length = std::min(block_size, transfer.num_bytes - position);
        if (length <= 0 || !requests.is(i, read_op, transfer.fd, memory_at(transfer, position),
                                        length, transfer.file_offset + position)) {
            return false;
        }
    }
    return requests.untouched_from(count);
}

std::unique_ptr<io_xfer_ctxt> cxx(const dsaio_transfer& transfer)
{
    return std::make_unique<io_xfer_ctxt>(transfer.fd, transfer.file_offset,
                                          transfer.buffer_offset, transfer.num_bytes,
                                          transfer.buffer);
}

std::vector<iocb*> vector_of(Requests& requests)
{
    return {requests.pointers(), requests.pointers() + requests.size()};
}

void prepare_batches(int number, int round)
{
    const auto transfer = transfer_of(number, round);
    const int64_t block_size = block_size_of(number);
    const bool read_op = round % 2 == 0;
    const auto xfer = cxx(transfer);
    int64_t position = 0;
    while (position < transfer.num_bytes) {
        Requests requests(depth);
        const auto iocbs = vector_of(requests);
        const int64_t bytes = std::min<int64_t>(depth * block_size, transfer.num_bytes - position);
        const int count = static_cast<int>((bytes + block_size - 1) / block_size);
        io_prep_context context(read_op, xfer, block_size, &iocbs);
        // The C++ API adds `_buffer_base_offset` by itself.
        context.prep_iocbs(count, bytes, static_cast<const char*>(transfer.buffer) + position,
                           position);
        ASSERT_TRUE(are_blocks(requests, count, transfer, read_op, block_size, position));
        position += bytes;
    }
}

void generate(int number, int round)
{
    const auto transfer = transfer_of(number, round);
    const int64_t block_size = block_size_of(number);
    const auto xfer = cxx(transfer);
    io_prep_generator generator(true, xfer, block_size);
    int64_t position = 0;
    for (int count = -1; count != 0; position += count * block_size) {
        Requests requests(depth);
        auto iocbs = vector_of(requests);
        count = generator.prep_iocbs(depth, &iocbs);
        ASSERT_TRUE(are_blocks(requests, count, transfer, true, block_size, position));
    }
    ASSERT_GE(position, transfer.num_bytes);
    ASSERT_EQ(generator._remaining_bytes, 0);
}

void generate_flat(int number, int round)
{
    const auto transfer = transfer_of(number, round);
    const int64_t block_size = block_size_of(number);
    dsaio_generator generator;
    ASSERT_EQ(dsaio_generator_init(&generator, &transfer, false, block_size), 0);
    int64_t position = 0;
    for (int count = -1; count != 0; position += count * block_size) {
        Requests requests(depth);
        count = dsaio_generator_prep(&generator, requests.pointers(), depth);
        ASSERT_GE(count, 0);
        ASSERT_TRUE(are_blocks(requests, count, transfer, false, block_size, position));
        Requests batch(depth);
        ASSERT_EQ(dsaio_prep_batch(&transfer, false, block_size,
                                   std::min(position, transfer.num_bytes), batch.pointers(), depth),
                  count);
        ASSERT_TRUE(are_blocks(batch, count, transfer, false, block_size, position));
    }
    ASSERT_GE(position, transfer.num_bytes);
}

void rounds_of(void (*prepare)(int, int))
{
    together([&](int number) {
        for (int round = 0; round < rounds && !testing::Test::HasFatalFailure(); ++round) {
            prepare(number, round);
        }
    });
}

TEST(ThreadsPreparation, Batches) { rounds_of(prepare_batches); }

TEST(ThreadsPreparation, Generators) { rounds_of(generate); }

TEST(ThreadsPreparation, FlatGeneratorsAndBatches) { rounds_of(generate_flat); }

// One transfer, read by all.
TEST(ThreadsPreparation, OneTransferForAllThreads)
{
    const auto transfer = transfer_of(3, 0);
    const auto xfer = cxx(transfer);
    together([&](int) {
        for (int round = 0; round < rounds; ++round) {
            Requests requests(depth);
            const auto iocbs = vector_of(requests);
            io_prep_context context(true, xfer, 4096, &iocbs);
            context.prep_iocbs(depth, depth * 4096, transfer.buffer, 0);
            ASSERT_TRUE(are_blocks(requests, depth, transfer, true, 4096, 0));
            Requests flat(depth);
            ASSERT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, flat.pointers(), depth),
                      int(depth));
            ASSERT_TRUE(are_blocks(flat, depth, transfer, true, 4096, 0));
        }
    });
}

}  // namespace
