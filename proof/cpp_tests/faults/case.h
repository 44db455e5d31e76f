#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

constexpr int64_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

// What became of a transfer.
//
//   right    the call returned; every byte is as it should be, in the file and in memory
//   named    it did not return, or the failure was recorded, and a line says what failed
//   silent   the call returned, and bytes are wrong
//   died     a signal or an assertion, and no line that says which transfer failed and why
//   hangs    it had not ended when its time was up
//   skipped  this machine has not what the case needs
enum class Outcome { right, named, silent, died, hangs, skipped };

const char* name_of(Outcome outcome);

struct Result {
    Outcome outcome;
    std::string detail;
};

// Where the file lies. All but `usual` are mounted for one case, in a mount namespace of its own.
enum class Disk {
    usual,        // the first directory that takes O_DIRECT; see support/direct_io_dir.h
    tmpfs,        // 1 MiB
    ext4,         // 2 MiB
    sectors_4k,   // ext4 on a disk of 4 KiB sectors
    failing,      // ext4, for fail_disk()
    overlay,      // overlayfs on such an ext4
    inline_data,  // ext4 that keeps small files in their inodes, for fail_disk()
    ramfs,        // refuses O_DIRECT
};

// The process that is about to make a transfer, with its file open.
struct Stage {
    int fd;
    char* memory;  // page-aligned, unless the case shifts it
    int64_t num_bytes;
};

struct Case {
    std::string fault, name;
    bool read_op, overlap, single_submit;

    Disk disk = Disk::usual;
    int64_t file_offset = 0;
    int64_t num_bytes = 1 * MiB;
    int64_t memory_shift = 0;  // from a page boundary
    int block_size = 128 * KiB;
    int queue_depth = 8;
    // The size of the file before the transfer; by default it ends some KiB behind it.
    int64_t old_size = -1;
    // Where the transfer is cut; each piece is moved by a thread of its own, all at once.
    std::vector<int64_t> cuts;
    // The memory is one piece of 2 MiB over and over, and only what its end receives is checked.
    bool folded = false;
    // How often the transfer is made; the bytes differ from round to round.
    int rounds = 1;
    // What is done to the process between opening the file and constructing the aio_context.
    std::function<void(Stage&)> before;

    // Empty: every byte must move. Otherwise a failure must name one of these.
    std::vector<int> errors;
    // The transfer is on another descriptor than that of the file, whose path the line need not
    // have.
    bool other_descriptor = false;
    // The line that ends the process in place of that of a failed transfer, also with a recorder.
    std::string line;
    // The failure goes to a recorder, in place of a line and an abort. Ours alone has these.
    bool recorded = false;
    // How many bytes the line must say were moved; -1: not more than were.
    int64_t moved = -1;
};

// Makes the transfer in a process of its own, and says what became of it. The calling process is
// one for this case alone: it may end in a mount namespace of its own.
Result run_case(const Case& fault_case, int time_limit_s);
