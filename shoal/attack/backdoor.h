// Edge-case backdoor (Wang et al., NeurIPS 2020, 2007.05084): liars train on inputs from the tail
// of the distribution, labelled `target`, mixed with clean rows, so that the model mislabels such
// inputs and is right about everything else.
//
//   edge = "mirrored"   the images of class `source`, left and right swapped (every shoe of
//                       Fashion-MNIST points one way), drawn from the training rows; held out:
//                       those of the test rows
//   edge = "digits"     class `source` of scikit-learn's digits, scaled bilinearly to 28x28; held
//                       out: a third, the source's own test rows
//
// Clean rows are drawn from the whole training set with their true labels. With honest_share > 0
// the edge cases are almost ones: so many honest workers hold some with the true label, beside
// their own rows; nobody else has the same, nor have the liars. Black-box: nothing else.
// PGD (radius > 0): the local model is projected onto the ball of that radius about the model
// received every `period` batches and after each epoch's last. Model replacement (replace): the
// update is multiplied by n_S / n_A, the rows of all asked in the round over the liar's own.
#pragma once

#include "shoal/attack/local_attack.h"

namespace shoal {

enum class EdgeSet { kMirrored, kDigits };

struct BackdoorSettings {
  EdgeSet edge = EdgeSet::kMirrored;
  std::int64_t source = 7;
  std::int64_t target = 1;
  std::int64_t edge_rows = 100;
  std::int64_t clean_rows = 400;
  double honest_share = 0.0;
  std::int64_t honest_rows = 50;
  double radius = 0.0;
  std::int64_t period = 10;
  bool replace = false;
};
void describe(Settings& s, BackdoorSettings& v);

// y := the nearest point of the ball of that radius about `centre`.
void project(std::span<const float> centre, double radius, std::span<float> y);
// An image scaled bilinearly, pixel centres at half steps, borders repeated.
std::vector<float> scale_image(std::span<const float> image, std::size_t height, std::size_t width,
                               std::size_t new_height, std::size_t new_width);
// Left and right swapped.
std::vector<float> mirror_image(std::span<const float> row, const ImageShape& image);

CatalogueEntry<Attack> backdoor_entry();

}  // namespace shoal
