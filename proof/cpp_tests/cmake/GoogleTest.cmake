# GoogleTest: an installed library (Debian's libgtest-dev) or its sources (Debian's googletest).

find_package(GTest QUIET)
if(NOT GTest_FOUND AND EXISTS /usr/src/googletest/CMakeLists.txt)
  set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
  set(BUILD_GMOCK OFF CACHE BOOL "" FORCE)
  add_subdirectory(/usr/src/googletest "${CMAKE_CURRENT_BINARY_DIR}/googletest" EXCLUDE_FROM_ALL)
  if(NOT TARGET GTest::gtest_main)
    add_library(GTest::gtest ALIAS gtest)
    add_library(GTest::gtest_main ALIAS gtest_main)
  endif()
elseif(NOT GTest_FOUND)
  message(FATAL_ERROR "GoogleTest is missing; install libgtest-dev (Debian, Ubuntu) or gtest-devel "
    "(Fedora), or configure with -DDSAIO_BUILD_TESTS=OFF.")
endif()
include(GoogleTest)
