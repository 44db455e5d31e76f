// io_prep_context and io_prep_generator: what the random calls of proof/differential never do.

#include "parity/objects.h"

#include <gtest/gtest.h>

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

}  // namespace
