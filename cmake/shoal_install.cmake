# `cmake --install build --prefix P`; then find_package(shoal) gives shoal::shoal.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS shoal EXPORT shoal_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET shoal_command)
  install(TARGETS shoal_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY shoal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
        PATTERN "torch" EXCLUDE)
install(EXPORT shoal_targets NAMESPACE shoal:: FILE shoal_targets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/shoal)
configure_package_config_file(cmake/shoal-config.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/shoal-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/shoal)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/shoal-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/shoal-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/shoal-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/shoal)
