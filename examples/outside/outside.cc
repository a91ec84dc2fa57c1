// An experiment from code: four clients on a made problem, its ledger read back in memory.
#include <cstdio>

#include "shoal/base/toml.h"
#include "shoal/run/run.h"

int main() {
  const auto table = shoal::parse_toml(R"(
    name = "outside"
    [data]
    kind = "synthetic_logistic"
    [partition]
    kind = "iid"
    [model]
    kind = "logistic"
    [nodes]
    count = 4
    [method]
    kind = "fedavg"
    rounds = 5
  )");
  const auto experiment = shoal::resolve_experiment(table.value());
  if (!experiment.ok()) {
    std::fprintf(stderr, "%s\n", experiment.error().message.c_str());
    return 2;
  }
  shoal::ThreadPool pool(1);
  auto run = shoal::Run::create(experiment.value(), pool);
  if (!run.ok() || !run.value()->go().ok()) return 1;
  const auto& lines = run.value()->result().lines;
  for (const auto& line : lines) std::printf("%s\n", shoal::to_json(line).c_str());
  return lines.size() == 5 ? 0 : 1;
}
