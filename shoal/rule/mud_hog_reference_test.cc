// MUD-HoG against plain double-precision code that follows algorithm 1 of the paper (2208.10273)
// vector by vector: histories as lists of rows, DBSCAN by merging, Lloyd's passes on the vectors.
// Stories of six rounds with honest senders, flippers, noise and targeted liars, doubled rows, and
// senders that stay away; a story ends where the answer hangs on rounding.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <optional>

#include "shoal/base/random.h"
#include "shoal/base/soak_test.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using Point = std::vector<double>;
using Points = std::vector<Point>;
using Ids = std::vector<std::uint32_t>;  // of senders, increasing

constexpr double kNearTie = 1e-6;
struct Undecided {};

// a < b, unless rounding may say otherwise; what is exactly equal is so to everybody who computes
// it from the same rows.
bool below(double a, double b) {
  if (a != b && std::abs(a - b) <= kNearTie * (1e-3 + std::abs(a) + std::abs(b))) throw Undecided{};
  return a < b;
}

// The same where equal values may have been computed in two ways.
bool clearly_below(double a, double b) {
  if (a == b) throw Undecided{};
  return below(a, b);
}

double inner(const Point& x, const Point& y) {
  double sum = 0.0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += x[c] * y[c];
  return sum;
}

double squared_between(const Point& x, const Point& y) {
  double sum = 0.0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += (x[c] - y[c]) * (x[c] - y[c]);
  return sum;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

Point mean_of(const Points& points) {
  Point mean(points.front().size(), 0.0);
  for (const Point& x : points)
    for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += x[c] / double(points.size());
  return mean;
}

Point median_of(const Points& points) {
  Point middle;
  for (std::size_t c = 0; c < points.front().size(); ++c) {
    std::vector<double> column;
    for (const Point& x : points) column.push_back(x[c]);
    middle.push_back(median(column));
  }
  return middle;
}

// The middle of the widest gap between sorted values.
double split_at_widest_gap(std::vector<double> values) {
  if (values.size() < 2) return 0.0;
  std::sort(values.begin(), values.end());
  std::size_t at = 0;
  for (std::size_t i = 1; i + 1 < values.size(); ++i)
    if (clearly_below(values[at + 1] - values[at], values[i + 1] - values[i])) at = i;
  clearly_below(0.0, values[at + 1] - values[at]);
  return (values[at] + values[at + 1]) / 2;
}

// Core points within eps of each other have one number, the lowest of theirs; a point near some
// core points has the lowest number of these, and -1 near none.
std::vector<int> density_clusters(const Points& points, double eps, std::size_t min_points) {
  const std::size_t n = points.size();
  const auto near = [&](std::size_t i, std::size_t j) {
    return i == j || !below(eps, std::sqrt(squared_between(points[i], points[j])));
  };
  std::vector<int> label(n, -1);
  std::vector<bool> core(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t count = 0;
    for (std::size_t j = 0; j < n; ++j) count += near(i, j);
    core[i] = count >= min_points;
    if (core[i]) label[i] = int(i);
  }
  for (std::size_t pass = 0; pass < n; ++pass)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (core[i] && core[j] && near(i, j)) label[i] = std::min(label[i], label[j]);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n && !core[i]; ++j)
      if (core[j] && near(i, j) && (label[i] < 0 || label[j] < label[i])) label[i] = label[j];
  return label;
}

// Places of the points in the largest cluster, of equally large ones that of the lowest number.
std::vector<std::size_t> most_common(const std::vector<int>& label) {
  std::map<int, std::vector<std::size_t>> clusters;
  for (std::size_t i = 0; i < label.size(); ++i)
    if (label[i] >= 0) clusters[label[i]].push_back(i);
  std::vector<std::size_t> most;
  for (const auto& [number, members] : clusters)
    if (members.size() > most.size()) most = members;
  return most;
}

struct Halves {
  std::vector<bool> second;
  double inertia = 0.0;
};

Halves nearest_centre(const Points& points, const Point& a, const Point& b) {
  Halves halves;
  for (const Point& x : points) {
    const double to_a = squared_between(x, a), to_b = squared_between(x, b);
    halves.second.push_back(clearly_below(to_b, to_a));
    halves.inertia += std::min(to_a, to_b);
  }
  return halves;
}

