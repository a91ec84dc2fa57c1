// What codecs declare, measured: unbiased, contractive, linear. Over every kind in the catalogue.
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "shoal/base/soak_test.h"
#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

constexpr std::size_t kEntries = 40;
// Thousands of means are compared: five standard errors leave a chance of one in a thousand that
// any of them fails a right codec (and draws are fixed, so one that passes keeps passing).
constexpr double kStandardErrors = 5.0;

std::string name_of(const Table& table) {
  std::string name;
  for (const auto& [key, value] : table.entries()) {
    name += key + "=";
    if (const auto* text = value.as<std::string>()) name += *text;
    if (const auto* number = value.as<double>()) name += fmt::format("{}", *number);
    if (const auto* integer = value.as<std::int64_t>()) name += fmt::format("{}", *integer);
    if (const auto* flag = value.as<bool>()) name += *flag ? "true" : "false";
    if (const auto* inner = value.as<Table>()) name += "{" + name_of(*inner) + "}";
    name += " ";
  }
  return name;
}

Layout two_tensors(std::size_t first, std::size_t second) {
  Layout layout;
  const std::uint32_t columns = first % 5 == 0 ? 5 : 1;  // a matrix where it can be one
  layout.add("weight", {static_cast<std::uint32_t>(first) / columns, columns});
  layout.add("empty", {0});
  layout.add("bias", {static_cast<std::uint32_t>(second)});
  return layout;
}

struct NamedRow {
  const char* name;
  std::vector<float> row;
};

std::vector<NamedRow> rows_of(std::size_t n) {
  RandomStream stream(3, purpose("rows"));
  std::vector<NamedRow> rows{{"normal", {}}, {"spiky", {}},    {"constant", {}}, {"sparse", {}},
                             {"wide", {}},   {"denormal", {}}, {"zero", {}}};
  for (std::size_t i = 0; i < n; ++i) {
    const double normal = stream.normal();
    rows[0].row.push_back(static_cast<float>(normal));
    rows[1].row.push_back(static_cast<float>(i == 4 ? -15 : 1 + 0.2 * normal));
    rows[2].row.push_back(-0.7f);
    rows[3].row.push_back(i % 8 == 3 ? static_cast<float>(3 + normal) : 0.0f);
    rows[4].row.push_back(static_cast<float>(std::copysign(std::exp(normal), stream.normal())));
    rows[5].row.push_back(std::numeric_limits<float>::denorm_min() *
                          static_cast<float>(stream.below(5000)));
    rows[6].row.push_back(i % 2 == 0 ? 0.0f : -0.0f);
  }
  return rows;
}

// Decoding rounds a denormal result by up to half of the least float.
double rounding_of_denormals(std::size_t n) { return static_cast<double>(n) * 0x1p-298; }

struct Measured {
  std::vector<double> mean, mean_error;  // of every entry, and its standard error
  double loss = 0, loss_error = 0;
};

Measured measure(const Codec& codec, const Layout& layout, const std::vector<float>& row,
                 int draws) {
  const std::size_t n = row.size();
  std::vector<double> sum(n), square(n);
  double loss = 0, loss_square = 0;
  std::vector<float> decoded(n);
  ByteWriter out;
  for (int draw = 0; draw < draws; ++draw) {
    const Draws streams = codec_draws(17, 3, static_cast<Step>(draw));
    out.clear();
    EXPECT_TRUE(codec.encode(row, layout, streams, out).ok());
    EXPECT_TRUE(codec.decode(out.bytes(), layout, streams.shared, decoded).ok());
    double lost = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // From the entry itself: small differences keep their digits.
      const double difference = static_cast<double>(decoded[i]) - static_cast<double>(row[i]);
      sum[i] += difference;
      square[i] += difference * difference;
      lost += difference * difference;
    }
    loss += lost;
    loss_square += lost * lost;
  }
  const auto error = [&](double total, double squares) {
    const double mean = total / draws;
    return std::sqrt(std::max(0.0, squares / draws - mean * mean) / draws);
  };
  Measured measured;
  for (std::size_t i = 0; i < n; ++i) {
    measured.mean.push_back(sum[i] / draws);
    measured.mean_error.push_back(error(sum[i], square[i]));
  }
  measured.loss = loss / draws;
  measured.loss_error = error(loss, loss_square);
  return measured;
}

