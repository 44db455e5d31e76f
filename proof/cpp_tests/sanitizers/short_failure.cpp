// The second library is promised a whole struct and given a part of one: it writes behind the
// caller's memory.
#include <dsaio_transfer.h>

#include <cstdlib>

int main()
{
    auto* failure = static_cast<dsaio_failure*>(malloc(100));
    const int result = dsaio_queue_read(nullptr, 0, 0, nullptr, 0, 1, failure);
    free(failure);
    return result == 0;
}
