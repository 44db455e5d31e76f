// The numbers of perf are plausible: ours and the original's.

#include "common/transfer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

void* ds_page_aligned_alloc(const int64_t size, const bool lock);  // 0.19.8 declares it elsewhere

namespace {

// (overlap, single submits, bytes)
class Perf : public testing::TestWithParam<std::tuple<bool, bool, int64_t>> {};

TEST_P(Perf, IsPlausible)
{
    std::string reason;
    const std::string directory = direct_io_dir(reason);
    if (directory.empty()) { GTEST_SKIP() << reason; }
    const auto [overlap, single, size] = GetParam();
    const TemporaryFile file(directory);
    const deepspeed_aio_config_t config(4096, 4, single, overlap, false);
    const std::unique_ptr<void, void (*)(void*)> memory(ds_page_aligned_alloc(size, false), free);
    memset(memory.get(), 'x', size);
    for (const bool read_op : {false, true}) {
        SCOPED_TRACE(read_op ? "read" : "write");
        deepspeed_aio_perf_t perf;
        memset(&perf, 0xff, sizeof perf);  // NaNs
        Call call;
        call.overlap = overlap;
        call.read_op = read_op;
        call.fd = open_file(file.path().c_str(), read_op);
        ASSERT_GE(call.fd, 0);
        call.settings = const_cast<deepspeed_aio_config_t*>(&config);
        call.perf = &perf;
        call.transfer(0, 0, size, memory.get());
        call.prepare().run();
        close(call.fd);

        for (const auto& latency : {perf._submit, perf._complete}) {
            // The average is of whole microseconds, each rounded down.
            EXPECT_EQ(latency._avg_usec, std::floor(latency._avg_usec));
            EXPECT_LT(latency._min_usec, latency._avg_usec + 1);
            EXPECT_LE(latency._avg_usec, latency._max_usec);
            EXPECT_GE(latency._min_usec, 0);
            EXPECT_LE(latency._max_usec, perf._e2e_usec);
        }
        EXPECT_GT(perf._submit._min_usec, 0);
        EXPECT_NEAR(perf._e2e_rate_GB * perf._e2e_usec * 1e3, size, 1e-6 * size);
    }
}

// One block, a hundred, and a tail, whose loss the original's numbers do not show.
INSTANTIATE_TEST_SUITE_P(Sizes, Perf,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Values(4096, 409600, 12388)));

}  // namespace
