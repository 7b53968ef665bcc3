// A packed copy of weights in a file: written whole or not at all, and mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace edgebert {

// Whose weights a copy has, and in which order.
struct PackedIdentity {
  std::string_view layout;   // the name of the order, at most 31 characters
  uint64_t fingerprint = 0;  // of the weights
  size_t size = 0;           // of the packed weights, in bytes
};

// The message says what was found and what was expected.
class PackedFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class PackedFile {
 public:
  // Throws PackedFileError: the file cannot be read, is not a packed copy, is damaged, or is of other
  // weights or another layout.
  PackedFile(const std::string& path, const PackedIdentity& expected);
  ~PackedFile();
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  std::span<const std::byte> weights() const;  // starts at a multiple of 64 bytes

 private:
  const std::byte* start_ = nullptr;
  size_t length_ = 0;
};

// Throws PackedFileError: the file cannot be written; one that was there is left as it was.
void write_packed_file(const std::string& path, const PackedIdentity& identity, std::span<const std::byte> weights);

}  // namespace edgebert
