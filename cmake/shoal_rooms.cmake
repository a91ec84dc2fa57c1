# One library of all rooms; only shoal/model/torch sees LibTorch.
file(GLOB_RECURSE shoal_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shoal/*.cc
     ${CMAKE_SOURCE_DIR}/studies/*.cc)
list(FILTER shoal_sources EXCLUDE REGEX "_(test|bench)\\.cc$")
set(shoal_torch_sources ${shoal_sources})
list(FILTER shoal_torch_sources INCLUDE REGEX "/shoal/model/torch/")
list(FILTER shoal_sources EXCLUDE REGEX "/shoal/model/(torch|no_torch)/")
list(FILTER shoal_sources EXCLUDE REGEX "/shoal/net/(mpi/|no_mpi/|grpc/|no_grpc/|prometheus_endpoint)")
if(NOT SHOAL_WITH_TORCH)
  file(GLOB shoal_torch_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shoal/model/no_torch/*.cc)
endif()

add_library(shoal STATIC ${shoal_sources} $<TARGET_OBJECTS:shoal_torch>)
add_library(shoal::shoal ALIAS shoal)
target_include_directories(shoal PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
                           $<INSTALL_INTERFACE:include>)
target_link_libraries(shoal PUBLIC fmt::fmt Threads::Threads
                      PRIVATE $<BUILD_INTERFACE:shoal_flags> OpenSSL::Crypto ZLIB::ZLIB
                      Eigen3::Eigen nlohmann_json::nlohmann_json PkgConfig::highway)
target_compile_features(shoal PUBLIC cxx_std_20)
set_source_files_properties(shoal/data/file_source.cc PROPERTIES COMPILE_DEFINITIONS
                            SHOAL_DEFAULT_DATA_DIR="${SHOAL_DEFAULT_DATA_DIR}")

add_library(shoal_torch OBJECT ${shoal_torch_sources})
target_include_directories(shoal_torch PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(shoal_torch PRIVATE shoal_flags fmt::fmt Eigen3::Eigen)
if(SHOAL_WITH_TORCH)
  target_include_directories(shoal_torch SYSTEM PRIVATE
                             ${SHOAL_TORCH_INCLUDE} ${SHOAL_TORCH_INCLUDE}/torch/csrc/api/include)
  target_link_libraries(shoal PRIVATE ${SHOAL_TORCH_CPU} ${SHOAL_TORCH_C10} ${CMAKE_DL_LIBS})
endif()

file(GLOB shoal_cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.cc)
list(FILTER shoal_cli_sources EXCLUDE REGEX "_test\\.cc$")
if(shoal_cli_sources)
  add_executable(shoal_command ${shoal_cli_sources})
  set_target_properties(shoal_command PROPERTIES OUTPUT_NAME shoal)
  target_link_libraries(shoal_command PRIVATE shoal shoal_flags nlohmann_json::nlohmann_json)
endif()
