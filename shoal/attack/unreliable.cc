#include "shoal/attack/unreliable.h"

#include <array>
#include <fmt/format.h>

#include "shoal/base/portable_math.h"

namespace shoal {
namespace {

constexpr std::ptrdiff_t kReach = 2;  // of the kernel to each side

std::array<double, 2 * kReach + 1> kernel_of(double std) {
  std::array<double, 2 * kReach + 1> kernel;
  double sum = 0.0;
  for (std::ptrdiff_t k = -kReach; k <= kReach; ++k) {
    const double at = static_cast<double>(k) / std;
    sum += kernel[static_cast<std::size_t>(k + kReach)] = portable_exp(-0.5 * at * at);
  }
  for (double& weight : kernel) weight /= sum;
  return kernel;
}

// Mirrored at the border without repeating it: -1 is 1, n is n-2.
std::size_t mirrored(std::ptrdiff_t at, std::size_t n) {
  const auto last = static_cast<std::ptrdiff_t>(n) - 1;
  if (at < 0) at = -at;
  return static_cast<std::size_t>(at > last ? 2 * last - at : at);
}

// One pass along lines of `n` pixels that are `stride` apart; begin(line) is each one's first.
class Blur {
 public:
  Blur(const ImageShape& image, double std) : image_(image), kernel_(kernel_of(std)) {}

  std::vector<float> operator()(std::span<const float> row) const {
    std::vector<float> blurred(row.begin(), row.end()), line;
    const std::size_t pixels = image_.height * image_.width;
    for (std::size_t channel = 0; channel < image_.channels; ++channel) {
      float* const first = blurred.data() + channel * pixels;
      for (std::size_t y = 0; y < image_.height; ++y)
        along(first + y * image_.width, image_.width, 1, line);
      for (std::size_t x = 0; x < image_.width; ++x)
        along(first + x, image_.height, image_.width, line);
    }
    return blurred;
  }

 private:
  void along(float* pixel, std::size_t n, std::size_t stride, std::vector<float>& line) const {
    line.resize(n);
    for (std::size_t i = 0; i < n; ++i) line[i] = pixel[i * stride];
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0.0;
      for (std::ptrdiff_t k = -kReach; k <= kReach; ++k)
        sum += kernel_[static_cast<std::size_t>(k + kReach)] *
               static_cast<double>(line[mirrored(static_cast<std::ptrdiff_t>(i) + k, n)]);
      pixel[i * stride] = static_cast<float>(sum);
    }
  }

  ImageShape image_;
  std::array<double, 2 * kReach + 1> kernel_;
};

class Unreliable : public LocalAttack {
 public:
  explicit Unreliable(const UnreliableSettings& settings) : settings_(settings) {}

  Result<PoisonedRows> poison(const PoisonView& view, Dataset& made) const override {
    const Dataset& data = view.data;
    SHOAL_TRY_STATUS(check_has_classes(data, "unreliable"));
    ImageShape image;
    if (settings_.blur > 0.0) {
      SHOAL_TRY(image, image_shape(data, "unreliable with blur > 0"));
      if (image.height <= kReach || image.width <= kReach)
        return invalid_argument(
            fmt::format("a 5x5 blur needs images of 3x3 at least, and these "
                        "have {}x{}; set blur = 0",
                        image.height, image.width));
    }
    const Blur blur(image, settings_.std);
    PoisonedRows poor;
    for (const PoisonView::Liar& liar : view.liars) {
      Rows& rows = poor.liars.emplace_back();
      RandomStream stream = liar.stream;
      for (const std::uint32_t row : liar.own)
        rows.push_back(stream.uniform() < settings_.blur
                           ? new_row(data, made, blur(data.row(row)), data.labels[row])
                           : row);
    }
    return poor;
  }

  bool skips_steps() const override { return settings_.skip > 0.0; }
  bool skips_step(RandomStream& stream) const override { return stream.uniform() < settings_.skip; }

 private:
  UnreliableSettings settings_;
};

Result<std::unique_ptr<Attack>> make_unreliable(const UnreliableSettings& settings) {
  return {std::make_unique<Unreliable>(settings)};
}

}  // namespace

void describe(Settings& s, UnreliableSettings& v) {
  s.real("skip", v.skip, "probability that a step is left out",
         {.range = at_least(0).up_to(1), .paper = "2208.10273"});
  s.real("blur", v.blur, "probability that a row's image is blurred",
         {.range = at_least(0).up_to(1)});
  s.real("std", v.std, "of the 5x5 Gaussian kernel", {.range = above(0), .unit = "pixels"});
}

CatalogueEntry<Attack> unreliable_entry() {
  return catalogue_entry<Attack, UnreliableSettings>(
      "unreliable", "skipped batches and blurred images: poor, not malicious", "2208.10273",
      &make_unreliable);
}

}  // namespace shoal
