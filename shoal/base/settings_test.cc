#include "shoal/base/settings.h"

#include <gtest/gtest.h>

#include "shoal/base/catalogue.h"
#include "shoal/base/toml.h"

namespace shoal {
namespace {

enum class Index { kRaw, kRice };
struct Sample {
  double ratio = 0.01;
  std::int64_t levels = 4;
  bool feedback = true;
  std::string path = "x";
  std::vector<double> widths = {1, 2};
  Index index = Index::kRice;
};
void describe(Settings& s, Sample& v) {
  s.real("ratio", v.ratio, "fraction kept", {.range = above(0).up_to(1), .paper = "1809.07599"});
  s.integer("levels", v.levels, "quantisation levels", {.range = at_least(1).up_to(65535)});
  s.flag("feedback", v.feedback, "keep what was not sent");
  s.text("path", v.path, "a file");
  s.reals("widths", v.widths, "widths", {.range = above(0)});
  s.choice("index", v.index, "how", {{"raw", Index::kRaw}, {"rice", Index::kRice}});
}

Status read(const std::string& text, Sample& sample) {
  return read_settings(parse_toml(text).value(), "[codec]", sample);
}

TEST(Settings, ReadsEveryType) {
  Sample sample;
  ASSERT_TRUE(read("ratio = 1\nlevels = 7\nfeedback = false\npath = \"a b\"\n"
                   "widths = [3, 4.5]\nindex = \"raw\"",
                   sample)
                  .ok());
  EXPECT_EQ(sample.ratio, 1.0);
  EXPECT_EQ(sample.levels, 7);
  EXPECT_FALSE(sample.feedback);
  EXPECT_EQ(sample.path, "a b");
  EXPECT_EQ(sample.widths, (std::vector<double>{3, 4.5}));
  EXPECT_EQ(sample.index, Index::kRaw);
}

TEST(Settings, ErrorsSayWhatToChange) {
  Sample sample;
  EXPECT_EQ(read("\nration = 0.1", sample).error().message,
            "line 2: unknown setting 'ration' in [codec]; did you mean 'ratio'?");
  EXPECT_EQ(read("ratio = 1.5", sample).error().message,
            "line 1: ratio in [codec] is 1.5; it must be > 0 and <= 1");
  EXPECT_EQ(read("ratio = nan", sample).error().message,
            "line 1: ratio in [codec] is nan; it must be > 0 and <= 1");
  EXPECT_EQ(read("levels = 2.0", sample).error().message,
            "line 1: levels in [codec] is a number; it must be an integer");
  EXPECT_EQ(read("index = \"rise\"", sample).error().message,
            "line 1: index in [codec] is 'rise'; it must be one of raw, rice");
  EXPECT_EQ(sample.ratio, 0.01);
}

TEST(Settings, WrittenOutAndReadBack) {
  Sample sample;
  sample.ratio = 0.1;
  sample.path = "quote \" and \\ and\nline";
  const Table table = write_settings(sample);
  Sample again;
  ASSERT_TRUE(read(write_toml(table), again).ok());
  EXPECT_EQ(again.ratio, 0.1);
  EXPECT_EQ(again.path, sample.path);
  EXPECT_EQ(write_toml(write_settings(again)), write_toml(table));
}

TEST(Settings, ListedWithDefaultAndRange) {
  const auto all = list_settings(Sample{});
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[0].default_text, "0.01");
  EXPECT_EQ(all[0].about.range.text(), "> 0 and <= 1");
  EXPECT_EQ(all[5].options, (std::vector<std::string>{"raw", "rice"}));
}

TEST(Toml, KeepsFileOrderAndLines) {
  const Table table = parse_toml("z = 1\na = 2\n[m]\ny = 3\n[[run]]\nname = \"q\"\n").value();
  EXPECT_EQ(table.entries()[0].first, "z");
  EXPECT_EQ(table.entries()[1].first, "a");
  EXPECT_EQ(table.find("m")->as<Table>()->find("y")->line, 4);
  EXPECT_EQ(write_toml(parse_toml(write_toml(table)).value()), write_toml(table));
  EXPECT_NE(parse_toml("a = = 1").error().message.find("line 1"), std::string::npos);
}

TEST(Toml, PathsAndMerging) {
  Table table = parse_toml("[codec]\nkind = \"top_k\"\nratio = 0.1").value();
  ASSERT_TRUE(set_path(table, "codec.ratio", parse_toml_value("0.5").value()).ok());
  ASSERT_TRUE(set_path(table, "rule.kind", parse_toml_value("mean").value()).ok());
  EXPECT_EQ(*table.find("codec")->as<Table>()->find("ratio")->as<double>(), 0.5);
  EXPECT_EQ(*table.find("rule")->as<Table>()->find("kind")->as<std::string>(), "mean");
  EXPECT_FALSE(set_path(table, "codec.ratio.x", Value(1)).ok());
}

struct Thing {
  double ratio = 0;
};
Result<std::unique_ptr<Thing>> make_thing(const Sample& sample) {
  return std::make_unique<Thing>(Thing{sample.ratio});
}

TEST(Catalogue, MakesByKindAndSuggests) {
  const Catalogue<Thing> things(
      "thing", {catalogue_entry<Thing, Sample>("top_k", "keeps k", "1809.07599", &make_thing)});
  const Table good = parse_toml("kind = \"top_k\"\nratio = 0.25").value();
  EXPECT_EQ(things.make(good, "[codec]").value()->ratio, 0.25);
  EXPECT_EQ(*things.resolve(good, "[codec]").value().find("levels")->as<std::int64_t>(), 4);
  const Table typo = parse_toml("kind = \"topk\"").value();
  EXPECT_EQ(things.make(typo, "[codec]").error().message,
            "[codec]: unknown thing 'topk'; did you mean 'top_k'?");
}

}  // namespace
}  // namespace shoal
