// What an encoder is made of: its attributes and constants, checked before any of their memory is read.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace edgebert {

enum class Scheme { token, fixed };  // a range for each token, or the ranges of the stock graph
enum class Norm { layer, rms };
enum class NormPlace { post, pre };
enum class Activation { gelu, gelu_tanh, relu, silu };

// The message names what was found, what was expected, and where (layer, product).
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// As they stand in the graph: nothing here has been checked.
struct Attributes {
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;  // of the layer that has most
  int64_t head_size = 0;
  int64_t ffn = 0;  // of the widest layer
  float epsilon = 0;
  float scale = 0;  // of the scores of attention
  std::string scheme;
  std::string norm;
  std::string norm_place;
  std::string activation;
  int64_t gated = 0;
  std::vector<int64_t> windows;
  std::vector<int64_t> roles;
};

enum class ElementType { float32, int8, uint8, int64, other };

// A constant of the graph. Its memory belongs to the caller and must outlive what is made from it.
struct Tensor {
  ElementType type = ElementType::other;
  std::vector<int64_t> shape;
  const void* data = nullptr;
};

// For messages: (2, 3).
std::string text_of(std::span<const int64_t> shape);

using Floats = std::span<const float>;  // empty: absent

// y = (quantized(x * smoothing) - zero) * scale . (weight * scales) + bias + x[outliers] . outlier_rows
struct Product {
  int64_t inputs = 0;
  int64_t outputs = 0;
  const int8_t* weight = nullptr;  // (inputs, outputs), the last axis is contiguous; null: no such product
  Floats scales;                   // (outputs), or one for all
  Floats bias;                     // (outputs) or empty
  Floats smoothing;                // (inputs) or empty
  float range_scale = 0;           // of the input, in the static scheme; 0: there is none
  int range_zero = 0;
  Floats outlier_rows;  // (outlier_count, outputs) or empty
  int64_t outlier_start = 0;
  int64_t outlier_count = 0;
};

struct NormWeights {
  Floats weight;  // (hidden); empty: there is no such norm
  Floats bias;    // (hidden) or empty
};

struct RotaryAngles {
  Floats cosines;  // (rotary_positions, head_size / 2) or empty
  Floats sines;    // as cosines
};

struct Layer {
  Product query;
  Product key;
  Product value;
  Product output;
  Product up;
  Product gate;
  Product down;
  NormWeights attention_norm;
  NormWeights feed_forward_norm;
  int64_t heads = 0;
  int64_t ffn = 0;
  int64_t window = 0;  // half width of local attention; 0 is global
};

struct Config {
  int64_t hidden = 0;
  int64_t heads = 0;  // of the layer that has most
  int64_t head_size = 0;
  int64_t ffn = 0;  // of the widest layer
  float epsilon = 0;
  float scale = 0;
  Scheme scheme = Scheme::token;
  Norm norm = Norm::layer;
  NormPlace norm_place = NormPlace::post;
  Activation activation = Activation::gelu;
  bool gated = false;
  std::vector<Layer> layers;
  NormWeights final_norm;
  RotaryAngles rotary;        // of the layers without a window, and of all where there are no local ones
  RotaryAngles local_rotary;  // of the layers with a window, or empty
  Floats position_bias;       // (heads, 2 * bias_reach + 1) or empty: by key minus query, from -bias_reach
  int64_t rotary_positions = 0;
  int64_t bias_reach = 0;
};

// Every attribute and constant, checked: types, shapes, roles in range, finite scales. It does not look
// at the weights themselves, so their pages stay untouched.
//
// Throws ConfigError.
Config read_config(const Attributes& attributes, std::span<const Tensor> constants);

}  // namespace edgebert
