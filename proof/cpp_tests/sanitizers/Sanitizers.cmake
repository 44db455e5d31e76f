# The functions of this folder.

# dsaio_find_sanitizer(<kind> <argument of -fsanitize>)
#
# Sets in the caller <kind>_OPTIONS, and, where it cannot be had, <kind>_MISSING to the reason;
# <kind>_RUN is what a program has to be started with; <kind>_LIBRARY and <kind>_FILE are the library
# that such programs run on.
function(dsaio_find_sanitizer kind argument)
  # Optimised, they take four times as long to compile; a finding ends the test.
  set(options -fsanitize=${argument} -fno-sanitize-recover=undefined -g -O0)
  set(run "")
  set(missing "")
  set(program "${CMAKE_CURRENT_BINARY_DIR}/${kind}_probe")
  try_compile(compiles "${CMAKE_CURRENT_BINARY_DIR}/${kind}"
    SOURCES "${CMAKE_CURRENT_SOURCE_DIR}/probe.cpp"
    COMPILE_DEFINITIONS ${options} LINK_OPTIONS ${options} COPY_FILE "${program}")
  if(NOT compiles)
    set(missing "the compiler has no ${argument} sanitizer: install libasan, libubsan and libtsan")
  else()
    execute_process(COMMAND "${program}" RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    # ThreadSanitizers of before 2024 do not start where the kernel moves programs far about.
    if(NOT status EQUAL 0)
      set(run setarch -R)
      execute_process(COMMAND ${run} "${program}" RESULT_VARIABLE status
        OUTPUT_QUIET ERROR_VARIABLE said)
    endif()
    if(NOT status EQUAL 0)
      set(missing "a program with -fsanitize=${argument} does not start here, not even under setarch -R")
    endif()
  endif()
  if(missing AND DEFINED ENV{CI})
    message(FATAL_ERROR "${missing}: ${said}")
  endif()
  set(library deepspeed_aio_utils::deepspeed_aio_utils)
  set(file "${DSAIO_SHARED_FILE}")
  if(DSAIO_SANITIZERS AND NOT missing)
    dsaio_instrumented_library(${kind} ${argument})
  endif()
  set(${kind}_OPTIONS "${options}" PARENT_SCOPE)
  set(${kind}_MISSING "${missing}" PARENT_SCOPE)
  set(${kind}_RUN "${run}" PARENT_SCOPE)
  set(${kind}_LIBRARY "${library}" PARENT_SCOPE)
  set(${kind}_FILE "${file}" PARENT_SCOPE)
endfunction()

# The crate, instrumented; sets `library` and `file` in the caller. The runtime is the C++ program's.
# A debug build: what rustc's own checks find is found as well. RUSTC_BOOTSTRAP lets a stable rustc
# take -Zsanitizer. The standard library is the one that rustup brings, not instrumented; rustc wants
# to be told that this is meant.
macro(dsaio_instrumented_library kind argument)
  string(REGEX REPLACE ",.*" "" rust_argument "${argument}")
  execute_process(COMMAND "${CARGO}" -vV OUTPUT_VARIABLE cargo_says COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "host: ([^\n]+)" _ "${cargo_says}")
  set(target_dir "${PROJECT_BINARY_DIR}/cargo-${kind}")
  set(file "${target_dir}/${CMAKE_MATCH_1}/debug/libdeepspeed_aio_utils.so")
  set(library dsaio_${kind})
  add_custom_target(${library}_cargo
    COMMAND "${CMAKE_COMMAND}" -E env "CXX=${CMAKE_CXX_COMPILER}" RUSTC_BOOTSTRAP=1
            "RUSTFLAGS=-Zsanitizer=${rust_argument} -Cunsafe-allow-abi-mismatch=sanitizer"
            "${CARGO}" build --locked --lib --target ${CMAKE_MATCH_1}
            --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml" --target-dir "${target_dir}"
    BYPRODUCTS "${file}"
    COMMENT "cargo build (${rust_argument} sanitizer)"
    USES_TERMINAL VERBATIM)
  add_library(${library} SHARED IMPORTED)
  set_target_properties(${library} PROPERTIES
    IMPORTED_LOCATION "${file}" IMPORTED_SONAME libdeepspeed_aio_utils.so)
  target_include_directories(${library} INTERFACE "${PROJECT_SOURCE_DIR}/include")
  target_sources(${library} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/instrumented_crate.cpp")
  add_dependencies(${library} ${library}_cargo)
endmacro()

# dsaio_sanitized(<kind> <test program> [release]...): the program of another folder, built and run once
# more; beside the original of each release, where releases are named.
function(dsaio_sanitized kind program)
  set(name ${kind}_${program})
  if(${kind}_MISSING)
    dsaio_skipped(NAME ${name} LABEL sanitizers REASON "${${kind}_MISSING}")
    return()
  endif()
  get_target_property(directory ${program} SOURCE_DIR)
  get_target_property(sources ${program} SOURCES)
  get_target_property(libraries ${program} LINK_LIBRARIES)
  get_target_property(definitions ${program} COMPILE_DEFINITIONS)
  list(TRANSFORM sources PREPEND "${directory}/")
  list(TRANSFORM libraries REPLACE "^deepspeed_aio_utils::deepspeed_aio_utils$" "${${kind}_LIBRARY}")
  if(definitions)
    list(TRANSFORM definitions REPLACE "^DSAIO_OURS=.*" "DSAIO_OURS=\"${${kind}_FILE}\"")
  else()
    set(definitions "")
  endif()
  # Not dsaio_gtest(): that asks at once how the program is to be started.
  add_executable(${name} ${sources} as_without.cpp)
  dsaio_with_sanitizer(${kind} ${name})
  target_compile_options(${name} PRIVATE -Wall -Wextra)
  target_compile_definitions(${name} PRIVATE ${definitions})
  target_link_libraries(${name} PRIVATE ${libraries})
  add_dependencies(${name} ${program})
  if(NOT ${kind}_LIBRARY MATCHES "::")
    add_dependencies(${name} ${${kind}_LIBRARY}_cargo)
  endif()
  add_dependencies(sanitizer_programs ${name})
  if(NOT ARGN)
    dsaio_gtest_run(NAME ${name} PROGRAM ${name} LABEL sanitizers)
  endif()
  foreach(release ${ARGN})
    string(REPLACE "." "_" id "${release}")
    if(TARGET original_${id})
      add_dependencies(${name} original_${id})
      dsaio_gtest_run(NAME ${name}_${id} PROGRAM ${name} LABEL sanitizers
        ENVIRONMENT "DSAIO_ORIGINAL=${ORIGINAL_${id}_FILE}")
    else()
      dsaio_skipped(NAME ${name}_${id} LABEL sanitizers
        REASON "DeepSpeed ${release} could not be installed from PyPI")
    endif()
  endforeach()
endfunction()

# dsaio_seeded(<kind> <program of seeded/> <words>): it must be caught, in these words.
function(dsaio_seeded kind program words)
  set(name ${kind}_seeded_${program})
  if(${kind}_MISSING)
    dsaio_skipped(NAME ${name} LABEL sanitizers REASON "${${kind}_MISSING}")
    return()
  endif()
  add_executable(${name} seeded/${program}.cpp)
  dsaio_with_sanitizer(${kind} ${name})
  target_link_libraries(${name} PRIVATE ${${kind}_LIBRARY} pthread)
  add_dependencies(sanitizer_programs ${name})
  dsaio_script(NAME ${name} LABEL sanitizers
    COMMAND "${BASH_PROGRAM}" "${CMAKE_CURRENT_SOURCE_DIR}/caught.sh" "${words}" ${${kind}_RUN}
      "$<TARGET_FILE:${name}>")
endfunction()

function(dsaio_with_sanitizer kind target)
  target_compile_options(${target} PRIVATE ${${kind}_OPTIONS})
  target_link_options(${target} PRIVATE ${${kind}_OPTIONS})
  set_target_properties(${target} PROPERTIES CROSSCOMPILING_EMULATOR "${${kind}_RUN}")
endfunction()
