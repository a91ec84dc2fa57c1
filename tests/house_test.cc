// The rules of the house, checked on the sources themselves: sizes, columns, the order of rooms,
// and the coroutine forms that GCC 12.2 miscompiles.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileLinesMax = 500;
constexpr std::size_t kFunctionLinesMax = 70;
constexpr std::size_t kColumnsMax = 100;

const std::vector<std::string> kRooms = {"base", "math",   "data",  "model", "codec",
                                         "rule", "attack", "graph", "node",  "sim",
                                         "net",  "method", "run",   "study"};

struct Source {
  std::string path;  // from the root
  std::vector<std::string> lines;
};

std::vector<Source> sources() {
  std::vector<Source> all;
  const fs::path root = SHOAL_SOURCE_DIR;
  for (const char* folder : {"shoal", "cli", "studies", "bench", "fuzz", "tests", "examples"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      Source source{fs::relative(entry.path(), root).string(), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) source.lines.push_back(line);
      all.push_back(std::move(source));
    }
  }
  return all;
}

std::size_t characters(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

TEST(House, FilesAndLinesAreShort) {
  const auto all = sources();
  ASSERT_GT(all.size(), 100u);
  for (const Source& source : all) {
    EXPECT_LE(source.lines.size(), kFileLinesMax) << source.path;
    for (std::size_t i = 0; i < source.lines.size(); ++i)
      EXPECT_LE(characters(source.lines[i]), kColumnsMax) << source.path << ":" << i + 1;
  }
}

// A function begins at a line in column 0 or 2 that ends in '{' and has a parameter list; it ends
// at the closing brace in that column.
TEST(House, FunctionsAreShort) {
  const std::regex begins(
      R"(^(  )?[A-Za-z_~].*\(.*(\{)$|^(  )?.*\) (const |override |noexcept )*\{$)");
  for (const Source& source : sources()) {
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string& line = source.lines[i];
      const bool structural = line.find("namespace") != std::string::npos ||
                              line.find("class ") == 0 || line.find("struct ") == 0;
      if (structural || !std::regex_match(line, begins)) continue;
      const std::size_t column = line.find_first_not_of(' ');
      if (column > 2) continue;
      const std::string end(column, ' ');
      for (std::size_t j = i + 1; j < source.lines.size(); ++j) {
        if (source.lines[j].rfind(end + "}", 0) != 0) continue;
        EXPECT_LE(j - i + 1, kFunctionLinesMax) << source.path << ":" << i + 1;
        break;
      }
    }
  }
}

std::size_t place_of(const std::string& room) {
  return static_cast<std::size_t>(std::find(kRooms.begin(), kRooms.end(), room) - kRooms.begin());
}

TEST(House, RoomsIncludeOnlyRoomsAboveThem) {
  const std::regex include(R"(^#include "shoal/([a-z_]+)/([a-z_]+).*)");
  for (const Source& source : sources()) {
    const bool test = source.path.ends_with("_test.cc");
    if (source.path.rfind("shoal/", 0) != 0 || test) continue;
    const std::string room = source.path.substr(6, source.path.find('/', 6) - 6);
    ASSERT_LT(place_of(room), kRooms.size()) << source.path << " is in no known room";
    for (const std::string& line : source.lines) {
      std::smatch match;
      if (!std::regex_match(line, match, include)) continue;
      EXPECT_LE(place_of(match[1]), place_of(room)) << source.path << ": " << line;
      const bool world = match[1] == "sim" || match[1] == "net";
      EXPECT_FALSE(room == "method" && world) << source.path << ": " << line;
    }
  }
}

TEST(House, OnlyModelTorchSeesLibTorch) {
  for (const Source& source : sources()) {
    if (source.path.rfind("shoal/model/torch/", 0) == 0) continue;
    if (source.path.rfind("bench/peers/", 0) == 0) continue;
    for (const std::string& line : source.lines)
      EXPECT_FALSE(line.rfind("#include <torch/", 0) == 0 || line.rfind("#include <ATen/", 0) == 0)
          << source.path;
  }
}

TEST(House, NothingBesideCoAwaitThatGccMiscompiles) {
  for (const Source& source : sources()) {
    if (source.path.rfind("tests/", 0) == 0) continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      std::string line = source.lines[i];
      const std::size_t at = line.find("co_await ");
      if (at == std::string::npos || line.find("//") < at) continue;
      std::string statement = line.substr(at);
      for (std::size_t j = i + 1;
           statement.find(';') == std::string::npos && j < source.lines.size(); ++j)
        statement += source.lines[j];
      statement = statement.substr(0, statement.find(';'));
      EXPECT_EQ(statement.find('{'), std::string::npos) << source.path << ":" << i + 1;
      EXPECT_EQ(statement.find('['), statement.find("[node.id()]") == std::string::npos
                                         ? statement.find("[k]")
                                         : statement.find('['))
          << source.path << ":" << i + 1 << " has a lambda beside co_await";
      EXPECT_EQ(statement.find(" ? "), std::string::npos) << source.path << ":" << i + 1;
    }
  }
}

TEST(House, EveryFileOpensWithWhatItIs) {
  for (const Source& source : sources()) {
    if (!source.path.ends_with(".h")) continue;
    ASSERT_FALSE(source.lines.empty()) << source.path;
    EXPECT_EQ(source.lines[0].rfind("// ", 0), 0u) << source.path;
  }
}

}  // namespace
