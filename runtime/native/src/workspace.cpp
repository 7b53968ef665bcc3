#include "workspace.h"

#include <algorithm>

namespace edgebert {

void QuantizedBuffer::reserve(int64_t rows, int64_t depth, int64_t outliers) {
  constexpr int64_t kVector = 16;  // outliers are stored by whole vectors
  outlier_stride_ = round_up(outliers, kVector);
  bytes_.reserve(rows * depth);
  scales_.reserve(rows);
  shifts_.reserve(rows);
  outliers_.reserve(rows * outlier_stride_);
}

QuantizedRows QuantizedBuffer::rows() const {
  return {bytes_.data(), scales_.data(), shifts_.data(), outliers_.data(), outlier_stride_};
}

void BlockMemory::reserve(const PackedModel& model, int64_t rows, int64_t feed_at_once) {
  int64_t input_outliers = 0;
  int64_t context_outliers = 0;
  int64_t feed_outliers = 0;
  int64_t context_depth = 0;
  int64_t feed_depth = 0;
  for (const PackedLayer& layer : model.layers) {
    input_outliers = std::max({input_outliers, layer.attention.outliers, layer.up.outliers});
    context_outliers = std::max(context_outliers, layer.output.outliers);
    feed_outliers = std::max(feed_outliers, layer.down.outliers);
    context_depth = std::max(context_depth, layer.output.depth);
    feed_depth = std::max(feed_depth, layer.down.depth);
  }
  const int64_t input_depth = model.layers.front().attention.depth;  // as wide as hidden in all layers
  input.reserve(rows, input_depth, input_outliers);
  context_bytes.reserve(rows, context_depth, context_outliers);
  feed_bytes.reserve(rows, feed_depth, feed_outliers);
  context.reserve(rows * context_depth);
  feed_rows = feed_at_once;
  feed.reserve(feed_rows * feed_depth);
  normal.reserve(input_depth);
}

void AttentionMemory::reserve(const Config& config, int64_t values_per_word, int64_t rows) {
  tokens_ = rows + kSpareRows;
  const int64_t words = config.heads * tokens_ * padded_head_size(config) / values_per_word;
  query_.reserve(words);
  key_.reserve(words);
  value_.reserve(words);
}

AttentionWords AttentionMemory::words() const { return {query_.data(), key_.data(), value_.data(), tokens_}; }

}  // namespace edgebert
