#include "cli/progress.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

#include "shoal/run/human.h"
#include "shoal/run/report_table.h"

namespace shoal {
namespace {

constexpr int kBarWidth = 24;
constexpr double kRedrawEvery_s = 0.1;

}  // namespace

Progress::Progress(std::string name, Step length, bool quiet, std::string clock)
    : name_(std::move(name)),
      length_(length),
      clock_(std::move(clock)),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) == 1),
      begin_(std::chrono::steady_clock::now()) {}

double Progress::wall_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

std::string Progress::text(double share) const {
  const int filled = static_cast<int>(share * kBarWidth);
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(kBarWidth, '.');
  std::string measured;
  if (accuracy_ >= 0.0)
    measured = fmt::format("accuracy {:.3f}", accuracy_);
  else if (loss_ >= 0.0)
    measured = fmt::format("loss {:.4g}", loss_);
  return fmt::format("{:<24} [{}] {:>4}/{}  {}  {} {}  {}  {:.1f} s", name_, bar, line_.round + 1,
                     length_, measured, human_time(line_.time_s), clock_,
                     human_bytes(bytes_sent(line_, among_peers_)), wall_s());
}

// Nodes say by a figure when they could not go on as usual.
void Progress::look_for_trouble(const LedgerLine& line) {
  if (!trouble_.empty()) return;
  if (line.figure("diverged"))
    trouble_ = fmt::format(
        "diverged in round {}: what nodes were to send grew without bound; take "
        "smaller steps",
        line.round);
  else if (line.figure("abandoned"))
    trouble_ = fmt::format(
        "round {} was abandoned: messages did not come that the method cannot "
        "do without; raise patience_s if the network is slow",
        line.round);
}

void Progress::update(const LedgerLine& line) {
  line_ = line;
  among_peers_ = among_peers_ || is_among_peers(line);
  look_for_trouble(line);
  if (const auto accuracy = line.figure("test_accuracy")) accuracy_ = *accuracy;
  if (const auto loss = line.figure("test_loss")) loss_ = *loss;
  if (quiet_) return;
  const double share = static_cast<double>(line.round + 1) / static_cast<double>(length_);
  if (terminal_) {
    if (wall_s() - last_shown_s_ < kRedrawEvery_s && line.round + 1 < length_) return;
    last_shown_s_ = wall_s();
    std::fprintf(stderr, "\r\033[K%s", text(share).c_str());
    std::fflush(stderr);
    return;
  }
  const int tenth = static_cast<int>(share * 4.0);
  if (tenth == last_tenth_) return;
  last_tenth_ = tenth;
  std::fprintf(stderr, "%s\n", text(share).c_str());
}

void Progress::finish(const std::string& remark) {
  if (quiet_) return;
  if (terminal_) std::fputc('\n', stderr);
  if (!trouble_.empty()) std::fprintf(stderr, "%s: %s\n", name_.c_str(), trouble_.c_str());
  if (!remark.empty()) std::fprintf(stderr, "%s: %s\n", name_.c_str(), remark.c_str());
}

}  // namespace shoal
