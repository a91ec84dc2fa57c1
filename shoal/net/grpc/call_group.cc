#include "shoal/net/grpc/call_group.h"

#include "shoal/net/grpc/timer.h"
#include "shoal/net/grpc/translate.h"

namespace shoal {
namespace {

std::string path_of(const char* method) { return std::string("/shoal.wire.Federation/") + method; }

}  // namespace

std::shared_ptr<Line> CallGroup::line() const {
  const std::lock_guard lock(mutex_);
  return line_;
}

void CallGroup::replace_line(std::shared_ptr<Line> line) {
  const std::lock_guard lock(mutex_);
  line_ = std::move(line);
}

std::shared_ptr<Line> CallGroup::enter(grpc::ClientContext* context) {
  const std::lock_guard lock(mutex_);
  if (closed_) return nullptr;
  running_.insert(context);
  return line_;
}

void CallGroup::end(std::unique_ptr<grpc::ClientContext> context) {
  {
    const std::lock_guard lock(mutex_);
    running_.erase(context.get());
    ++ending_;
  }
  context.reset();
  const std::lock_guard lock(mutex_);
  --ending_;
  ended_.notify_all();
}

void CallGroup::call(const char* method, const google::protobuf::MessageLite& request,
                     double deadline_s, Answer answer) {
  struct Call {
    std::shared_ptr<Line> line;
    std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
    grpc::ByteBuffer request;
    grpc::ByteBuffer reply;
    Answer answer;
  };
  const auto call = std::make_shared<Call>();
  call->request = message_buffer(request);
  call->answer = std::move(answer);
  call->context->set_deadline(after_s(deadline_s));
  call->line = enter(call->context.get());
  if (!call->line) return;
  call->line->stub.UnaryCall(call->context.get(), path_of(method), {}, &call->request, &call->reply,
                             [call, group = shared_from_this()](const grpc::Status& status) {
                               call->answer(status, call->reply);
                               // With all that they hold, before the group is told.
                               call->answer = nullptr;
                               call->line = nullptr;
                               group->end(std::move(call->context));
                             });
}

bool CallGroup::begin(Line& line, const char* method, grpc::ClientContext* context,
                      double deadline_s,
                      grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* reactor) {
  if (!enter(context)) return false;
  context->set_deadline(after_s(deadline_s));
  line.stub.PrepareBidiStreamingCall(context, path_of(method), {}, reactor);
  return true;
}

void CallGroup::close_and_wait() {
  std::shared_ptr<Line> line;  // goes here, without the lock
  std::unique_lock lock(mutex_);
  closed_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
  ended_.wait(lock, [this] { return running_.empty() && ending_ == 0; });
  line = std::move(line_);
  lock.unlock();
}

}  // namespace shoal
