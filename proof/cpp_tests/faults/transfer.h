#pragma once

#include "faults/memory.h"

// Exit statuses of the process that makes the transfer.
constexpr int returned = 0, refused_to_open = 3, wrong_in_a_round = 4, recorded = 5,
              wrong_record = 6, cannot_run = 77;

// The file's and the memory's bytes at a position of the file: those that the transfer moves, those
// that were there before, and those around the transfer's memory. They differ at every position,
// and no byte that is moved is 0, as a hole is.
inline unsigned char moved_byte(int64_t position)
{
    const auto x = (static_cast<uint64_t>(position) >> 2) * 0x9e3779b97f4a7c15u;
    return static_cast<unsigned char>(x >> (32 + 8 * (position & 3))) | 1;
}
inline unsigned char old_byte(int64_t position)
{
    return static_cast<unsigned char>(~moved_byte(position));
}

// Makes the case's transfer in this process, and does not return.
[[noreturn]] void make_transfer(const Case& fault_case, const std::string& path, Memory& memory);

// For what a case does before its transfer: ends the process with the reason why it cannot run.
[[noreturn]] void skip(const std::string& reason);
