// The order in which the tiles of a product are visited.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "matrix_tiles.h"
#include "tile.h"

namespace edgebert {

// Panels of a group stay in a cache while all rows pass by: one panel in the first cache, or several in the second.
[[gnu::always_inline]] inline int64_t panels_of_group(int64_t panel_bytes) {
  constexpr int64_t kFirstCache = 40 << 10;
  constexpr int64_t kSecondCache = 240 << 10;
  return panel_bytes <= kFirstCache ? 1 : std::max<int64_t>(1, kSecondCache / panel_bytes);
}

// Calls epilogue.operator()<Vectors>(row, column, tile) for every tile.
template <class Isa, class Epilogue>
void for_tiles(const PackedProduct& product, const QuantizedRows& input, Range rows, Range panels,
               const Epilogue& epilogue) {
  constexpr int64_t panel_width = Isa::lanes * Isa::tile_vectors;
  const int64_t group = panels_of_group(panel_width * product.depth);
  const int64_t ahead = group * panel_width * product.depth;
  [[maybe_unused]] const typename MatrixRegisters<Isa>::Type registers;
  std::conditional_t<HasMatrices<Isa>, MatrixTiles<Isa>, VectorTiles<Isa>> tiles;
  for (int64_t first = panels.begin; first < panels.end; first += group) {
    const int64_t last = std::min(panels.end, first + group);
    for (Range some{rows.begin, rows.begin}; some.begin < rows.end; some.begin = some.end) {
      some.end = some.begin + tiles.rows_at_once(rows.end - some.begin);
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t column = panel * panel_width;
        const int64_t left = (product.width - column) / Isa::lanes;
        if (left == 1) {
          tiles.template run<1, false>(product, input, some, column, 0, epilogue);
        } else if (left == 2) {
          tiles.template run<2, false>(product, input, some, column, 0, epilogue);
        } else if (some.begin == rows.begin) {
          tiles.template run<3, true>(product, input, some, column, ahead, epilogue);
        } else {
          tiles.template run<3, false>(product, input, some, column, 0, epilogue);
        }
      }
    }
  }
}

}  // namespace edgebert