bool rounds_values(const Table& table) {
  const Value* type = table.find("value_type");
  return type && *type->as<std::string>() != "f32";
}

void expect_as_declared(const Codec& codec, const Layout& layout, const NamedRow& named,
                        int draws) {
  SCOPED_TRACE(named.name);
  const CodecProperties declared = codec.properties(layout);
  const Measured measured = measure(codec, layout, named.row, draws);
  const double total = squared_loss(named.row, std::vector<float>(named.row.size()));
  const double slack = kStandardErrors * measured.loss_error + 1e-6 * (total + measured.loss) +
                       rounding_of_denormals(layout.size());
  if (declared.contraction) {
    EXPECT_GT(*declared.contraction, 0);
    EXPECT_LE(*declared.contraction, 1);
    EXPECT_LE(measured.loss, (1 - *declared.contraction) * total + slack);
  }
  if (!declared.variance_factor) return;
  EXPECT_LE(measured.loss, *declared.variance_factor * total + slack);
  for (std::size_t i = 0; i < named.row.size(); ++i)
    EXPECT_NEAR(measured.mean[i], 0,
                kStandardErrors * measured.mean_error[i] + 1e-6 * std::abs(named.row[i]) + 0x1p-149)
        << "entry " << i;
}

TEST(CodecProperties, EveryKindIsCovered) {
  std::set<std::string> kinds, covered;
  for (const auto& entry : codecs().entries()) kinds.insert(entry.name);
  for (const Table& table : all_codec_settings())
    covered.insert(*table.find("kind")->as<std::string>());
  EXPECT_EQ(kinds, covered);
}

TEST(CodecProperties, HoldAsDeclared) {
  const Layout layout = two_tensors(kEntries - 10, 10);
  for (const Table& table : all_codec_settings()) {
    SCOPED_TRACE(name_of(table));
    const auto codec = made(table);
    const CodecProperties declared = codec->properties(layout);
    if (!declared.contraction && !declared.variance_factor) continue;
    for (const NamedRow& named : rows_of(kEntries)) {
      const bool denormal = std::string(named.name) == "denormal";
      if (denormal && rounds_values(table)) continue;  // for values in the normal range of the type
      expect_as_declared(*codec, layout, named, declared.variance_factor ? 10000 : 1000);
    }
  }
}

TEST(CodecProperties, ShortRowsAreUnbiased) {
  const Layout layout = two_tensors(3, 1);
  for (const char* kind : {"qsgd", "terngrad", "natural"})
    for (const NamedRow& named : rows_of(4)) {
      SCOPED_TRACE(kind);
      expect_as_declared(*made(table_of({{"kind", kind}})), layout, named, 100000);
    }
}

// By how many of its standard errors a mean is off, apart from rounding to float.
double standard_errors_off(const Measured& measured, const std::vector<float>& row, std::size_t i) {
  const double rounding = 1e-6 * std::abs(row[i]) + 0x1p-149;
  const double off = std::abs(measured.mean[i]) - rounding;
  return off <= 0.0 ? 0.0 : off / measured.mean_error[i];
}

