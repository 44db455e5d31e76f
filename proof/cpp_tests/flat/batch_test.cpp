// dsaio_prep_batch: what it writes, and what it refuses.

#include "flat/flat.h"
#include "flat/invalid_transfers.h"

namespace {

using FlatBatch = Flat;

TEST_F(FlatBatch, FillsEveryByteOfEachRequest)
{
    const auto transfer = some_transfer();
    for (const bool read_op : {false, true}) {
        Requests requests(3);
        ASSERT_EQ(dsaio_prep_batch(&transfer, read_op, 4096, 0, requests.pointers(), 3), 3);
        for (int64_t i = 0; i < 3; ++i) {
            EXPECT_TRUE(requests.is(i, read_op, 5, memory_at(transfer, i * 4096),
                                    i < 2 ? 4096 : 10000 - 2 * 4096, (1 << 20) + i * 4096))
                << "block " << i;
        }
    }
}

TEST_F(FlatBatch, BeginsAtThePosition)
{
    const auto transfer = some_transfer();
    // On a block's border, and off it.
    for (const int64_t position : {4096, 5000}) {
        Requests requests(2);
        ASSERT_EQ(dsaio_prep_batch(&transfer, true, 4096, position, requests.pointers(), 2), 2);
        EXPECT_TRUE(requests.is(0, true, 5, memory_at(transfer, position), 4096,
                                (1 << 20) + position));
        EXPECT_TRUE(requests.is(1, true, 5, memory_at(transfer, position + 4096),
                                10000 - position - 4096, (1 << 20) + position + 4096));
    }
}

TEST_F(FlatBatch, FillsNoMoreThanThereIsRoomFor)
{
    const auto transfer = some_transfer();
    Requests requests(3);
    ASSERT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, requests.pointers(), 2), 2);
    EXPECT_TRUE(requests.is(1, true, 5, memory_at(transfer, 4096), 4096, (1 << 20) + 4096));
    EXPECT_TRUE(requests.untouched_from(2));
}

TEST_F(FlatBatch, FillsNoMoreThanIsLeft)
{
    const auto transfer = some_transfer();
    Requests requests(8);
    // Pointers beyond the last block are not looked at.
    requests.pointers()[7] = nullptr;
    ASSERT_EQ(dsaio_prep_batch(&transfer, true, 4096, 8192, requests.pointers(), 8), 1);
    EXPECT_TRUE(requests.is(0, true, 5, memory_at(transfer, 8192), 10000 - 8192,
                            (1 << 20) + 8192));
    EXPECT_TRUE(requests.untouched_from(1));
}

TEST_F(FlatBatch, FillsNothingAtTheEnd)
{
    const auto transfer = some_transfer();
    Requests requests(2);
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 10000, requests.pointers(), 2), 0);
    EXPECT_TRUE(requests.untouched());
}

TEST_F(FlatBatch, NoRequestsNeedNoArray)
{
    const auto transfer = some_transfer();
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, nullptr, 0), 0);
}

TEST_F(FlatBatch, AnEmptyTransferNeedsNoBuffer)
{
    auto transfer = some_transfer();
    transfer.num_bytes = 0;
    transfer.buffer = nullptr;
    Requests requests(1);
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, requests.pointers(), 1), 0);
    EXPECT_TRUE(requests.untouched());
}

TEST_F(FlatBatch, ABlockMayBeLargerThanTheTransfer)
{
    const auto transfer = some_transfer();
    for (const uint64_t block_size : {UINT64_C(10000), UINT64_C(1) << 63, UINT64_MAX}) {
        Requests requests(2);
        ASSERT_EQ(dsaio_prep_batch(&transfer, false, block_size, 0, requests.pointers(), 2), 1);
        EXPECT_TRUE(requests.is(0, false, 5, memory_at(transfer, 0), 10000, 1 << 20));
        EXPECT_TRUE(requests.untouched_from(1));
    }
}

TEST_F(FlatBatch, ReachesTheLastAddressableByte)
{
    auto transfer = some_transfer();
    transfer.file_offset = INT64_MAX - transfer.num_bytes;
    transfer.buffer =
        reinterpret_cast<void*>(UINT64_MAX - transfer.buffer_offset - transfer.num_bytes);
    Requests requests(3);
    ASSERT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, requests.pointers(), 3), 3);
    EXPECT_TRUE(requests.is(2, true, 5, memory_at(transfer, 8192), 10000 - 8192,
                            transfer.file_offset + 8192));
}

TEST_F(FlatBatch, RefusesNullPointers)
{
    const auto transfer = some_transfer();
    Requests requests(3);
    EXPECT_EQ(dsaio_prep_batch(nullptr, true, 4096, 0, requests.pointers(), 3), -EFAULT);
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, nullptr, 3), -EFAULT);
    // The first two are not filled either.
    requests.pointers()[2] = nullptr;
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, requests.pointers(), 3), -EFAULT);
    EXPECT_TRUE(requests.untouched());
}

TEST_F(FlatBatch, RefusesBlockSizeZero)
{
    const auto transfer = some_transfer();
    Requests requests(3);
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 0, 0, requests.pointers(), 3), -EINVAL);
    EXPECT_TRUE(requests.untouched());
}

TEST_F(FlatBatch, RefusesPositionsOutsideTheTransfer)
{
    const auto transfer = some_transfer();
    Requests requests(3);
    for (const int64_t position : {INT64_C(-1), INT64_MIN, INT64_C(10001), INT64_MAX}) {
        EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, position, requests.pointers(), 3),
                  -EINVAL)
            << position;
    }
    EXPECT_TRUE(requests.untouched());
}

class FlatBatchInvalid : public Flat, public testing::WithParamInterface<InvalidTransfer> {};

TEST_P(FlatBatchInvalid, IsRefused)
{
    auto transfer = some_transfer();
    GetParam().spoil(transfer);
    const auto before = transfer;
    Requests requests(3);
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, requests.pointers(), 3),
              -GetParam().error);
    EXPECT_TRUE(requests.untouched());
    EXPECT_EQ(memcmp(&transfer, &before, sizeof transfer), 0);
    // The transfer is checked even where nothing is asked for.
    EXPECT_EQ(dsaio_prep_batch(&transfer, true, 4096, 0, nullptr, 0), -GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Transfer, FlatBatchInvalid, testing::ValuesIn(invalid_transfers),
                         invalid_name);

}  // namespace
