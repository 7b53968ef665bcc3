#include "steps.h"

#include <algorithm>
#include <cstring>

namespace edgebert {
namespace {

Range whole(int64_t rows) { return {0, rows}; }
int64_t length(Range range) { return range.end - range.begin; }

}  // namespace

Steps::Steps(const Config& config, const Kernels& kernels, const PackedModel& model, Workspace& workspace,
             const float* hidden, float* output)
    : config_(config),
      kernels_(kernels),
      model_(model),
      workspace_(workspace),
      shape_(kernels.shape()),
      width_(model.layers.front().attention.depth),
      hidden_(hidden),
      output_(output) {}

int64_t Steps::panels(const PackedProduct& product) const {
  const int64_t width = shape_.lanes * shape_.vectors;
  return (product.width + width - 1) / width;
}

AttentionRules Steps::rules(int64_t layer) const {
  AttentionRules rules;
  rules.head_size = padded_head_size(config_);
  rules.window = config_.layers[static_cast<size_t>(layer)].window;
  rules.bias = model_.position_bias;
  rules.bias_reach = config_.bias_reach;
  rules.positions = workspace_.tokens.positions.data();
  return rules;
}

// With the norm before the products rows stay as they are, and their normal form is used once.
void Steps::quantize_input(BlockMemory& block, const PackedNorm& norm, const PackedProduct& product, Range rows) const {
  const QuantizedRows input = block.input.rows();
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const float* source = row(i);
    if (config_.norm_place == NormPlace::pre && norm.weight != nullptr) {
      kernels_.normalize_row(source, norm, block.normal.data());
      source = block.normal.data();
    }
    kernels_.quantize_row(source, product, input, i - rows.begin);
  }
}

void Steps::normalize_rows(const PackedNorm& norm, Range rows) const {
  if (norm.weight == nullptr) return;
  for (int64_t i = rows.begin; i < rows.end; ++i) kernels_.normalize_row(row(i), norm, row(i));
}

void Steps::begin(BlockMemory& block, Range rows) const {
  const auto hidden = static_cast<size_t>(config_.hidden);
  const auto width = static_cast<size_t>(width_);
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const int64_t source = workspace_.tokens.sources[static_cast<size_t>(i)];
    const size_t filled = source < 0 ? 0 : hidden;
    if (source >= 0) std::memcpy(row(i), hidden_ + source * config_.hidden, hidden * sizeof(float));
    std::memset(row(i) + filled, 0, (width - filled) * sizeof(float));
  }
  quantize_input(block, layer(0).attention_norm, layer(0).attention, rows);
}

void Steps::project(int64_t index, BlockMemory& block, Range rows, Range heads) const {
  const PackedProduct& product = layer(index).attention;
  const int64_t head_size = padded_head_size(config_);
  const int64_t panels_of_head = head_size / shape_.lanes;
  AttentionWords words = workspace_.attention[index % 2].words();
  const int64_t offset = rows.begin * head_size / shape_.values_per_word;
  words.query += offset;
  words.key += offset;
  words.value += rows.begin / shape_.values_per_word * words.value_step;
  AttentionRules shifted = rules(index);
  shifted.positions += rows.begin;
  const RotaryTable& rotary = shifted.window > 0 ? model_.local_rotary : model_.rotary;
  kernels_.project(product, block.input.rows(), whole(length(rows)),
                   {heads.begin * panels_of_head, heads.end * panels_of_head}, shifted, rotary, words);
}

void Steps::attend(int64_t index, BlockMemory& block, Range rows, Range heads, std::byte* scratch) const {
  const AttentionWords words = workspace_.attention[index % 2].words();
  const int64_t stride = layer(index).output.depth;
  for (const Sequence& text : workspace_.tokens.texts) {
    const int64_t first = std::max(rows.begin, text.start);
    const int64_t last = std::min(rows.end, text.start + text.length);
    if (first >= last) continue;
    float* context = block.context.data() + (first - rows.begin) * stride;
    kernels_.attend(words, rules(index), text, {first - text.start, last - text.start}, heads, context, stride,
                    scratch);
  }
}

// Rows between texts have no context. They take zeros, so that they stay numbers: what follows reads them.
void Steps::quantize_context(int64_t index, BlockMemory& block, Range rows) const {
  const PackedProduct& product = layer(index).output;
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    float* context = block.context.data() + (i - rows.begin) * product.depth;
    const bool filling = workspace_.tokens.sources[static_cast<size_t>(i)] < 0;
    if (filling) std::memset(context, 0, static_cast<size_t>(product.depth) * sizeof(float));
    kernels_.quantize_row(context, product, block.context_bytes.rows(), i - rows.begin);
  }
}

void Steps::output(int64_t index, BlockMemory& block, Range rows, Range panels) const {
  float* hidden = row(rows.begin);
  kernels_.add(layer(index).output, block.context_bytes.rows(), whole(length(rows)), panels, hidden, hidden);
}

void Steps::end_attention(int64_t index, BlockMemory& block, Range rows) const {
  const PackedNorm& norm =
      config_.norm_place == NormPlace::post ? layer(index).attention_norm : layer(index).feed_forward_norm;
  if (config_.norm_place == NormPlace::post) normalize_rows(norm, rows);
  quantize_input(block, norm, layer(index).up, rows);
}

void Steps::feed(int64_t index, BlockMemory& block, Range rows, Range panels) const {
  const PackedLayer& packed = layer(index);
  const QuantizedRows input = block.input.rows().from(rows.begin, packed.up.depth);
  const PackedProduct& activated = config_.gated ? packed.gate : packed.up;
  const Range all = whole(length(rows));
  kernels_.activate(activated, input, all, panels, config_.activation, block.feed.data());
  if (config_.gated) kernels_.multiply(packed.up, input, all, panels, block.feed.data());
}

void Steps::quantize_feed(int64_t index, BlockMemory& block, Range rows) const {
  const PackedProduct& product = layer(index).down;
  const QuantizedRows bytes = block.feed_bytes.rows();
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    kernels_.quantize_row(block.feed.data() + (i - rows.begin) * product.depth, product, bytes, i);
  }
}

void Steps::feed_all(int64_t index, BlockMemory& block, Range rows) const {
  for (int64_t first = 0; first < length(rows); first += block.feed_rows) {
    const Range some{first, std::min(first + block.feed_rows, length(rows))};
    feed(index, block, some, {0, panels(layer(index).up)});
    quantize_feed(index, block, some);
  }
}

void Steps::down(int64_t index, BlockMemory& block, Range rows, Range panels) const {
  float* hidden = row(rows.begin);
  kernels_.add(layer(index).down, block.feed_bytes.rows(), whole(length(rows)), panels, hidden, hidden);
}

void Steps::end_layer(int64_t index, BlockMemory& block, Range rows) const {
  if (config_.norm_place == NormPlace::post) normalize_rows(layer(index).feed_forward_norm, rows);
  if (index + 1 < layers()) {
    quantize_input(block, layer(index + 1).attention_norm, layer(index + 1).attention, rows);
    return;
  }
  normalize_rows(model_.final_norm, rows);
  store_output(rows);
}

void Steps::store_output(Range rows) const {
  const auto bytes = static_cast<size_t>(config_.hidden) * sizeof(float);
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const int64_t source = workspace_.tokens.sources[static_cast<size_t>(i)];
    if (source >= 0) std::memcpy(output_ + source * config_.hidden, row(i), bytes);
  }
}

}  // namespace edgebert
