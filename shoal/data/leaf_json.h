// LEAF's JSON (arXiv 1812.01097, TalwalkarLab/leaf): rows of natural users.
//
//   {"users": ["a", ...], "num_samples": [3, ...],
//    "user_data": {"a": {"x": [[...], ...], "y": [...]}, ...}, "hierarchies": [...]}
//
// Read: users distinct and in both lists, num_samples equal to the rows of each, x and y of one
// length, rows of one width, finite numbers, labels whole and in range. "hierarchies", when there,
// must have one text a user. Written: the keys in the order users, num_samples, user_data, users in
// their order, floats in the fewest digits that read back to the same bits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/data/dataset.h"

namespace shoal {

inline constexpr std::uint64_t kMaxLeafBytes = std::uint64_t{1} << 30;
inline constexpr std::int64_t kMaxLeafLabel = 65535;
inline constexpr int kMaxLeafDepth = 64;

struct LeafData {
  Dataset data;  // users[row] indexes `users`; rows in user order
  std::vector<std::string> users;
  std::vector<std::string> hierarchies;  // one a user, or empty

  friend bool operator==(const LeafData& a, const LeafData& b);
};

// `classes` bounds the labels; 0 takes the largest label + 1. A scalar x counts as one feature.
// Numbers go straight into place while the text is parsed: 4 bytes each, twice at the end.
Result<LeafData> parse_leaf(std::string_view text, std::size_t classes = 0);
Result<LeafData> read_leaf(const std::string& path, std::size_t classes = 0);
// A training and a test file. The users of both are numbered by the training file; a user of the
// test file that it lacks gets the next number.
Result<TaskData> read_leaf_pair(const std::string& train, const std::string& test,
                                std::size_t classes = 0);

// The canonical text. Every user must have its rows in one run, in order of users.
std::string leaf_text(const LeafData& leaf);
Status write_leaf(const std::string& path, const LeafData& leaf);

}  // namespace shoal
