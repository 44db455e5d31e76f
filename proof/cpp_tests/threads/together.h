#pragma once

#include <functional>
#include <future>
#include <thread>
#include <vector>

// More than most machines that run this have processors.
constexpr int thread_count = 8;

// Runs `work` in many threads, each with its number, from one moment on.
inline void together(const std::function<void(int)>& work)
{
    std::promise<void> start;
    const auto started = start.get_future().share();
    std::vector<std::thread> threads;
    for (int number = 0; number < thread_count; ++number) {
        threads.emplace_back([&work, started, number] {
            started.wait();
            work(number);
        });
    }
    start.set_value();
    for (auto& thread : threads) { thread.join(); }
}
