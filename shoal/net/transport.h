// Transport: moves frames between the nodes of different processes.
#pragma once

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"
#include "shoal/node/message.h"

namespace shoal {

// Where a transport puts what comes in. Called from any thread.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void deliver(NodeId from, NodeId to, Frame frame) = 0;
  // What the observer of another process has seen (net/observation.h).
  virtual void observed(NodeId from, Bytes observation) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Queues a frame for a node of another process; it arrives later or is lost. Never blocks.
  virtual void send(NodeId from, NodeId to, const Frame& frame) = 0;
  // Sends what was observed here to the process that keeps the ledger. Costs no wire bytes of the
  // method: it is not counted as its traffic.
  virtual void observe(NodeId from, Bytes observation) = 0;
  // Waits until everything queued has been handed over, at most `patience_s`.
  virtual void drain(double patience_s) = 0;
};

}  // namespace shoal
