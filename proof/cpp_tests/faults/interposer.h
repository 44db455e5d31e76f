#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

// A system call that the kernel is about to make for this process.
struct Call {
    long number;
    long arguments[6];
    int count;  // of the calls of this number, from 0
};

constexpr long let_it_through = 1L << 40;

// From now on `answer` decides about these system calls of this thread, and of threads that it
// starts: it returns what the caller gets (a count, or a negative errno), or let_it_through. It
// runs on another thread of this process, whose own calls are not intercepted. Ends the process
// with the reason as skipped where the kernel cannot do that.
void intercept(const std::vector<int>& numbers, std::function<long(const Call&)> answer);
