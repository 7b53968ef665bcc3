// Lists on cache lines, as kernels take them.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace edgebert::check {

template <class Element>
struct AlignedAllocator {
  using value_type = Element;
  static constexpr std::align_val_t kAlignment{64};

  AlignedAllocator() = default;
  template <class Other>
  AlignedAllocator(const AlignedAllocator<Other>&) {}

  Element* allocate(size_t count) { return static_cast<Element*>(::operator new(count * sizeof(Element), kAlignment)); }
  void deallocate(Element* memory, size_t) { ::operator delete(memory, kAlignment); }
  bool operator==(const AlignedAllocator&) const = default;
};

template <class Element>
using Aligned = std::vector<Element, AlignedAllocator<Element>>;

}  // namespace edgebert::check
