// dsaio_generator_init and dsaio_generator_prep: what they write, and what they refuse.

#include "flat/flat.h"
#include "flat/invalid_transfers.h"

#include <algorithm>

namespace {

// A generator, all of its bytes set before it is initialised.
dsaio_generator poisoned()
{
    dsaio_generator generator;
    memset(&generator, 0x5a, sizeof generator);
    return generator;
}

// The bytes of a generator, padding included, to show that nobody wrote to it.
class Bytes {
  public:
    explicit Bytes(const dsaio_generator& generator) { memcpy(bytes_, &generator, sizeof bytes_); }
    bool are_those_of(const dsaio_generator& generator) const
    {
        return memcmp(bytes_, &generator, sizeof bytes_) == 0;
    }

  private:
    char bytes_[sizeof(dsaio_generator)];
};

using FlatGenerator = Flat;

TEST_F(FlatGenerator, StartsAtTheTransfersStart)
{
    const auto transfer = some_transfer();
    for (const bool read_op : {false, true}) {
        auto generator = poisoned();
        ASSERT_EQ(dsaio_generator_init(&generator, &transfer, read_op, 4096), 0);
        EXPECT_EQ(generator.transfer.fd, transfer.fd);
        EXPECT_EQ(generator.transfer.file_offset, transfer.file_offset);
        EXPECT_EQ(generator.transfer.buffer_offset, transfer.buffer_offset);
        EXPECT_EQ(generator.transfer.num_bytes, transfer.num_bytes);
        EXPECT_EQ(generator.transfer.buffer, transfer.buffer);
        EXPECT_EQ(generator.block_size, 4096u);
        EXPECT_EQ(generator.position, 0);
        EXPECT_EQ(generator.read_op, read_op);
    }
}

TEST_F(FlatGenerator, CopiesTheTransfer)
{
    auto transfer = some_transfer();
    const auto before = transfer;
    auto generator = poisoned();
    ASSERT_EQ(dsaio_generator_init(&generator, &transfer, true, 4096), 0);
    memset(&transfer, 0, sizeof transfer);
    Requests requests(1);
    ASSERT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 1), 1);
    EXPECT_TRUE(requests.is(0, true, 5, memory_at(before, 0), 4096, 1 << 20));
}

// The same requests come out of both loops, however many are asked for at a time.
TEST_F(FlatGenerator, LoopEqualsBatchLoop)
{
    for (const int64_t num_bytes : {1, 4095, 4096, 4097, 10000, 40960}) {
        for (const uint64_t block_size : {1000u, 4096u, 65536u}) {
            for (const size_t room : {1u, 2u, 7u, 64u}) {
                SCOPED_TRACE(testing::Message() << num_bytes << " bytes in blocks of " << block_size
                                                << ", " << room << " at a time");
                auto transfer = some_transfer();
                transfer.num_bytes = num_bytes;
                auto generator = poisoned();
                ASSERT_EQ(dsaio_generator_init(&generator, &transfer, false, block_size), 0);
                int64_t position = 0;
                int generated = -1;
                // The bound is for a library that never comes to an end.
                for (int calls = 0; generated != 0 && calls <= num_bytes; ++calls) {
                    Requests of_generator(room);
                    Requests of_batch(room);
                    generated = dsaio_generator_prep(&generator, of_generator.pointers(), room);
                    const int batched = dsaio_prep_batch(&transfer, false, block_size, position,
                                                         of_batch.pointers(), room);
                    ASSERT_EQ(generated, batched);
                    ASSERT_EQ(memcmp(&of_generator[0], &of_batch[0], room * sizeof(iocb)), 0);
                    position = std::min<int64_t>(position + generated * block_size, num_bytes);
                    ASSERT_EQ(generator.position, position);
                }
                EXPECT_EQ(generated, 0);
                EXPECT_EQ(position, num_bytes);
            }
        }
    }
}

TEST_F(FlatGenerator, FillsEveryByteOfEachRequest)
{
    const auto transfer = some_transfer();
    for (const bool read_op : {false, true}) {
        auto generator = poisoned();
        ASSERT_EQ(dsaio_generator_init(&generator, &transfer, read_op, 4096), 0);
        Requests requests(2);
        ASSERT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 2), 2);
        EXPECT_TRUE(requests.is(0, read_op, 5, memory_at(transfer, 0), 4096, 1 << 20));
        EXPECT_TRUE(requests.is(1, read_op, 5, memory_at(transfer, 4096), 4096, (1 << 20) + 4096));
        EXPECT_EQ(generator.position, 8192);
        // Slot 0 again, and slot 1 left alone.
        const auto second = requests[1];
        ASSERT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 2), 1);
        EXPECT_TRUE(requests.is(0, read_op, 5, memory_at(transfer, 8192), 10000 - 8192,
                                (1 << 20) + 8192));
        EXPECT_EQ(memcmp(&requests[1], &second, sizeof second), 0);
        EXPECT_EQ(generator.position, 10000);
        EXPECT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 2), 0);
        EXPECT_EQ(generator.position, 10000);
    }
}

