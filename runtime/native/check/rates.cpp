#include "rates.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "product.h"
#include "threads.h"

namespace edgebert::check {
namespace {

constexpr int64_t kFewRows = 64;     // as the encoder: up to here products are cut by columns
constexpr int64_t kBlockRows = 128;  // of rows that go through all panels together
constexpr int64_t kMostThreads = 1024;
constexpr int kTurns = 7;
constexpr double kTurnMicroseconds = 20'000;

// A whole number of at least 1 at the begin of a text, and what stands behind it; 0 if there is none.
struct Leading {
  int64_t number = 0;
  std::string_view rest;
};

Leading leading_number(std::string_view text) {
  Leading found;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found.number);
  if (error != std::errc()) found.number = 0;
  found.rest = text.substr(static_cast<size_t>(end - text.data()));
  return found;
}

// Behind the "x" of a shape.
Leading next_number(std::string_view rest) {
  return rest.starts_with('x') ? leading_number(rest.substr(1)) : Leading{};
}

Sizes read_sizes(std::string_view shape, TileShape tile) {
  const Leading rows = leading_number(shape);
  const Leading depth = next_number(rows.rest);
  const Leading width = next_number(depth.rest);
  const bool positive = std::min({rows.number, depth.number, width.number}) > 0;
  if (positive && width.rest.empty() && depth.number % tile.lanes == 0 && width.number % tile.lanes == 0) {
    return {.depth = depth.number, .width = width.number, .rows = rows.number};
  }
  throw std::invalid_argument("found the shape " + std::string(shape) +
                              ", expected ROWSxDEPTHxWIDTH, the last two in " + std::to_string(tile.lanes) + "s");
}

int read_threads(std::span<char*> arguments) {
  const Leading found = arguments.empty() ? Leading{} : leading_number(arguments.front());
  if (found.number >= 1 && found.number <= kMostThreads && found.rest.empty()) return static_cast<int>(found.number);
  throw std::invalid_argument("found no number of threads, expected --rates THREADS SHAPE...");
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

void print_rates(const Kernels& kernels, std::span<char*> arguments) {
  const int threads = read_threads(arguments);
  std::mt19937_64 random(26);
  const TileShape tile = kernels.shape();
  for (const char* shape : arguments.subspan(1)) {
    Sizes sizes = read_sizes(shape, tile);
    sizes.rows = (sizes.rows + tile.rows - 1) / tile.rows * tile.rows;
    Product product(sizes, tile, random_factors(sizes, random));
    Timed timed(kernels, product, threads);
    std::printf("%s %.3f\n", shape, median_microseconds(timed));
  }
}

}  // namespace edgebert::check
