// The pieces of a packed copy, one after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "buffer.h"
#include "config.h"

namespace edgebert {

// Hands out the pieces of a packed copy one after another. Counting, finding and filling take the same pieces.
class Pieces {
 public:
  Pieces(std::byte* memory, bool fill) : memory_(memory), fill_(fill) {}

  template <class T>
  T* take(int64_t count) {
    T* piece = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + used_);
    const int64_t bytes = round_up(count * static_cast<int64_t>(sizeof(T)), kLine);
    if (fill_ && piece != nullptr) std::memset(static_cast<void*>(piece), 0, static_cast<size_t>(bytes));
    used_ += bytes;
    return piece;
  }
  float* copy(Floats source, int64_t width, float factor = 1.0F) {
    float* piece = take<float>(width);
    if (!fill_ || piece == nullptr) return piece;
    for (size_t i = 0; i < source.size(); ++i) piece[i] = source[i] * factor;
    return piece;
  }
  bool fill() const { return fill_; }
  int64_t used() const { return used_; }

 private:
  static constexpr int64_t kLine = 64;

  std::byte* memory_;
  bool fill_;
  int64_t used_ = 0;
};

}  // namespace edgebert
