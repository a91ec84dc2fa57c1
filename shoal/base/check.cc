#include "shoal/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace shoal {

void invariant_broken(const char* file, int line, const char* condition,
                      std::string_view sentence) {
  std::fprintf(stderr, "shoal: broken invariant at %s:%d: %s (%.*s)\n", file, line, condition,
               static_cast<int>(sentence.size()), sentence.data());
  std::abort();
}

}  // namespace shoal
