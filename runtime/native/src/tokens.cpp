#include "tokens.h"

#include "buffer.h"

namespace edgebert {

void Tokens::collect(const int64_t* mask, int64_t batch, int64_t tokens, int64_t tile_rows) {
  sources.clear();
  positions.clear();
  texts.clear();
  for (int64_t text = 0; text < batch; ++text) {
    sources.resize(static_cast<size_t>(round_up(rows(), 2)), -1);
    positions.resize(sources.size(), 0);
    const int64_t start = rows();
    for (int64_t token = 0; token < tokens; ++token) {
      if (mask[text * tokens + token] == 0) continue;
      sources.push_back(text * tokens + token);
      positions.push_back(static_cast<int32_t>(token));
    }
    if (rows() > start) texts.push_back({start, rows() - start});
  }
  sources.resize(static_cast<size_t>(round_up(rows(), tile_rows)), -1);
  positions.resize(sources.size() + kSpareRows, 0);
}

}  // namespace edgebert
