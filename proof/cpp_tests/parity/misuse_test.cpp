// Outside the domain: one line that names the function, the condition and the values, then abort.
// Where the original dies too, that is checked beside it.

#include "parity/objects.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

namespace {

// Exactly one line, from the first character to the last.
std::string line(const std::string& text) { return "^deepspeed_aio_utils: " + text + "\n$"; }

void prep_batch(LoadedLibrary& library, int n_iocbs, uint64_t block_size, std::vector<iocb*>* iocbs,
                bool with_transfer = true)
{
    Transfer transfer;
    transfer.num_bytes = 8192;
    XferStorage xfer = transfer.construct(library);
    const void* owned = with_transfer ? &xfer : nullptr;
    ContextStorage context;
    library.new_context(&context, true, &owned, block_size, iocbs);
    library.context_prep(&context, n_iocbs, 8192, transfer.buffer, 0);
}

void prep_generator(LoadedLibrary& library, int n_iocbs, std::vector<iocb*>* iocbs,
                    int64_t num_bytes = 8192, bool with_transfer = true)
{
    Transfer transfer;
    transfer.num_bytes = num_bytes;
    XferStorage xfer = transfer.construct(library);
    const void* owned = &xfer;
    GeneratorStorage generator;
    library.new_generator(&generator, true, &owned, 4096);
    if (!with_transfer) { owned = nullptr; }
    library.generator_prep(&generator, n_iocbs, iocbs);
}

void new_generator(LoadedLibrary& library, int64_t num_bytes, uint64_t block_size,
                   bool with_transfer = true)
{
    Transfer transfer;
    transfer.num_bytes = num_bytes;
    XferStorage xfer = transfer.construct(library);
    const void* owned = with_transfer ? &xfer : nullptr;
    GeneratorStorage generator;
    library.new_generator(&generator, true, &owned, block_size);
}

class MisuseDeathTest : public testing::Test {
  protected:
    // The library must have been opened before the fork: a child that opens it may print.
    void SetUp() override
    {
        original();
        ours();
    }

    static void aborts(const std::function<void()>& call, const std::string& text)
    {
        EXPECT_EXIT(call(), testing::KilledBySignal(SIGABRT), line(text));
    }
    // An assertion, or a crash on a null pointer.
    static void kills_the_original(const std::function<void()>& call)
    {
        EXPECT_DEATH(call(), "");
    }

