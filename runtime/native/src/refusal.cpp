#include <algorithm>
#include <span>
#include <string>

#include "config.h"
#include "encoder.h"

namespace edgebert {
namespace {

constexpr int64_t kVector = 16;  // the widest of all instruction sets: what one runs, all run

bool equal(Floats one, Floats other) { return std::ranges::equal(one, other); }

// Rows are quantized once for all products that take them.
bool share_input(const Product& one, const Product& other, Scheme scheme) {
  const bool range = one.range_scale == other.range_scale && one.range_zero == other.range_zero;
  const bool outliers = one.outlier_start == other.outlier_start && one.outlier_count == other.outlier_count;
  return equal(one.smoothing, other.smoothing) && outliers && (range || scheme == Scheme::token);
}

std::string refusal_of_sizes(const Config& config) {
  const std::string found = "found a head_size of " + std::to_string(config.head_size);
  if (config.rotary_positions > 0 && config.head_size % (2 * kVector) != 0) {
    return found + " with rotary positions, expected a multiple of 32";
  }
  const auto has_outliers = [](const Layer& layer) { return layer.output.outlier_count > 0; };
  if (config.head_size % kVector != 0 && std::ranges::any_of(config.layers, has_outliers)) {
    return found + " with outliers of the context, expected a multiple of 16";
  }
  return "";
}

std::string refusal_of_inputs(const Layer& layer, const Config& config) {
  const Scheme scheme = config.scheme;
  if (!share_input(layer.query, layer.key, scheme) || !share_input(layer.query, layer.value, scheme)) {
    return "found query, key and value with different smoothing, range or outliers of their input, expected the same";
  }
  if (config.gated && !share_input(layer.up, layer.gate, scheme)) {
    return "found up and gate with different smoothing, range or outliers of their input, expected the same";
  }
  return "";
}

}  // namespace

std::string refusal(const Config& config) {
  std::string sizes = refusal_of_sizes(config);
  if (!sizes.empty()) return sizes;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const std::string apart = refusal_of_inputs(config.layers[i], config);
    if (!apart.empty()) return "layer " + std::to_string(i) + ": " + apart;
  }
  return "";
}

}  // namespace edgebert
