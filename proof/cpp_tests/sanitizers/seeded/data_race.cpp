// Two threads count in one variable.
#include <thread>

int main()
{
    int counter = 0;
    std::thread other([&] { ++counter; });
    ++counter;
    other.join();
    return counter > 2;
}
