// What a stranger has sent, made fit for a log line or a sentence.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shoal {

// Printable ASCII stays, anything else becomes '?'; cut after `length_max` characters with "...".
std::string printable(std::string_view text, std::size_t length_max = 80);

}  // namespace shoal
