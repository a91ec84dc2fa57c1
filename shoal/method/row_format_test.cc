#include "shoal/method/row_format.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

constexpr const char* kNothing = "";

TEST(RowFormat, RawRowsAreTheirBytes) {
  const RowFormat<double> format;
  const std::vector<double> row = {1.0 / 3.0, -2.0, 1e300};
  std::vector<double> back(3), there(3);
  ByteWriter out;
  ASSERT_TRUE(format.write(row, 4, 7, out, back).ok());
  EXPECT_EQ(out.size(), 24u);
  EXPECT_EQ(back, row);
  ASSERT_TRUE(format.read(out.bytes(), 7, there).ok());
  EXPECT_EQ(there, row);
  EXPECT_FALSE(format.read(ByteView(out.bytes()).first(23), 7, there).ok());
}

// Whatever the codec draws, the writer knows what is read.
TEST(RowFormat, WritersKnowWhatIsRead) {
  RandomStream stream(3, purpose("row format test"));
  std::vector<double> row(50);
  for (double& value : row) value = stream.normal();
  const Layout layout = layout_of(50);
  for (const Table& table :
       {table_of({{"kind", "dense"}, {"value_type", "f16"}}),
        table_of({{"kind", "rand_k"}, {"ratio", 0.2}}),
        table_of({{"kind", "rand_k"}, {"ratio", 0.2}, {"seed_mode", "shared"}}),
        table_of({{"kind", "top_k"}, {"ratio", 0.2}}), table_of({{"kind", "qsgd"}})}) {
    const auto codec = made(table);
    const RowFormat<double> format(codec.get(), layout, 9);
    for (Step round = 0; round < 5; ++round) {
      std::vector<double> back(50), there(50, 7.0);
      ByteWriter out;
      ASSERT_TRUE(format.write(row, 2, round, out, back).ok());
      ASSERT_TRUE(format.read(out.bytes(), round, there).ok());
      EXPECT_EQ(back, there);
      EXPECT_FALSE(format.read(ByteView(out.bytes()).first(out.size() - 1), round, there).ok());
    }
  }
}

TEST(RowFormat, RefusesWhatIsNoNumber) {
  const Layout layout = layout_of(2);
  const auto f16 = made(table_of({{"kind", "dense"}, {"value_type", "f16"}}));
  std::vector<double> back(2);
  ByteWriter out;
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), HUGE_VAL, 1e39}) {
    const std::vector<double> row = {1.0, bad};
    EXPECT_FALSE(RowFormat<double>(f16.get(), layout, 1).write(row, 0, 0, out, back).ok()) << bad;
    EXPECT_EQ(RowFormat<double>().write(row, 0, 0, out, back).ok(), bad == 1e39) << bad;
  }
  const std::vector<double> row = {1.0, HUGE_VAL};
  EXPECT_FALSE(RowFormat<double>().read(std::as_bytes(std::span(row)), 0, back).ok());
}

TEST(OnlyRounds, TakesCastsAndCodecsThatKeepEverything) {
  const Layout layout = layout_of(64);
  const auto rounds = [&](const Table& table) {
    return check_only_rounds(*made(table), layout, kNothing).ok();
  };
  EXPECT_TRUE(rounds(table_of({{"kind", "dense"}})));
  EXPECT_TRUE(rounds(table_of({{"kind", "dense"}, {"value_type", "bf16"}})));
  EXPECT_TRUE(rounds(table_of({{"kind", "top_k"}, {"ratio", 1.0}})));
  EXPECT_FALSE(rounds(table_of({{"kind", "top_k"}, {"ratio", 0.9}})));
  EXPECT_FALSE(rounds(table_of({{"kind", "rand_k"}, {"ratio", 0.5}})));
  EXPECT_FALSE(rounds(table_of({{"kind", "qsgd"}})));
  EXPECT_FALSE(rounds(table_of({{"kind", "sign"}})));
}

}  // namespace
}  // namespace shoal
