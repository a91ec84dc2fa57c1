#include "shoal/method/accordion.h"

#include <gtest/gtest.h>
#include <limits>

namespace shoal {
namespace {

const std::vector<LayerPart> kOneLayer{{0, 1}};

AccordionSettings checked_every_epoch(double eta) {
  AccordionSettings settings;
  settings.eta = eta;
  settings.interval = 1;
  return settings;
}

// Whether the second of two checks makes the layer hard.
bool hard_after(double previous, double current, double eta = 0.5) {
  AccordionPolicy policy(checked_every_epoch(eta), kOneLayer);
  const std::vector<double> first{previous}, second{current};
  policy.check(first);
  EXPECT_FALSE(policy.hard()[0]);  // epoch 0 is mild
  policy.check(second);
  return policy.hard()[0];
}

TEST(Accordion, RuleTable) {
  EXPECT_FALSE(hard_after(10, 4));
  EXPECT_TRUE(hard_after(10, 6));
  EXPECT_FALSE(hard_after(10, 15));  // the boundary is critical
  EXPECT_TRUE(hard_after(10, 14.9));
  EXPECT_FALSE(hard_after(0, 3));
  EXPECT_FALSE(hard_after(0, 0));
}

TEST(Accordion, ExtremeThresholds) {
  EXPECT_FALSE(hard_after(10, 10, 0.0));
  EXPECT_TRUE(hard_after(10, 1e9, std::numeric_limits<double>::infinity()));
}

TEST(Accordion, ADropOfTheLearningRateIsMildUntilTheNextCheck) {
  AccordionPolicy policy(checked_every_epoch(0.5), kOneLayer);
  const std::vector<double> norm{1.0};
  policy.learning_rate(0.1);
  policy.check(norm);
  policy.check(norm);
  EXPECT_TRUE(policy.hard()[0]);
  policy.learning_rate(0.2);  // a rise is none
  EXPECT_TRUE(policy.hard()[0]);
  policy.learning_rate(0.1);
  EXPECT_FALSE(policy.hard()[0]);
  policy.check(norm);
  EXPECT_TRUE(policy.hard()[0]);
}

// Norms are those of the sum over an epoch, whose beginning forgets the one before.
TEST(Accordion, NormsOfEpochSums) {
  AccordionSettings settings;
  settings.interval = 2;
  AccordionPolicy policy(settings, {{1, 2}, {3, 1}});
  const std::vector<std::vector<float>> gradients{{9, 3, 0, 1}, {9, 0, 2, -1}, {9, 0, 2, 5}};
  std::vector<bool> due;
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (std::size_t step = 0; step < 3; ++step) {
      policy.accumulate<float>(gradients[step]);
      due.push_back(policy.end_step(3));
    }
    if (!due.back()) continue;
    const std::vector<double> norms = policy.take_norms();
    EXPECT_EQ(norms, (std::vector<double>{5.0, 5.0})) << epoch;
  }
  EXPECT_EQ(due, (std::vector<bool>{false, false, true, false, false, false, false, false, true}));
}

TEST(Accordion, GoesOnFromWhatWasSaved) {
  AccordionPolicy policy(checked_every_epoch(0.5), kOneLayer), other = policy;
  const std::vector<float> gradient{2.0f};
  const std::vector<double> norm{2.0};
  policy.check(norm);
  policy.check(norm);
  policy.learning_rate(0.3);
  policy.accumulate<float>(gradient);
  (void)policy.end_step(5);
  ByteWriter out;
  policy.save(out);
  ByteReader in(out.bytes());
  ASSERT_TRUE(other.load(in).ok());
  EXPECT_TRUE(in.done());
  EXPECT_EQ(other.hard(), policy.hard());
  EXPECT_EQ(other.take_norms(), norm);
  for (std::size_t cut = 0; cut < out.size(); ++cut) {
    ByteReader less(ByteView(out.bytes()).first(cut));
    AccordionPolicy broken(checked_every_epoch(0.5), kOneLayer);
    EXPECT_FALSE(broken.load(less).ok()) << cut;
  }
}

}  // namespace
}  // namespace shoal
