# The two libraries, built by cargo on every build (cargo itself knows what is out of date), each as two
# imported targets.

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
  message(FATAL_ERROR "cargo is missing; install Rust 1.85 or later (https://rustup.rs).")
endif()

# Cross-building is cargo's too.
set(cargo_options "")
set(cargo_out_dir "${DSAIO_CARGO_TARGET_DIR}")
set(default_target "")
if(CMAKE_CROSSCOMPILING)
  set(default_target "${CMAKE_SYSTEM_PROCESSOR}-unknown-linux-gnu")
endif()
set(DSAIO_CARGO_TARGET "${default_target}" CACHE STRING
  "What cargo builds for, such as aarch64-unknown-linux-gnu; empty for this machine")
if(DSAIO_CARGO_TARGET)
  set(cargo_options --target ${DSAIO_CARGO_TARGET}
    --config "target.${DSAIO_CARGO_TARGET}.linker='${CMAKE_C_COMPILER}'")
  string(APPEND cargo_out_dir "/${DSAIO_CARGO_TARGET}")
endif()

set(cargo_release_dir "${cargo_out_dir}/release")
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(cargo_profile dev)
  string(APPEND cargo_out_dir "/debug")
else()
  set(cargo_profile release)
  string(APPEND cargo_out_dir "/release")
endif()

set(DSAIO_LIBRARIES deepspeed_aio_utils deepspeed_aio_common)
set(byproducts "")
foreach(library ${DSAIO_LIBRARIES})
  set(${library}_SHARED_FILE "${cargo_out_dir}/lib${library}.so")
  set(${library}_STATIC_FILE "${cargo_out_dir}/lib${library}.a")
  list(APPEND byproducts "${${library}_SHARED_FILE}" "${${library}_STATIC_FILE}")
endforeach()

# CXX and CXXFLAGS: the compiler whose object layouts build.rs is to confirm is the one that builds
# the callers, with their flags.
add_custom_target(dsaio_cargo ALL
  COMMAND "${CMAKE_COMMAND}" -E env "CXX=${CMAKE_CXX_COMPILER}" "CXXFLAGS=${CMAKE_CXX_FLAGS}"
          "${CARGO}" build --locked --lib --profile ${cargo_profile} ${cargo_options}
          --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml"
          --target-dir "${DSAIO_CARGO_TARGET_DIR}"
  BYPRODUCTS ${byproducts}
  COMMENT "cargo build (${cargo_profile})"
  USES_TERMINAL VERBATIM)

# What `rustc --print native-static-libs` lists, beyond what a C++ compiler adds by itself.
set(DSAIO_STATIC_DEPENDENCIES gcc_s pthread m dl)

foreach(library ${DSAIO_LIBRARIES})
  add_library(${library}::${library} SHARED IMPORTED GLOBAL)
  set_target_properties(${library}::${library} PROPERTIES
    IMPORTED_LOCATION "${${library}_SHARED_FILE}"
    IMPORTED_SONAME lib${library}.so)

  add_library(${library}::static STATIC IMPORTED GLOBAL)
  set_target_properties(${library}::static PROPERTIES
    IMPORTED_LOCATION "${${library}_STATIC_FILE}"
    INTERFACE_LINK_LIBRARIES "${DSAIO_STATIC_DEPENDENCIES}")

  foreach(target ${library}::${library} ${library}::static)
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}/include")
    add_dependencies(${target} dsaio_cargo)
  endforeach()
endforeach()
