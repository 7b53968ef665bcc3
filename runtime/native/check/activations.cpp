#include "activations.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "aligned.h"

namespace edgebert::check {
namespace {

using Reference = double (*)(double);

double gelu(double x) { return x / 2 * (1 + std::erf(x / std::numbers::sqrt2)); }
double gelu_tanh(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
double relu(double x) { return x > 0 ? x : 0; }
double silu(double x) { return x / (1 + std::exp(-x)); }

// The product of a weight of zeros is its bias: what an activation makes of `values`, in every row of a tile.
Aligned<float> activated(const Kernels& kernels, Activation activation, const Aligned<float>& values) {
  const TileShape shape = kernels.shape();
  const auto width = static_cast<int64_t>(values.size());
  const Aligned<int8_t> panels(static_cast<size_t>(shape.lanes * width), 0);
  const Aligned<float> zeros(values.size(), 0.0f);
  PackedProduct product;
  product.depth = shape.lanes;
  product.width = width;
  product.panels = panels.data();
  product.scales = zeros.data();
  product.bias = values.data();
  product.zero_weights = zeros.data();
  Aligned<uint8_t> bytes(static_cast<size_t>(shape.rows * product.depth), 0);
  Aligned<float> scales(static_cast<size_t>(shape.rows), 1.0f);
  Aligned<float> shifts(static_cast<size_t>(shape.rows), 0.0f);
  const QuantizedRows input{bytes.data(), scales.data(), shifts.data(), nullptr, 0};
  Aligned<float> output(static_cast<size_t>(shape.rows * width), -1.0f);
  const int64_t panel = shape.lanes * shape.vectors;
  kernels.activate(product, input, {0, shape.rows}, {0, (width + panel - 1) / panel}, activation, output.data());
  return output;
}

// From -limit to limit.
Aligned<float> values_to(float limit, size_t count) {
  Aligned<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = limit * (2.0f * static_cast<float>(i) / static_cast<float>(count - 1) - 1.0f);
  }
  return values;
}

// `absolute` is of the limit, `relative` of each value.
struct Allowed {
  float limit;
  double absolute;
  double relative;
};

void check(const Kernels& kernels, Activation activation, Reference reference, const Allowed& allowed) {
  const Aligned<float> values = values_to(allowed.limit, 4800);
  const Aligned<float> output = activated(kernels, activation, values);
  for (size_t i = 0; i < output.size(); ++i) {
    const float value = values[i % values.size()];
    const double expected = reference(double{value});
    const double apart = std::abs(double{output[i]} - expected);
    if (apart <= allowed.absolute * double{allowed.limit} + allowed.relative * std::abs(expected)) continue;
    throw std::runtime_error("activation " + std::to_string(static_cast<int>(activation)) + " of " +
                             std::to_string(value) + ": found " + std::to_string(output[i]) + ", expected " +
                             std::to_string(expected));
  }
}

}  // namespace

void check_activations(const Kernels& kernels) {
  constexpr double kMillionth = 1e-6;
  check(kernels, Activation::gelu, gelu, {12.0f, kMillionth, 0});
  check(kernels, Activation::gelu_tanh, gelu_tanh, {12.0f, kMillionth, 0});
  check(kernels, Activation::relu, relu, {12.0f, 0, 0});
  check(kernels, Activation::silu, silu, {12.0f, kMillionth, 0});
  check(kernels, Activation::silu, silu, {4.0f, 0, kMillionth});  // as exact as the power of two in it
}

}  // namespace edgebert::check
