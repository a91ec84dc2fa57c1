#include "shoal/run/folder_writer.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "shoal/base/file.h"
#include "shoal/base/toml.h"
#include "shoal/run/run.h"
#include "shoal/run/run_folder.h"

namespace shoal {
namespace {

Experiment experiment(const std::string& more = "") {
  const std::string toml = R"(
name = "folder"
[data]
kind = "random_quadratics"
nodes = 6
[partition]
kind = "users"
[model]
kind = "quadratic"
[nodes]
count = 6
[topology]
kind = "ring"
[report]
checkpoint_every = 2
[method]
kind = "dpsgd"
steps = 9
batch = 0
)" + more;
  return read_experiments(parse_toml(toml).value(), {}).value().front();
}

std::string fresh_folder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = testing::TempDir() + "/shoal-folder-" + info->name();
  std::filesystem::remove_all(folder);
  return folder;
}

// Runs into a folder, from its checkpoint when `resume`; returns whether it was stopped.
bool run_into(const std::string& folder, const Experiment& experiment, bool resume,
              Step stop_after = kForever) {
  ThreadPool pool(1);
  const auto run = Run::create(experiment, pool).value();
  FolderWriter writer;
  if (resume) {
    const auto checkpoint = writer.resume(folder, experiment);
    SHOAL_CHECK(checkpoint.ok(), checkpoint.error().message);
    SHOAL_CHECK(run->resume(*checkpoint).ok(), "the checkpoint fits");
  } else {
    SHOAL_CHECK(writer.begin(folder, experiment).ok(), "the folder is made");
  }
  run->on_line([&](const LedgerLine& line) { EXPECT_TRUE(writer.add_line(line).ok()); });
  run->on_checkpoint([&](ByteView bytes, std::size_t) { return writer.save_checkpoint(bytes); });
  run->stop_after(stop_after);
  SHOAL_CHECK(run->go().ok(), "the run goes on");
  EXPECT_TRUE(writer.finish(run->assembly(), run->result(), 1.0, 1).ok());
  return run->result().interrupted;
}

std::string text(const std::string& path) { return read_text_file(path).value(); }

void flip_a_bit(const std::string& path) {
  Bytes bytes = read_file(path).value();
  bytes[bytes.size() / 2] ^= std::byte{4};
  ASSERT_TRUE(write_file_atomically(path, bytes).ok());
}

TEST(FolderWriter, HoldsARun) {
  const std::string folder = fresh_folder();
  EXPECT_FALSE(run_into(folder, experiment(), false));
  const auto summary = read_run_folder(folder);
  ASSERT_TRUE(summary.ok()) << summary.error().message;
  EXPECT_EQ(summary->lines.size(), 9u);
  EXPECT_EQ(summary->method, "dpsgd");
  EXPECT_EQ(summary->model_digest.size(), 64u);
  // As the resolved file says, it is the same run again.
  const std::string other = folder + "-again";
  const auto again = resolve_experiment(parse_toml(text(folder + "/experiment.toml")).value());
  EXPECT_FALSE(run_into(other, *again, false));
  EXPECT_EQ(text(other + "/ledger.jsonl"), text(folder + "/ledger.jsonl"));
  EXPECT_EQ(read_run_folder(other)->model_digest, summary->model_digest);
}

TEST(FolderWriter, ResumesToTheSameFiles) {
  const std::string whole = fresh_folder();
  run_into(whole, experiment(), false);
  for (Step stop = 0; stop < 8; ++stop) {
    const std::string folder = whole + "-parts";
    EXPECT_TRUE(run_into(folder, experiment(), false, stop));
    EXPECT_FALSE(std::filesystem::exists(folder + "/model.safetensors"));
    // Lines behind the checkpoint, as a killed process leaves them, are written anew.
    std::ofstream(folder + "/ledger.jsonl", std::ios::app) << "{\"round\":99,\"ti";
    EXPECT_FALSE(run_into(folder, experiment(), true));
    EXPECT_EQ(text(folder + "/ledger.jsonl"), text(whole + "/ledger.jsonl")) << stop;
    EXPECT_EQ(text(folder + "/model.safetensors"), text(whole + "/model.safetensors")) << stop;
  }
}

TEST(FolderWriter, AFlippedBitFallsBackToTheOlderCheckpoint) {
  const std::string whole = fresh_folder();
  run_into(whole, experiment(), false);
  const std::string folder = whole + "-flipped";
  run_into(folder, experiment(), false, 6);
  const std::string newest = text(folder + "/checkpoint/newest.txt");
  flip_a_bit(folder + "/checkpoint/" + newest);
  EXPECT_FALSE(run_into(folder, experiment(), true));
  EXPECT_EQ(text(folder + "/ledger.jsonl"), text(whole + "/ledger.jsonl"));
  EXPECT_EQ(text(folder + "/model.safetensors"), text(whole + "/model.safetensors"));
}

TEST(FolderWriter, TwoBadCheckpointsAreAnError) {
  const std::string folder = fresh_folder();
  run_into(folder, experiment(), false, 6);
  const std::string a = folder + "/checkpoint/a.bin", b = folder + "/checkpoint/b.bin";
  flip_a_bit(a);
  ASSERT_TRUE(write_file_atomically(b, std::string("short")).ok());
  FolderWriter writer;
  const auto resumed = writer.resume(folder, experiment());
  ASSERT_FALSE(resumed.ok());
  EXPECT_TRUE(resumed.error().message.find("checksum") != std::string::npos ||
              resumed.error().message.find("cut short") != std::string::npos);
}

TEST(FolderWriter, RefusesAnotherExperiment) {
  const std::string folder = fresh_folder();
  run_into(folder, experiment(), false, 3);
  FolderWriter writer;
  const auto other = writer.resume(folder, experiment("learning_rate = 0.2\n"));
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().message.find("another experiment"), std::string::npos);
  // How often it saves itself is no part of what it computes.
  Experiment often = experiment();
  often.report.checkpoint_every = 1;
  EXPECT_TRUE(writer.resume(folder, often).ok());
}

TEST(FolderWriter, NothingToResume) {
  const std::string folder = fresh_folder();
  Experiment plain = experiment();
  plain.report.checkpoint_every = 0;
  run_into(folder, plain, false);
  FolderWriter writer;
  const auto resumed = writer.resume(folder, plain);
  ASSERT_FALSE(resumed.ok());
  EXPECT_NE(resumed.error().message.find("no checkpoint to resume from"), std::string::npos);
}

}  // namespace
}  // namespace shoal
