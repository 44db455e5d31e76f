# DeepSpeed's callers as an object library, compiled with one of the two headers, not yet linked to a
# library.

set(DSAIO_CALLERS_DIR "${PROJECT_SOURCE_DIR}/proof/cpp_tests/callers")

# dsaio_add_unmodified_caller(<target> <directory of the original's common sources> <header>...)
#
# `header` is the directory that deepspeed_aio_utils.h comes from. The sources include it with
# quotes too, which looks in the directory of the including file first; -I- no longer exists, so
# the sources and the original's other headers are linked, one by one, into a directory that has
# no deepspeed_aio_utils.h.
function(dsaio_add_unmodified_caller target common header)
  set(shadow "${CMAKE_CURRENT_BINARY_DIR}/${target}")
  file(MAKE_DIRECTORY "${shadow}")
  foreach(file deepspeed_aio_common.cpp deepspeed_aio_common.h deepspeed_aio_types.cpp
               deepspeed_aio_types.h)
    file(CREATE_LINK "${common}/${file}" "${shadow}/${file}" SYMBOLIC)
  endforeach()
  add_library(${target} OBJECT "${DSAIO_CALLERS_DIR}/unmodified.cpp"
    "${shadow}/deepspeed_aio_common.cpp" "${shadow}/deepspeed_aio_types.cpp")
  target_include_directories(${target}
    PUBLIC "${DSAIO_CALLERS_DIR}/.." PRIVATE "${header}" "${shadow}")
  # -O0 and no warnings, as DeepSpeed builds its ops; they check their I/O with assert().
  target_compile_options(${target} PRIVATE -O0 -UNDEBUG -w)
endfunction()