Halves lloyd(const Points& points, std::size_t a, std::size_t b) {
  Halves halves = nearest_centre(points, points[a], points[b]);
  for (;;) {
    Points sides[2];
    for (std::size_t i = 0; i < points.size(); ++i) sides[halves.second[i]].push_back(points[i]);
    if (sides[0].empty() || sides[1].empty()) throw Undecided{};
    Halves next = nearest_centre(points, mean_of(sides[0]), mean_of(sides[1]));
    if (next.second == halves.second) return next;
    halves = next;
  }
}

// Ten starts: a uniform point, and another by its squared distance. The smaller half of the
// tightest, nobody when the halves are equally large.
std::vector<std::size_t> smaller_half(const Points& points, RandomStream& stream) {
  if (points.size() < 2) return {};
  std::optional<Halves> best;
  for (int start = 0; start < 10; ++start) {
    const std::size_t a = stream.below(points.size());
    double total = 0.0;
    for (const Point& x : points) total += squared_between(x, points[a]);
    if (total == 0.0) return {};
    double left = stream.uniform() * total;
    std::size_t b = a;
    for (std::size_t i = 0; i < points.size() && left >= 0.0; ++i) {
      const double distance = squared_between(points[i], points[a]);
      if (distance == 0.0) continue;
      b = i;
      left -= distance;
    }
    const Halves found = lloyd(points, a, b);
    // The same halves under other names are as tight but for rounding.
    const auto flipped = [&] {
      for (std::size_t i = 0; i < points.size(); ++i)
        if (found.second[i] == best->second[i]) return false;
      return true;
    };
    if (best && (found.second == best->second || flipped())) continue;
    if (!best || clearly_below(found.inertia, best->inertia)) best = found;
  }
  std::vector<std::size_t> sides[2];
  for (std::size_t i = 0; i < points.size(); ++i) sides[best->second[i]].push_back(i);
  if (sides[0].size() == sides[1].size()) return {};
  return sides[sides[1].size() < sides[0].size()];
}

struct Options {
  std::size_t window = 1, first_round = 1, delay = 1, min_points = 1;
  double eps = 1.0, eps_factor = 0.0;
  bool split_guard = false;

  Table table() const {
    return rule_table("mud_hog", {{"window", std::int64_t(window)},
                                  {"first_round", std::int64_t(first_round)},
                                  {"delay", std::int64_t(delay)},
                                  {"min_points", std::int64_t(min_points)},
                                  {"eps", eps},
                                  {"eps_factor", eps_factor},
                                  {"split_guard", split_guard}});
  }
};

// The server of the paper: everything it knows of a sender under its id.
class Server {
 public:
  explicit Server(const Options& options) : options_(options) {}

  struct Answer {
    Ids kept;
    std::vector<Suspect> suspects;
    Point row;
  };

  Answer round(const std::map<std::uint32_t, Point>& updates, RandomStream stream) {
    Ids all, kept;
    for (const auto& [id, update] : updates) {
      all.push_back(id);
      clients_[id].updates.push_back(update);
    }
    if (++rounds_ <= options_.first_round) return {all, {}, mean_of(values(updates, all))};
    const Ids flip = sign_flippers(all);
    const Ids noise = noisy(without(all, flip));
    const Ids targeted = targets(without(without(all, flip), noise), stream);
    for (const std::uint32_t id : all)
      clients_[id].advance(has(flip, id), has(noise, id), has(targeted, id), options_.delay);
    find_unreliable(without(all, flip));
    for (const std::uint32_t id : all)
      if (!clients_[id].malicious() && !has(noise, id) && !has(targeted, id)) kept.push_back(id);
    const bool nobody = kept.empty();
    if (nobody) kept = all;
    const Points rows = values(updates, kept);
    return {kept, suspects(), nobody || !any_normal_ ? median_of(rows) : mean_of(rows)};
  }

 private:
  struct Client {
    std::vector<Point> updates;
    std::size_t suspicious = 0, cleared = 0, unreliable = 0;
    bool is[4] = {};  // as SuspectKind has them

    bool malicious() const { return is[0] || is[1] || is[2]; }
    Point recent(std::size_t window) const {
      const std::size_t count = std::min(window, updates.size());
      return mean_of({updates.end() - std::ptrdiff_t(count), updates.end()});
    }
    Point sum() const {
      Point sum(updates.front().size(), 0.0);
      for (const Point& update : updates)
        for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += update[c];
      return sum;
    }
    void advance(bool flips, bool is_noise, bool targets, std::size_t delay) {
      if (flips || is_noise || targets) {
        ++suspicious;
        is[0] = is[0] || (flips && suspicious >= delay);
        is[1] = is[1] || (is_noise && suspicious >= delay);
        is[2] = is[2] || (targets && suspicious >= 2 * delay);
      } else if (suspicious == 0) {
        is[0] = is[1] = is[2] = false;
      } else {
        suspicious = 0;
        if (!is[1] || ++cleared < delay) return;
        is[1] = false;  // merely unreliable, and long enough so
        is[3] = true;
        unreliable = std::max(unreliable, delay + 1);
      }
    }
  };

