// The memory of one run. Runs take one from a list and give it back, so that it is reserved once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer.h"
#include "config.h"
#include "kernels/kernels.h"
#include "packing.h"
#include "stages.h"
#include "tokens.h"

namespace edgebert {

// Rows of 8 bits for the products of one kind.
class QuantizedBuffer {
 public:
  void reserve(int64_t rows, int64_t depth, int64_t outliers);
  [[nodiscard]] QuantizedRows rows() const;

 private:
  Buffer<uint8_t> bytes_;
  Buffer<float> scales_;
  Buffer<float> shifts_;
  Buffer<uint32_t> outliers_;
  int64_t outlier_stride_ = 0;
};

// What a block of rows needs between two products. Rows are counted from the first of the block.
struct BlockMemory {
  QuantizedBuffer input;          // of query, key, value, gate and up
  QuantizedBuffer context_bytes;  // of output
  QuantizedBuffer feed_bytes;     // of down
  Buffer<float> context;
  Buffer<float> feed;    // (feed_rows, ffn)
  Buffer<float> normal;  // one row, where the norm comes before the products
  int64_t feed_rows = 0;

  void reserve(const PackedModel& model, int64_t rows, int64_t feed_at_once);
};

// Queries, keys and values of all rows.
class AttentionMemory {
 public:
  void reserve(const Config& config, TileShape shape, int64_t rows);
  [[nodiscard]] AttentionWords words() const;

 private:
  Buffer<uint32_t> query_;
  Buffer<uint32_t> key_;
  Buffer<uint32_t> value_;
  int64_t tokens_ = 0;
  int64_t value_step_ = 0;
  int64_t value_column_step_ = 0;
};

struct Workspace {
  Tokens tokens;
  Buffer<float> hidden;  // (rows, width)
  AttentionMemory attention[2];
  std::vector<BlockMemory> blocks;         // one for each thread, or one for all
  std::vector<Buffer<std::byte>> scratch;  // of attention, one for each thread
  Stages stages;
};

}  // namespace edgebert
