#include "shoal/net/mpi/mpi_transport.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fmt/format.h>
#include <limits>
#include <mpi.h>
#include <mutex>
#include <thread>

#include "shoal/base/check.h"

namespace shoal {
namespace {

using Microseconds = std::chrono::microseconds;

// Every start() has tags of its own: a rank may begin the next run while another still ends the
// last.
constexpr int kTagsPerStart = 2;
constexpr int kTagsMax = 32766;  // the least upper bound that MPI promises
constexpr std::size_t kPieceBytesMax = std::size_t{1} << 30;
constexpr Microseconds kNapFirst{50};
constexpr Microseconds kNapLast{2000};

enum class Kind : std::uint64_t { kFrame = 1, kObservation = 2 };

struct Header {
  NodeId from = 0;
  NodeId to = 0;
  std::uint64_t size = 0;
  Kind kind = Kind::kFrame;
};
static_assert(sizeof(Header) == 24);

// A message on its way out: header and body stay in place until MPI is done with them.
struct Outgoing {
  int rank = 0;
  Header header;
  Frame body;
  std::vector<MPI_Request> requests;
};

struct Incoming {
  Header header;
  std::shared_ptr<Bytes> body;
  std::vector<MPI_Request> requests;
};

template <class Body, class Call>
void in_pieces(Body* bytes, std::size_t size, const Call& call) {
  for (std::size_t at = 0; at < size; at += kPieceBytesMax)
    call(bytes + at, static_cast<int>(std::min(kPieceBytesMax, size - at)));
}

bool done(std::vector<MPI_Request>& requests) {
  if (requests.empty()) return true;
  int all = 0;
  MPI_Testall(static_cast<int>(requests.size()), requests.data(), &all, MPI_STATUSES_IGNORE);
  return all != 0;
}

}  // namespace

bool started_under_mpi() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(variable)) return true;
  return false;
}

struct MpiTransport::State {
  int rank = 0;
  int ranks = 1;
  int starts = 0;
  int header_tag = 0;
  int body_tag = 1;
  FrameSink* sink = nullptr;
  std::vector<std::size_t> rank_of_node;
  std::thread thread;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<Outgoing>> queue;  // handed in, not yet begun
  std::size_t unsent = 0;                       // queued or on their way
  bool finishing = false;

  // The thread's own.
  std::deque<std::unique_ptr<Outgoing>> sending;
  std::deque<std::unique_ptr<Incoming>> receiving;