  static bool has(const Ids& ids, std::uint32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }
  static Ids without(const Ids& ids, const Ids& others) {
    Ids rest;
    for (const std::uint32_t id : ids)
      if (!has(others, id)) rest.push_back(id);
    return rest;
  }
  static Points values(const std::map<std::uint32_t, Point>& updates, const Ids& ids) {
    Points points;
    for (const std::uint32_t id : ids) points.push_back(updates.at(id));
    return points;
  }
  Points shorts(const Ids& ids) {
    Points points;
    for (const std::uint32_t id : ids) points.push_back(clients_[id].recent(options_.window));
    return points;
  }

  Ids sign_flippers(const Ids& all) {
    Ids trusted, found;
    for (const std::uint32_t id : all)
      if (!clients_[id].malicious()) trusted.push_back(id);
    if (trusted.empty()) return {};
    const Point middle = median_of(shorts(trusted));
    for (const std::uint32_t id : all)
      if (below(inner(middle, clients_[id].recent(options_.window)), 0.0)) found.push_back(id);
    return found;
  }

  Ids noisy(Ids examined) {
    std::erase_if(examined, [&](std::uint32_t id) { return clients_[id].is[0]; });
    const Points points = shorts(examined);
    double eps = options_.eps;
    if (options_.eps_factor > 0.0 && points.size() > 1) {
      std::vector<double> nearest;
      for (std::size_t i = 0; i < points.size(); ++i) {
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t j = 0; j < points.size(); ++j)
          if (j != i) least = std::min(least, std::sqrt(squared_between(points[i], points[j])));
        nearest.push_back(least);
      }
      eps = options_.eps_factor * median(nearest);
    }
    const std::vector<int> label = density_clusters(points, eps, options_.min_points);
    const std::vector<std::size_t> normal = most_common(label);
    any_normal_ = !normal.empty();
    if (!any_normal_) return {};
    Points cluster;
    for (const std::size_t i : normal) cluster.push_back(points[i]);
    const Point centre = median_of(cluster);
    const auto distance = [&](std::size_t i) {
      return std::sqrt(squared_between(points[i], centre));
    };
    std::vector<double> outside;
    double outermost = 0.0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (label[i] != label[normal.front()])
        outside.push_back(distance(i));
      else
        outermost = std::max(outermost, distance(i));
    }
    if (options_.split_guard && !outside.empty()) outside.push_back(outermost);
    const double split = split_at_widest_gap(outside);
    Ids found;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (label[i] < 0 && below(split, distance(i))) found.push_back(examined[i]);
    return found;
  }

  Ids targets(Ids examined, RandomStream& stream) {
    std::erase_if(examined,
                  [&](std::uint32_t id) { return clients_[id].is[0] || clients_[id].is[1]; });
    Points sums;
    for (const std::uint32_t id : examined) sums.push_back(clients_[id].sum());
    Ids found;
    for (const std::size_t i : smaller_half(sums, stream)) found.push_back(examined[i]);
    return found;
  }

  void find_unreliable(Ids examined) {
    std::erase_if(examined, [&](std::uint32_t id) { return clients_[id].malicious(); });
    if (examined.empty()) return;
    const Points points = shorts(examined);
    const Point middle = median_of(points);
    std::map<std::uint32_t, double> cosines;
    std::vector<double> values;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double norms =
          std::sqrt(inner(middle, middle)) * std::sqrt(inner(points[i], points[i]));
      if (norms == 0.0) continue;
      values.push_back(cosines[examined[i]] = inner(middle, points[i]) / norms);
    }
    const double split = split_at_widest_gap(values);
    for (const auto& [id, cosine] : cosines) {
      Client& client = clients_[id];
      if (below(cosine, split)) {
        client.is[3] = ++client.unreliable > options_.delay || client.is[3];
      } else if (client.unreliable == 0 || --client.unreliable == 0) {
        client.is[3] = false;
      }
    }
  }

  std::vector<Suspect> suspects() const {
    std::vector<Suspect> all;
    for (const auto& [id, client] : clients_)
      for (int kind = 0; kind < 4; ++kind)
        if (client.is[kind]) all.push_back({id, static_cast<SuspectKind>(kind)});
    return all;
  }

  Options options_;
  std::size_t rounds_ = 0;
  bool any_normal_ = true;
  std::map<std::uint32_t, Client> clients_;
};

