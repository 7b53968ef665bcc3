// The steps of a layer on a block of rows. A schedule decides which thread takes which step of which block.
#pragma once

#include <cstdint>

#include "config.h"
#include "kernels/kernels.h"
#include "packing.h"
#include "workspace.h"

namespace edgebert {

class Steps {
 public:
  Steps(const Config& config, const Kernels& kernels, const PackedModel& model, Workspace& workspace,
        const float* hidden, float* output);

  // Of whole rows; `rows` are counted from the first of all.
  void begin(BlockMemory& block, Range rows) const;  // takes hidden_states in
  void quantize_context(int64_t layer, BlockMemory& block, Range rows) const;
  void end_attention(int64_t layer, BlockMemory& block, Range rows) const;  // norm, and the input of up
  void end_layer(int64_t layer, BlockMemory& block, Range rows) const;  // norm, and the next layer's input or output

  // Of some heads, and of some panels of their columns.
  void project(int64_t layer, BlockMemory& block, Range rows, Range heads) const;
  void attend(int64_t layer, BlockMemory& block, Range rows, Range heads, std::byte* scratch) const;
  void output(int64_t layer, BlockMemory& block, Range rows, Range panels) const;
  void feed(int64_t layer, BlockMemory& block, Range rows, Range panels) const;
  void down(int64_t layer, BlockMemory& block, Range rows, Range panels) const;
  // Of rows counted from the first of the block: feed holds them from its first on.
  void quantize_feed(int64_t layer, BlockMemory& block, Range rows) const;
  // All of feed and quantize_feed, a few rows at a time.
  void feed_all(int64_t layer, BlockMemory& block, Range rows) const;

  [[nodiscard]] Range heads(int64_t layer) const { return {0, config_.layers[static_cast<size_t>(layer)].heads}; }
  [[nodiscard]] int64_t layers() const { return static_cast<int64_t>(model_.layers.size()); }
  [[nodiscard]] int64_t panels(const PackedProduct& product) const;
  [[nodiscard]] const PackedLayer& layer(int64_t index) const { return model_.layers[static_cast<size_t>(index)]; }

 private:
  [[nodiscard]] float* row(int64_t index) const { return workspace_.hidden.data() + index * width_; }
  [[nodiscard]] AttentionRules rules(int64_t layer) const;
  void quantize_input(BlockMemory& block, const PackedNorm& norm, const PackedProduct& product, Range rows) const;
  void normalize_rows(const PackedNorm& norm, Range rows) const;
  void store_output(Range rows) const;

  const Config& config_;
  const Kernels& kernels_;
  const PackedModel& model_;
  Workspace& workspace_;
  TileShape shape_;
  int64_t width_;  // of a row of hidden states, padded
  const float* hidden_;
  float* output_;
};

}  // namespace edgebert
