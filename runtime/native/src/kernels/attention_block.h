// What attention of a head reads, and the memory of a thread for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgebert {

inline constexpr int64_t kKeyBlock = 128;

// The memory of one thread, in 32-bit words: query, scores, probabilities, context.
template <class Isa>
struct AttentionScratch {
  static constexpr int64_t columns = Isa::tile_vectors * Isa::lanes;

  uint32_t* query;
  float* scores;
  uint32_t* probabilities;
  float* context;

  static size_t bytes(int64_t head_size) {
    return static_cast<size_t>(columns * (2 * head_size + 2 * kKeyBlock)) * sizeof(float);
  }
  AttentionScratch(std::byte* memory, int64_t head_size)
      : query(reinterpret_cast<uint32_t*>(memory)),
        scores(reinterpret_cast<float*>(query + columns * head_size)),
        probabilities(reinterpret_cast<uint32_t*>(scores + columns * kKeyBlock)),
        context(reinterpret_cast<float*>(probabilities + columns * kKeyBlock)) {}
};

// One head of one text, and the block of queries at hand.
struct AttentionBlock {
  const uint32_t* query;  // of the first query
  const uint32_t* key;    // of the first key of the text
  const uint32_t* value;  // of the first key
  int64_t value_key_step;
  int64_t value_column_step;
  const float* bias;  // of key minus query = 0, or null
  int64_t bias_reach;
  const int32_t* query_positions;
  const int32_t* key_positions;
  int64_t keys;
  int64_t window;
  int64_t head_size;
};

}  // namespace edgebert
