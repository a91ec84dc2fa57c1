#include "shoal/net/grpc/open_line.h"

#include <grpcpp/create_channel.h>

#include "shoal/net/grpc/channel_options.h"
#include "shoal/net/grpc/credentials.h"

namespace shoal {

Result<OpenedLine> open_line(const TlsFiles& tls, const std::string& address,
                             const std::string& name) {
  SHOAL_TRY(CallerCredentials caller, caller_credentials(tls, address));
  grpc::ChannelArguments options = channel_options();
  if (!name.empty()) options.SetSslTargetNameOverride(name);
  auto channel = grpc::CreateCustomChannel(address, caller.channel, options);
  return OpenedLine{std::make_shared<Line>(channel, std::move(caller.key)), caller.files};
}

}  // namespace shoal
