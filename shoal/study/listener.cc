#include "shoal/study/listener.h"

#include "shoal/base/toml.h"

namespace shoal {

Result<RunResult> listened_run(StudyContext& context, const std::string& experiment,
                               const std::vector<std::string>& set, Listener& listener) {
  SHOAL_TRY(const Table table, parse_toml(experiment));
  SHOAL_TRY(const auto experiments, read_experiments(table, set));
  SHOAL_TRY(auto run, Run::create(experiments.front(), context.pool()));
  listener.begin(run->assembly());
  listener.next_ = run->simulation().observer();
  run->simulation().set_observer(&listener);
  SHOAL_TRY_STATUS(run->go());
  return run->result();
}

}  // namespace shoal
