// A caller's array is one byte too short.
#include <cstring>
#include <vector>

int main(int argc, char**)
{
    std::vector<char> memory(63 + argc);
    char* end = memory.data() + memory.size();
    end[argc - 1] = 1;
    return memory[0];
}
