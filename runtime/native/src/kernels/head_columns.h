// The order of a head's columns in the packed product of query, key and value. All three lie together, so that a head
// is whole panels whatever its size; and each vector of query or key stands beside the one it is rotated with.
#pragma once

#include <cstdint>

namespace edgebert {

enum class HeadPart { query, key, value };

struct HeadColumn {
  HeadPart part;
  int64_t column;  // the first of the vector's, in its part of the head
};

// Whether the vectors of half a head can be paired.
inline constexpr bool can_rotate(int64_t head_size, int64_t lanes) { return head_size % (2 * lanes) == 0; }

// Of vector `index` of 3 * head_size / lanes. Pairs: lower query, upper query, value, …, lower key, upper key, value,
// ….
[[gnu::always_inline]] inline constexpr HeadColumn head_column(int64_t index, int64_t head_size, int64_t lanes) {
  const int64_t vectors = head_size / lanes;
  if (!can_rotate(head_size, lanes)) {
    return {static_cast<HeadPart>(index / vectors), index % vectors * lanes};
  }
  const int64_t triple = index / 3;
  const int64_t place = index % 3;
  if (place == 2) return {HeadPart::value, triple * lanes};
  const bool query = triple < vectors / 2;
  const int64_t pair = query ? triple : triple - vectors / 2;
  return {query ? HeadPart::query : HeadPart::key, (pair + place * vectors / 2) * lanes};
}

}  // namespace edgebert
