#include "shoal/rule/last_output.h"

#include <gmock/gmock.h>
#include <limits>

namespace shoal {
namespace {

using ::testing::ElementsAre;

Bytes written(std::vector<float> values) {
  ByteWriter out;
  out.numbers<float>(values);
  return std::move(out).take();
}

TEST(LastOutput, ComesBackFromACheckpoint) {
  LastOutput last;
  EXPECT_TRUE(last.empty());
  EXPECT_TRUE(last.check("rfa", 7).ok());  // before the first round any length will do
  last.set(std::vector<float>{1.5f, -2});
  ByteWriter out;
  last.save(out);
  LastOutput other;
  ByteReader in(out.bytes());
  ASSERT_TRUE(other.load("rfa", in).ok());
  EXPECT_TRUE(in.done());
  EXPECT_THAT(other.values(), ElementsAre(1.5f, -2.0f));
  EXPECT_TRUE(other.check("rfa", 2).ok());
  EXPECT_EQ(other.check("rfa", 3).error().message,
            "rfa remembers an aggregate of 2 entries and the rows have 3; resume with the model of "
            "the run that wrote the checkpoint");
}

// What is damaged leaves the memory as it was.
TEST(LastOutput, RefusesDamage) {
  LastOutput last;
  last.set(std::vector<float>{4});
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const Bytes bytes = written({1, bad});
    ByteReader in(bytes);
    EXPECT_EQ(last.load("rfa", in).error().message,
              "the aggregate that rfa remembers is not finite");
  }
  const Bytes whole = written({1, 2, 3});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ByteReader in(ByteView(whole).first(size));
    EXPECT_FALSE(last.load("rfa", in).ok()) << size;
  }
  EXPECT_THAT(last.values(), ElementsAre(4.0f));
}

}  // namespace
}  // namespace shoal
