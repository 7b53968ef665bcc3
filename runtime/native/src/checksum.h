// A 64-bit checksum that finds damage and tells weights apart; it keeps nobody out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "config.h"

namespace edgebert {

uint64_t checksum(std::span<const std::byte> bytes, uint64_t seed = 0);

// Of everything in a config but the weights: their scales, biases and ranges stand for them, so that
// their pages stay untouched.
uint64_t fingerprint(const Config& config);

}  // namespace edgebert
