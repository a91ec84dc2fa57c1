# Benchmarks print figures; they assert nothing and are no tests.
file(GLOB shoal_bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*_bench.cc)
foreach(source ${shoal_bench_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE shoal shoal_flags benchmark::benchmark)
endforeach()
