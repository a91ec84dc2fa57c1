#include "shoal/codec/work.h"

#include <algorithm>
#include <string>

#include "shoal/base/check.h"

namespace shoal {
namespace {

// What bench/codec_bench printed on a core of a 2-core x86-64 server with AVX2 (memcpy 8.5 GB/s).
constexpr double kProductGflops = 85.0;

struct NanosecondsEach {
  const char* kind;
  double encode;
  double decode;
};
constexpr NanosecondsEach kMeasured[] = {
    {"dense", 1.73, 1.36},  {"top_k", 0.83, 0.23},        {"threshold", 0.66, 0.22},
    {"rand_k", 0.61, 0.22}, {"random_block", 0.22, 0.11}, {"grbs", 0.21, 0.12},
    {"sign", 0.34, 0.30},   {"natural", 1.53, 0.59},      {"terngrad", 1.77, 0.59},
    {"qsgd", 9.57, 6.98},   {"atomo", 13.90, 0.46},       {"powersgd", 0.70, 0.50},
};
constexpr double kQsgdFixedEncode = 1.77, kQsgdFixedDecode = 0.73;
constexpr double kPowerSgdPerRank = 0.12;
constexpr double kSpectralPerSide = 0.914, kSpectralDecode = 1.18;
constexpr double kFeedback = 4.7;  // beside its codec

std::string text_of(const Table& table, const char* key) {
  const Value* value = table.find(key);
  const auto* text = value ? value->as<std::string>() : nullptr;
  return text ? *text : std::string();
}

// The smaller side of each tensor as a matrix, weighed by its entries.
double smaller_side(const Layout& layout) {
  double weighed = 0.0;
  for (const TensorInfo& tensor : layout.tensors()) {
    if (tensor.size == 0 || tensor.shape.empty()) continue;
    const std::size_t rows = tensor.shape[0];
    weighed += static_cast<double>(std::min(rows, tensor.size / rows) * tensor.size);
  }
  return layout.size() == 0 ? 0.0 : weighed / static_cast<double>(layout.size());
}

NanosecondsEach nanoseconds_of(const Table& codec, const Layout& layout) {
  const std::string kind = text_of(codec, "kind");
  const auto* found =
      std::find_if(std::begin(kMeasured), std::end(kMeasured),
                   [&](const NanosecondsEach& entry) { return entry.kind == kind; });
  SHOAL_CHECK(found != std::end(kMeasured), "every codec is calibrated: add a line to kMeasured");
  NanosecondsEach each = *found;
  if (kind == "qsgd" && text_of(codec, "code") == "fixed")
    each = {"", kQsgdFixedEncode, kQsgdFixedDecode};
  if (kind == "atomo" && text_of(codec, "atoms") == "spectral")
    each = {"", kSpectralPerSide * smaller_side(layout), kSpectralDecode};
  if (kind == "powersgd")
    each.encode += kPowerSgdPerRank * static_cast<double>(*codec.find("rank")->as<std::int64_t>());
  return each;
}

}  // namespace

CodecWork codec_work(const Table& codec, const FeedbackSettings& feedback, const Layout& layout) {
  CodecWork work;
  if (codec.empty()) return work;
  NanosecondsEach each = nanoseconds_of(codec, layout);
  if (const Value* values = codec.find("values")) {
    // The second codec sees the entries that the first one keeps.
    const Value* ratio = codec.find("ratio");
    const auto* share = ratio ? ratio->as<double>() : nullptr;
    const double kept = share && *share > 0.0 ? *share : 1.0;
    const NanosecondsEach second = nanoseconds_of(*values->as<Table>(), layout);
    each.encode += kept * second.encode;
    each.decode += kept * second.decode;
  }
  // The sender decodes its own message, too.
  if (feedback.kind != FeedbackKind::kNone) each.encode += kFeedback + each.decode;
  work.encode_flops_per_entry = each.encode * kProductGflops;
  work.decode_flops_per_entry = each.decode * kProductGflops;
  return work;
}

}  // namespace shoal
