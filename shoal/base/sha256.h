// SHA-256 (FIPS 180-4) through OpenSSL: digests of models, partitions, traces and journals.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "shoal/base/bytes.h"

namespace shoal {

using Digest = std::array<std::byte, 32>;

// Feeds bytes piece by piece; finish() ends it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteView bytes);
  template <class T>
  requires std::is_arithmetic_v<T>
  void number(T value) { update(std::as_bytes(std::span<const T, 1>(&value, 1))); }
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(ByteView bytes);
// 64 lower-case hexadecimal digits.
std::string hex(const Digest& digest);

}  // namespace shoal
