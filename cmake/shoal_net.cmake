# The real worlds. Each is an option with a stub that says what to install.
#
# gRPC: the wire's code is generated into the build folder and compiled without our warnings.
if(SHOAL_WITH_GRPC)
  pkg_check_modules(grpc grpc++ protobuf)
  find_program(SHOAL_PROTOC protoc)
  find_program(SHOAL_GRPC_PLUGIN grpc_cpp_plugin)
  if(NOT grpc_FOUND OR NOT SHOAL_PROTOC OR NOT SHOAL_GRPC_PLUGIN)
    message(FATAL_ERROR "gRPC is missing: install libgrpc++-dev, protobuf-compiler and "
            "protobuf-compiler-grpc, or configure with -DSHOAL_WITH_GRPC=OFF")
  endif()
  set(shoal_wire_folder ${CMAKE_BINARY_DIR}/generated/shoal/net/grpc)
  set(shoal_wire_files ${shoal_wire_folder}/shoal.pb.cc ${shoal_wire_folder}/shoal.pb.h
      ${shoal_wire_folder}/shoal.grpc.pb.cc ${shoal_wire_folder}/shoal.grpc.pb.h)
  add_custom_command(
    OUTPUT ${shoal_wire_files}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated
    COMMAND ${SHOAL_PROTOC} -I ${CMAKE_SOURCE_DIR} --cpp_out=${CMAKE_BINARY_DIR}/generated
            --grpc_out=${CMAKE_BINARY_DIR}/generated
            --plugin=protoc-gen-grpc=${SHOAL_GRPC_PLUGIN} shoal/net/grpc/shoal.proto
    DEPENDS ${CMAKE_SOURCE_DIR}/shoal/net/grpc/shoal.proto
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  add_library(shoal_wire OBJECT ${shoal_wire_files})
  target_include_directories(shoal_wire SYSTEM PUBLIC ${CMAKE_BINARY_DIR}/generated
                             ${grpc_INCLUDE_DIRS})

  file(GLOB shoal_grpc_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shoal/net/grpc/*.cc
       ${CMAKE_SOURCE_DIR}/shoal/net/prometheus_endpoint.cc)
  list(FILTER shoal_grpc_sources EXCLUDE REGEX "_test\\.cc$")
  add_library(shoal_grpc OBJECT ${shoal_grpc_sources})
  add_dependencies(shoal_grpc shoal_wire)
  target_include_directories(shoal_grpc PRIVATE ${CMAKE_SOURCE_DIR})
  target_include_directories(shoal_grpc SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/generated
                             ${grpc_INCLUDE_DIRS})
  target_link_libraries(shoal_grpc PRIVATE shoal_flags fmt::fmt)
  target_sources(shoal PRIVATE $<TARGET_OBJECTS:shoal_wire> $<TARGET_OBJECTS:shoal_grpc>)
  target_link_libraries(shoal PRIVATE ${grpc_LINK_LIBRARIES})
else()
  file(GLOB shoal_no_grpc_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shoal/net/no_grpc/*.cc)
  target_sources(shoal PRIVATE ${shoal_no_grpc_sources})
endif()
