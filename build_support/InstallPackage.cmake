# Installs library, archive, header, CMake package and pkg-config file. The installed tree can be
# moved: both files find their prefix from where they lie.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/deepspeed_aio_utils")
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(PROGRAMS "${DSAIO_SHARED_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${DSAIO_STATIC_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES include/deepspeed_aio_utils.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

configure_package_config_file(
  build_support/deepspeed_aio_utilsConfig.cmake.in
  "${PROJECT_BINARY_DIR}/package/deepspeed_aio_utilsConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/package/deepspeed_aio_utilsConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/deepspeed_aio_utilsConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/deepspeed_aio_utilsConfigVersion.cmake"
  DESTINATION "${package_dir}")

file(RELATIVE_PATH pc_to_prefix "/${pkgconfig_dir}" "/")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
list(TRANSFORM DSAIO_STATIC_DEPENDENCIES PREPEND "-l" OUTPUT_VARIABLE pc_private)
list(JOIN pc_private " " pc_private)
configure_file(build_support/deepspeed_aio_utils.pc.in
  "${PROJECT_BINARY_DIR}/package/deepspeed_aio_utils.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/deepspeed_aio_utils.pc"
  DESTINATION "${pkgconfig_dir}")
