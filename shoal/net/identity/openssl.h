// Owning pointers for the OpenSSL objects of this folder, and its last error as a sentence.
#pragma once

#include <memory>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string>
#include <string_view>

namespace shoal {

template <auto release>
struct OpensslRelease {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
using BioPointer = std::unique_ptr<BIO, OpensslRelease<BIO_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, OpensslRelease<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpensslRelease<EVP_MD_CTX_free>>;
using X509Pointer = std::unique_ptr<X509, OpensslRelease<X509_free>>;

// A read-only view; `text` must outlive it.
inline BioPointer memory_bio(std::string_view text) {
  return BioPointer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// "no start line", and clears the thread's queue.
inline std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason != nullptr ? reason : "no reason given";
  ERR_clear_error();
  return text;
}

}  // namespace shoal
