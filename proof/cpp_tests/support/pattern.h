#pragma once

#include <cstddef>
#include <cstdint>

// Bytes that differ at every position and for every seed, so that a block that ends up in the wrong
// place, or is missing, shows.
inline unsigned char pattern_byte(uint64_t seed, uint64_t position)
{
    uint64_t x = (position >> 3) * 0x9e3779b97f4a7c15u + seed;
    x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
    return static_cast<unsigned char>((x >> 20) >> (8 * (position & 7)) % 40);
}

inline void fill_pattern(void* memory, size_t size, uint64_t seed)
{
    auto* bytes = static_cast<unsigned char*>(memory);
    for (size_t i = 0; i < size; ++i) { bytes[i] = pattern_byte(seed, i); }
}

// The first position whose byte differs from the pattern, or `size`.
inline size_t first_difference(const void* memory, size_t size, uint64_t seed)
{
    const auto* bytes = static_cast<const unsigned char*>(memory);
    size_t i = 0;
    while (i < size && bytes[i] == pattern_byte(seed, i)) { ++i; }
    return i;
}

// The first position whose byte is not `value`, or `size`.
inline size_t first_other_than(const void* memory, size_t size, unsigned char value)
{
    const auto* bytes = static_cast<const unsigned char*>(memory);
    size_t i = 0;
    while (i < size && bytes[i] == value) { ++i; }
    return i;
}
