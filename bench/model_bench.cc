// Samples a second of one SGD step (batch, gradient, update), one thread; the networks beside the
// same step written with LibTorch's modules and autograd. Compare within one run only.
#include <benchmark/benchmark.h>
#include <cstdint>
#include <string>
#include <vector>

#include "shoal/model/factory.h"

#include "bench/peers/autograd_loop.h"

namespace shoal {
namespace {

const Dataset& images() {
  static const Dataset data = [] {
    Dataset made;
    made.name = "noise";
    made.rows = 2000;
    made.features = 784;
    made.shape = {1, 28, 28};
    made.classes = 10;
    RandomStream stream(1, purpose("images"));
    for (std::size_t i = 0; i < made.rows * made.features; ++i)
      made.x.push_back(static_cast<float>(stream.uniform()));
    for (std::size_t i = 0; i < made.rows; ++i)
      made.labels.push_back(static_cast<std::int32_t>(stream.below(10)));
    return made;
  }();
  return data;
}

// Batches in a fixed random order, over and over.
class Batches {
 public:
  explicit Batches(std::size_t size)
      : size_(size), order_(RandomStream(2, purpose("order")).permutation(images().rows)) {}
  std::span<const std::uint32_t> next() {
    if (at_ + size_ > order_.size()) at_ = 0;
    at_ += size_;
    return std::span(order_).subspan(at_ - size_, size_);
  }

 private:
  std::size_t size_;
  Rows order_;
  std::size_t at_ = 0;
};

void shoal_step(benchmark::State& state, const std::string& kind) {
  Table settings;
  settings.set("kind", kind);
  const auto factory = models().make(settings, "[model]", images());
  if (!factory.ok()) return state.SkipWithError(factory.error().message.c_str());
  const auto model = (*factory)->in_float().value()();
  std::vector<float> parameters(model->size());
  std::vector<float> gradient(model->size());
  model->initialize(RandomStream(3, purpose("init")), parameters);
  Batches batches(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    model->gradient(parameters, {&images(), batches.next()}, gradient);
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] -= 0.01f * gradient[i];
  }
  const double rows = static_cast<double>(state.iterations() * state.range(0));
  state.counters["samples/s"] = benchmark::Counter(rows, benchmark::Counter::kIsRate);
}

void autograd_step(benchmark::State& state, const std::string& kind) {
  const auto loop = autograd_loop(kind, images());
  Batches batches(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) loop->step(batches.next());
  const double rows = static_cast<double>(state.iterations() * state.range(0));
  state.counters["samples/s"] = benchmark::Counter(rows, benchmark::Counter::kIsRate);
}

void shoal_evaluate(benchmark::State& state, const std::string& kind) {
  Table settings;
  settings.set("kind", kind);
  const auto factory = models().make(settings, "[model]", images());
  if (!factory.ok()) return state.SkipWithError(factory.error().message.c_str());
  const auto model = (*factory)->in_float().value()();
  std::vector<float> parameters(model->size());
  model->initialize(RandomStream(3, purpose("init")), parameters);
  Batches batches(images().rows);
  for (auto _ : state)
    benchmark::DoNotOptimize(model->evaluate(parameters, {&images(), batches.next()}));
  const double rows = static_cast<double>(state.iterations() * images().rows);
  state.counters["samples/s"] = benchmark::Counter(rows, benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(shoal_step, mlp, "mlp")->Arg(16)->Arg(32)->Arg(128);
BENCHMARK_CAPTURE(autograd_step, mlp, "mlp")->Arg(16)->Arg(32)->Arg(128);
BENCHMARK_CAPTURE(shoal_step, cnn, "cnn")->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(autograd_step, cnn, "cnn")->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(shoal_step, softmax, "softmax")->Arg(32);
BENCHMARK_CAPTURE(shoal_step, lenet5, "lenet5")->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(shoal_step, resnet, "resnet_groupnorm")->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(shoal_evaluate, mlp, "mlp")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(shoal_evaluate, cnn, "cnn")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(shoal_evaluate, softmax, "softmax")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
