#include "packed_encoder.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <span>
#include <thread>

#include "checksum.h"
#include "kernels/kernels.h"

namespace edgebert {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

int64_t parts_of(const Settings& settings) {
  if (settings.parts > 0) return settings.parts;
  return std::max<int64_t>(1, std::thread::hardware_concurrency());
}

// In huge pages where the system has some: the tile walks over megabytes of weights.
std::byte* allocate(size_t bytes) {
  const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  ::madvise(memory, rounded, MADV_HUGEPAGE);
  return static_cast<std::byte*>(memory);
}

void write(const std::string& path, const PackedIdentity& identity, std::span<const std::byte> weights,
           const Warn& warn) {
  try {
    write_packed_file(path, identity, weights);
  } catch (const PackedFileError& error) {
    warn(error.what());
  }
}

}  // namespace

void PackedEncoder::Release::operator()(std::byte* memory) const { std::free(memory); }

PackedEncoder::PackedEncoder(const Config& config, const InstructionSet& set, const Settings& settings,
                             const Warn& warn) {
  if (const std::string reason = refusal(config); !reason.empty()) throw ConfigError(reason);
  encoder_ = make_encoder(config, set.kernels(), parts_of(settings));
  const PackedIdentity identity{set.kernels().packing(), fingerprint(config), encoder_->packed_bytes()};
  if (!settings.packed.empty()) map(settings.packed, identity, warn);
  if (!file_) pack();
  const std::byte* weights = file_ ? file_->weights().data() : memory_.get();
  if (!settings.pack_to.empty()) write(settings.pack_to, identity, {weights, identity.size}, warn);
  encoder_->attach(weights);
}

void PackedEncoder::map(const std::string& path, const PackedIdentity& identity, const Warn& warn) {
  try {
    file_.emplace(path, identity);
  } catch (const PackedFileError& error) {
    warn(error.what());
  }
}

void PackedEncoder::pack() {
  memory_.reset(allocate(encoder_->packed_bytes()));
  encoder_->pack(memory_.get());
}

}  // namespace edgebert
