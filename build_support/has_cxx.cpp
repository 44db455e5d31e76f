// Compiles wherever a C++ compiler and its standard library are installed.
#include <memory>
#include <vector>

std::unique_ptr<std::vector<int>> has_cxx;
