// The look of the report, and its hover read-out. Both are texts to stand inside the page: a
// report is one file that needs no network.
#pragma once

#include <string_view>

namespace shoal {

// Light and dark by the reader's own preference. Colours of runs (c0 to c7) follow Okabe and Ito,
// "Color Universal Design", which colour-blind readers tell apart, darkened or lightened until
// each stands out from its background; dash patterns (d0 to d4) tell runs apart without colour.
extern const std::string_view kReportStyle;

// Shows, beside the pointer, where every curve is. The page loses nothing else without it.
extern const std::string_view kReportScript;

}  // namespace shoal
