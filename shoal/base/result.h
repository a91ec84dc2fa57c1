// Result<T>: a value, or an Error with a sentence that says what to change.
//
// Everything that depends on a user's input, a file or a peer's bytes returns a Result. Broken
// invariants of our own are SHOAL_CHECK (check.h). Nothing in shoal throws across a room.
//
//   Result<Image> read_image(const std::string& path);
//
//   SHOAL_TRY(const Image image, read_image(path));   // returns the error to the caller
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "shoal/base/check.h"

namespace shoal {

enum class ErrorCode {
  kInvalidArgument,  // a setting or an argument outside its range
  kNotFound,         // a file, a name, a data set that is not there
  kCorrupt,          // bytes that do not follow their format
  kIo,               // the operating system refused
  kLimit,            // a named limit was exceeded
  kUnsupported,      // legal, but not possible in this build or combination
  kInterrupted,      // stopped on request; the run can be resumed
  kNoSpace,          // the disk or its quota is full; try again once there is room
};

struct Error {
  ErrorCode code;
  std::string message;
};

// "while reading a.idx: <message>"; keeps the code.
inline Error within(const std::string& context, const Error& error) {
  return Error{error.code, context + ": " + error.message};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  const Error& error() const {
    SHOAL_CHECK(!ok(), "error() of a Result that holds a value");
    return std::get<Error>(state_);
  }
  T& value() & {
    SHOAL_CHECK(ok(), std::get<Error>(state_).message);
    return std::get<T>(state_);
  }
  const T& value() const& {
    SHOAL_CHECK(ok(), std::get<Error>(state_).message);
    return std::get<T>(state_);
  }
  T&& value() && {
    SHOAL_CHECK(ok(), std::get<Error>(state_).message);
    return std::get<T>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    SHOAL_CHECK(!ok_, "error() of a Status that is ok");
    return error_;
  }

 private:
  Error error_{ErrorCode::kInvalidArgument, {}};
  bool ok_ = true;
};

inline Status ok_status() { return Status(); }

inline Error invalid_argument(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}
inline Error not_found(std::string message) {
  return Error{ErrorCode::kNotFound, std::move(message)};
}
inline Error corrupt(std::string message) { return Error{ErrorCode::kCorrupt, std::move(message)}; }
inline Error io_error(std::string message) { return Error{ErrorCode::kIo, std::move(message)}; }
inline Error no_space(std::string message) {
  return Error{ErrorCode::kNoSpace, std::move(message)};
}
inline Error limit_exceeded(std::string message) {
  return Error{ErrorCode::kLimit, std::move(message)};
}
inline Error unsupported(std::string message) {
  return Error{ErrorCode::kUnsupported, std::move(message)};
}

}  // namespace shoal

#define SHOAL_CONCAT_INNER(a, b) a##b
#define SHOAL_CONCAT(a, b) SHOAL_CONCAT_INNER(a, b)

// Declares `variable` from a Result, or returns its error from the enclosing function.
#define SHOAL_TRY(variable, expression)                                                      \
  auto SHOAL_CONCAT(result_, __LINE__) = (expression);                                       \
  if (!SHOAL_CONCAT(result_, __LINE__).ok()) return SHOAL_CONCAT(result_, __LINE__).error(); \
  variable = std::move(SHOAL_CONCAT(result_, __LINE__)).value()

// Returns the error of a Status from the enclosing function.
#define SHOAL_TRY_STATUS(expression)                     \
  do {                                                   \
    const ::shoal::Status tried_status = (expression);   \
    if (!tried_status.ok()) return tried_status.error(); \
  } while (false)
