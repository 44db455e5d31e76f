# Installs for each library the shared library, archive, header, CMake package and pkg-config file. The
# installed tree can be moved: the last two find their prefix from where they lie.

include(CMakePackageConfigHelpers)

set(deepspeed_aio_utils_HEADER deepspeed_aio_utils.h)
set(deepspeed_aio_utils_DESCRIPTION
  "iocb preparation, file sizes and page-locked buffers for DeepSpeed's NVMe I/O")
set(deepspeed_aio_common_HEADER dsaio_transfer.h)
set(deepspeed_aio_common_DESCRIPTION
  "DeepSpeed's NVMe transfers, which move every byte or say why not")

set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_to_prefix "/${pkgconfig_dir}" "/")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
list(TRANSFORM DSAIO_STATIC_DEPENDENCIES PREPEND "-l" OUTPUT_VARIABLE pc_private)
list(JOIN pc_private " " pc_private)

foreach(library ${DSAIO_LIBRARIES})
  set(description "${${library}_DESCRIPTION}")
  set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/${library}")
  set(config "${PROJECT_BINARY_DIR}/package/${library}Config.cmake")
  set(config_version "${PROJECT_BINARY_DIR}/package/${library}ConfigVersion.cmake")
  set(pc "${PROJECT_BINARY_DIR}/package/${library}.pc")

  configure_package_config_file(build_support/Config.cmake.in "${config}"
    INSTALL_DESTINATION "${package_dir}"
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR
    NO_CHECK_REQUIRED_COMPONENTS_MACRO)
  write_basic_package_version_file("${config_version}" COMPATIBILITY SameMinorVersion)
  configure_file(build_support/library.pc.in "${pc}" @ONLY)

  install(PROGRAMS "${${library}_SHARED_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(FILES "${${library}_STATIC_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(FILES include/${${library}_HEADER} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(FILES "${config}" "${config_version}" DESTINATION "${package_dir}")
  install(FILES "${pc}" DESTINATION "${pkgconfig_dir}")
endforeach()
