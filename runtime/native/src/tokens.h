// Which tokens of a batch are computed: those that the mask keeps, one text after another without padding.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace edgebert {

struct Tokens {
  std::vector<int64_t> sources;    // of each row, its token in the batch; -1: the row only fills up
  std::vector<int32_t> positions;  // of each row, its place in its text; longer than sources, see kSpareRows
  std::vector<Sequence> texts;     // without those that keep no token

  [[nodiscard]] int64_t rows() const { return static_cast<int64_t>(sources.size()); }
  // Texts begin at even rows, as their values share words in pairs; rows fill whole tiles.
  void collect(const int64_t* mask, int64_t batch, int64_t tokens, int64_t tile_rows);
};

// Rows behind the last that attention may load (three vectors of queries, a tile of keys) and never uses.
inline constexpr int64_t kSpareRows = 64;

}  // namespace edgebert
