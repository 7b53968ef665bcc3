// A pool for the checks: as many threads as asked for, whatever the CPU has.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "pool.h"

namespace edgebert::check {

class Threads final : public Pool {
 public:
  explicit Threads(int count) : count_(count) {}

  void parallel(int64_t count, Task task, void* state) override {
    std::atomic<int64_t> next{0};
    const auto work = [&] {
      for (int64_t index = next++; index < count; index = next++) task(state, index);
    };
    std::vector<std::jthread> others;
    for (int thread = 1; thread < count_; ++thread) others.emplace_back(work);
    work();
  }

 private:
  int count_;
};

}  // namespace edgebert::check
