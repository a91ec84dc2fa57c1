// Everything with a name, across the catalogues: for `list`, `explain`, the JSON Schema and the
// reference page.
#pragma once

#include <string>
#include <vector>

#include "shoal/base/settings.h"

namespace shoal {

struct Thing {
  std::string name;
  std::string summary;
  std::string paper;
  std::vector<SettingInfo> settings;
};

struct Shelf {
  std::string section;   // of the experiment file: "codec"
  std::string singular;  // "codec"
  std::string plural;    // "codecs"
  std::vector<Thing> things;
};

// The catalogues, then the sections without a kind as one thing each ("network", "faults", ...).
std::vector<Shelf> shelves();
std::vector<Shelf> plain_sections();

// Settings as text, for people: name, unit, default, range, meaning.
std::string explain_text(const Shelf& shelf, const Thing& thing);
// The JSON Schema of an experiment file.
std::string json_schema();
// The reference page in Markdown.
std::string reference_markdown();

}  // namespace shoal
