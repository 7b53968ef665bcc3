// A model and its inputs with the outputs that are expected, in a file that tests/support/native/case_file.py writes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config.h"

namespace edgebert::check {

// A tensor with memory of its own that ends where the tensor does, so that a sanitizer sees a read behind it.
struct OwnedTensor {
  ElementType type = ElementType::other;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  Tensor view() const { return {.type = type, .shape = shape, .data = bytes.data()}; }
};

struct Run {
  int64_t batch = 0;
  int64_t tokens = 0;
  std::vector<float> hidden;    // (batch, tokens, hidden)
  std::vector<int64_t> mask;    // (batch, tokens)
  std::vector<float> expected;  // as hidden
  double tolerance = 0;         // of the distance of a token's vectors, as a share of the expected one's length
};

struct Case {
  Attributes attributes;
  std::vector<OwnedTensor> constants;
  std::vector<Run> runs;

  std::vector<Tensor> views() const;
};

// Throws std::runtime_error: the file cannot be read, is cut short or is of another kind.
Case read_case(const std::string& path);

}  // namespace edgebert::check
