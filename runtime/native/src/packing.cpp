#include "packing.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>
#include <vector>

#include "kernels/activations.h"
#include "kernels/head_columns.h"
#include "pieces.h"

namespace edgebert {
namespace {

// A vector of columns of a packed product: `count` columns of one product of the graph.
struct VectorSource {
  const Product* product;
  int64_t column;
  int64_t count;
  float factor;  // of all that these columns give
};
using Sources = std::vector<VectorSource>;

Sources plain_sources(const Product& product, int64_t lanes) {
  Sources sources;
  for (int64_t column = 0; column < product.outputs; column += lanes) {
    sources.push_back({&product, column, std::min(lanes, product.outputs - column), 1.0F});
  }
  return sources;
}

// Scores are powers of two: the query is scaled for that.
Sources head_sources(const Config& config, const Layer& layer, int64_t lanes) {
  Sources sources;
  const int64_t padded = padded_head_size(config);
  for (int64_t head = 0; head < layer.heads; ++head) {
    for (int64_t i = 0; i < 3 * padded / lanes; ++i) {
      const auto [part, column] = head_column(i, padded, lanes);
      const Product& product = part == HeadPart::query ? layer.query : part == HeadPart::key ? layer.key : layer.value;
      const float factor = part == HeadPart::query ? config.scale * kLog2E : 1.0F;
      const int64_t filled = std::clamp<int64_t>(config.head_size - column, 0, lanes);
      sources.push_back({&product, head * config.head_size + column, filled, factor});
    }
  }
  return sources;
}

// Where the rows of a product lie in the packed copy: those of a context have a gap after each head.
struct RowPlaces {
  int64_t together;  // rows that follow each other
  int64_t padded;    // the same with the gap

