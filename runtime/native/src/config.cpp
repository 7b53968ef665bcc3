#include "config.h"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "constants.h"

namespace edgebert {
namespace {

constexpr int64_t kMostLayers = 1024;
constexpr int64_t kMostWindow = 1 << 24;

// The order of `roles`: for each layer its products, then its norms; after all layers the rest.
enum ProductRole : int64_t {
  kWeight,
  kScales,
  kBias,
  kSmoothing,
  kRangeScale,
  kRangeZero,
  kOutlierRows,
  kOutlierStart
};
constexpr int64_t kRolesOfProduct = 8;
constexpr int64_t kProductsOfLayer = 7;
constexpr int64_t kUp = 4;  // its place among them
constexpr int64_t kNormsOfLayer = kProductsOfLayer * kRolesOfProduct;
constexpr int64_t kRolesOfLayer = kNormsOfLayer + 4;
enum LastRole : int64_t { kFinalNorm = 0, kRotary = 2, kLocalRotary = 4, kPositionBias = 6, kLastRoles };

template <class Choice>
using Choices = std::span<const std::pair<std::string_view, Choice>>;

template <class Choice>
Choice choose(std::string_view attribute, std::string_view found, Choices<Choice> choices) {
  std::string expected;
  for (const auto& [name, choice] : choices) {
    if (name == found) return choice;
    expected += (expected.empty() ? "" : " or ") + std::string(name);
  }
  throw ConfigError(std::string(attribute) + ": found " + std::string(found) + ", expected " + expected);
}

constexpr std::array<std::pair<std::string_view, Scheme>, 2> kSchemes{
    {{"token", Scheme::token}, {"static", Scheme::fixed}}};
constexpr std::array<std::pair<std::string_view, Norm>, 2> kNorms{{{"layer", Norm::layer}, {"rms", Norm::rms}}};
constexpr std::array<std::pair<std::string_view, NormPlace>, 2> kPlaces{
    {{"post", NormPlace::post}, {"pre", NormPlace::pre}}};
constexpr std::array<std::pair<std::string_view, Activation>, 4> kActivations{{{"gelu", Activation::gelu},
                                                                               {"gelu_tanh", Activation::gelu_tanh},
                                                                               {"relu", Activation::relu},
                                                                               {"silu", Activation::silu}}};

void check_between(std::string_view attribute, int64_t found, int64_t least, int64_t most) {
  if (found < least || found > most) {
    throw ConfigError(std::string(attribute) + ": found " + std::to_string(found) + ", expected " +
                      std::to_string(least) + " to " + std::to_string(most));
  }
}

void check_count(std::string_view attribute, size_t found, int64_t expected) {
  if (found != static_cast<size_t>(expected)) {
    throw ConfigError(std::string(attribute) + ": found " + std::to_string(found) + " numbers, expected " +
                      std::to_string(expected));
  }
}

void check_positive(const std::string& where, float found) {
  if (!std::isfinite(found) || found <= 0) {
    throw ConfigError(where + ": found " + std::to_string(found) + ", expected a positive number");
  }
}

// Everything that is known without looking at a constant.
Config read_attributes(const Attributes& given) {
  check_between("layers", given.layers, 1, kMostLayers);
  check_between("hidden", given.hidden, 1, kMostInputs);
  check_between("heads", given.heads, 1, kMostInputs);
  check_between("head_size", given.head_size, 1, kMostInputs);
  check_between("heads * head_size", given.heads * given.head_size, 1, kMostInputs);
  check_between("ffn", given.ffn, 1, kMostInputs);
  check_between("gated", given.gated, 0, 1);
  check_positive("epsilon", given.epsilon);
  check_positive("scale", given.scale);
  check_count("windows", given.windows.size(), given.layers);
  check_count("roles", given.roles.size(), given.layers * kRolesOfLayer + kLastRoles);
  Config config;
  config.hidden = given.hidden;
  config.heads = given.heads;
  config.head_size = given.head_size;
  config.ffn = given.ffn;
  config.epsilon = given.epsilon;
  config.scale = given.scale;
  config.gated = given.gated != 0;
  config.scheme = choose<Scheme>("scheme", given.scheme, kSchemes);
  config.norm = choose<Norm>("norm", given.norm, kNorms);
  config.norm_place = choose<NormPlace>("norm_place", given.norm_place, kPlaces);
  config.activation = choose<Activation>("activation", given.activation, kActivations);
  return config;
}

void read_outliers(const Constants& constants, int64_t role, const std::string& where, Product& product) {
  if (constants.has(role + kOutlierRows) != constants.has(role + kOutlierStart)) {
    throw ConfigError(where + ": found one of outlier_rows and outlier_start, expected both or none");
  }
  if (!constants.has(role + kOutlierRows)) return;
  const std::string rows = where + ", outlier_rows";
  product.outlier_count = constants.matrix_shape(role + kOutlierRows, rows)[0];
  product.outlier_rows = constants.floats(role + kOutlierRows, rows, {product.outlier_count, product.outputs});
  product.outlier_start = constants.start(role + kOutlierStart, where + ", outlier_start");
  check_between(where + ", outlier_start", product.outlier_start, 0, product.inputs - product.outlier_count);
}

Product read_product(const Constants& constants, int64_t role, const std::string& where, const Config& config,
                     int64_t inputs, int64_t outputs) {
  Product product;
  product.inputs = inputs;
  product.outputs = outputs;
  product.weight = constants.weight(role + kWeight, where + ", weight", inputs, outputs);
  product.scales = constants.scales(role + kScales, where + ", scales", outputs);
  product.bias = constants.floats_if_there(role + kBias, where + ", bias", {outputs});
  product.smoothing = constants.floats_if_there(role + kSmoothing, where + ", smoothing", {inputs});
  if (config.scheme == Scheme::fixed) {
    product.range_scale = constants.scalar(role + kRangeScale, where + ", range_scale");
    check_positive(where + ", range_scale", product.range_scale);
    product.range_zero = constants.zero_point(role + kRangeZero, where + ", range_zero");
  }
  read_outliers(constants, role, where, product);
  return product;
}

NormWeights read_norm(const Constants& constants, int64_t role, const std::string& where, int64_t hidden) {
  NormWeights norm;
  norm.weight = constants.floats_if_there(role, where + ", weight", {hidden});
  norm.bias = constants.floats_if_there(role + 1, where + ", bias", {hidden});
  if (norm.weight.empty() && !norm.bias.empty()) {
    throw ConfigError(where + ": found a bias alone, expected a weight too");
  }
  return norm;
}

// Norms may lack in a pre-norm layer alone, where the one before has done its work.
void check_norms(const Config& config, const Layer& layer, const std::string& where) {
  if (config.norm_place != NormPlace::post) return;
  if (layer.attention_norm.weight.empty() || layer.feed_forward_norm.weight.empty()) {
    throw ConfigError(where + ": found no norm, expected both with norm_place post");
  }
}

// Layers of a pruned encoder differ in width: the weights say how wide each is.
void read_widths(const Constants& constants, int64_t role, const std::string& where, const Config& config,
                 Layer& layer) {
  const int64_t inner = constants.matrix_shape(role + kWeight, where + ", query, weight")[1];
  layer.heads = inner / config.head_size;
  check_between(where + ", query, columns % head_size", inner % config.head_size, 0, 0);
  check_between(where + ", heads", layer.heads, 1, config.heads);
  layer.ffn = constants.matrix_shape(role + kUp * kRolesOfProduct + kWeight, where + ", up, weight")[1];
  check_between(where + ", ffn", layer.ffn, 1, config.ffn);
}

Layer read_layer(const Constants& constants, int64_t index, const Config& config) {
  const std::string where = "layer " + std::to_string(index);
  const int64_t role = index * kRolesOfLayer;
  const auto product = [&](int64_t place, const char* name, int64_t inputs, int64_t outputs) {
    return read_product(constants, role + place * kRolesOfProduct, where + ", " + name, config, inputs, outputs);
  };
  Layer layer;
  read_widths(constants, role, where, config, layer);
  const int64_t inner = layer.heads * config.head_size;
  layer.query = product(0, "query", config.hidden, inner);
  layer.key = product(1, "key", config.hidden, inner);
  layer.value = product(2, "value", config.hidden, inner);
  layer.output = product(3, "output", inner, config.hidden);
  layer.up = product(kUp, "up", config.hidden, layer.ffn);
  if (config.gated) layer.gate = product(5, "gate", config.hidden, layer.ffn);
  layer.down = product(6, "down", layer.ffn, config.hidden);
  layer.attention_norm = read_norm(constants, role + kNormsOfLayer, where + ", attention_norm", config.hidden);
  layer.feed_forward_norm =
      read_norm(constants, role + kNormsOfLayer + 2, where + ", feed_forward_norm", config.hidden);
  check_norms(config, layer, where);
  return layer;
}

// Both tables, or none.
RotaryAngles read_angles(const Constants& constants, int64_t role, const std::string& where, const Config& config) {
  if (constants.has(role) != constants.has(role + 1)) {
    throw ConfigError(where + ": found one of cosines and sines, expected both or none");
  }
  if (!constants.has(role)) return {};
  const int64_t half = config.head_size / 2;
  return {.cosines = constants.floats(role, where + ", cosines", {config.rotary_positions, half}),
          .sines = constants.floats(role + 1, where + ", sines", {config.rotary_positions, half})};
}

void read_rotary(const Constants& constants, int64_t role, Config& config) {
  if (constants.has(role + kRotary)) {
    check_between("head_size % 2 with rotary", config.head_size % 2, 0, 0);
    config.rotary_positions = constants.matrix_shape(role + kRotary, "rotary, cosines")[0];
  }
  config.rotary = read_angles(constants, role + kRotary, "rotary", config);
  if (config.rotary.cosines.empty() && constants.has(role + kLocalRotary)) {
    throw ConfigError("local_rotary: found it alone, expected rotary too");
  }
  config.local_rotary = read_angles(constants, role + kLocalRotary, "local_rotary", config);
}

void read_position_bias(const Constants& constants, int64_t role, Config& config) {
  if (!constants.has(role + kPositionBias)) return;
  const int64_t width = constants.matrix_shape(role + kPositionBias, "position_bias")[1];
  check_between("position_bias, second axis % 2", width % 2, 1, 1);
  config.bias_reach = width / 2;
  config.position_bias = constants.floats(role + kPositionBias, "position_bias", {config.heads, width});
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const std::string where = "layer " + std::to_string(i);
    check_between(where + ", heads with position_bias", config.layers[i].heads, config.heads, config.heads);
  }
}

}  // namespace

Config read_config(const Attributes& attributes, std::span<const Tensor> tensors) {
  Config config = read_attributes(attributes);
  const Constants constants(attributes.roles, tensors);
  for (int64_t index = 0; index < attributes.layers; ++index) {
    const int64_t window = attributes.windows[static_cast<size_t>(index)];
    check_between("windows", window, 0, kMostWindow);
    config.layers.push_back(read_layer(constants, index, config));
    config.layers.back().window = window;
  }
  const int64_t last = attributes.layers * kRolesOfLayer;
  config.final_norm = read_norm(constants, last + kFinalNorm, "final_norm", config.hidden);
  read_rotary(constants, last, config);
  read_position_bias(constants, last, config);
  return config;
}

}  // namespace edgebert
