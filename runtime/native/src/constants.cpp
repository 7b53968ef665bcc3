#include "constants.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace edgebert {
namespace {

std::string_view name_of(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return "float32";
    case ElementType::int8:
      return "int8";
    case ElementType::uint8:
      return "uint8";
    case ElementType::int64:
      return "int64";
    case ElementType::other:
      return "another type";
  }
  return "another type";
}

std::string described(ElementType type, std::span<const int64_t> shape) {
  return std::string(name_of(type)) + " " + text_of(shape);
}

template <class Element>
constexpr ElementType type_of() {
  if constexpr (std::is_same_v<Element, float>) return ElementType::float32;
  if constexpr (std::is_same_v<Element, int8_t>) return ElementType::int8;
  if constexpr (std::is_same_v<Element, uint8_t>) return ElementType::uint8;
  return ElementType::int64;
}

// The elements of a tensor that is what was expected.
template <class Element>
std::span<const Element> elements(const Tensor& tensor, const std::string& where, std::span<const int64_t> shape) {
  constexpr ElementType type = type_of<Element>();
  if (tensor.type != type || !std::ranges::equal(tensor.shape, shape)) {
    throw ConfigError(where + ": found " + described(tensor.type, tensor.shape) + ", expected " +
                      described(type, shape));
  }
  if (tensor.data == nullptr || reinterpret_cast<uintptr_t>(tensor.data) % alignof(Element) != 0) {
    throw ConfigError(where + ": found no memory or an address that is no multiple of " +
                      std::to_string(alignof(Element)) + ", expected aligned memory");
  }
  size_t count = 1;
  for (const int64_t length : shape) count *= static_cast<size_t>(length);
  return {static_cast<const Element*>(tensor.data), count};
}

Floats finite(Floats values, const std::string& where) {
  const auto wrong = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
  if (wrong != values.end()) {
    throw ConfigError(where + ": found " + std::to_string(*wrong) + " at " + std::to_string(wrong - values.begin()) +
                      ", expected finite numbers");
  }
  return values;
}

// One element, as a tensor without axes or with one of length 1.
template <class Element>
Element single(const Tensor& tensor, const std::string& where) {
  constexpr int64_t one = 1;
  const std::span<const int64_t> axis(&one, 1);
  return elements<Element>(tensor, where, tensor.shape.empty() ? axis.first(0) : axis).front();
}

}  // namespace

std::string text_of(std::span<const int64_t> shape) {
  std::string text = "(";
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis != 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + ")";
}

Constants::Constants(std::span<const int64_t> roles, std::span<const Tensor> tensors)
    : roles_(roles), tensors_(tensors) {
  const auto count = static_cast<int64_t>(tensors.size());
  for (size_t index = 0; index < roles.size(); ++index) {
    if (roles[index] < -1 || roles[index] >= count) {
      throw ConfigError("roles[" + std::to_string(index) + "]: found " + std::to_string(roles[index]) +
                        ", expected -1 or the index of one of " + std::to_string(count) + " constants");
    }
  }
}

bool Constants::has(int64_t role) const { return roles_[static_cast<size_t>(role)] >= 0; }

const Tensor& Constants::needed(int64_t role, const std::string& where) const {
  if (!has(role)) throw ConfigError(where + ": found none, expected a constant");
  return tensors_[static_cast<size_t>(roles_[static_cast<size_t>(role)])];
}

const int8_t* Constants::weight(int64_t role, const std::string& where, int64_t rows, int64_t columns) const {
  return elements<int8_t>(needed(role, where), where, std::vector{rows, columns}).data();
}

Floats Constants::floats(int64_t role, const std::string& where, std::initializer_list<int64_t> shape) const {
  return finite(elements<float>(needed(role, where), where, std::vector(shape)), where);
}

Floats Constants::floats_if_there(int64_t role, const std::string& where, std::initializer_list<int64_t> shape) const {
  return has(role) ? floats(role, where, shape) : Floats{};
}

Floats Constants::scales(int64_t role, const std::string& where, int64_t columns) const {
  const Tensor& tensor = needed(role, where);
  const bool one_for_all = tensor.shape.empty() || (tensor.shape.size() == 1 && tensor.shape[0] == 1);
  const std::vector<int64_t> shape = one_for_all ? tensor.shape : std::vector{columns};
  return finite(elements<float>(tensor, where, shape), where);
}

float Constants::scalar(int64_t role, const std::string& where) const {
  const auto value = single<float>(needed(role, where), where);
  return finite({&value, 1}, where).front();
}

int Constants::zero_point(int64_t role, const std::string& where) const {
  return single<uint8_t>(needed(role, where), where);
}

int64_t Constants::start(int64_t role, const std::string& where) const {
  return single<int64_t>(needed(role, where), where);
}

std::span<const int64_t> Constants::matrix_shape(int64_t role, const std::string& where) const {
  const Tensor& tensor = needed(role, where);
  if (tensor.shape.size() != 2 || tensor.shape[0] < 1 || tensor.shape[1] < 1 ||
      std::ranges::max(tensor.shape) > kMostInputs) {
    throw ConfigError(where + ": found shape " + text_of(tensor.shape) + ", expected two axes of 1 to " +
                      std::to_string(kMostInputs));
  }
  return tensor.shape;
}

}  // namespace edgebert
