# How everything is compiled.
#
# -ffp-contract=off: a fused multiply-add rounds once where two operations round twice, and which of
# them a compiler picks would change the bits of a run.
add_library(shoal_flags INTERFACE)
target_compile_options(shoal_flags INTERFACE -Wall -Wextra -Werror -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives in inlined std::variant, std::vector,
  # std::string and coroutine frames; Clang checks the same.
  target_compile_options(shoal_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict
                         -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12 itself uses std::get_temporary_buffer, which it marks as deprecated.
  target_compile_options(shoal_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(SHOAL_SANITIZE)
  target_compile_options(shoal_flags INTERFACE -fsanitize=address,undefined
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(shoal_flags INTERFACE -fsanitize=address,undefined)
endif()

if(SHOAL_SANITIZE_THREADS)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -g1)  # also of generated code
  add_link_options(-fsanitize=thread)
endif()
if(SHOAL_FUZZ)
  # So that a fuzzer sees which branches of the library its input has taken.
  target_compile_options(shoal_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(shoal_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(SHOAL_CCACHE ccache)
if(SHOAL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SHOAL_CCACHE})
endif()

# Where `make data` puts the small data sets; SHOAL_DATA_DIR in the environment goes before it.
set(SHOAL_DEFAULT_DATA_DIR ${CMAKE_BINARY_DIR}/data CACHE PATH "Folder of the small data sets")
