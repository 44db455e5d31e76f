#pragma once

#include "faults/case.h"

// The memory of a transfer, with some around it, and what must have become of both. The pages are
// mapped a second time, so that a case may unmap or protect its own mapping.
class Memory {
  public:
    explicit Memory(const Case& fault_case);

    // Where the transfer's memory begins.
    char* start() const { return region_ + front + shift_; }

    // Before the transfer: bytes to write, or bytes that a read replaces.
    void fill();
    // On return from a transfer: keeps what `start` to `end` has become for the check, and
    // overwrites it. What is still in flight then writes wrong bytes to the file.
    void seal(int64_t start, int64_t end);
    // How many bytes are not as they should be after a transfer that is complete; if it is not,
    // only those around the transfer's memory count, and those that change after seal(). Unless 0,
    // `first` is the position of the first in the transfer.
    int64_t wrong_bytes(bool complete, int64_t& first) const;
    // How many bytes were read up to the first that was not.
    int64_t read_bytes() const;

  private:
    static constexpr int64_t front = 64 * KiB, back = 64 * KiB, fold = 2 * MiB;

    unsigned char expected(int64_t index, bool before) const;
    unsigned char after_transfer(int64_t index) const;
    bool is_inside(int64_t index) const;

    const Case& case_;
    int64_t shift_, size_;
    int64_t cut_ = 0;      // what is checked begins here
    char* region_;         // the case's own mapping
    unsigned char* view_;  // the second one, from cut_ on
    unsigned char* kept_;  // what seal() keeps; of the same size
    bool* sealed_;         // in memory that processes share
};
