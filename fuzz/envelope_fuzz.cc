// Heads and bodies of anyone at the gate: received or refused, never both, and what is refused
// leaves no receipt. The first byte says what is put right on the way, so that bytes get far: 1 a
// run with certificates, 2 the declared size, 4 the digest, 8 the run, 16 sender and receiver, 32
// the proof.
#include <cstdlib>

#include "shoal/net/gate.h"
#include "shoal/net/identity/certificate.h"
#include "shoal/net/identity/signature.h"
#include "shoal/net/identity/x509.h"

namespace {

using namespace shoal;

constexpr std::int64_t kNow_s = 1'900'000'000;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Someone {
  PeerIdentity peer;
  SigningKey key;
};

const Someone& someone() {
  static const Someone made = [] {
    CertificateContent content;
    content.name = "alpha";
    content.role = "member";
    content.subjects = {"DNS:alpha"};
    content.usage = "clientAuth";
    content.not_before_unix_s = kNow_s - 1;
    content.not_after_unix_s = kNow_s + 1;
    const KeyPointer key = make_key();
    CertificateContent root;
    root.name = "authority";
    root.authority = true;
    root.not_before_unix_s = content.not_before_unix_s;
    root.not_after_unix_s = content.not_after_unix_s;
    const KeyPointer root_key = make_key();
    const X509Pointer authority = make_certificate(root, root_key.get(), nullptr, root_key.get());
    const std::string pem =
        pem_of(make_certificate(content, key.get(), authority.get(), root_key.get()).get());
    Someone someone;
    someone.peer = {"ipv4:127.0.0.1:1", true, "alpha", read_certificate(pem)->key, pem};
    someone.key = *SigningKey::from_pem(pem_of(key.get()));
    return someone;
  }();
  return made;
}

// Zero where the input has ended.
template <class T>
T take(ByteReader& in) {
  const auto value = in.number<T>();
  return value.ok() ? *value : T{};
}

FrameHead take_head(ByteReader& in) {
  FrameHead head;
  const auto run = in.raw(std::min<std::size_t>(take<std::uint8_t>(in), in.left()));
  head.run = as_text(*run);
  head.from = take<std::uint32_t>(in);
  head.to = take<std::uint32_t>(in);
  head.tag = static_cast<Tag>(take<std::uint64_t>(in));
  head.round = take<std::uint32_t>(in);
  head.size_bytes = take<std::uint64_t>(in);
  for (std::byte& byte : head.sha256) byte = static_cast<std::byte>(take<std::uint8_t>(in));
  for (std::byte& byte : head.proof.nonce) byte = static_cast<std::byte>(take<std::uint8_t>(in));
  head.proof.expires_unix_s = take<std::int64_t>(in);
  const auto signature = in.raw(std::min<std::size_t>(take<std::uint8_t>(in), in.left()));
  head.proof.signature.assign(signature->begin(), signature->end());
  return head;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader in(std::as_bytes(std::span(data, size)));
  const auto right = take<std::uint8_t>(in);
  GateSettings settings;
  settings.run = "run";
  settings.server = "server";
  settings.certificates = (right & 1) != 0;
  settings.places = 2;
  settings.frame_bytes_max = 1 << 16;
  Gate gate(
      settings,
      [](const Message& message, const Member&) {
        (void)message.number("loss");
        return message.tensor("row").ok() ? ok_status() : Status(corrupt("no row"));
      },
      [] { return 1.0; }, [] { return kNow_s; });
  std::size_t received = 0;
  gate.on_event([&](const GateEvent& event) {
    received += event.kind == GateEvent::Kind::kReceived ? 1 : 0;
    for (const char c : event.detail + event.address + event.name) require(c >= 0x20 && c < 0x7f);
  });
  Member alpha;
  alpha.name = "alpha";
  require(std::holds_alternative<Member>(gate.join(someone().peer, alpha)));

  FrameHead head = take_head(in);
  const ByteView rest = *in.raw(in.left());
  const auto body = std::make_shared<const Bytes>(rest.begin(), rest.end());
  if (right & 2) head.size_bytes = body->size();
  if (right & 4) head.sha256 = sha256(*body);
  if (right & 8) head.run = "run";
  if (right & 16) head.from = 1;
  if (right & 16) head.to = 0;
  if (right & 32) head.proof = prove(someone().key, head, "server", kNow_s);
  const auto refusal = gate.check_head(someone().peer, head);
  const auto outcome = gate.check_body(someone().peer, head, body);
  const bool in_now = std::holds_alternative<Receipt>(outcome);
  require(!refusal || !in_now || refusal->reason == "expired");
  require(received == (in_now ? 1u : 0u));
  require(gate.receipts(head.round).size() == received);
  if (!in_now) return 0;
  require(gate.check_head(someone().peer, head)->code == RefusalCode::kAlreadyExists);
  require(gate.receipt_of(head.from, head.tag, head.round)->sha256 == sha256(*body));
  return 0;
}
