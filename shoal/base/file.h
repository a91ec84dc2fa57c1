// Whole files: bounded reads, and writes that leave either the old content or the new.
#pragma once

#include <cstdint>
#include <string>

#include "shoal/base/bytes.h"

namespace shoal {

// The file's bytes; an error names the path and says whether it is missing, unreadable or larger
// than max_bytes.
Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);
Result<std::string> read_text_file(const std::string& path,
                                   std::uint64_t max_bytes = std::uint64_t{1} << 28);

// Temporary file beside it, sync, rename, sync the folder. On any failure the old content stands
// and the temporary is removed.
Status write_file_atomically(const std::string& path, ByteView bytes);
Status write_file_atomically(const std::string& path, const std::string& text);
// As above, for secrets: readable by the owner alone (mode 0600) from its first byte.
Status write_private_file_atomically(const std::string& path, const std::string& text);

// Makes the folder and its parents.
Status make_folders(const std::string& path);

}  // namespace shoal
