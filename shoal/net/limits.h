// The limits of a real run, each with its name and unit. Nothing in shoal/net waits, queues,
// retries or allocates beyond one of these.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal {

inline constexpr std::size_t kChunkBytesMax = std::size_t{1} << 20;  // one piece on the wire
// Of a server, which writes one to every member at a time.
inline constexpr std::size_t kServerChunkBytesMax = std::size_t{256} << 10;
inline constexpr std::size_t kReceiveBytesMax = std::size_t{4} << 20;         // one gRPC message
inline constexpr std::size_t kFrameOverheadBytesMax = std::size_t{64} << 10;  // beyond the model
inline constexpr std::size_t kHeadBytesMax = std::size_t{256} << 10;          // before any body
inline constexpr std::size_t kUnauthenticatedBytesMax = std::size_t{64} << 10;

inline constexpr std::size_t kStreamsPerConnectionMax = 4;
inline constexpr std::size_t kConnectionsPerClientMax = 2;
inline constexpr std::size_t kUnauthenticatedConnectionsMax = 256;
inline constexpr std::size_t kUnauthenticatedConnectionsPerAddressMax = 8;
// Unread pieces of one client that the server may hold.
inline constexpr std::size_t kQueuedChunksPerClientMax = 2;
// Small federations upload side by side.
inline constexpr std::uint64_t kUploadsBytesMin = std::uint64_t{16} << 20;
// Longer than a busy server needs until the next of a cohort begins its upload, and short beside a
// round's deadline.
inline constexpr double kUploadLinePatience_s = 2.0;
// Frames waiting for one receiver; the oldest goes when there are more.
inline constexpr std::size_t kQueuedFramesPerNodeMax = 8;

// What a member has observed and the server has not yet taken; a single one may be larger.
inline constexpr std::size_t kQueuedObservationsMax = 4096;
inline constexpr std::size_t kQueuedObservationBytesMax = std::size_t{256} << 20;

inline constexpr double kHandshakeTimeout_s = 10.0;
inline constexpr double kControlDeadline_s = 10.0;
inline constexpr double kUploadGrace_s = 30.0;  // deadline: bytes / the rate below + this
inline constexpr double kUploadBytesPerSecondMin = 16384;  // slower for kUploadGrace_s is cut
inline constexpr double kKeepalive_s = 30.0;
inline constexpr double kKeepaliveAnswer_s = 10.0;
inline constexpr double kConnectionAge_s = 3600.0;
inline constexpr double kConnectionAgeGrace_s = 60.0;
inline constexpr double kHeartbeat_s = 5.0;
inline constexpr double kSilence_s = 15.0;  // a member that is silent for so long is absent
inline constexpr double kRevocationCheck_s = 10.0;

inline constexpr int kRetriesMax = 5;  // in a row, before a caller is told
inline constexpr double kBackoffFirst_s = 0.5;
inline constexpr double kBackoffLast_s = 30.0;
// gRPC waits between its own tries, too; ours are the ones that grow.
inline constexpr double kReconnectLast_s = 1.0;

// A proof is valid for so long around the receiver's clock; its nonce is remembered twice as long.
inline constexpr std::int64_t kClockSkew_s = 30;
inline constexpr std::size_t kNoncesPerClientMax = 65536;

// Frames of one member that a run takes in all: bounds the memory of receipts, 48 bytes each.
inline constexpr std::size_t kReceiptsPerClientMax = std::size_t{1} << 20;

inline constexpr std::uint64_t kRegisteredRowsMax = 10'000'000;
inline constexpr std::size_t kNameLengthMax = 63;
inline constexpr std::size_t kAddressLengthMax = 255;
inline constexpr std::size_t kSentenceLengthMax = 1000;  // of a refusal
inline constexpr std::uint64_t kTransportLinesMax = 20;  // of gRPC's own errors, a process
// A PEM file or text of ours or of a peer.
inline constexpr std::size_t kPemBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kRevocationListBytesMax = std::size_t{16} << 20;
// Named series that are counted; a label that grows beyond is dropped and counted as that.
inline constexpr std::size_t kMetricSeriesMax = 4096;

// On disk. A committed round takes 56 bytes a receipt, so a journal holds 19 million of them.
inline constexpr std::size_t kRunIdBytesMax = 255;
inline constexpr std::size_t kJournalRecordBytesMax = std::size_t{16} << 20;
inline constexpr std::uint64_t kJournalBytesMax = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kJournalDisposableBytesMax = std::uint64_t{4} << 20;
inline constexpr std::size_t kNoteBytesMax = 4096;
inline constexpr std::size_t kNotesBufferedBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kNotesKeptBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kAddressBytesMax = 255;
inline constexpr std::uint64_t kCheckpointBytesMax = std::uint64_t{8} << 30;
inline constexpr std::size_t kDiskWriteBytesMax = std::size_t{1} << 20;  // of one call

}  // namespace shoal
