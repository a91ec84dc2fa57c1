#include "shoal/codec/work.h"

#include <gtest/gtest.h>

#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

Layout matrix_of(std::uint32_t rows, std::uint32_t columns) {
  Layout layout;
  layout.add("m", {rows, columns});
  return layout;
}

// A codec that nobody calibrated would be free, which no codec is.
TEST(CodecWork, EveryKindTakesTime) {
  for (const Table& table : all_codec_settings()) {
    const Table resolved = resolve_codec(table, "[codec]").value();
    const CodecWork work = codec_work(resolved, {}, matrix_of(40, 50));
    EXPECT_GT(work.encode_flops_per_entry, 0.0) << *table.find("kind")->as<std::string>();
    EXPECT_GT(work.decode_flops_per_entry, 0.0) << *table.find("kind")->as<std::string>();
  }
  EXPECT_EQ(codec_work({}, {}, matrix_of(4, 5)).encode_flops_per_entry, 0.0);
}

TEST(CodecWork, GrowsWithWhatTheCodecDoes) {
  const auto encoding = [](std::initializer_list<std::pair<const char*, Value>> settings,
                           const FeedbackSettings& feedback, const Layout& layout) {
    const Table resolved = resolve_codec(table_of(settings), "[codec]").value();
    return codec_work(resolved, feedback, layout).encode_flops_per_entry;
  };
  const Layout layout = matrix_of(100, 100);
  const double two = encoding({{"kind", "powersgd"}, {"rank", 2}}, {}, layout);
  const double four = encoding({{"kind", "powersgd"}, {"rank", 4}}, {}, layout);
  EXPECT_GT(four, two);
  const auto spectral = {std::pair<const char*, Value>{"kind", "atomo"}, {"atoms", "spectral"}};
  EXPECT_DOUBLE_EQ(encoding(spectral, {}, matrix_of(200, 300)),
                   2 * encoding(spectral, {}, matrix_of(100, 600)));
  const auto top_k = {std::pair<const char*, Value>{"kind", "top_k"}, {"ratio", 0.1}};
  FeedbackSettings ef;
  ef.kind = FeedbackKind::kEf;
  EXPECT_GT(encoding(top_k, ef, layout), encoding(top_k, {}, layout));
  const auto composed = {
      std::pair<const char*, Value>{"kind", "top_k"}, {"ratio", 0.1}, {"values", "natural"}};
  EXPECT_GT(encoding(composed, {}, layout), encoding(top_k, {}, layout));
}

}  // namespace
}  // namespace shoal
