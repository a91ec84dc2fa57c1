# Benchmarks print figures; they assert nothing and are no tests.
file(GLOB shoal_bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*_bench.cc)
if(NOT SHOAL_WITH_TORCH)
  list(FILTER shoal_bench_sources EXCLUDE REGEX "/model_bench\\.cc$")
endif()
foreach(source ${shoal_bench_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE shoal shoal_flags benchmark::benchmark)
endforeach()
if(SHOAL_WITH_TORCH)
  # What model_bench measures against.
  target_sources(model_bench PRIVATE ${CMAKE_SOURCE_DIR}/bench/peers/autograd_loop.cc)
  target_include_directories(model_bench SYSTEM PRIVATE
                             ${SHOAL_TORCH_INCLUDE}/torch/csrc/api/include)
  target_link_libraries(model_bench PRIVATE ${SHOAL_TORCH_CPU} ${SHOAL_TORCH_C10})
endif()
