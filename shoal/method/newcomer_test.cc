// Which methods take a worker that brings nothing, and what the others say.
#include <gtest/gtest.h>
#include <set>

#include "shoal/method/method.h"

namespace shoal {
namespace {

Status newcomer_of(const std::string& kind) {
  Table table;
  table.set("kind", kind);
  const auto method = methods().make(table, "[method]");
  EXPECT_TRUE(method.ok()) << kind;
  return (*method)->newcomer();
}

// A new method has to say what it is, here too.
TEST(Newcomer, EveryMethodSaysWhetherAReplicaIsEnough) {
  const std::set<std::string> remember = {"gradient_tracking",
                                          "d2",
                                          "choco",
                                          "decentralized_diana",
                                          "relaysgd",
                                          "async_sgd",
                                          "all_reduce_sgd",
                                          "local_sgd",
                                          "local_adaalter",
                                          "cser",
                                          "masha1",
                                          "masha2",
                                          "extragradient",
                                          "compressed_extragradient",
                                          "qsgda",
                                          "ef_gda"};
  std::size_t refused = 0;
  for (const auto& entry : methods().entries()) {
    const std::string& kind = entry.name;
    const Status status = newcomer_of(kind);
    EXPECT_EQ(status.ok(), remember.count(kind) == 0) << kind;
    if (status.ok()) continue;
    ++refused;
    EXPECT_GT(status.error().message.size(), 20u) << kind;
  }
  EXPECT_EQ(refused, remember.size());
}

}  // namespace
}  // namespace shoal