  [[nodiscard]] int64_t of(int64_t row) const { return row / together * padded + row % together; }
};

// Some rows of some columns, so that the bytes of a column lie together. Adds to the sums of the columns.
void interleave(const VectorSource& source, Range rows, int8_t* to, int32_t* sums) {
  const Product& product = *source.product;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const int8_t* from = product.weight + row * product.outputs + source.column;
    for (int64_t c = 0; c < source.count; ++c) {
      to[c * 4 + row - rows.begin] = from[c];
      sums[c] += from[c];
    }
  }
}

void fill_panels(const Sources& sources, RowPlaces places, TileShape shape, int64_t depth, int8_t* to, int32_t* sums) {
  const auto vectors = static_cast<int64_t>(sources.size());
  for (int64_t first = 0; first < vectors; first += shape.vectors) {
    const int64_t last = std::min(vectors, first + shape.vectors);
    int8_t* panel = to + first * shape.lanes * depth;
    for (int64_t row = 0; row < depth; row += 4) {
      const int64_t place = row % places.padded;
      const int64_t begin = row / places.padded * places.together + place;
      const Range rows{begin, begin + std::clamp<int64_t>(places.together - place, 0, 4)};
      for (int64_t v = first; v < last; ++v) {
        const int64_t at = (row / 4 * (last - first) + v - first) * shape.lanes * 4;
        interleave(sources[static_cast<size_t>(v)], rows, panel + at, sums + v * shape.lanes);
      }
    }
  }
}

// Rounded to the nearest, ties to even.
uint32_t bfloat16_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

void fill_outliers(const Sources& sources, TileShape shape, uint32_t* to) {
  const int64_t outliers = sources.front().product->outlier_count;
  const int64_t words = (outliers + shape.values_per_word - 1) / shape.values_per_word;
  const auto vectors = static_cast<int64_t>(sources.size());
  for (int64_t v = 0; v < vectors; ++v) {
    const VectorSource& source = sources[static_cast<size_t>(v)];
    const int64_t first = v / shape.vectors * shape.vectors;
    const int64_t columns = std::min(shape.vectors, vectors - first) * shape.lanes;
    uint32_t* panel = to + first * shape.lanes * words + (v - first) * shape.lanes;
    for (int64_t i = 0; i < outliers; ++i) {
      const float* row = source.product->outlier_rows.data() + i * source.product->outputs + source.column;
      for (int64_t c = 0; c < source.count; ++c) {
        const float value = row[c] * source.factor;
        uint32_t& word = panel[i / shape.values_per_word * columns + c];
        word |= shape.values_per_word == 1 ? std::bit_cast<uint32_t>(value) : bfloat16_bits(value) << (i % 2 * 16);
      }
    }
  }
}

void fill_columns(const Sources& sources, int64_t lanes, const int32_t* sums, float* scales, float* bias,
                  float* zero_weights) {
  int64_t at = 0;
  for (const VectorSource& source : sources) {
    const Product& product = *source.product;
    for (int64_t c = 0; c < source.count; ++c) {
      const auto column = static_cast<size_t>(source.column + c);
      const float scale = product.scales[product.scales.size() == 1 ? 0 : column] * source.factor;
      scales[at + c] = scale;
      bias[at + c] = product.bias.empty() ? 0.0F : product.bias[column] * source.factor;
      zero_weights[at + c] = scale * static_cast<float>(sums[at + c]);
    }
    at += lanes;
  }
}

void fill_multiplier(const Product& product, RowPlaces places, float* to) {
  for (int64_t i = 0; i < product.inputs; ++i) {
    const int64_t outlier = i - product.outlier_start;
    const bool apart = outlier >= 0 && outlier < product.outlier_count;
    const float factor = product.smoothing.empty() ? 1.0F : product.smoothing[static_cast<size_t>(i)];
    to[places.of(i)] = apart ? 0.0F : factor;
  }
}

// Where the constants of packed columns lie in memory, and everything else that a copy of them depends on.
using Origin = std::vector<std::pair<const void*, int64_t>>;

Origin origin_of(const Sources& sources, RowPlaces places) {
  Origin origin{{nullptr, places.together}, {nullptr, places.padded}};
  for (const VectorSource& source : sources) {
    const Product& product = *source.product;
    origin.emplace_back(product.weight, source.column);
    origin.emplace_back(product.scales.data(), product.inputs);
    origin.emplace_back(product.bias.data(), product.outputs);
    origin.emplace_back(product.smoothing.data(), source.count);
    origin.emplace_back(product.outlier_rows.data(), product.outlier_start);
  }
  return origin;
}

// Panels lie apart from all the rest, in the order in which they are used: fetching ahead runs from one product into
// the next.
struct Parts {
  Pieces panels;
  Pieces rest;
  std::map<Origin, PackedProduct> taken;  // layers that share their constants share a copy
};

// Without the range, which is no piece of the copy.
PackedProduct take_pieces(TileShape shape, const Sources& sources, RowPlaces places, Parts& parts) {
  const Product& product = *sources.front().product;
  PackedProduct packed;
  packed.depth = product.inputs / places.together * places.padded;
  packed.width = static_cast<int64_t>(sources.size()) * shape.lanes;
  packed.outliers = product.outlier_count;
  packed.outlier_start = product.outlier_start;
  const int64_t words = (product.outlier_count + shape.values_per_word - 1) / shape.values_per_word;
  auto* panels = parts.panels.take<int8_t>(packed.depth * packed.width);
  auto* scales = parts.rest.take<float>(packed.width);
  auto* bias = parts.rest.take<float>(packed.width);
  auto* zero_weights = parts.rest.take<float>(packed.width);
  auto* multiplier = parts.rest.take<float>(packed.depth);
  auto* outliers = parts.rest.take<uint32_t>(words * packed.width);
  if (parts.rest.fill()) {
    std::vector<int32_t> sums(static_cast<size_t>(packed.width));
    fill_panels(sources, places, shape, packed.depth, panels, sums.data());
    fill_columns(sources, shape.lanes, sums.data(), scales, bias, zero_weights);
    fill_multiplier(product, places, multiplier);
    fill_outliers(sources, shape, outliers);
  }
  packed.panels = panels;
  packed.scales = scales;
  packed.bias = bias;
  packed.zero_weights = zero_weights;
  packed.multiplier = multiplier;
  packed.outlier_words = outliers;
  return packed;
}

PackedProduct take_product(const Config& config, TileShape shape, const Sources& sources, RowPlaces places,
                           Parts& parts) {
  const Origin origin = origin_of(sources, places);
  if (!parts.taken.contains(origin)) parts.taken[origin] = take_pieces(shape, sources, places, parts);
  PackedProduct packed = parts.taken[origin];
  if (config.scheme == Scheme::fixed) {
    const Product& product = *sources.front().product;
    packed.range_scale = product.range_scale;
    packed.range_zero = static_cast<float>(product.range_zero);
  }
  return packed;
}

PackedNorm take_norm(const Config& config, TileShape shape, const NormWeights& norm, Pieces& rest) {
  PackedNorm packed;
  if (norm.weight.empty()) return packed;
  packed.size = config.hidden;
  packed.width = round_up(config.hidden, shape.lanes);
  packed.epsilon = config.epsilon;
  packed.kind = config.norm;
  packed.weight = rest.copy(norm.weight, packed.width);
  packed.bias = rest.copy(norm.bias, packed.width);
  return packed;
}

PackedLayer take_layer(const Config& config, TileShape shape, const Layer& layer, Parts& parts) {
  const int64_t lanes = shape.lanes;
  const RowPlaces hidden{config.hidden, round_up(config.hidden, lanes)};
  const RowPlaces heads{config.head_size, padded_head_size(config)};
  const RowPlaces inner{layer.ffn, round_up(layer.ffn, lanes)};
  PackedLayer packed;
  packed.attention = take_product(config, shape, head_sources(config, layer, lanes), hidden, parts);
  packed.output = take_product(config, shape, plain_sources(layer.output, lanes), heads, parts);
  if (config.gated) packed.gate = take_product(config, shape, plain_sources(layer.gate, lanes), hidden, parts);
  packed.up = take_product(config, shape, plain_sources(layer.up, lanes), hidden, parts);
  packed.down = take_product(config, shape, plain_sources(layer.down, lanes), inner, parts);
  packed.attention_norm = take_norm(config, shape, layer.attention_norm, parts.rest);
  packed.feed_forward_norm = take_norm(config, shape, layer.feed_forward_norm, parts.rest);
  return packed;
}

RotaryTable take_rotary(const RotaryAngles& angles, Pieces& rest) {
  if (angles.cosines.empty()) return {};
  const auto entries = static_cast<int64_t>(angles.cosines.size());
  const float* cosines = rest.copy(angles.cosines, entries);
  return {.cosine = cosines, .sine = rest.copy(angles.sines, entries)};
}

PackedModel take_model(const Config& config, TileShape shape, Parts& parts) {
  PackedModel model;
  for (const Layer& layer : config.layers) model.layers.push_back(take_layer(config, shape, layer, parts));
  model.final_norm = take_norm(config, shape, config.final_norm, parts.rest);
  model.rotary = take_rotary(config.rotary, parts.rest);
  const bool local = !config.local_rotary.cosines.empty();
  model.local_rotary = local ? take_rotary(config.local_rotary, parts.rest) : model.rotary;
  if (!config.position_bias.empty()) {
    const auto entries = static_cast<int64_t>(config.position_bias.size());
    model.position_bias = parts.rest.copy(config.position_bias, entries, kLog2E);
  }
  return model;
}

Parts counted(const Config& config, TileShape shape) {
  Parts parts{Pieces(nullptr, false), Pieces(nullptr, false), {}};
  take_model(config, shape, parts);
  return parts;
}

PackedModel take_from(const Config& config, TileShape shape, std::byte* packed, bool fill) {
  const int64_t panels = counted(config, shape).panels.used();
  Parts parts{Pieces(packed, fill), Pieces(packed + panels, fill), {}};
  return take_model(config, shape, parts);
}

}  // namespace

int64_t padded_head_size(const Config& config) {
  constexpr int64_t kWidest = 16;
  return round_up(config.head_size, kWidest);
}

size_t packed_bytes(const Config& config, TileShape shape) {
  const Parts parts = counted(config, shape);
  return static_cast<size_t>(parts.panels.used() + parts.rest.used());
}

void pack(const Config& config, TileShape shape, std::byte* packed) { take_from(config, shape, packed, true); }

PackedModel view_packed(const Config& config, TileShape shape, const std::byte* packed) {
  return take_from(config, shape, const_cast<std::byte*>(packed), false);  // nothing is written without fill
}

}  // namespace edgebert
