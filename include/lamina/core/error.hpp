#pragma once
#include <stdexcept>
#include <string>
#include <type_traits>

namespace lamina {

/// Base of every exception the library throws. Messages name the thing that is wrong, the rule it broke and the fix.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A shape, an axis or an operator attribute breaks a rule.
class ShapeError : public Error {
 public:
  using Error::Error;
};
/// A device, instruction set or (device, dtype) pair is absent, or tensors live on different devices.
class DeviceError : public Error {
 public:
  using Error::Error;
};
/// A CUDA runtime call failed.
class CudaError : public Error {
 public:
  using Error::Error;
};
/// An allocation failed; the message holds the bytes asked for.
class MemoryError : public Error {
 public:
  using Error::Error;
};
/// A file cannot be opened, read, written or renamed.
class IoError : public Error {
 public:
  using Error::Error;
};
/// There was no room left for a file: disk, quota or file size limit.
class DiskFullError : public IoError {
 public:
  using IoError::IoError;
};
/// The content of a file or data set is malformed or inconsistent.
class DataError : public Error {
 public:
  using Error::Error;
};
/// A backward cannot be taken: its tape is gone, or what it reads was overwritten or moved.
class GraphError : public Error {
 public:
  using Error::Error;
};
/// A loss, gradient or statistic is not finite where it must be.
class NumericError : public Error {
 public:
  using Error::Error;
};
/// An option has an unknown name or a value outside its range.
class OptionError : public Error {
 public:
  using Error::Error;
};

namespace detail {
inline void append(std::string& s, const std::string& v) { s += v; }
inline void append(std::string& s, const char* v) { s += v; }
inline void append(std::string& s, char v) { s += v; }
inline void append(std::string& s, bool v) { s += v ? "true" : "false"; }
template <class T>
requires std::is_arithmetic_v<T>
void append(std::string& s, T v) { s += std::to_string(v); }
template <class T>
requires requires(const T& v) { v.str(); }
void append(std::string& s, const T& v) { s += v.str(); }
}  // namespace detail

/// Concatenates strings, numbers and anything with `.str()` into one message.
template <class... Parts>
std::string message(const Parts&... parts) {
  std::string s;
  (detail::append(s, parts), ...);
  return s;
}

/// Throws `E` with the concatenated message unless `condition` holds.
template <class E = ShapeError, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    throw E(message(parts...));
}

}  // namespace lamina
