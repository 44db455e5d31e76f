# How a test is added.

# A script that exits with this status was skipped, and says why on its last line.
set(SKIP_STATUS 77)

# dsaio_gtest(NAME <name> LABEL <label> SOURCES ... [LIBRARIES ...] [DEFINITIONS ...])
#
# A GoogleTest program, each of its tests a ctest of its own, called <name>.<Suite>.<Test>.
function(dsaio_gtest)
  cmake_parse_arguments(ARG "" "NAME;LABEL" "SOURCES;LIBRARIES;DEFINITIONS" ${ARGN})
  dsaio_gtest_program(${ARG_NAME} ${ARG_SOURCES})
  target_compile_definitions(${ARG_NAME} PRIVATE ${ARG_DEFINITIONS})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LIBRARIES})
  dsaio_gtest_run(NAME ${ARG_NAME} PROGRAM ${ARG_NAME} LABEL ${ARG_LABEL})
endfunction()

# A GoogleTest program, not run yet.
function(dsaio_gtest_program target)
  add_executable(${target} ${ARGN})
  target_compile_options(${target} PRIVATE -Wall -Wextra)
  target_link_libraries(${target} PRIVATE test_support GTest::gtest_main)
endfunction()

# dsaio_gtest_run(NAME <name> PROGRAM <target> LABEL <label> [ENVIRONMENT VAR=value] [FILTER <filter>])
#
# One of several runs of a program, each of its tests a ctest called <name>.<Suite>.<Test>.
function(dsaio_gtest_run)
  cmake_parse_arguments(ARG "" "NAME;PROGRAM;LABEL;ENVIRONMENT;FILTER" "" ${ARGN})
  set(properties LABELS ${ARG_LABEL} TIMEOUT 300)
  if(ARG_ENVIRONMENT)
    list(APPEND properties ENVIRONMENT ${ARG_ENVIRONMENT})
  endif()
  set(filter "")
  if(ARG_FILTER)
    set(filter TEST_FILTER "${ARG_FILTER}")
  endif()
  gtest_discover_tests(${ARG_PROGRAM}
    ${filter}
    TEST_PREFIX "${ARG_NAME}."
    TEST_LIST ${ARG_NAME}_TESTS
    PROPERTIES ${properties}
    DISCOVERY_TIMEOUT 60)
endfunction()

# dsaio_script(NAME <name> LABEL <label> COMMAND ... [ENVIRONMENT VAR=value ...])
#
# A script, or all tests of a program in one ctest. Exit status 0 is a pass, 77 a skip, anything else
# a failure.
function(dsaio_script)
  cmake_parse_arguments(ARG "" "NAME;LABEL" "COMMAND;ENVIRONMENT" ${ARGN})
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_COMMAND})
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS ${ARG_LABEL}
    ENVIRONMENT "${ARG_ENVIRONMENT}" SKIP_RETURN_CODE ${SKIP_STATUS} TIMEOUT 300)
endfunction()

# dsaio_skipped(NAME <name> LABEL <label> REASON <reason>)
#
# A test that cannot be built here, reported as skipped.
function(dsaio_skipped)
  cmake_parse_arguments(ARG "" "NAME;LABEL;REASON" "" ${ARGN})
  dsaio_script(NAME ${ARG_NAME} LABEL ${ARG_LABEL}
    COMMAND sh -c "echo 'skipped: ${ARG_REASON}'; exit ${SKIP_STATUS}")
endfunction()
