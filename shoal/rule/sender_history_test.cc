#include "shoal/rule/sender_history.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(SenderHistory, ShortAndLongOfTheCard) {
  SenderHistory history(3);
  const double shorts[] = {1, 1.5, 2, 3, 4}, longs[] = {1, 3, 6, 10, 15};
  for (int t = 0; t < 5; ++t) {
    const TestRows rows{{static_cast<float>(t + 1)}};
    history.add(test_round(rows, 0));
    const auto& entry = history.of(10);
    double sum = 0.0;
    for (const auto& row : entry.recent) sum += static_cast<double>(row[0]);
    EXPECT_EQ(sum / static_cast<double>(entry.recent.size()), shorts[t]);
    EXPECT_EQ(entry.sum[0], longs[t]);
  }
}

TEST(SenderHistory, SumsStayFiniteAndDamageIsRefused) {
  SenderHistory history(1);
  const TestRows rows{{3e38f, -3e38f}};
  for (int t = 0; t < 3; ++t) history.add(test_round(rows, 0));
  EXPECT_TRUE(std::isfinite(history.of(10).sum[0]) && std::isfinite(history.of(10).sum[1]));
  ByteWriter written;
  history.save(written);
  for (std::size_t size = 0; size < written.size(); ++size) {
    ByteReader in(ByteView(written.bytes()).first(size));
    SenderHistory other(1);
    EXPECT_FALSE(other.load(in).ok()) << size;
  }
  ByteReader wider(written.bytes());
  SenderHistory none(0);
  EXPECT_THAT(none.load(wider).error().message, HasSubstr("another window"));
}

}  // namespace
}  // namespace shoal
