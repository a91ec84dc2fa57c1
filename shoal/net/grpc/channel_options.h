// The options of every gRPC connection, on both sides: limits, keepalive, no compression.
#pragma once

#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

namespace shoal {

void set_server_options(grpc::ServerBuilder& builder);
grpc::ChannelArguments channel_options();

}  // namespace shoal
