# The test programs as they are, under valgrind's memcheck: it sees every access of every library, the
# optimised Rust code's too. One process for a program: valgrind's start costs more than most tests.

find_program(VALGRIND valgrind)
if(NOT VALGRIND AND DEFINED ENV{CI})
  message(FATAL_ERROR "valgrind is missing; install the package valgrind.")
endif()

# dsaio_valgrind(<test program> [test to leave out]...)
function(dsaio_valgrind program)
  list(JOIN ARGN ":" left_out)
  dsaio_under_valgrind(valgrind_${program} "" "" ${program} "--gtest_filter=-${left_out}")
endfunction()

# dsaio_valgrind_parity(<release> [test to leave out]...)
function(dsaio_valgrind_parity release)
  string(REPLACE "." "_" id "${release}")
  list(JOIN ARGN ":" left_out)
  if(TARGET original_${id})
    dsaio_under_valgrind(valgrind_parity_${id} "" "DSAIO_ORIGINAL=${ORIGINAL_${id}_FILE}" parity
      "--gtest_filter=-${left_out}")
  else()
    dsaio_skipped(NAME valgrind_parity_${id} LABEL sanitizers
      REASON "DeepSpeed ${release} could not be installed from PyPI")
  endif()
endfunction()

# dsaio_valgrind_seeded(<program of seeded/> <words>): it must be caught, in these words.
function(dsaio_valgrind_seeded program words)
  add_executable(valgrind_seeded_${program} seeded/${program}.cpp)
  target_link_libraries(valgrind_seeded_${program} PRIVATE
    deepspeed_aio_utils::deepspeed_aio_utils)
  dsaio_under_valgrind(valgrind_seeded_${program} "${words}" "" valgrind_seeded_${program})
endfunction()

# dsaio_under_valgrind(<name> <words> <environment> <program> [argument]...)
function(dsaio_under_valgrind name words environment program)
  if(NOT VALGRIND)
    dsaio_skipped(NAME ${name} LABEL sanitizers REASON "valgrind is missing")
  else()
    add_dependencies(sanitizer_programs ${program})
    set(here "${CMAKE_CURRENT_SOURCE_DIR}")
    if(words)
      set(caught "${BASH_PROGRAM}" "${here}/caught.sh" "${words}")
    endif()
    dsaio_script(NAME ${name} LABEL sanitizers
      COMMAND ${caught} "${BASH_PROGRAM}" "${here}/valgrind.sh" "${VALGRIND}"
        "$<TARGET_FILE:${program}>" ${ARGN}
      ENVIRONMENT "${environment}")
    # A whole program in one test, at a thirtieth of its speed.
    set_tests_properties(${name} PROPERTIES TIMEOUT 1800)
  endif()
endfunction()

# Valgrind's malloc does not tell mallinfo2(), by which that test sees what is in use; the leak check
# stands for it.
dsaio_valgrind(flat FlatMemory.IsGivenBack)
dsaio_valgrind_seeded(heap_overflow "Invalid write of size 1")
dsaio_valgrind_seeded(short_array "Invalid read of size 8")
dsaio_valgrind_seeded(leak "definitely lost")
if(DSAIO_SANITIZERS)
  dsaio_valgrind(threads)
  foreach(release ${parity_releases})
    # Its children give up all descriptors, which valgrind does not let them do.
    dsaio_valgrind_parity(${release} "Library/PageAlloc.SuccessLeavesErrnoAlone/*")
  endforeach()
endif()
