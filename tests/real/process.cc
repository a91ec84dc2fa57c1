#include "tests/real/process.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace shoal::real {
namespace {

constexpr double kLookPeriod_s = 0.005;

// In the child, between fork and exec: only what is safe in a process of many threads.
[[noreturn]] void become(char* const* arguments, int log) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execvp(arguments[0], arguments);
  _exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) throw std::runtime_error("cannot write " + log);
  id_ = fork();
  if (id_ == 0) become(arguments.data(), file);
  close(file);
  if (id_ < 0) throw std::runtime_error("cannot start " + command.front());
  setpgid(id_, id_);  // whichever of the two comes first
}

Process::~Process() {
  ::kill(-id_, SIGKILL);  // what it has started, too
  if (!code_) waitpid(id_, nullptr, 0);
}

bool Process::running() {
  if (code_) return false;
  int status = 0;
  if (waitpid(id_, &status, WNOHANG) != id_) return true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

std::optional<int> Process::wait(double patience_s) {
  const double until_s = steady_now_s() + patience_s;
  while (running() && steady_now_s() < until_s) sleep_s(kLookPeriod_s);
  return code_;
}

void Process::kill() {
  if (code_) return;
  ::kill(id_, SIGKILL);
  int status = 0;
  waitpid(id_, &status, 0);
  code_ = 128 + SIGKILL;
}

void Process::send_signal(int number) {
  if (!code_) ::kill(id_, number);
}

void Process::pause() { send_signal(SIGSTOP); }
void Process::resume() { send_signal(SIGCONT); }

std::uint64_t Process::memory_bytes() const {
  std::ifstream in("/proc/" + std::to_string(id_) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::size_t Process::descriptors() const {
  std::error_code ignored;
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(id_) + "/fd", ignored);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

void sleep_s(double duration_s) {
  std::this_thread::sleep_for(std::chrono::duration<double>(duration_s));
}

}  // namespace shoal::real
