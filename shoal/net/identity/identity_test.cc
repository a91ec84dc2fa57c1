// The authority and what it issues, as TLS will look at it; revocation; signatures.
#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <set>
#include <sys/stat.h>
#include <thread>

#include "shoal/base/file.h"
#include "shoal/net/identity/openssl.h"
#include "shoal/net/identity/revocation_list.h"
#include "shoal/net/identity/test_authority.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

X509Pointer x509(const std::string& pem) {
  return X509Pointer(PEM_read_bio_X509(memory_bio(pem).get(), nullptr, nullptr, nullptr));
}

// X509_V_OK, or why a TLS peer that trusts this authority would refuse the certificate.
int verify(const StartKit& kit, const std::string& authority_pem, int purpose,
           std::int64_t now_s = kTestNow_s) {
  const X509Pointer authority = x509(authority_pem);
  const X509Pointer leaf = x509(kit.certificate_pem);
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, authority.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_STORE_CTX_set_time(context, 0, now_s);
  X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context);
  const int error = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return error;
}

mode_t mode(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

TEST(CertificateAuthority, IssuesWhatTlsAccepts) {
  const TestAuthority made;
  CertificateAuthority authority = made.authority();
  const StartKit member = *authority.issue({"alpha", false, {}, 30}, kTestNow_s);
  const StartKit server =
      *authority.issue({"fed", true, {"fed.example.org", "10.0.0.1"}, 30}, kTestNow_s);
  const std::string& root = member.authority_pem;
  EXPECT_EQ(verify(member, root, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(verify(member, root, X509_PURPOSE_SSL_SERVER), X509_V_OK);  // peers call each other
  EXPECT_EQ(verify(server, root, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_EQ(verify(server, root, X509_PURPOSE_SSL_CLIENT), X509_V_ERR_INVALID_PURPOSE);
  EXPECT_EQ(verify(member, root, X509_PURPOSE_SSL_CLIENT, kTestNow_s + 31 * 86400),
            X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(verify(member, root, X509_PURPOSE_SSL_CLIENT, kTestNow_s - 7200),
            X509_V_ERR_CERT_NOT_YET_VALID);
  const TestAuthority another;
  EXPECT_NE(verify(member, another.authority().certificate_pem(), X509_PURPOSE_SSL_CLIENT),
            X509_V_OK);

  const X509Pointer leaf = x509(server.certificate_pem);
  for (const char* host : {"fed", "localhost", "fed.example.org"})
    EXPECT_EQ(X509_check_host(leaf.get(), host, 0, 0, nullptr), 1) << host;
  for (const char* address : {"127.0.0.1", "::1", "10.0.0.1"})
    EXPECT_EQ(X509_check_ip_asc(leaf.get(), address, 0), 1) << address;
  const X509Pointer alpha = x509(member.certificate_pem);
  EXPECT_EQ(X509_check_host(alpha.get(), "alpha", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(alpha.get(), "localhost", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(alpha.get(), "127.0.0.1", 0), 0);
}

TEST(CertificateAuthority, KeepsItsFolder) {
  const TestAuthority made;
  EXPECT_EQ(mode(made.folder()), 0700u);
  EXPECT_EQ(mode(made.folder() + "/ca.key"), 0600u);
  const std::string key = *read_text_file(made.folder() + "/ca.key");
  EXPECT_FALSE(CertificateAuthority::create(made.folder(), 30, kTestNow_s).ok());
  EXPECT_EQ(*read_text_file(made.folder() + "/ca.key"), key);
  EXPECT_FALSE(CertificateAuthority::open(made.folder() + "/nowhere").ok());
  const TestFolder parent;
  EXPECT_FALSE(CertificateAuthority::create(parent.path() + "/ca", 0, kTestNow_s).ok());
  EXPECT_TRUE(std::filesystem::is_empty(parent.path()));  // nothing half-made
}

TEST(CertificateAuthority, RefusesWithASentence) {
  const TestAuthority made;
  CertificateAuthority authority = made.authority();
  ASSERT_TRUE(authority.issue({"fed", true, {"host"}, 30}, kTestNow_s).ok());
  ASSERT_TRUE(authority.issue({"alpha", false, {}, 30}, kTestNow_s).ok());
  const std::vector<CertificateRequest> bad = {
      {"", false, {}, 30},        {"a,DNS:b", false, {}, 30},   {"a\n", false, {}, 30},
      {"ca", false, {}, 30},      {"b", false, {}, 0},          {"b", false, {}, 3651},
      {"b", false, {}, 3300},     {"b", false, {"h"}, 30},      {"fed", false, {}, 30},
      {"host", false, {}, 30},    {"localhost", false, {}, 30}, {"alpha", true, {}, 30},
      {"s", true, {"alpha"}, 30}, {"s", true, {"a,DNS:b"}, 30}, {"s", true, {"*"}, 30},
      {"s", true, {"a:1"}, 30},   {"s", true, {""}, 30},
  };
  for (const CertificateRequest& request : bad) {
    const auto kit = authority.issue(request, kTestNow_s);
    ASSERT_FALSE(kit.ok()) << request.name;
    EXPECT_GT(kit.error().message.size(), 20u);
  }
  EXPECT_EQ(authority.list()->size(), 2u);
  // The private key of another authority in its place.
  const TestAuthority another;
  std::filesystem::copy_file(another.folder() + "/ca.key", made.folder() + "/ca.key",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_FALSE(authority.issue({"b", false, {}, 30}, kTestNow_s).ok());
}

TEST(CertificateAuthority, TwoAtOnceLoseNothing) {
  const TestAuthority made;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      CertificateAuthority authority = made.authority();
      for (int k = 0; k < 5; ++k)
        EXPECT_TRUE(
            authority.issue({"m-" + std::to_string(i * 5 + k), false, {}, 30}, kTestNow_s).ok());
    });
  for (std::thread& thread : threads) thread.join();
  const auto issued = *made.authority().list();
  std::set<std::string> serials;
  for (const IssuedCertificate& each : issued) serials.insert(each.serial);
  EXPECT_EQ(serials.size(), 20u);
}

TEST(StartKit, IsWrittenOnceAndReplacedOnRequest) {
  const TestAuthority made;
  CertificateAuthority authority = made.authority();
  const TestFolder out;
  const StartKit first = *authority.issue({"alpha", false, {}, 30}, kTestNow_s);
  const StartKit second = *authority.issue({"alpha", false, {}, 30}, kTestNow_s);
  ASSERT_TRUE(write_start_kit(first, "alpha", out.path() + "/kit", false).ok());
  EXPECT_EQ(mode(out.path() + "/kit/alpha.key"), 0600u);
  EXPECT_FALSE(write_start_kit(second, "alpha", out.path() + "/kit", false).ok());
  EXPECT_EQ(*read_text_file(out.path() + "/kit/alpha.pem"), first.certificate_pem);
  EXPECT_TRUE(write_start_kit(second, "alpha", out.path() + "/kit", true).ok());
  EXPECT_EQ(*read_text_file(out.path() + "/kit/alpha.key"), second.key_pem);
  const StartKit foreign = *TestAuthority().authority().issue({"b", false, {}, 30}, kTestNow_s);
  EXPECT_FALSE(write_start_kit(foreign, "b", out.path() + "/kit", true).ok());
  EXPECT_FALSE(std::filesystem::exists(out.path() + "/kit/b.key"));
}

TEST(Certificate, IsReadOrRefused) {
  const TestAuthority made;
  const TestMember alpha = made.member("alpha");
  const Certificate read = *read_certificate(alpha.kit.certificate_pem);
  EXPECT_EQ(read.name, "alpha");
  EXPECT_FALSE(read.server);
  EXPECT_EQ(read.not_after_unix_s, kTestNow_s + 30 * 86400);
  EXPECT_EQ(read.serial, made.authority().list()->at(0).serial);
  // The same digest by OpenSSL's own way from certificate to key.
  unsigned char* der = nullptr;
  const int length =
      i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509(alpha.kit.certificate_pem).get()), &der);
  EXPECT_EQ(read.key, sha256(std::as_bytes(std::span(der, static_cast<std::size_t>(length)))));
  OPENSSL_free(der);

  const std::string& pem = alpha.kit.certificate_pem;
  for (std::size_t size = 0; size + 2 < pem.size(); ++size)
    EXPECT_FALSE(read_certificate(pem.substr(0, size)).ok()) << size;
  EXPECT_FALSE(read_certificate(alpha.kit.key_pem).ok());
  EXPECT_FALSE(read_certificate(std::string(kPemBytesMax + 1, 'A')).ok());
  EXPECT_FALSE(read_certificate_file("/nowhere").ok());
}

TEST(Certificate, OfAnotherKindOfKeyIsRefused) {
  const TestAuthority made;
  for (const char* kind : {"P-384", "RSA"}) {
    const KeyPointer key(std::string(kind) == "RSA" ? EVP_RSA_gen(2048) : EVP_EC_gen(kind));
    X509Pointer forged = x509(made.member("alpha").kit.certificate_pem);
    X509_set_pubkey(forged.get(), key.get());
    X509_sign(forged.get(), key.get(), EVP_sha256());
    const BioPointer bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), forged.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    const auto read = read_certificate({text, static_cast<std::size_t>(size)});
    ASSERT_FALSE(read.ok());
    EXPECT_NE(read.error().message.find("P-256"), std::string::npos);
  }
}

TEST(Signature, IsOfThisKeyAndTheseBytes) {
  const TestAuthority made;
  const TestMember alpha = made.member("alpha");
  const VerifyingKey key = *VerifyingKey::from_certificate(alpha.kit.certificate_pem);
  const VerifyingKey other =
      *VerifyingKey::from_certificate(made.member("beta").peer.certificate_pem);
  EXPECT_EQ(key.digest(), alpha.peer.key);
  Bytes statement(100, std::byte{7});
  const Bytes signature = alpha.key.sign(statement);
  EXPECT_LE(signature.size(), kSignatureBytesMax);
  EXPECT_TRUE(key.verify(statement, signature));
  EXPECT_FALSE(other.verify(statement, signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes changed = signature;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(key.verify(statement, changed)) << i;
    EXPECT_FALSE(key.verify(statement, ByteView(signature).first(i))) << i;
  }
  statement[50] ^= std::byte{1};
  EXPECT_FALSE(key.verify(statement, signature));
  EXPECT_FALSE(SigningKey::from_pem(alpha.kit.certificate_pem).ok());
  EXPECT_FALSE(SigningKey::from_file("/nowhere").ok());
}

TEST(Signature, ProofsAreFreshEachTime) {
  const TestAuthority made;
  const TestMember alpha = made.member("alpha");
  FrameHead head;
  head.run = "run";
  const Proof first = prove(alpha.key, head, "server", kTestNow_s);
  const Proof second = prove(alpha.key, head, "server", kTestNow_s);
  EXPECT_NE(first.nonce, second.nonce);
  head.proof = first;
  EXPECT_TRUE(VerifyingKey::from_certificate(alpha.kit.certificate_pem)
                  ->verify(frame_statement(head, "server", kSendMethod), first.signature));
}

struct Revocation : testing::Test {
  std::unique_ptr<RevocationList> open() {
    auto list = RevocationList::open(
        made.folder() + "/revoked.txt", [this] { return now_s; },
        [this](const Error& error) { troubles.push_back(error.message); });
    return std::move(list).value();
  }
  TestAuthority made;
  double now_s = 0.0;
  std::vector<std::string> troubles;
};

TEST_F(Revocation, IsSeenWithinItsTime) {
  const TestMember alpha = made.member("alpha");
  const TestMember renewed = made.member("alpha");
  const auto list = open();
  EXPECT_FALSE(list->is_revoked(alpha.peer.key));
  CertificateAuthority authority = made.authority();
  const std::string serial = authority.list()->front().serial;
  EXPECT_EQ(authority.revoke(serial, kTestNow_s)->size(), 1u);
  now_s = kRevocationCheck_s - 0.1;
  EXPECT_FALSE(list->is_revoked(alpha.peer.key));
  now_s = kRevocationCheck_s;
  EXPECT_TRUE(list->is_revoked(alpha.peer.key));
  EXPECT_FALSE(list->is_revoked(renewed.peer.key));
  EXPECT_EQ(authority.revoke("alpha", kTestNow_s)->size(), 1u);
  EXPECT_EQ(authority.revoke("alpha", kTestNow_s)->size(), 0u);
  EXPECT_FALSE(authority.revoke("nobody", kTestNow_s).ok());
  now_s += kRevocationCheck_s;
  EXPECT_TRUE(list->is_revoked(renewed.peer.key));
  EXPECT_TRUE(std::ranges::all_of(*authority.list(), &IssuedCertificate::revoked));
  EXPECT_TRUE(troubles.empty());
}

TEST_F(Revocation, ListThatIsLostStaysInForceAndIsReportedOnce) {
  const TestMember alpha = made.member("alpha");
  const std::string path = made.folder() + "/revoked.txt";
  CertificateAuthority authority = made.authority();
  ASSERT_TRUE(authority.revoke("alpha", kTestNow_s).ok());
  const std::string good = *read_text_file(path);
  const auto list = open();
  EXPECT_TRUE(list->is_revoked(alpha.peer.key));
  for (const std::string& bad : {std::string(), good.substr(0, 50), good + "x\n"}) {
    ASSERT_TRUE(write_file_atomically(path, bad).ok());
    now_s += kRevocationCheck_s;
    EXPECT_TRUE(list->is_revoked(alpha.peer.key));
  }
  std::filesystem::remove(path);
  now_s += kRevocationCheck_s;
  EXPECT_TRUE(list->is_revoked(alpha.peer.key));
  EXPECT_EQ(troubles.size(), 1u);
  ASSERT_TRUE(write_file_atomically(path, revocations_text({})).ok());
  now_s += kRevocationCheck_s;
  EXPECT_FALSE(list->is_revoked(alpha.peer.key));
  EXPECT_FALSE(RevocationList::open(made.folder() + "/nowhere", [] { return 0.0; }, {}).ok());
}

TEST(RevocationText, IsReadAsItIsWritten) {
  RevokedKey entry;
  entry.key[5] = std::byte{0xab};
  entry.since_unix_s = 12;
  entry.name = "alpha";
  const std::string text = revocations_text({entry, entry});
  const auto read = parse_revocations(text);
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(read->at(1).key, entry.key);
  EXPECT_EQ(read->at(1).since_unix_s, 12);
  EXPECT_EQ(read->at(1).name, "alpha");
  const std::string digits(64, 'a');
  const std::string first = "# shoal revocation list 1\n";
  for (const std::string& line : {digits, digits + " 12", digits + " x a", digits + " 12 A",
                                  digits + "  a", "A" + digits.substr(1) + " 12 a"})
    EXPECT_FALSE(parse_revocations(first + line).ok()) << line;
  EXPECT_FALSE(parse_revocations("").ok());
}

}  // namespace
}  // namespace shoal
