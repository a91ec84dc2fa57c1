// Assertions for our own invariants; they stay on in release builds.
//
// Bytes from a peer and input from a user are never checked this way: they yield a Result.
#pragma once

#include <string_view>

namespace shoal {

// Prints the sentence with its place and aborts.
[[noreturn]] void invariant_broken(const char* file, int line, const char* condition,
                                   std::string_view sentence);

}  // namespace shoal

#define SHOAL_CHECK(condition, sentence)                                     \
  do {                                                                       \
    if (!(condition)) [[unlikely]]                                           \
      ::shoal::invariant_broken(__FILE__, __LINE__, #condition, (sentence)); \
  } while (false)