// The long form of HoldAsDeclared for unbiased codecs: means over 1e5 draws. Of n normal means
// 6.3e-5 n are more than four standard errors off with nothing wrong, 0.6 of the 9577 there are;
// draws are fixed, and those beyond are printed. A codec that draws the same for every row is
// beyond on all of them at once, so what counts is an entry under one codec.
TEST(CodecProperties, MeansOfManyDrawsLieWithinFourStandardErrors) {
  if (!soaking()) GTEST_SKIP() << "takes minutes: make soak";
  const int draws = soak_count(0, 100000);
  const Layout layout = two_tensors(kEntries - 10, 10);
  std::size_t means = 0;
  std::set<std::pair<std::string, std::size_t>> beyond;  // codec and entry
  double most = 0.0;
  for (const Table& table : all_codec_settings()) {
    const auto codec = made(table);
    const CodecProperties declared = codec->properties(layout);
    if (!declared.variance_factor || declared.lossless) continue;
    for (const NamedRow& named : rows_of(kEntries)) {
      const Measured measured = measure(*codec, layout, named.row, draws);
      for (std::size_t i = 0; i < named.row.size(); ++i) {
        if (measured.mean_error[i] == 0.0 && measured.mean[i] == 0.0) continue;  // sent exactly
        ++means;
        const double off = standard_errors_off(measured, named.row, i);
        most = std::max(most, off);
        if (off <= 4.0) continue;
        beyond.emplace(name_of(table), i);
        fmt::print("{:.2f} standard errors: {}, {} row, entry {}, {} of {}\n", off, name_of(table),
                   named.name, i, measured.mean[i], named.row[i]);
      }
    }
  }
  fmt::print(
      "{} means of {} draws, {} codecs and entries beyond 4 standard errors, at most {:.2f}\n",
      means, draws, beyond.size(), most);
  EXPECT_GT(means, 1000u);
  EXPECT_LE(static_cast<double>(beyond.size()), 3.0 + 6.3e-5 * static_cast<double>(means));
  EXPECT_LE(most, kStandardErrors);
}

// C(u) + C(v) = C(u + v) when all share the stream, up to the rounding of the sums.
TEST(CodecProperties, LinearCodecsAddUp) {
  const Layout layout = two_tensors(300, 57);
  RandomStream stream(8, purpose("linear"));
  std::vector<float> u(357), v(357), both(357);
  for (std::size_t i = 0; i < u.size(); ++i) {
    u[i] = static_cast<float>(stream.normal());
    v[i] = static_cast<float>(stream.normal());
    both[i] = u[i] + v[i];
  }
  int linear = 0;
  for (const Table& table : all_codec_settings()) {
    const auto codec = made(table);
    if (!codec->properties(layout).linear) continue;
    SCOPED_TRACE(name_of(table));
    ++linear;
    std::vector<std::vector<float>> decoded;
    std::uint64_t sender = 0;
    for (const auto* row : {&u, &v, &both}) {
      const Draws draws{draws_of(++sender).own, shared_draws(5, 2)};
      ByteWriter out;
      ASSERT_TRUE(codec->encode(*row, layout, draws, out).ok());
      decoded.emplace_back(row->size());
      ASSERT_TRUE(codec->decode(out.bytes(), layout, draws.shared, decoded.back()).ok());
    }
    for (std::size_t i = 0; i < u.size(); ++i)
      ASSERT_NEAR(decoded[0][i] + decoded[1][i], decoded[2][i],
                  1e-6 * (std::abs(decoded[0][i]) + std::abs(decoded[1][i])));
  }
  EXPECT_GE(linear, 10);
}

// The declared constants of compositions, from those of their parts.
TEST(CodecProperties, OfCompositions) {
  const Layout layout = layout_of(1000);
  const auto top = made(table_of({{"kind", "top_k"}, {"k", 100}, {"values", "natural"}}));
  EXPECT_DOUBLE_EQ(*top->properties(layout).contraction, 0.1 * (1 - 0.125));
  EXPECT_FALSE(top->properties(layout).variance_factor);
  // Of 100 kept entries with 31 levels, w = 100 / 961.
  const Table fine = table_of({{"kind", "qsgd"}, {"levels", 31}});
  const auto chain = made(table_of({{"kind", "rand_k"}, {"k", 100}, {"values", fine}}));
  EXPECT_DOUBLE_EQ(*chain->properties(layout).variance_factor, 10 * (1 + 100.0 / 961) - 1);
  EXPECT_FALSE(chain->properties(layout).contraction);
  // Contractive in contractive.
  const auto signs = made(table_of({{"kind", "top_k"}, {"k", 100}, {"values", "sign"}}));
  EXPECT_DOUBLE_EQ(*signs->properties(layout).contraction, 0.1 * 0.01);
  // One level: w = sqrt(100) is nothing that contracts.
  const auto coarse = made(table_of({{"kind", "top_k"}, {"k", 100}, {"values", "qsgd"}}));
  EXPECT_FALSE(coarse->properties(layout).contraction);
}

}  // namespace
}  // namespace shoal
