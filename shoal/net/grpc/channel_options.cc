#include "shoal/net/grpc/channel_options.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <mutex>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr int milliseconds(double time_s) { return static_cast<int>(time_s * 1e3); }

// What a stream may have under way before we ask for more of it.
constexpr int kLookaheadBytes = 256 << 10;
constexpr int kMetadataBytesMax = 16 << 10;
// gRPC's own threads for callbacks are two to sixteen; this bounds those that it adds.
constexpr int kThreadsMax = 32;

// What gRPC would print about strangers' handshakes is not ours to say: what we know of, our own
// log says once. Its broken assertions are shown, and GRPC_VERBOSITY brings the other lines back.
void silence_grpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (std::getenv("GRPC_VERBOSITY") != nullptr) return;
    gpr_set_log_function([](gpr_log_func_args* line) {
      if (std::strstr(line->message, "assertion failed") != nullptr)
        std::fprintf(stderr, "gRPC: %s:%d: %s\n", line->file, line->line, line->message);
    });
  });
}

}  // namespace

void set_server_options(grpc::ServerBuilder& builder) {
  silence_grpc();
  builder.SetMaxReceiveMessageSize(static_cast<int>(kReceiveBytesMax));
  builder.SetMaxSendMessageSize(static_cast<int>(kReceiveBytesMax));
  for (int i = 1; i < GRPC_COMPRESS_ALGORITHMS_COUNT; ++i)
    builder.SetCompressionAlgorithmSupportStatus(static_cast<grpc_compression_algorithm>(i), false);
  const auto set = [&builder](const char* name, int value) {
    builder.AddChannelArgument(name, value);
  };
  set(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(kStreamsPerConnectionMax));
  set(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  set(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second server on our port is an error
  set(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // it would grow windows, and with them memory
  set(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, milliseconds(kHandshakeTimeout_s));
  set(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(kKeepalive_s));
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(kKeepaliveAnswer_s));
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A client pings every kKeepalive_s; twice as often is abuse.
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, milliseconds(kKeepalive_s / 2));
  set(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, milliseconds(kConnectionAge_s));
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, milliseconds(kConnectionAgeGrace_s));
  grpc::ResourceQuota quota("shoal");
  quota.SetMaxThreads(kThreadsMax);
  builder.SetResourceQuota(quota);
}

grpc::ChannelArguments channel_options() {
  silence_grpc();
  grpc::ChannelArguments options;
  options.SetMaxReceiveMessageSize(static_cast<int>(kReceiveBytesMax));
  options.SetMaxSendMessageSize(static_cast<int>(kReceiveBytesMax));
  options.SetCompressionAlgorithm(GRPC_COMPRESS_NONE);
  options.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  options.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  options.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  options.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  options.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(kKeepalive_s));
  options.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(kKeepaliveAnswer_s));
  options.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  options.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // We repeat calls ourselves: what gRPC would keep for it is memory that nobody counts.
  options.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  options.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, milliseconds(kBackoffFirst_s));
  options.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, milliseconds(kReconnectLast_s));
  options.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, milliseconds(kHandshakeTimeout_s));
  // Members of one process do not share a connection.
  options.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return options;
}

}  // namespace shoal