// What one sender does in a story.
enum class Role { kHonest, kFlips, kNoise, kTargeted, kTwin };

struct Story {
  Options options;
  std::vector<Role> roles;
  std::size_t dimension, f;
  bool coarse;  // values k/2, with many ties
};

Story drawn_story(RandomStream& stream) {
  Story story;
  story.options.window = 1 + stream.below(3);
  story.options.first_round = 1 + stream.below(2);
  story.options.delay = 1 + stream.below(2);
  story.options.min_points = 1 + stream.below(3);
  story.options.eps = 0.3 + 2 * stream.uniform();
  if (stream.below(3) == 0) story.options.eps_factor = 0.5 + 2 * stream.uniform();
  story.options.split_guard = stream.below(2) == 0;
  const std::size_t n = 2 * story.options.min_points + 1 + stream.below(6);
  story.dimension = 1 + stream.below(4);
  story.f = stream.below(2) ? (n - 1) / 2 : stream.below((n + 1) / 2);
  for (std::size_t i = 0; i < n; ++i)
    story.roles.push_back(i + story.f < n ? stream.below(6) || i == 0 ? Role::kHonest : Role::kTwin
                                          : Role(1 + stream.below(3)));
  story.coarse = stream.below(4) == 0;
  return story;
}

std::vector<float> update_of(const Story& story, Role role, const TestRows& earlier,
                             RandomStream& stream) {
  if (role == Role::kTwin) return earlier[stream.below(earlier.size())];
  std::vector<float> row(story.dimension);
  for (float& value : row)
    value = story.coarse ? float(2 + stream.below(3)) / 2 : 1.0f + 0.3f * float(stream.normal());
  if (role == Role::kFlips)
    for (float& value : row) value = -value;
  if (role == Role::kNoise)
    for (float& value : row) value += 2.0f * float(stream.normal());
  if (role == Role::kTargeted) row[0] = 3.0f;
  return row;
}

// How many rounds of the story were compared.
int told(const Story& story, RandomStream stream) {
  auto rule = make_rule(story.options.table());
  Server server(story.options);
  const std::size_t least = std::max(2 * story.options.min_points, 2 * story.f + 1);
  for (std::uint32_t t = 0; t < 6; ++t) {
    TestRows rows;
    for (const Role role : story.roles) rows.push_back(update_of(story, role, rows, stream));
    RoundView whole = test_round(rows, story.f), round = whole;
    round.rows.clear();
    round.senders.clear();
    round.round = t;
    round.receiver = 3;
    std::map<std::uint32_t, Point> updates;
    std::size_t away = stream.below(8) == 0 ? rows.size() - least : 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (away > 0 && stream.below(4) == 0 && away--) continue;
      round.rows.push_back(whole.rows[i]);
      round.senders.push_back(whole.senders[i]);
      updates[whole.senders[i]] = Point(rows[i].begin(), rows[i].end());
    }
    round.weights.assign(round.size(), 1.0 / double(round.size()));
    const Outcome got = outcome_of(*rule, round);
    Server::Answer want;
    try {
      want = server.round(updates, RandomStream(round.seed, purpose("mud-hog 2-means"), 3, t));
    } catch (const Undecided&) {
      return int(t);
    }
    EXPECT_EQ(got.selection.kept, want.kept) << t;
    EXPECT_EQ(got.selection.suspects, want.suspects) << t;
    expect_near_row(got.row, want.row);
    if (testing::Test::HasFailure()) return int(t);
  }
  return 6;
}

TEST(Reference, MudHog) {
  int rounds = 0, stories = soak_count(3000, 100000), whole = 0;
  for (int k = 0; k < stories && !testing::Test::HasFailure(); ++k) {
    SCOPED_TRACE(fmt::format("story {}", k));
    RandomStream stream(11, purpose("mud-hog stories"), 0, std::uint32_t(k));
    const Story story = drawn_story(stream);
    const int compared = told(story, stream);
    rounds += compared;
    whole += compared == 6;
  }
  EXPECT_GT(rounds, 10 * stories / 3);
  EXPECT_GT(whole, stories / 3);
  fmt::print("{} rounds of {} stories, {} to their end\n", rounds, stories, whole);
}

}  // namespace
}  // namespace shoal
