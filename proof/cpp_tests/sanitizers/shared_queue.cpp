// Two threads use one queue, which the second library lets only one do: it races with itself.
#include <dsaio_transfer.h>
#include <fcntl.h>

#include <thread>

int main()
{
    const int zeros = open("/dev/zero", O_RDONLY);
    dsaio_queue* queue = nullptr;
    if (dsaio_queue_new(1, &queue) != 0) { return 0; }
    // A single block, so that nothing waits for a request of the other thread's.
    const auto read = [&] {
        char buffer[512];
        for (int i = 0; i < 100; ++i) {
            dsaio_queue_read(queue, zeros, 0, buffer, sizeof buffer, sizeof buffer, nullptr);
        }
    };
    std::thread other(read);
    read();
    other.join();
    dsaio_queue_free(queue);
}
