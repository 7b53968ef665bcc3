// What an encoder is built from: sizes, choices, and pointers to tensors in the layout of the stock int8 graph.
// Whoever fills these in has checked every shape; the pointers outlive the packing, not the encoder.
#pragma once

#include <cstdint>
#include <vector>

namespace edgebert {

enum class Scheme { token, fixed };  // a range for each token, or the ranges of the stock graph ("static")
enum class NormKind { layer, rms };
enum class NormPlace { post, pre };
enum class Activation { gelu, gelu_tanh, relu, silu };

// y = quantized(x * smoothing) · (weight * scales) + bias + x[outlier_start, + outliers] · outlier_rows
struct Product {
  const int8_t* weight = nullptr;  // (in, out); null: this product is absent
  int64_t in = 0;
  int64_t out = 0;
  const float* scales = nullptr;     // scale_count of them
  int64_t scale_count = 0;           // 1 or out
  const float* bias = nullptr;       // (out) or null
  const float* smoothing = nullptr;  // (in) or null
  float range_scale = 0.0F;          // of the stock graph; used by Scheme::fixed alone
  uint8_t range_zero = 0;
  const float* outlier_rows = nullptr;  // (outliers, out) or null; these rows of weight are 0
  int64_t outliers = 0;
  int64_t outlier_start = 0;
};

struct Norm {
  const float* weight = nullptr;  // (hidden); null: there is no norm at this place
  const float* bias = nullptr;    // (hidden) or null
};

// gate is absent unless the feed-forward part is gated: activation(gate(x)) * up(x).
struct LayerWeights {
  Product query, key, value, output, up, gate, down;
  Norm attention_norm, feed_forward_norm;
  int64_t window = 0;  // 0: attention to all tokens; else to those at most this far
};

// Tables by position of a token in its row of the batch. Windowed layers take the last table.
struct Rotary {
  const float* cosine = nullptr;  // (tables, tokens, head_size / 2) or null
  const float* sine = nullptr;
  int64_t tables = 0;
  int64_t tokens = 0;
};

// What is added to the score of a query and a key: (heads, 2 * tokens - 1), by query - key + tokens - 1.
struct PositionBias {
  const float* values = nullptr;  // or null
  int64_t tokens = 0;
};

struct EncoderConfig {
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t head_size = 0;
  int64_t ffn = 0;
  float epsilon = 0.0F;
  float scale = 0.0F;  // of attention scores
  Scheme scheme = Scheme::token;
  NormKind norm = NormKind::layer;
  NormPlace norm_place = NormPlace::post;
  Activation activation = Activation::gelu;
  bool gated = false;
  std::vector<LayerWeights> layers;
  Norm final_norm;
  Rotary rotary;
  PositionBias position_bias;
};

}  // namespace edgebert
