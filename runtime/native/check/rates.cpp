#include "rates.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "product.h"
#include "threads.h"

namespace edgebert::check {
namespace {

constexpr int64_t kFewRows = 64;     // as the encoder: up to here products are cut by columns
constexpr int64_t kBlockRows = 128;  // of rows that go through all panels together
constexpr int kTurns = 7;
constexpr double kTurnMicroseconds = 20'000;

Sizes read_sizes(const char* shape, TileShape tile) {
  Sizes sizes{};
  char rest = 0;
  const int found = std::sscanf(shape, "%ldx%ldx%ld%c", &sizes.rows, &sizes.depth, &sizes.width, &rest);
  const bool positive = std::min({sizes.rows, sizes.depth, sizes.width}) > 0;
  if (found == 3 && positive && sizes.depth % tile.lanes == 0 && sizes.width % tile.lanes == 0) return sizes;
  throw std::invalid_argument(std::string("found the shape ") + shape +
                              ", expected ROWSxDEPTHxWIDTH, the last two in " + std::to_string(tile.lanes) + "s");
}

// One shape on some threads, each with a share of its own.
class Timed {
 public:
  Timed(const Kernels& kernels, Product& product, int threads)
      : kernels_(kernels),
        product_(product),
        threads_(threads),
        residual_(static_cast<size_t>(product.sizes().rows * product.sizes().width), 0.0f),
        output_(residual_.size()) {}

  double microseconds(int repeats) {
    repeats_ = repeats;
    Threads pool(threads_);
    const auto begun = std::chrono::steady_clock::now();
    pool.parallel(threads_, [](void* self, int64_t share) { static_cast<Timed*>(self)->work(share); }, this);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    return took.count() / repeats;
  }

 private:
  void work(int64_t share) {
    for (int repeat = 0; repeat < repeats_; ++repeat) once(share);
  }

  void once(int64_t share) {
    const int64_t tile = kernels_.shape().rows;
    const int64_t rows = product_.sizes().rows;
    if (rows <= kFewRows) {
      multiply({0, rows}, part(product_.panels(), share));
      return;
    }
    const Range tiles = part(rows / tile, share);
    const int64_t block = std::max(kBlockRows / tile, int64_t{1});
    for (int64_t first = tiles.begin; first < tiles.end; first += block) {
      multiply({first * tile, std::min(first + block, tiles.end) * tile}, {0, product_.panels()});
    }
  }

  [[nodiscard]] Range part(int64_t all, int64_t share) const {
    return {all * share / threads_, all * (share + 1) / threads_};
  }

  void multiply(Range rows, Range panels) {
    product_.multiply(kernels_, rows, panels, residual_.data(), output_.data());
  }

  const Kernels& kernels_;
  Product& product_;
  const int threads_;
  int repeats_ = 1;
  Aligned<float> residual_;
  Aligned<float> output_;
};

double median_microseconds(Timed& timed) {
  timed.microseconds(1);
  const int repeats = std::max(1, static_cast<int>(kTurnMicroseconds / timed.microseconds(1)));
  std::vector<double> turns(kTurns);
  for (double& turn : turns) turn = timed.microseconds(repeats);
  std::ranges::sort(turns);
  return turns[kTurns / 2];
}

}  // namespace

void print_rates(const Kernels& kernels, int threads, std::span<char*> shapes) {
  std::mt19937_64 random(26);
  const TileShape tile = kernels.shape();
  for (const char* shape : shapes) {
    Sizes sizes = read_sizes(shape, tile);
    sizes.rows = (sizes.rows + tile.rows - 1) / tile.rows * tile.rows;
    Product product(sizes, tile, random_factors(sizes, random));
    Timed timed(kernels, product, threads);
    std::printf("%s %.3f\n", shape, median_microseconds(timed));
  }
}

}  // namespace edgebert::check
