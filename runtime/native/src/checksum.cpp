#include "checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace edgebert {
namespace {

constexpr uint64_t kPrime = 0x9e3779b185ebca87;  // the golden ratio's bits, made odd
constexpr size_t kLanes = 4;
constexpr size_t kStep = kLanes * sizeof(uint64_t);

uint64_t mixed(uint64_t state, uint64_t word) { return std::rotl((state ^ word) * kPrime, 29); }

uint64_t word_at(const std::byte* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// A checksum over values, one after the other.
class Chain {
 public:
  void add(int64_t value) { state_ = mixed(state_, static_cast<uint64_t>(value)); }
  void add(float value) { add(static_cast<int64_t>(std::bit_cast<uint32_t>(value))); }
  void add(Floats values) {
    add(static_cast<int64_t>(values.size()));
    state_ = checksum(std::as_bytes(values), state_);
  }
  void add(const Product& product) {
    add(product.inputs);
    add(product.outputs);
    add(product.range_scale);
    add(static_cast<int64_t>(product.range_zero));
    add(product.outlier_start);
    for (const Floats values : {product.scales, product.bias, product.smoothing, product.outlier_rows}) {
      add(values);
    }
  }
  void add(const NormWeights& norm) {
    add(norm.weight);
    add(norm.bias);
  }
  void add(const Layer& layer) {
    for (const Product* product :
         {&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.gate, &layer.down}) {
      add(*product);
    }
    add(layer.attention_norm);
    add(layer.feed_forward_norm);
    add(layer.window);
  }
  uint64_t state() const { return state_; }

 private:
  uint64_t state_ = kPrime;
};

}  // namespace

uint64_t checksum(std::span<const std::byte> bytes, uint64_t seed) {
  std::array<uint64_t, kLanes> lanes{seed, seed + 1, seed + 2, seed + 3};
  size_t at = 0;
  for (; at + kStep <= bytes.size(); at += kStep) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = mixed(lanes[lane], word_at(bytes.data() + at + lane * sizeof(uint64_t)));
    }
  }
  uint64_t sum = mixed(seed, bytes.size());
  for (const uint64_t lane : lanes) sum = mixed(sum, lane);
  for (; at < bytes.size(); ++at) sum = mixed(sum, static_cast<uint64_t>(bytes[at]));
  return sum ^ (sum >> 32);
}

uint64_t fingerprint(const Config& config) {
  Chain chain;
  for (const int64_t number : {config.hidden, config.heads, config.head_size, config.ffn,
                               static_cast<int64_t>(config.scheme), static_cast<int64_t>(config.norm),
                               static_cast<int64_t>(config.norm_place), static_cast<int64_t>(config.activation),
                               static_cast<int64_t>(config.gated), static_cast<int64_t>(config.layers.size())}) {
    chain.add(number);
  }
  chain.add(config.epsilon);
  chain.add(config.scale);
  for (const Layer& layer : config.layers) chain.add(layer);
  chain.add(config.final_norm);
  for (const RotaryAngles& angles : {config.rotary, config.local_rotary}) {
    chain.add(angles.cosines);
    chain.add(angles.sines);
  }
  chain.add(config.position_bias);
  return chain.state();
}

}  // namespace edgebert
