#include "shoal/net/grpc/status_call.h"

#include <fmt/format.h>
#include <future>

#include "shoal/net/grpc/call_group.h"
#include "shoal/net/grpc/open_line.h"
#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"
#include "shoal/net/printable.h"

namespace shoal {

Result<std::string> fetch_status(const std::string& server, const TlsFiles& tls) {
  SHOAL_TRY(const OpenedLine opened, open_line(tls, server, {}));
  const auto calls = std::make_shared<CallGroup>(opened.line);
  auto answered = std::make_shared<std::promise<Result<std::string>>>();
  auto answer = answered->get_future();
  const wire::StatusRequest request;
  calls->call("GetStatus", request, kControlDeadline_s,
              [answered, server, certificates = tls.given()](const grpc::Status& status,
                                                             grpc::ByteBuffer& reply) {
                wire::StatusReply read;
                if (!status.ok())
                  answered->set_value(
                      not_found(fmt::format("{} does not answer: {}", server,
                                            status.error_code() == grpc::StatusCode::UNAVAILABLE
                                                ? trouble_text(status, certificates)
                                                : printable(status.error_message()))));
                else if (!parse_message(reply, kReceiveBytesMax, read).ok())
                  answered->set_value(corrupt(server + " answers with something else"));
                else
                  answered->set_value(std::move(*read.mutable_json()));
              });
  Result<std::string> status = answer.get();
  calls->close_and_wait();
  return status;
}

}  // namespace shoal
