#include "mutate.h"

#include <array>
#include <cstring>
#include <limits>

namespace edgebert::check {
namespace {

using Random = std::mt19937_64;

constexpr size_t kMostBytes = size_t{1} << 22;  // of a changed constant

size_t below(Random& random, size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); }

template <class Items>
auto& one_of(Items& items, Random& random) {
  return items[below(random, items.size())];
}

int64_t odd_integer(int64_t value, Random& random) {
  const std::array choices{int64_t{-1},
                           int64_t{0},
                           int64_t{1},
                           value - 1,
                           value + 1,
                           2 * value,
                           int64_t{65535},
                           int64_t{65536},
                           std::numeric_limits<int64_t>::min(),
                           std::numeric_limits<int64_t>::max()};
  return one_of(choices, random);
}

float odd_float(Random& random) {
  constexpr std::array choices{
      0.0f, -1.0f, 1e-30f, 1e30f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  return one_of(choices, random);
}

void mutate_number(Attributes& attributes, Random& random) {
  const std::array numbers{&attributes.layers,    &attributes.hidden, &attributes.heads,
                           &attributes.head_size, &attributes.ffn,    &attributes.gated};
  int64_t& number = *one_of(numbers, random);
  number = odd_integer(number, random);
}

void mutate_float(Attributes& attributes, Random& random) {
  const std::array numbers{&attributes.epsilon, &attributes.scale};
  *one_of(numbers, random) = odd_float(random);
}

void mutate_text(Attributes& attributes, Random& random) {
  const std::array<const char*, 8> words{"", "token", "static", "rms", "pre", "gelu_tanh", "silu", "\xff"};
  const std::array texts{&attributes.scheme, &attributes.norm, &attributes.norm_place, &attributes.activation};
  *one_of(texts, random) = one_of(words, random);
}

void mutate_list(std::vector<int64_t>& values, Random& random) {
  if (values.empty() || below(random, 8) == 0) return values.push_back(0);
  if (below(random, 8) == 0) return values.pop_back();
  int64_t& value = one_of(values, random);
  value = below(random, 2) == 0 ? odd_integer(value, random) : static_cast<int64_t>(below(random, values.size())) - 1;
}

size_t bytes_of(const OwnedTensor& tensor) {
  size_t bytes = tensor.type == ElementType::float32 ? 4 : tensor.type == ElementType::int64 ? 8 : 1;
  for (const int64_t length : tensor.shape) {
    if (length < 0 || bytes > kMostBytes) return 0;
    bytes *= static_cast<size_t>(length);
  }
  return bytes;
}

// The tensor in memory of its new size; as it was if that is too large to try.
void reshape(OwnedTensor& tensor, OwnedTensor changed) {
  const size_t bytes = bytes_of(changed);
  if (bytes > kMostBytes) return;
  changed.bytes.resize(bytes);
  changed.bytes.shrink_to_fit();
  tensor = std::move(changed);
}

void mutate_shape(OwnedTensor& tensor, Random& random) {
  OwnedTensor changed = tensor;
  if (changed.shape.empty() || below(random, 4) == 0) {
    changed.shape.push_back(1);
  } else if (below(random, 4) == 0) {
    changed.shape.pop_back();
  } else {
    one_of(changed.shape, random) += static_cast<int64_t>(below(random, 3)) - 1;
  }
  reshape(tensor, std::move(changed));
}

void mutate_type(OwnedTensor& tensor, Random& random) {
  OwnedTensor changed = tensor;
  changed.type = static_cast<ElementType>(below(random, 5));
  reshape(tensor, std::move(changed));
}

void mutate_value(OwnedTensor& tensor, Random& random) {
  if (tensor.type == ElementType::float32 && tensor.bytes.size() >= sizeof(float)) {
    const float value = odd_float(random);
    std::memcpy(tensor.bytes.data() + sizeof value * below(random, tensor.bytes.size() / sizeof value), &value,
                sizeof value);
  } else if (tensor.type == ElementType::int64 && tensor.bytes.size() >= sizeof(int64_t)) {
    const int64_t value = odd_integer(7, random);
    std::memcpy(tensor.bytes.data(), &value, sizeof value);
  } else if (!tensor.bytes.empty()) {
    one_of(tensor.bytes, random) = static_cast<std::byte>(below(random, 256));
  }
}

}  // namespace

void mutate(Case& model, Random& random) {
  switch (below(random, 8)) {
    case 0:
      return mutate_number(model.attributes, random);
    case 1:
      return mutate_float(model.attributes, random);
    case 2:
      return mutate_text(model.attributes, random);
    case 3:
      return mutate_list(model.attributes.windows, random);
    case 4:
      return mutate_list(model.attributes.roles, random);
    case 5:
      return mutate_shape(one_of(model.constants, random), random);
    case 6:
      return mutate_type(one_of(model.constants, random), random);
    default:
      return mutate_value(one_of(model.constants, random), random);
  }
}

}  // namespace edgebert::check
