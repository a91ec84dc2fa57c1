#include "shoal/net/printable.h"

namespace shoal {

std::string printable(std::string_view text, std::size_t length_max) {
  const bool cut = text.size() > length_max;
  std::string out;
  for (const char c : text.substr(0, length_max)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (cut) out += "...";
  return out;
}

}  // namespace shoal