TEST_F(FlatGenerator, NoRequestsNeedNoArrayAndChangeNothing)
{
    const auto transfer = some_transfer();
    auto generator = poisoned();
    ASSERT_EQ(dsaio_generator_init(&generator, &transfer, true, 4096), 0);
    for (const int64_t position : {0, 4096, 10000}) {
        generator.position = position;
        EXPECT_EQ(dsaio_generator_prep(&generator, nullptr, 0), 0);
        EXPECT_EQ(generator.position, position);
    }
}

TEST_F(FlatGenerator, AnEmptyTransferIsAtItsEnd)
{
    auto transfer = some_transfer();
    transfer.num_bytes = 0;
    auto generator = poisoned();
    ASSERT_EQ(dsaio_generator_init(&generator, &transfer, true, 4096), 0);
    Requests requests(1);
    EXPECT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 1), 0);
    EXPECT_TRUE(requests.untouched());
}

TEST_F(FlatGenerator, ABlockMayBeLargerThanTheTransfer)
{
    const auto transfer = some_transfer();
    for (const uint64_t block_size : {UINT64_C(1) << 63, UINT64_MAX}) {
        auto generator = poisoned();
        ASSERT_EQ(dsaio_generator_init(&generator, &transfer, true, block_size), 0);
        Requests requests(2);
        ASSERT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 2), 1);
        EXPECT_TRUE(requests.is(0, true, 5, memory_at(transfer, 0), 10000, 1 << 20));
        EXPECT_EQ(generator.position, 10000);
    }
}

TEST_F(FlatGenerator, InitRefusesNullPointersAndBlockSizeZero)
{
    const auto transfer = some_transfer();
    auto generator = poisoned();
    const Bytes before(generator);
    EXPECT_EQ(dsaio_generator_init(nullptr, &transfer, true, 4096), -EFAULT);
    EXPECT_EQ(dsaio_generator_init(&generator, nullptr, true, 4096), -EFAULT);
    EXPECT_EQ(dsaio_generator_init(&generator, &transfer, true, 0), -EINVAL);
    EXPECT_TRUE(before.are_those_of(generator));
}

TEST_F(FlatGenerator, PrepRefusesNullPointers)
{
    const auto transfer = some_transfer();
    auto generator = poisoned();
    ASSERT_EQ(dsaio_generator_init(&generator, &transfer, true, 4096), 0);
    const Bytes before(generator);
    Requests requests(3);
    EXPECT_EQ(dsaio_generator_prep(nullptr, requests.pointers(), 3), -EFAULT);
    EXPECT_EQ(dsaio_generator_prep(&generator, nullptr, 3), -EFAULT);
    requests.pointers()[2] = nullptr;
    EXPECT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 3), -EFAULT);
    EXPECT_TRUE(requests.untouched());
    EXPECT_TRUE(before.are_those_of(generator));
}

// C programs can write to the struct, so it is checked again on every call.
TEST_F(FlatGenerator, PrepRefusesAGeneratorThatWasChanged)
{
    const auto transfer = some_transfer();
    dsaio_generator good = poisoned();
    ASSERT_EQ(dsaio_generator_init(&good, &transfer, true, 4096), 0);
    std::vector<dsaio_generator> spoilt(4, good);
    spoilt[0].position = -1;
    spoilt[1].position = 10001;
    spoilt[2].block_size = 0;
    spoilt[3].transfer.num_bytes = -1;
    for (auto& generator : spoilt) {
        const Bytes before(generator);
        Requests requests(3);
        EXPECT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 3), -EINVAL);
        EXPECT_TRUE(requests.untouched());
        EXPECT_TRUE(before.are_those_of(generator));
    }
}

class FlatGeneratorInvalid : public Flat, public testing::WithParamInterface<InvalidTransfer> {};

TEST_P(FlatGeneratorInvalid, IsRefusedByInit)
{
    auto transfer = some_transfer();
    GetParam().spoil(transfer);
    auto generator = poisoned();
    const Bytes before(generator);
    EXPECT_EQ(dsaio_generator_init(&generator, &transfer, true, 4096), -GetParam().error);
    EXPECT_TRUE(before.are_those_of(generator));
}

TEST_P(FlatGeneratorInvalid, IsRefusedByPrep)
{
    const auto transfer = some_transfer();
    auto generator = poisoned();
    ASSERT_EQ(dsaio_generator_init(&generator, &transfer, true, 4096), 0);
    GetParam().spoil(generator.transfer);
    const Bytes before(generator);
    Requests requests(3);
    EXPECT_EQ(dsaio_generator_prep(&generator, requests.pointers(), 3), -GetParam().error);
    EXPECT_TRUE(requests.untouched());
    EXPECT_TRUE(before.are_those_of(generator));
}

INSTANTIATE_TEST_SUITE_P(Transfer, FlatGeneratorInvalid, testing::ValuesIn(invalid_transfers),
                         invalid_name);

}  // namespace
