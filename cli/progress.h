// Live progress of one run: a bar that redraws on a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "shoal/run/ledger.h"

namespace shoal {

class Progress {
 public:
  // `clock`: whose seconds a line's time is, "virtual" or "real".
  Progress(std::string name, Step length, bool quiet, std::string clock = "virtual");
  void update(const LedgerLine& line);
  // Ends the bar's line.
  void finish(const std::string& remark = "");
  double wall_s() const;

 private:
  std::string text(double share) const;
  void look_for_trouble(const LedgerLine& line);
  std::string name_;
  Step length_;
  std::string clock_;
  bool quiet_;
  bool terminal_;
  std::chrono::steady_clock::time_point begin_;
  double last_shown_s_ = -1.0;
  int last_tenth_ = -1;
  LedgerLine line_;
  bool among_peers_ = false;  // what peers send is also what arrives: counted once
  std::string trouble_;  // the first, as a sentence
  double accuracy_ = -1.0;
  double loss_ = -1.0;
};

}  // namespace shoal
