# The original, installed from PyPI into the build tree: the oracle, and the unmodified callers.
# Nothing of it is kept in this repository.

find_program(DSAIO_PYTHON NAMES python3)

# Installs DeepSpeed `version` (its sources only: no torch, no build) and sets in the caller
#   <prefix>_COMMON   the directory of deepspeed_aio_utils.cpp, or empty where it cannot be had
#   <prefix>_SOURCES  the sources of the reference library
# Without a network that is a reason to skip; in CI it is an error.
function(dsaio_original version prefix)
  set(root "${PROJECT_BINARY_DIR}/originals/${version}")
  set(csrc "${root}/deepspeed/ops/csrc")
  if(NOT EXISTS "${root}/complete")
    message(STATUS "Installing the sources of DeepSpeed ${version} from PyPI")
    file(REMOVE_RECURSE "${root}")
    set(status 1)
    if(DSAIO_PYTHON)
      # An isolated PEP 517 build brings the setuptools and wheel that setup.py needs.
      execute_process(
        COMMAND "${DSAIO_PYTHON}" -m pip install --quiet --no-deps --no-compile --use-pep517
                --disable-pip-version-check --root-user-action ignore
                --target "${root}" "deepspeed==${version}"
        RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    else()
      set(output "python3 is missing")
    endif()
    if(status EQUAL 0 AND EXISTS "${csrc}/aio/common/deepspeed_aio_utils.cpp")
      file(TOUCH "${root}/complete")
    elseif(DEFINED ENV{CI})
      message(FATAL_ERROR "DeepSpeed ${version} cannot be installed from PyPI:\n${output}")
    else()
      message(WARNING "DeepSpeed ${version} cannot be installed from PyPI; what needs it is "
        "skipped. Install python3 with pip, and let it reach PyPI:\n${output}")
      set(${prefix}_COMMON "" PARENT_SCOPE)
      return()
    endif()
  endif()
  set(sources "${csrc}/aio/common/deepspeed_aio_utils.cpp")
  # 0.19.5 moved the allocator here.
  if(EXISTS "${csrc}/pin_memory/page_alloc.cpp")
    list(APPEND sources "${csrc}/pin_memory/page_alloc.cpp")
  endif()
  set(${prefix}_COMMON "${csrc}/aio/common" PARENT_SCOPE)
  set(${prefix}_SOURCES "${sources}" PARENT_SCOPE)
endfunction()

# The original as the shared library that ours replaces: same file name, a directory of its own.
# -O0 and assertions, as DeepSpeed builds its ops.
function(dsaio_add_original_library target common sources)
  add_library(${target} SHARED ${sources})
  target_include_directories(${target} PUBLIC "${common}")
  target_compile_options(${target} PRIVATE -O0 -UNDEBUG -w)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME deepspeed_aio_utils
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${target}")
endfunction()
