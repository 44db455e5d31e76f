# The original, from PyPI into the build tree: its sources are what ours is compared with, and the
# unmodified callers. Nothing of it is kept in this repository.

find_program(DSAIO_PYTHON NAMES python3)

# Fetches those releases that are not in the build tree yet. Without a network what needs them is
# skipped; in CI that is an error.
function(dsaio_fetch_originals)
  get_property(tried GLOBAL PROPERTY DSAIO_TRIED_ORIGINALS)
  set(missing "")
  foreach(release ${ARGN})
    if(NOT EXISTS "${PROJECT_BINARY_DIR}/originals/${release}/complete" AND NOT release IN_LIST tried)
      list(APPEND missing ${release})
    endif()
  endforeach()
  if(NOT missing)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY DSAIO_TRIED_ORIGINALS ${missing})
  list(JOIN missing ", " names)
  message(STATUS "Fetching the sources of DeepSpeed ${names} from PyPI")
  execute_process(
    COMMAND "${DSAIO_PYTHON}" "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/originals.py"
      "${PROJECT_BINARY_DIR}/originals" ${missing}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0 AND DEFINED ENV{CI})
    message(FATAL_ERROR "The sources of DeepSpeed cannot be fetched from PyPI:\n${output}")
  elseif(NOT status EQUAL 0)
    message(WARNING "The sources of DeepSpeed cannot be fetched from PyPI; what needs them is "
      "skipped. Install python3 with pip, and let it reach PyPI:\n${status} ${output}")
  endif()
endfunction()

# dsaio_original(<release> <prefix>) sets in the caller
#   <prefix>_COMMON   the directory of deepspeed_aio_utils.cpp, or empty where it cannot be had
#   <prefix>_SOURCES  the sources of the reference library
function(dsaio_original release prefix)
  dsaio_fetch_originals(${release})
  set(root "${PROJECT_BINARY_DIR}/originals/${release}")
  set(csrc "${root}/deepspeed/ops/csrc")
  set(common "")
  set(sources "")
  if(EXISTS "${root}/complete")
    set(common "${csrc}/aio/common")
    # Since 0.19.5 the allocator has a file of its own.
    file(GLOB allocator "${csrc}/pin_memory/page_alloc.cpp")
    set(sources "${common}/deepspeed_aio_utils.cpp" ${allocator})
  endif()
  set(${prefix}_COMMON "${common}" PARENT_SCOPE)
  set(${prefix}_SOURCES "${sources}" PARENT_SCOPE)
endfunction()

# The original as the shared library that ours replaces: same file name, a directory of its own. -O0 and
# assertions, as DeepSpeed builds its ops; or NDEBUG, as setuptools does.
function(dsaio_add_original_library target common sources)
  dsaio_add_original(${target} "${common}" deepspeed_aio_utils "${sources}" ${ARGN})
endfunction()

# The same for the library with DeepSpeed's loops. It needs the one above, or ours in its place.
function(dsaio_add_original_common_library target common)
  dsaio_add_original(${target} "${common}" deepspeed_aio_common
    "${common}/deepspeed_aio_common.cpp;${common}/deepspeed_aio_types.cpp" ${ARGN})
  target_link_libraries(${target} PRIVATE ${LIBAIO})
endfunction()

# dsaio_add_original(<target> <common> <name of the file> <sources> [NDEBUG|UNDEBUG])
function(dsaio_add_original target common name sources)
  set(assertions -UNDEBUG)
  if("NDEBUG" IN_LIST ARGN)
    set(assertions -DNDEBUG)
  endif()
  add_library(${target} SHARED ${sources})
  target_include_directories(${target} PUBLIC "${common}")
  target_compile_options(${target} PRIVATE -O0 ${assertions} -w)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${target}")
endfunction()
