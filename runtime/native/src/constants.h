// Constants of the graph by role: each is found, and checked for type, shape and values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "config.h"

namespace edgebert {

// Numbers of what an attribute or constant may be; a sum of products of bytes fits an int32 below it.
inline constexpr int64_t kMostInputs = 65535;

class Constants {
 public:
  Constants(std::span<const int64_t> roles, std::span<const Tensor> tensors);

  // Of each method: `role` is an index of roles, `where` begins a message.
  // Throws ConfigError: of another type or shape, misaligned, not finite, or not there though needed.
  bool has(int64_t role) const;
  const int8_t* weight(int64_t role, const std::string& where, int64_t rows, int64_t columns) const;
  Floats floats(int64_t role, const std::string& where, std::initializer_list<int64_t> shape) const;
  Floats floats_if_there(int64_t role, const std::string& where, std::initializer_list<int64_t> shape) const;
  Floats scales(int64_t role, const std::string& where, int64_t columns) const;
  float scalar(int64_t role, const std::string& where) const;
  int zero_point(int64_t role, const std::string& where) const;
  int64_t start(int64_t role, const std::string& where) const;
  // Of a constant with two axes, whose lengths the caller has to check.
  std::span<const int64_t> matrix_shape(int64_t role, const std::string& where) const;

 private:
  const Tensor& needed(int64_t role, const std::string& where) const;

  std::span<const int64_t> roles_;
  std::span<const Tensor> tensors_;
};

}  // namespace edgebert
