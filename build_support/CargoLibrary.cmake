# The crate, built by cargo on every build (cargo itself knows what is out of date), as two
# imported targets.

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
  message(FATAL_ERROR "cargo is missing; install Rust 1.85 or later (https://rustup.rs).")
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(cargo_profile dev)
  set(cargo_out_dir "${DSAIO_CARGO_TARGET_DIR}/debug")
else()
  set(cargo_profile release)
  set(cargo_out_dir "${DSAIO_CARGO_TARGET_DIR}/release")
endif()
set(DSAIO_SHARED_FILE "${cargo_out_dir}/libdeepspeed_aio_utils.so")
set(DSAIO_STATIC_FILE "${cargo_out_dir}/libdeepspeed_aio_utils.a")

# CXX and CXXFLAGS: the compiler whose object layouts build.rs is to confirm is the one that builds
# the callers, with their flags.
add_custom_target(deepspeed_aio_utils_cargo ALL
  COMMAND "${CMAKE_COMMAND}" -E env "CXX=${CMAKE_CXX_COMPILER}" "CXXFLAGS=${CMAKE_CXX_FLAGS}"
          "${CARGO}" build --locked --lib --profile ${cargo_profile}
          --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml"
          --target-dir "${DSAIO_CARGO_TARGET_DIR}"
  BYPRODUCTS "${DSAIO_SHARED_FILE}" "${DSAIO_STATIC_FILE}"
  COMMENT "cargo build (${cargo_profile})"
  USES_TERMINAL VERBATIM)

add_library(deepspeed_aio_utils::deepspeed_aio_utils SHARED IMPORTED GLOBAL)
set_target_properties(deepspeed_aio_utils::deepspeed_aio_utils PROPERTIES
  IMPORTED_LOCATION "${DSAIO_SHARED_FILE}"
  IMPORTED_SONAME libdeepspeed_aio_utils.so)

# What `rustc --print native-static-libs` lists, beyond what a C++ compiler adds by itself.
set(DSAIO_STATIC_DEPENDENCIES gcc_s pthread m dl)
add_library(deepspeed_aio_utils::static STATIC IMPORTED GLOBAL)
set_target_properties(deepspeed_aio_utils::static PROPERTIES
  IMPORTED_LOCATION "${DSAIO_STATIC_FILE}"
  INTERFACE_LINK_LIBRARIES "${DSAIO_STATIC_DEPENDENCIES}")

foreach(target deepspeed_aio_utils::deepspeed_aio_utils deepspeed_aio_utils::static)
  target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}/include")
  add_dependencies(${target} deepspeed_aio_utils_cargo)
endforeach()
