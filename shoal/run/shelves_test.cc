#include "shoal/run/shelves.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

namespace shoal {
namespace {

TEST(Shelves, EveryThingSaysWhatItIs) {
  for (const Shelf& shelf : shelves()) {
    EXPECT_FALSE(shelf.things.empty()) << shelf.section;
    std::set<std::string> names;
    for (const Thing& thing : shelf.things) {
      EXPECT_TRUE(names.insert(thing.name).second) << thing.name;
      EXPECT_FALSE(thing.summary.empty()) << thing.name;
      for (const SettingInfo& info : thing.settings) {
        EXPECT_FALSE(info.meaning.empty()) << thing.name << "." << info.name;
        // A text may be empty by default; whatever is drawn from a range or a list is not.
        if (info.type != "text" && info.type.find("list") == std::string::npos) {
          EXPECT_FALSE(info.default_text.empty()) << thing.name << "." << info.name;
        }
      }
      const std::string text = explain_text(shelf, thing);
      EXPECT_NE(text.find(thing.summary), std::string::npos);
      for (const SettingInfo& info : thing.settings)
        EXPECT_NE(text.find(info.name), std::string::npos) << thing.name;
    }
  }
}

TEST(Shelves, TheSchemaNamesEveryKind) {
  const auto schema = nlohmann::json::parse(json_schema(), nullptr, false);
  ASSERT_TRUE(schema.is_object());
  for (const Shelf& shelf : shelves()) {
    if (shelf.section == "rule.before") continue;
    const auto& kinds = schema["properties"][shelf.section]["oneOf"];
    ASSERT_EQ(kinds.size(), shelf.things.size()) << shelf.section;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      EXPECT_EQ(kinds[i]["properties"]["kind"]["const"], shelf.things[i].name);
      EXPECT_EQ(kinds[i]["properties"].size(), shelf.things[i].settings.size() + 1);
    }
  }
  EXPECT_EQ(schema["properties"]["faults"]["properties"]["loss"]["exclusiveMaximum"], 1.0);
  EXPECT_EQ(schema["properties"]["seed"]["type"], "integer");
}

TEST(Shelves, TheReferenceNamesEverything) {
  const std::string page = reference_markdown();
  for (const Shelf& shelf : shelves())
    for (const Thing& thing : shelf.things)
      EXPECT_NE(page.find("\n### " + thing.name + "\n"), std::string::npos) << thing.name;
  for (const char* section : {"[nodes]", "[network]", "[faults]", "[mixing]", "[report]"})
    EXPECT_NE(page.find(std::string("\n## ") + section), std::string::npos) << section;
}

}  // namespace
}  // namespace shoal
