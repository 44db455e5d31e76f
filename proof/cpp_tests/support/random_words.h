#pragma once

#include <cstdint>

// Bytes for large transfers, made and summed at the speed of memory. (pattern.h is for tests, which
// want to know where a byte differs.)

// xorshift64*: no two pages are alike, and no page is zero.
inline void fill(void* buffer, int64_t bytes, uint64_t seed)
{
    auto* words = static_cast<uint64_t*>(buffer);
    uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
    for (int64_t i = 0; i < bytes / 8; ++i) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        words[i] = state * 0x2545F4914F6CDD1Du;
    }
}

// Depends on every word and its place. Goes on from the sum of what came before.
inline uint64_t checksum(const void* buffer, int64_t bytes, uint64_t sum = 0)
{
    const auto* words = static_cast<const uint64_t*>(buffer);
    for (int64_t i = 0; i < bytes / 8; ++i) {
        sum = (((sum << 5) | (sum >> 59)) ^ words[i]) * 0x9E3779B97F4A7C15u + 1;
    }
    return sum;
}
