// Settings of the LibTorch models, without LibTorch: a build that lacks it still explains and
// checks them (shoal/model/no_torch).
#pragma once

#include <string>
#include <vector>

#include "shoal/base/settings.h"

namespace shoal {

// cnn and lenet5 are what their papers say: nothing to set.
struct CnnSettings {};
inline void describe(Settings&, CnnSettings&) {}

struct LeNetSettings {};
inline void describe(Settings&, LeNetSettings&) {}

struct ResNetSettings {
  std::vector<double> widths = {16, 32, 64};
  std::int64_t blocks = 1;
  std::int64_t groups = 8;
};
inline void describe(Settings& s, ResNetSettings& v) {
  s.reals("widths", v.widths,
          "channels of each stage; every stage after the first halves the image",
          {.range = at_least(1).up_to(4096), .paper = "1512.03385"});
  s.integer("blocks", v.blocks, "residual blocks a stage", {.range = at_least(1).up_to(64)});
  s.integer("groups", v.groups, "groups of the normalisation; must divide every width",
            {.range = at_least(1).up_to(4096), .paper = "1803.08494"});
}

struct TorchScriptSettings {
  std::string path;
};
inline void describe(Settings& s, TorchScriptSettings& v) {
  s.text("path", v.path,
         "a TorchScript file; it is code and runs with your rights, so only load what you trust");
}

}  // namespace shoal
