#include "packed_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "checksum.h"

namespace edgebert {
namespace {

constexpr std::array<char, 16> kMagic{'e', 'd', 'g', 'e', 'b', 'e', 'r', 't', ' ', 'p', 'a', 'c', 'k', 'e', 'd', '1'};

// What the file begins with; the weights follow.
struct Header {
  std::array<char, 16> magic{};
  std::array<char, 32> layout{};
  uint64_t fingerprint = 0;
  uint64_t size = 0;
  uint64_t sum = 0;
  std::array<char, 56> unused{};
};
static_assert(sizeof(Header) == 128, "weights start at a multiple of 64 bytes");

Header header_of(const PackedIdentity& identity) {
  Header header;
  if (identity.layout.size() >= header.layout.size()) throw PackedFileError("the name of the layout is too long");
  header.magic = kMagic;
  std::ranges::copy(identity.layout, header.layout.begin());
  header.fingerprint = identity.fingerprint;
  header.size = identity.size;
  return header;
}

PackedFileError failed(const std::string& path, const char* what) {
  return PackedFileError(path + ": " + what + ": " + std::strerror(errno));
}

// A file that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (number_ < 0) throw failed(path, "cannot be opened");
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

void write_all(const Descriptor& file, const std::string& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw failed(path, "cannot be written");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

// Why a file is not what was expected; empty if it is.
std::string misfit(std::span<const std::byte> file, const PackedIdentity& expected) {
  const Header wanted = header_of(expected);
  Header found;
  if (file.size() < sizeof found) return "found no header, expected a packed copy";
  std::memcpy(&found, file.data(), sizeof found);
  if (found.magic != wanted.magic) return "found another kind of file, expected a packed copy";
  if (found.layout != wanted.layout) {
    found.layout.back() = '\0';
    return std::string("found layout ") + found.layout.data() + ", expected " + wanted.layout.data();
  }
  if (found.fingerprint != wanted.fingerprint) return "found another model's weights";
  if (found.size != wanted.size || file.size() - sizeof found != wanted.size) {
    return "found " + std::to_string(file.size() - sizeof found) + " bytes of weights, expected " +
           std::to_string(wanted.size);
  }
  if (found.sum != checksum(file.subspan(sizeof found))) return "found damaged weights";
  return "";
}

}  // namespace

PackedFile::PackedFile(const std::string& path, const PackedIdentity& expected) {
  const Descriptor file(path, O_RDONLY);
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) throw failed(path, "cannot be read");
  length_ = static_cast<size_t>(status.st_size);
  if (length_ == 0) throw PackedFileError(path + ": found an empty file, expected a packed copy");
  void* mapped = ::mmap(nullptr, length_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) throw failed(path, "cannot be mapped");
  start_ = static_cast<const std::byte*>(mapped);
  if (const std::string reason = misfit({start_, length_}, expected); !reason.empty()) {
    ::munmap(mapped, length_);
    throw PackedFileError(path + ": " + reason);
  }
}

PackedFile::~PackedFile() { ::munmap(const_cast<std::byte*>(start_), length_); }

std::span<const std::byte> PackedFile::weights() const { return std::span(start_, length_).subspan(sizeof(Header)); }

void write_packed_file(const std::string& path, const PackedIdentity& identity, std::span<const std::byte> weights) {
  Header header = header_of(identity);
  header.sum = checksum(weights);
  const std::string part = path + ".part-" + std::to_string(::getpid());
  try {
    const Descriptor file(part, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(file, part, std::as_bytes(std::span(&header, 1)));
    write_all(file, part, weights);
    if (::rename(part.c_str(), path.c_str()) != 0) throw failed(path, "cannot be renamed to");
  } catch (const PackedFileError&) {
    ::unlink(part.c_str());
    throw;
  }
}

}  // namespace edgebert
