#include "schedule.h"

#include <algorithm>

namespace edgebert {
namespace {

// Calls run(thread) on `parts` threads.
template <class Run>
void on_threads(Pool& pool, int64_t parts, const Run& run) {
  if (parts == 1) {
    run(0);
    return;
  }
  const auto task = [](void* state, int64_t thread) { (*static_cast<const Run*>(state))(thread); };
  pool.parallel(parts, task, const_cast<Run*>(&run));
}

// Part `index` of `count` things in `parts` parts.
Range share(int64_t count, int64_t index, int64_t parts) {
  return {count * index / parts, count * (index + 1) / parts};
}

constexpr auto nothing = [] {};

// The stages of one layer of few rows.
struct ColumnStages {
  const Steps& steps;
  Workspace& workspace;
  int64_t parts;

  void run(int64_t thread) const {
    BlockMemory& block = workspace.blocks[0];
    const Range rows{0, workspace.tokens.rows()};
    int64_t stage = 0;
    workspace.stages.run(stage++, 1, [&](int64_t) { steps.begin(block, rows); }, nothing);
    for (int64_t layer = 0; layer < steps.layers(); ++layer) {
      attention(layer, block, rows, stage++, thread);
      products(layer, block, rows, stage);
      stage += 3;
    }
  }

 private:
  void attention(int64_t layer, BlockMemory& block, Range rows, int64_t stage, int64_t thread) const {
    const int64_t heads = steps.heads(layer).end;
    const int64_t chunks = std::min(heads, parts);
    const auto work = [&](int64_t chunk) {
      const Range some = share(heads, chunk, chunks);
      steps.project(layer, block, rows, some);
      steps.attend(layer, block, rows, some, workspace.scratch[static_cast<size_t>(thread)].data());
    };
    workspace.stages.run(stage, chunks, work, [&] { steps.quantize_context(layer, block, rows); });
  }

  void products(int64_t layer, BlockMemory& block, Range rows, int64_t stage) const {
    const int64_t columns = steps.panels(steps.layer(layer).output);
    const int64_t inner = steps.panels(steps.layer(layer).up);
    const auto output = [&](int64_t chunk) { steps.output(layer, block, rows, share(columns, chunk, parts)); };
    const auto feed = [&](int64_t chunk) { steps.feed(layer, block, rows, share(inner, chunk, parts)); };
    const auto down = [&](int64_t chunk) { steps.down(layer, block, rows, share(columns, chunk, parts)); };
    workspace.stages.run(stage, parts, output, [&] { steps.end_attention(layer, block, rows); });
    workspace.stages.run(stage + 1, parts, feed, [&] { steps.quantize_feed(layer, block, rows); });
    workspace.stages.run(stage + 2, parts, down, [&] { steps.end_layer(layer, block, rows); });
  }
};

// A layer of one block of many rows.
void run_layer(const Steps& steps, int64_t layer, BlockMemory& block, Range rows, std::byte* scratch) {
  const Range columns{0, steps.panels(steps.layer(layer).output)};
  steps.attend(layer, block, rows, steps.heads(layer), scratch);
  steps.quantize_context(layer, block, rows);
  steps.output(layer, block, rows, columns);
  steps.end_attention(layer, block, rows);
  steps.feed_all(layer, block, rows);
  steps.down(layer, block, rows, columns);
  steps.end_layer(layer, block, rows);
  if (layer + 1 < steps.layers()) steps.project(layer + 1, block, rows, steps.heads(layer + 1));
}

}  // namespace

void run_by_columns(const Steps& steps, Workspace& workspace, int64_t parts, Pool& pool) {
  workspace.stages.reset(1 + 4 * steps.layers());
  const ColumnStages stages{steps, workspace, parts};
  on_threads(pool, parts, [&](int64_t thread) { stages.run(thread); });
}

void run_by_rows(const Steps& steps, Workspace& workspace, int64_t blocks, int64_t tile_rows, int64_t parts,
                 Pool& pool) {
  workspace.stages.reset(1 + steps.layers());
  const int64_t tiles = workspace.tokens.rows() / tile_rows;
  const auto rows_of = [&](int64_t index) {
    const Range part = share(tiles, index, blocks);
    return Range{part.begin * tile_rows, part.end * tile_rows};
  };
  on_threads(pool, parts, [&](int64_t thread) {
    BlockMemory& block = workspace.blocks[static_cast<size_t>(thread)];
    std::byte* scratch = workspace.scratch[static_cast<size_t>(thread)].data();
    const auto start = [&](int64_t chunk) {
      steps.begin(block, rows_of(chunk));
      steps.project(0, block, rows_of(chunk), steps.heads(0));
    };
    workspace.stages.run(0, blocks, start, nothing);
    for (int64_t layer = 0; layer < steps.layers(); ++layer) {
      const auto work = [&](int64_t chunk) { run_layer(steps, layer, block, rows_of(chunk), scratch); };
      workspace.stages.run(layer + 1, blocks, work, nothing);
    }
  });
}

}  // namespace edgebert