  void push(std::unique_ptr<Outgoing> message) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      queue.push_back(std::move(message));
      ++unsent;
    }
    changed.notify_all();
  }

  bool begin_sends() {
    std::deque<std::unique_ptr<Outgoing>> fresh;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      fresh.swap(queue);
    }
    for (auto& message : fresh) {
      message->requests.emplace_back();
      MPI_Isend(&message->header, sizeof(Header), MPI_BYTE, message->rank, header_tag,
                MPI_COMM_WORLD, &message->requests.back());
      in_pieces(message->body->data(), message->body->size(), [&](const void* piece, int size) {
        message->requests.emplace_back();
        MPI_Isend(piece, size, MPI_BYTE, message->rank, body_tag, MPI_COMM_WORLD,
                  &message->requests.back());
      });
      sending.push_back(std::move(message));
    }
    return !fresh.empty();
  }

  bool end_sends() {
    const std::size_t ended =
        std::erase_if(sending, [](auto& message) { return done(message->requests); });
    if (ended == 0) return false;
    const std::lock_guard<std::mutex> lock(mutex);
    unsent -= ended;
    changed.notify_all();
    return true;
  }

  bool begin_receives() {
    bool any = false;
    for (;;) {
      int there = 0;
      MPI_Status status;
      MPI_Iprobe(MPI_ANY_SOURCE, header_tag, MPI_COMM_WORLD, &there, &status);
      if (there == 0) return any;
      any = true;
      auto message = std::make_unique<Incoming>();
      MPI_Recv(&message->header, sizeof(Header), MPI_BYTE, status.MPI_SOURCE, header_tag,
               MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      message->body = std::make_shared<Bytes>(message->header.size);
      in_pieces(message->body->data(), message->body->size(), [&](void* piece, int size) {
        message->requests.emplace_back();
        MPI_Irecv(piece, size, MPI_BYTE, status.MPI_SOURCE, body_tag, MPI_COMM_WORLD,
                  &message->requests.back());
      });
      receiving.push_back(std::move(message));
    }
  }

  bool end_receives() {
    bool any = false;
    // In order, so that what one rank sent comes out as it was sent.
    while (!receiving.empty() && done(receiving.front()->requests)) {
      any = true;
      const std::unique_ptr<Incoming> message = std::move(receiving.front());
      receiving.pop_front();
      const Header& header = message->header;
      if (header.kind == Kind::kFrame)
        sink->deliver(header.from, header.to, std::move(message->body));
      else
        sink->observed(header.from, std::move(*message->body));
    }
    return any;
  }

  // Everything that moves, until all ranks are finishing.
  void run() {
    Microseconds nap = kNapFirst;
    MPI_Request barrier = MPI_REQUEST_NULL;
    bool at_barrier = false;
    for (;;) {
      bool moved = begin_sends();
      moved = end_sends() || moved;
      moved = begin_receives() || moved;
      moved = end_receives() || moved;
      bool idle = sending.empty() && receiving.empty();
      {
        std::unique_lock<std::mutex> lock(mutex);
        idle = idle && queue.empty();
        if (finishing && idle && !at_barrier) {
          at_barrier = true;
          MPI_Ibarrier(MPI_COMM_WORLD, &barrier);
        }
      }
      if (at_barrier) {
        int all_there = 0;
        MPI_Test(&barrier, &all_there, MPI_STATUS_IGNORE);
        if (all_there != 0) return;
      }
      nap = moved ? kNapFirst : std::min(2 * nap, kNapLast);
      if (!idle) nap = kNapFirst;
      if (moved) continue;
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait_for(lock, nap, [this] { return !queue.empty(); });
    }
  }
};

MpiTransport::MpiTransport(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<MpiTransport>> MpiTransport::join() {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED)
    return unsupported(
        "this MPI cannot be used from a second thread; install one built with thread support");
  auto state = std::make_unique<State>();
  MPI_Comm_rank(MPI_COMM_WORLD, &state->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &state->ranks);
  return std::unique_ptr<MpiTransport>(new MpiTransport(std::move(state)));
}

MpiTransport::~MpiTransport() {
  if (state_->thread.joinable()) finish();
  MPI_Finalize();
}

std::size_t MpiTransport::rank() const { return static_cast<std::size_t>(state_->rank); }
std::size_t MpiTransport::ranks() const { return static_cast<std::size_t>(state_->ranks); }

void MpiTransport::start(FrameSink& sink, std::vector<std::size_t> rank_of_node) {
  SHOAL_CHECK(!state_->thread.joinable(), "an MPI transport is started once");
  state_->sink = &sink;
  state_->rank_of_node = std::move(rank_of_node);
  state_->finishing = false;
  state_->header_tag = kTagsPerStart * state_->starts++ % kTagsMax;
  state_->body_tag = state_->header_tag + 1;
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

void MpiTransport::finish() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->finishing = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

void MpiTransport::send(NodeId from, NodeId to, const Frame& frame) {
  auto message = std::make_unique<Outgoing>();
  message->rank = static_cast<int>(state_->rank_of_node.at(to));
  message->header = {from, to, frame->size(), Kind::kFrame};
  message->body = frame;
  state_->push(std::move(message));
}

void MpiTransport::observe(NodeId from, Bytes observation) {
  auto message = std::make_unique<Outgoing>();
  message->header = {from, 0, observation.size(), Kind::kObservation};
  message->body = std::make_shared<const Bytes>(std::move(observation));
  state_->push(std::move(message));
}

void MpiTransport::drain(double patience_s) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->changed.wait_for(lock, std::chrono::duration<double>(patience_s),
                           [this] { return state_->unsent == 0; });
}

}  // namespace shoal
