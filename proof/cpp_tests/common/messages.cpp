// Everything that the second library prints or computes without a transfer, for messages.sh to
// compare with the original's. Strings of all lengths: short ones lie elsewhere than long ones.

#include <deepspeed_aio_common.h>

#include <cerrno>
#include <cstdio>
#include <iostream>

namespace {

const std::string lengths[] = {"",
                               "a",
                               std::string("a\0b", 3),
                               std::string(15, 'b'),
                               std::string(22, 'c'),
                               std::string(23, 'd'),
                               std::string(300, 'e')};

void file(const std::string& contents) { std::ofstream("file") << contents; }

void read_into(std::vector<char>& buffer)
{
    const bool enough = buffer.capacity() >= 12345;
    const char* before = buffer.data();
    const int result = regular_read("file", buffer);
    std::cout << result << " " << buffer.size() << " " << (buffer.capacity() >= buffer.size())
              << " " << (enough && buffer.data() != before) << " "
              << std::string(buffer.data(), buffer.size()) << std::endl;
}

}  // namespace

int main()
{
    const double numbers[] = {0, 1.5, -2, 123456.7, 1234567.8, 1e-5, 0.1, 1e300, 1.0 / 3};
    deepspeed_aio_latency_t latency{1, 2, 3};
    for (const double number : numbers) {
        latency.accumulate({number, number / 3, number * 7});
        latency.dump("accumulated ");
        latency.scale(0.37f);
        latency.dump("scaled ");
    }
    for (const auto& length : lengths) { latency.dump(length); }
    std::string roomy;
    roomy.reserve(1000);
    latency.dump(roomy.append("more room than characters"));
    std::cout << "between" << std::endl;
    latency.dump("after");

    const deepspeed_aio_config_t plain, other(4096, 3, true, false, true);
    for (const auto* config : {&plain, &other}) {
        std::cout << config->_block_size << " " << config->_queue_depth << " "
                  << config->_single_submit << config->_overlap_events << config->_lock_memory
                  << std::endl;
    }

    report_file_error("file", "do", 5);
    report_file_error("", lengths[2], -1);
    report_file_error("a name", lengths[6], 2147483647);
    for (const bool read_op : {true, false}) {
        std::cout << open_file("/nonexistent/file", read_op);
        std::cout << " errno " << errno << std::endl;
    }

    std::vector<char> buffer;
    file("");
    read_into(buffer);
    file(std::string(12345, 'x'));
    read_into(buffer);
    file("short");
    read_into(buffer);
    file(std::string(777, 'y'));
    read_into(buffer);
    buffer.push_back('z');  // the memory is the C++ runtime's, which frees it
    std::vector<char>(buffer).swap(buffer);

    std::string same(777, 'y');
    std::cout << validate_aio_operation(true, "file", &same[0], 777) << std::endl;
    std::cout << validate_aio_operation(false, "file", &same[0], 776) << std::endl;
    std::cout << validate_aio_operation(false, "file", &same[0], -1) << std::endl;
    same[776] = 'x';
    std::cout << validate_aio_operation(false, "file", &same[0], 777) << std::endl;
    file("");
    std::cout << validate_aio_operation(true, "file", &same[0], 0) << std::endl;
}
