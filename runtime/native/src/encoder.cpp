#include "encoder.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "packing.h"
#include "schedule.h"
#include "steps.h"
#include "workspace.h"

namespace edgebert {
namespace {

constexpr int64_t kFewRows = 64;  // up to here products are cut by columns

// Rows of a block: their bytes and the context stay in the second cache beside a group of panels.
int64_t rows_of_block(const Config& config) { return config.hidden > 512 ? 256 : 128; }

// Rows of the feed-forward part that are held as floats at once: few stream the weights of up too often (40 rows took a
// tenth longer than 256 at hidden 768), many leave the second cache.
int64_t rows_of_feed(const Config& config, int64_t tile_rows) {
  constexpr int64_t kFeedBytes = 768 << 10;
  const int64_t rows = kFeedBytes / (config.ffn * static_cast<int64_t>(sizeof(float)));
  return std::max(rows / tile_rows, int64_t{1}) * tile_rows;
}

class PackedModelEncoder final : public Encoder {
 public:
  PackedModelEncoder(const Config& config, const Kernels& kernels, int64_t parts)
      : config_(config), kernels_(kernels), parts_(std::max<int64_t>(1, parts)) {}

  [[nodiscard]] size_t packed_bytes() const final { return edgebert::packed_bytes(config_, kernels_.shape()); }
  void pack(std::byte* packed) const final { edgebert::pack(config_, kernels_.shape(), packed); }
  void attach(const std::byte* packed) final { model_ = view_packed(config_, kernels_.shape(), packed); }

  void run(const float* hidden, const int64_t* mask, int64_t batch, int64_t tokens, float* output,
           Pool& pool) const final {
    check_positions(tokens);
    std::unique_ptr<Workspace> workspace = take_workspace();
    workspace->tokens.collect(mask, batch, tokens, kernels_.shape().rows);
    clear_left_out(mask, batch * tokens, output);
    if (workspace->tokens.rows() > 0) run_rows(*workspace, hidden, output, pool);
    give_back(std::move(workspace));
  }

 private:
  void check_positions(int64_t tokens) const {
    const int64_t most = config_.rotary_positions;
    if (most > 0 && tokens > most) {
      throw std::invalid_argument("found " + std::to_string(tokens) + " tokens, expected at most " +
                                  std::to_string(most) + ": the model has no rotary positions beyond");
    }
  }

  void clear_left_out(const int64_t* mask, int64_t tokens, float* output) const {
    const auto bytes = static_cast<size_t>(config_.hidden) * sizeof(float);
    for (int64_t i = 0; i < tokens; ++i) {
      if (mask[i] == 0) std::memset(output + i * config_.hidden, 0, bytes);
    }
  }

  void run_rows(Workspace& workspace, const float* hidden, float* output, Pool& pool) const {
    const int64_t rows = workspace.tokens.rows();
    const int64_t tile_rows = kernels_.shape().rows;
    const bool few = rows <= kFewRows;
    const int64_t blocks = few ? 1 : count_blocks(rows, tile_rows);
    const int64_t parts = few ? parts_ : std::min(parts_, blocks);
    const int64_t rows_at_once = few ? rows : round_up((rows + blocks - 1) / blocks, tile_rows) + tile_rows;
    const int64_t feed = few ? rows : std::min(rows_at_once, rows_of_feed(config_, tile_rows));
    reserve(workspace, rows, rows_at_once, feed, few ? 1 : parts);
    const Steps steps(config_, kernels_, model_, workspace, hidden, output);
    if (few) {
      run_by_columns(steps, workspace, parts, pool);
    } else {
      run_by_rows(steps, workspace, blocks, tile_rows, parts, pool);
    }
  }

  // As many for each thread, and none empty.
  [[nodiscard]] int64_t count_blocks(int64_t rows, int64_t tile_rows) const {
    const int64_t size = rows_of_block(config_);
    return std::min(round_up((rows + size - 1) / size, parts_), rows / tile_rows);
  }

  // All memory is taken before threads begin: they do not throw.
  void reserve(Workspace& workspace, int64_t rows, int64_t rows_at_once, int64_t feed, int64_t blocks) const {
    const PackedLayer& layer = model_.layers.front();
    workspace.hidden.reserve(rows * layer.attention.depth);
    for (AttentionMemory& memory : workspace.attention) memory.reserve(config_, kernels_.shape().values_per_word, rows);
    if (static_cast<int64_t>(workspace.blocks.size()) < blocks) workspace.blocks.resize(static_cast<size_t>(blocks));
    for (int64_t i = 0; i < blocks; ++i) {
      workspace.blocks[static_cast<size_t>(i)].reserve(model_, rows_at_once, feed);
    }
    workspace.scratch.resize(static_cast<size_t>(parts_));
    for (auto& scratch : workspace.scratch) {
      scratch.reserve(static_cast<int64_t>(kernels_.attention_scratch_bytes(padded_head_size(config_))));
    }
  }

  std::unique_ptr<Workspace> take_workspace() const {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }

  void give_back(std::unique_ptr<Workspace> workspace) const {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(workspace));
  }

  const Config config_;
  const Kernels& kernels_;
  const int64_t parts_;
  PackedModel model_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(const Config& config, const Kernels& kernels, int64_t parts) {
  return std::make_unique<PackedModelEncoder>(config, kernels, parts);
}

}  // namespace edgebert