    Iocbs two_{2};
    std::vector<iocb*> with_null_{(*two_.vector())[0], nullptr};
};

const std::string batch = "io_prep_context::prep_iocbs: ";
const std::string generator = "io_prep_generator::prep_iocbs: ";
const std::string constructor = "io_prep_generator::io_prep_generator: ";

TEST_F(MisuseDeathTest, BatchOfMoreIocbsThanTheVectorHas)
{
    kills_the_original([&] { prep_batch(original(), 3, 4096, two_.vector()); });
    aborts([&] { prep_batch(ours(), 3, 4096, two_.vector()); },
           batch + "n_iocbs is 3 and there are 2 iocbs; ask for 0 to 2");
}

TEST_F(MisuseDeathTest, BatchOfANegativeNumberOfIocbs)
{
    kills_the_original([&] { prep_batch(original(), -1, 4096, two_.vector()); });
    aborts([&] { prep_batch(ours(), -1, 4096, two_.vector()); },
           batch + "n_iocbs is -1 and there are 2 iocbs; ask for 0 to 2");
}

TEST_F(MisuseDeathTest, BatchIntoNoVector)
{
    kills_the_original([&] { prep_batch(original(), 1, 4096, nullptr); });
    aborts([&] { prep_batch(ours(), 1, 4096, nullptr); },
           batch + "iocbs is a null pointer; pass a valid one");
}

TEST_F(MisuseDeathTest, BatchIntoANullIocb)
{
    kills_the_original([&] { prep_batch(original(), 2, 4096, &with_null_); });
    aborts([&] { prep_batch(ours(), 2, 4096, &with_null_); },
           batch + "the iocb at index 1 is a null pointer; [^\n]*");
}

TEST_F(MisuseDeathTest, BatchOfNoTransfer)
{
    kills_the_original([&] { prep_batch(original(), 1, 4096, two_.vector(), false); });
    aborts([&] { prep_batch(ours(), 1, 4096, two_.vector(), false); },
           batch + "xfer_ctxt is a null pointer; pass a valid one");
}

TEST_F(MisuseDeathTest, BatchOfBlocksOfNoBytes)
{
    // The original prepares requests of 0 bytes for ever.
    aborts([&] { prep_batch(ours(), 1, 0, two_.vector()); },
           batch + "block_size is 0; a block must hold at least one byte");
}

TEST_F(MisuseDeathTest, GeneratorOfMoreIocbsThanTheVectorHas)
{
    kills_the_original([&] { prep_generator(original(), 3, two_.vector()); });
    aborts([&] { prep_generator(ours(), 3, two_.vector()); },
           generator + "n_iocbs is 3 and there are 2 iocbs; ask for 0 to 2");
}

TEST_F(MisuseDeathTest, GeneratorOfANegativeNumberOfIocbs)
{
    kills_the_original([&] { prep_generator(original(), -1, two_.vector()); });
    aborts([&] { prep_generator(ours(), -1, two_.vector()); },
           generator + "n_iocbs is -1 and there are 2 iocbs; ask for 0 to 2");
}

TEST_F(MisuseDeathTest, GeneratorIntoNoVector)
{
    kills_the_original([&] { prep_generator(original(), 1, nullptr); });
    aborts([&] { prep_generator(ours(), 1, nullptr); },
           generator + "iocbs is a null pointer; pass a valid one");
}

TEST_F(MisuseDeathTest, GeneratorIntoANullIocb)
{
    kills_the_original([&] { prep_generator(original(), 2, &with_null_); });
    aborts([&] { prep_generator(ours(), 2, &with_null_); },
           generator + "the iocb at index 1 is a null pointer; [^\n]*");
}

TEST_F(MisuseDeathTest, GeneratorWhoseTransferIsGone)
{
    kills_the_original([&] { prep_generator(original(), 1, two_.vector(), 8192, false); });
    aborts([&] { prep_generator(ours(), 1, two_.vector(), 8192, false); },
           generator + "xfer_ctxt is a null pointer; pass a valid one");
}

TEST_F(MisuseDeathTest, GeneratorWithBytesButNoBlocks)
{
    kills_the_original([&] { prep_generator(original(), 1, two_.vector(), -5); });
    aborts([&] { prep_generator(ours(), 1, two_.vector(), -5); },
           generator + "_remaining_bytes is -5 and _remaining_io_blocks is 0; [^\n]*");
}

TEST_F(MisuseDeathTest, NewGeneratorOfNoTransfer)
{
    kills_the_original([&] { new_generator(original(), 8192, 4096, false); });
    aborts([&] { new_generator(ours(), 8192, 4096, false); },
           constructor + "xfer_ctxt is a null pointer; pass a valid one");
}

TEST_F(MisuseDeathTest, NewGeneratorOfBlocksOfNoBytes)
{
    // The original divides by 0.0 and converts infinity to int64_t: undefined.
    aborts([&] { new_generator(ours(), 8192, 0); },
           constructor + "block_size is 0; a block must hold at least one byte");
}

TEST_F(MisuseDeathTest, NewGeneratorOfMoreBlocksThanInt64Counts)
{
    aborts([&] { new_generator(ours(), INT64_MAX, 1); },
           constructor + "num_bytes 9223372036854775807 in blocks of block_size 1 makes more [^\n]*");
}

TEST_F(MisuseDeathTest, SizeIntoNoVariable)
{
    int64_t& none = *static_cast<int64_t*>(nullptr);
    aborts([&] { ours().file_size("/", none); },
           "get_file_size: size is a null pointer; pass a valid one");
    aborts([&] { ours().fd_file_size(0, none); },
           "get_fd_file_size: size is a null pointer; pass a valid one");
}

}  // namespace
