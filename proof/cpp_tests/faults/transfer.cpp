// Makes one transfer, by the functions of DeepSpeed's that the two libraries define.

#include "faults/transfer.h"

#include <deepspeed_aio_common.h>
#include <dsaio_transfer.h>

#include <dlfcn.h>
#include <algorithm>
#include <atomic>
#include <thread>

namespace {

// `to_seal` is null in all rounds but the last.
void move_piece(const Case& c, const Stage& stage, int64_t start, int64_t end, Memory* to_seal)
{
    deepspeed_aio_config_t config(c.block_size, c.queue_depth, c.single_submit, c.overlap, false);
    auto context = std::make_unique<aio_context>(c.block_size, c.queue_depth);
    // As DeepSpeed does it: one address for all threads, and an offset for each.
    auto transfer = std::make_unique<io_xfer_ctxt>(stage.fd, c.file_offset + start, start,
                                                   end - start, stage.memory);
    auto* move = c.overlap ? do_aio_operation_overlap : do_aio_operation_sequential;
    move(c.read_op, context, transfer, &config, nullptr);
    // While the context lives: its destructor waits for what is in flight.
    if (to_seal != nullptr) { to_seal->seal(start, end); }
}

void move_all(const Case& c, const Stage& stage, Memory* to_seal)
{
    if (c.cuts.empty()) {
        move_piece(c, stage, 0, c.num_bytes, to_seal);
        return;
    }
    std::vector<int64_t> ends = c.cuts;
    ends.push_back(c.num_bytes);
    std::vector<std::thread> threads;
    std::atomic<size_t> ready{0};
    int64_t start = 0;
    for (const int64_t end : ends) {
        threads.emplace_back([&, start, end] {
            ++ready;
            while (ready < ends.size()) {}
            move_piece(c, stage, start, end, to_seal);
        });
        start = end;
    }
    for (auto& thread : threads) { thread.join(); }
}

// A function of ours, which the original does not have.
template <typename Function>
Function* ours(const char* name)
{
    return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// The same with a recorder. Its failure goes to stderr, as the line would.
[[noreturn]] void record(const Case& c, const Stage& stage, Memory& memory)
{
    dsaio_recorder* recorder = nullptr;
    ours<decltype(dsaio_recorder_new)>("dsaio_recorder_new")(&recorder);
    ours<decltype(dsaio_recorder_enter)>("dsaio_recorder_enter")(recorder);
    move_all(c, stage, &memory);
    const auto next = ours<decltype(dsaio_recorder_next)>("dsaio_recorder_next");
    static dsaio_failure failure, second;
    if (next(recorder, &failure) != 1) { _exit(returned); }
    fprintf(stderr, "deepspeed_aio_common: %s\n", failure.message);
    const bool numbers = failure.read_op == c.read_op && failure.file_offset == c.file_offset &&
                         failure.num_bytes == c.num_bytes &&
                         std::count(c.errors.begin(), c.errors.end(), failure.error) == 1 &&
                         next(recorder, &second) == 0;
    _exit(numbers ? recorded : wrong_record);
}

// Whether a round that is not the last wrote what it should.
bool is_written(const Case& c, const std::string& path, const char* memory)
{
    std::vector<char> bytes(c.num_bytes);
    const int fd = open(path.c_str(), O_RDONLY);
    const ssize_t got = pread(fd, bytes.data(), bytes.size(), c.file_offset);
    close(fd);
    return got == c.num_bytes && memcmp(bytes.data(), memory, got) == 0;
}

}  // namespace

void skip(const std::string& reason)
{
    printf("%s\n", reason.c_str());
    fflush(stdout);
    _exit(cannot_run);
}

void make_transfer(const Case& c, const std::string& path, Memory& memory)
{
    Stage stage{open_file(path.c_str(), c.read_op), memory.start(), c.num_bytes};
    if (stage.fd == -1) { _exit(refused_to_open); }
    if (c.before) { c.before(stage); }
    if (c.recorded) { record(c, stage, memory); }
    for (int round = c.rounds - 1; round >= 0; --round) {
        for (int64_t i = 0; c.rounds > 1 && i < c.num_bytes; ++i) {
            // Those of round 0, the last, are what the file must have.
            stage.memory[i] = static_cast<char>(moved_byte(c.file_offset + i) + 2 * round);
        }
        move_all(c, stage, round == 0 ? &memory : nullptr);
        if (round > 0 && !is_written(c, path, stage.memory)) { _exit(wrong_in_a_round); }
    }
    _exit(returned);
}
