// The packed copy of an encoder's constants: what the kernels read, in the order in which they read it.
#pragma once

#include <cstddef>
#include <vector>

#include "config.h"
#include "kernels/kernels.h"

namespace edgebert {

struct PackedLayer {
  PackedProduct attention;  // query, key and value, in the order of head_column
  PackedProduct output;
  PackedProduct gate;  // without panels unless the feed-forward part is gated
  PackedProduct up;
  PackedProduct down;
  PackedNorm attention_norm;
  PackedNorm feed_forward_norm;
};

// Views into a packed copy.
struct PackedModel {
  std::vector<PackedLayer> layers;
  PackedNorm final_norm;
  RotaryTable rotary;
  RotaryTable local_rotary;              // of layers with a window
  const float* position_bias = nullptr;  // in powers of two, as all scores
};

// Heads are padded to whole vectors of every instruction set.
int64_t padded_head_size(const Config& config);

size_t packed_bytes(const Config& config, TileShape shape);

// Fills `packed`, which is aligned to 64 bytes.
void pack(const Config& config, TileShape shape, std::byte* packed);

// Finds everything in a filled copy.
PackedModel view_packed(const Config& config, TileShape shape, const std::byte* packed);

}  // namespace edgebert
