# One test program a room, from the x_test.cc files that stand beside x.cc; tests/ holds those that
# cross rooms.
include(GoogleTest)
find_package(rapidcheck QUIET)

function(shoal_test_program name folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*_test.cc)
  if(NOT SHOAL_WITH_TORCH)
    list(FILTER sources EXCLUDE REGEX "/shoal/model/torch/")
  endif()
  if(NOT SHOAL_WITH_GRPC)
    list(FILTER sources EXCLUDE REGEX "/shoal/net/(grpc/|prometheus_endpoint)")
  endif()
  if(NOT rapidcheck_FOUND)
    list(FILTER sources EXCLUDE REGEX "_properties_test\\.cc$")
  endif()
  if(folder STREQUAL "tests")  # which has programs of their own
    list(FILTER sources EXCLUDE REGEX "/tests/(real|allocation)/")
  endif()
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE shoal shoal_flags GTest::gtest GTest::gmock
                        GTest::gtest_main Eigen3::Eigen nlohmann_json::nlohmann_json ZLIB::ZLIB
                        PkgConfig::highway $<TARGET_NAME_IF_EXISTS:rapidcheck>)
  target_compile_definitions(${name} PRIVATE SHOAL_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             SHOAL_BUILD_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900
                       ENVIRONMENT "SHOAL_DATA_DIR=${CMAKE_BINARY_DIR}/data")
endfunction()

foreach(room base math data model codec rule attack graph node sim net method run study)
  shoal_test_program(${room}_test shoal/${room})
endforeach()
if(SHOAL_WITH_GRPC AND TARGET net_test)
  target_include_directories(net_test SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/generated
                             ${grpc_INCLUDE_DIRS})
  target_link_libraries(net_test PRIVATE ${grpc_LINK_LIBRARIES})
  add_dependencies(net_test shoal_wire)
  if(SHOAL_SANITIZE_THREADS)
    target_sources(net_test PRIVATE ${CMAKE_SOURCE_DIR}/tests/tsan/grpc_order.cc)
    target_link_libraries(net_test PRIVATE ${CMAKE_DL_LIBS})
    set_target_properties(net_test PROPERTIES ENABLE_EXPORTS ON)
  endif()
endif()
shoal_test_program(studies_test studies)
shoal_test_program(system_test tests)
# Its allocations fail; a sanitizer wants to make them itself.
if(NOT SHOAL_SANITIZE AND NOT SHOAL_SANITIZE_THREADS)
  shoal_test_program(allocation_test tests/allocation)
  target_sources(allocation_test PRIVATE ${CMAKE_SOURCE_DIR}/tests/allocation/failing_new.cc)
  target_include_directories(allocation_test PRIVATE ${CMAKE_SOURCE_DIR})
endif()

# Real processes that are killed, stopped, cut off and garbled. SHOAL_SOAK=1 makes it hours.
if(SHOAL_WITH_GRPC AND TARGET shoal_command)
  file(GLOB shoal_real_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/real/*.cc)
  add_executable(real_test ${shoal_real_sources})
  add_dependencies(real_test shoal_command shoal_wire)
  target_include_directories(real_test PRIVATE ${CMAKE_SOURCE_DIR})
  target_include_directories(real_test SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/generated
                             ${grpc_INCLUDE_DIRS})
  target_link_libraries(real_test PRIVATE shoal shoal_flags GTest::gtest GTest::gtest_main
                        ${grpc_LINK_LIBRARIES})
  target_compile_definitions(real_test PRIVATE SHOAL_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             SHOAL_COMMAND="$<TARGET_FILE:shoal_command>"
                             SHOAL_MPIRUN="$<$<BOOL:${SHOAL_WITH_MPI}>:mpirun>")
  add_test(NAME real_test COMMAND real_test --gtest_brief=1)
  set_tests_properties(real_test PROPERTIES TIMEOUT 900
                       ENVIRONMENT "SHOAL_DATA_DIR=${CMAKE_BINARY_DIR}/data")
endif()

# The library from outside, as an installed package.
add_test(NAME install_and_use COMMAND sh ${CMAKE_SOURCE_DIR}/tools/test_outside.sh
         ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
set_tests_properties(install_and_use PROPERTIES TIMEOUT 300)
# What the command says about wrong input, and what it leaves.
add_test(NAME command_line COMMAND sh ${CMAKE_SOURCE_DIR}/tests/command_line_test.sh
         $<TARGET_FILE:shoal_command> ${CMAKE_SOURCE_DIR})
set_tests_properties(command_line PROPERTIES TIMEOUT 300
                     ENVIRONMENT "SHOAL_DATA_DIR=${CMAKE_BINARY_DIR}/data")
# The story that docs/deployment.md tells, on one machine.
if(SHOAL_WITH_GRPC)
  add_test(NAME deployment_story COMMAND sh ${CMAKE_SOURCE_DIR}/examples/deployment/try.sh
           $<TARGET_FILE:shoal_command> ${CMAKE_BINARY_DIR}/data/digits.csv.gz)
  set_tests_properties(deployment_story PROPERTIES TIMEOUT 240)
endif()
# Processes in network namespaces, on shaped links, against the simulation's clock.
if(SHOAL_WITH_GRPC)
  add_test(NAME shaped_links COMMAND sh ${CMAKE_SOURCE_DIR}/tests/shaped/shaped_links_test.sh
           $<TARGET_FILE:shoal_command> ${CMAKE_SOURCE_DIR})
  set_tests_properties(shaped_links PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 RUN_SERIAL TRUE
                       ENVIRONMENT "SHOAL_DATA_DIR=${CMAKE_BINARY_DIR}/data")
endif()
