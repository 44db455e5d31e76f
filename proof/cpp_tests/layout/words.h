#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

// Byte offset of the one word of `object` that holds `value`; -1 where none or several do.
template <typename T>
int place_in(const T& object, const void* value)
{
    int place = -1;
    for (size_t offset = 0; offset + sizeof(void*) <= sizeof(T); offset += sizeof(void*)) {
        const void* word;
        std::memcpy(&word, reinterpret_cast<const char*>(&object) + offset, sizeof word);
        if (word == value) {
            if (place != -1) { return -1; }
            place = static_cast<int>(offset);
        }
    }
    return place;
}

// Storage for an object, filled with a byte that no valid pointer is made of.
template <typename T>
class Poisoned {
  public:
    Poisoned() { std::memset(storage_, 0xa5, sizeof storage_); }
    void* storage() { return storage_; }
    int place_of(const void* value) const { return place_in(storage_, value); }

  private:
    alignas(T) char storage_[sizeof(T)];
};

// How much memory the process has locked.
inline long locked_kib()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.compare(0, 6, "VmLck:") == 0) { return std::stol(line.substr(6)); }
    }
    return -1;
}
