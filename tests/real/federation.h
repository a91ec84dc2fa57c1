// Federation: a server and its members as processes in a temporary folder, on one port for as long
// as the test lasts, so that both come back with the same command.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/run/ledger.h"

#include "tests/real/process.h"

namespace shoal::real {

// A folder that goes with the test, unless the test has failed.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Path of the built `shoal`, or of another one in the environment's SHOAL_COMMAND.
std::string shoal_command();
std::string experiment_file(const char* name);     // tests/worlds/NAME
std::string file_sha256(const std::string& path);  // "" when it is not there
std::string file_text(const std::string& path);    // "" when it is not there
int free_port();                                   // of those that no connection is given
bool answers(const std::string& address);          // a TCP connection is accepted

struct FederationSettings {
  std::string file;  // of one experiment, with its name
  std::size_t members = 0;
  std::vector<std::string> set;             // --set
  std::vector<std::string> server_options;  // beyond those that are always given
  std::vector<std::string> member_options;
  bool certificates = false;
  bool member_state = false;  // --state for every member
};

class Federation {
 public:
  explicit Federation(FederationSettings settings);

  // What the same experiment gives in the simulation: SHA-256 of the model, and the traffic.
  struct Reference {
    std::string model;
    std::string traffic;
  };
  Reference simulate() const;

  void start_server();  // again after its end, with the same command
  void start_member(std::size_t member);
  void start();  // all of them
  // Members are sent here instead of to the server itself.
  void set_way(const std::string& address) { way_ = address; }

  Process& server() { return *server_; }
  Process& member(std::size_t member) { return *members_.at(member); }
  std::size_t members() const { return settings_.members; }
  const std::string& address() const { return address_; }
  const std::string& folder() const { return folder_.path(); }
  std::string run_folder() const;
  std::string log(const std::string& name) const { return folder() + "/" + name + ".log"; }

  // What the server's GetStatus says, without certificates; "" when it does not answer.
  std::string status() const;
  // Rounds whose checkpoint has its name in the state folder.
  Step rounds_on_disk() const;
  // Waits until more than `rounds` are; false after patience_s.
  bool waits_for_rounds(Step rounds, double patience_s) const;

  // Waits for the server and then all members that run. Adds a failure to the test when the server
  // does not end with 0 within patience_s.
  void expect_end(double patience_s);
  // The model is the one expected, and the folder is that of a run that is whole: every round once
  // in the ledger, the journal a chain with one receipt for each member and round, and no receipt
  // twice. With `everyone` every round has all members.
  void expect_whole(const std::string& model, bool everyone = true) const;

 private:
  void make_certificates() const;
  std::vector<std::string> kit(const std::string& name) const;

  Folder folder_;
  FederationSettings settings_;
  std::string address_;
  std::string way_;
  std::unique_ptr<Process> server_;
  std::map<std::size_t, std::unique_ptr<Process>> members_;
};

}  // namespace shoal::real
