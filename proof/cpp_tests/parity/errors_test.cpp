// Calls that the library rejects: one line that names the function, the condition and the values,
// then abort. Where the original aborts or crashes too, that is checked beside it.

#include "parity/objects.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

namespace {

// Arguments that are accepted; each case changes some of them.
struct Arguments {
    int n_iocbs = 1;
    int64_t num_bytes = 8192;
    uint64_t block_size = 4096;
    bool has_iocbs = true;
    bool has_null_iocb = false;
    bool has_transfer = true;
    bool transfer_goes_away = false;
};

struct Objects {
    explicit Objects(LoadedLibrary& library, const Arguments& arguments)
    {
        transfer.num_bytes = arguments.num_bytes;
        xfer = transfer.construct(library);
        owned = arguments.has_transfer ? &xfer : nullptr;
        if (arguments.has_null_iocb) { two.vector()->back() = nullptr; }
        iocbs = arguments.has_iocbs ? two.vector() : nullptr;
    }
    Transfer transfer;
    XferStorage xfer;
    const void* owned;
    Iocbs two{2};
    std::vector<iocb*>* iocbs;
};

void batch(LoadedLibrary& library, const Arguments& arguments)
{
    Objects objects(library, arguments);
    ContextStorage context;
    library.new_context(&context, true, &objects.owned, arguments.block_size, objects.iocbs);
    library.context_prep(&context, arguments.n_iocbs, 8192, objects.transfer.buffer, 0);
}

void generator(LoadedLibrary& library, const Arguments& arguments)
{
    Objects objects(library, arguments);
    GeneratorStorage generator;
    library.new_generator(&generator, true, &objects.owned, arguments.block_size);
    if (arguments.transfer_goes_away) { objects.owned = nullptr; }
    library.generator_prep(&generator, arguments.n_iocbs, objects.iocbs);
}

struct Case {
    const char* name;
    void (*call)(LoadedLibrary&, const Arguments&);
    void (*change)(Arguments&);
    const char* message;
    // Otherwise it goes on for ever, or its behaviour is undefined.
    bool original_ends = true;
};

std::ostream& operator<<(std::ostream& out, const Case& error) { return out << error.name; }

// The text after "io_prep_context::" or "io_prep_generator::".
const Case cases[] = {
    {"BatchOfMoreIocbsThanTheVectorHas", batch, [](auto& a) { a.n_iocbs = 3; },
     "prep_iocbs: n_iocbs is 3 and there are 2 iocbs; ask for 0 to 2"},
    {"BatchOfANegativeNumberOfIocbs", batch, [](auto& a) { a.n_iocbs = -1; },
     "prep_iocbs: n_iocbs is -1 and there are 2 iocbs; ask for 0 to 2"},
    {"BatchIntoNoVector", batch, [](auto& a) { a.has_iocbs = false; },
     "prep_iocbs: iocbs is a null pointer; pass a valid one"},
    {"BatchIntoANullIocb", batch,
     [](auto& a) {
         a.n_iocbs = 2;
         a.has_null_iocb = true;
     },
     "prep_iocbs: the iocb at index 1 is a null pointer; [^\n]*"},
    {"BatchOfNoTransfer", batch, [](auto& a) { a.has_transfer = false; },
     "prep_iocbs: xfer_ctxt is a null pointer; pass a valid one"},
    {"BatchOfBlocksOfNoBytes", batch, [](auto& a) { a.block_size = 0; },
     "prep_iocbs: block_size is 0; a block must hold at least one byte", false},
    {"GeneratorOfMoreIocbsThanTheVectorHas", generator, [](auto& a) { a.n_iocbs = 3; },
     "prep_iocbs: n_iocbs is 3 and there are 2 iocbs; ask for 0 to 2"},
    {"GeneratorOfANegativeNumberOfIocbs", generator, [](auto& a) { a.n_iocbs = -1; },
     "prep_iocbs: n_iocbs is -1 and there are 2 iocbs; ask for 0 to 2"},
    {"GeneratorIntoNoVector", generator, [](auto& a) { a.has_iocbs = false; },
     "prep_iocbs: iocbs is a null pointer; pass a valid one"},
    {"GeneratorIntoANullIocb", generator,
     [](auto& a) {
         a.n_iocbs = 2;
         a.has_null_iocb = true;
     },
     "prep_iocbs: the iocb at index 1 is a null pointer; [^\n]*"},
    {"GeneratorWhoseTransferIsGone", generator, [](auto& a) { a.transfer_goes_away = true; },
     "prep_iocbs: xfer_ctxt is a null pointer; pass a valid one"},
    {"GeneratorWithBytesButNoBlocks", generator, [](auto& a) { a.num_bytes = -5; },
     "prep_iocbs: _remaining_bytes is -5 and _remaining_io_blocks is 0; [^\n]*"},
    {"NewGeneratorOfNoTransfer", generator, [](auto& a) { a.has_transfer = false; },
     "io_prep_generator: xfer_ctxt is a null pointer; pass a valid one"},
    {"NewGeneratorOfBlocksOfNoBytes", generator, [](auto& a) { a.block_size = 0; },
     "io_prep_generator: block_size is 0; a block must hold at least one byte", false},
    {"NewGeneratorOfMoreBlocksThanInt64Counts", generator,
     [](auto& a) {
         a.num_bytes = INT64_MAX;
         a.block_size = 1;
     },
     "io_prep_generator: num_bytes 9223372036854775807 in blocks of block_size 1 makes more [^\n]*",
     false},
};

// The libraries must have been opened before the fork: a child that opens one may print.
class Errors : public testing::TestWithParam<Case> {
  protected:
    void SetUp() override { original(), ours(); }
};

// Exactly one line, from the first character to the last, and the one that qemu-user adds.
void aborts(const std::function<void()>& call, const std::string& text)
{
    EXPECT_EXIT(call(), testing::KilledBySignal(SIGABRT),
                "^deepspeed_aio_utils: " + text + "\n(qemu: [^\n]*\n)?$");
}

TEST_P(Errors, AbortWithOneLine)
{
    const Case& error = GetParam();
    Arguments arguments;
    error.change(arguments);
    // An assertion, or a crash on a null pointer.
    if (error.original_ends) { EXPECT_DEATH(error.call(original(), arguments), ""); }
    const std::string object = error.call == batch ? "io_prep_context::" : "io_prep_generator::";
    aborts([&] { error.call(ours(), arguments); }, object + error.message);
}

INSTANTIATE_TEST_SUITE_P(Prep, Errors, testing::ValuesIn(cases),
                         [](const auto& info) { return info.param.name; });

TEST(FileSizeErrors, AbortWithoutAVariable)
{
    int64_t& none = *static_cast<int64_t*>(nullptr);
    aborts([&] { ours().file_size("/", none); },
           "get_file_size: size is a null pointer; pass a valid one");
    aborts([&] { ours().fd_file_size(0, none); },
           "get_fd_file_size: size is a null pointer; pass a valid one");
}

}  // namespace
