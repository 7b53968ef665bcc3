// Memory aligned to cache lines that grows and never shrinks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace edgebert {

inline constexpr int64_t round_up(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

template <class T>
class Buffer {
 public:
  // New memory is zero, old contents are lost. Throws std::bad_alloc.
  void reserve(int64_t count) {
    if (count <= size_) return;
    const auto bytes = static_cast<size_t>(round_up(count * static_cast<int64_t>(sizeof(T)), kAlignment));
    memory_.reset();
    size_ = 0;
    memory_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, bytes)));
    if (memory_ == nullptr) throw std::bad_alloc();
    std::memset(static_cast<void*>(memory_.get()), 0, bytes);
    size_ = count;
  }
  T* data() const { return memory_.get(); }

 private:
  static constexpr int64_t kAlignment = 64;
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace edgebert
