#include "stages.h"

namespace edgebert {
namespace {

// About 20 microseconds: longer than most stages of a short text. After that a waiting thread sleeps.
constexpr int kSpins = 500;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Stages::reset(int64_t count) {
  if (count > capacity_) {
    stages_ = std::make_unique<Stage[]>(static_cast<size_t>(count));
    capacity_ = count;
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    Stage& stage = stages_[static_cast<size_t>(i)];
    stage.claimed = 0;
    stage.done = 0;
    stage.over = 0;
  }
}

void Stages::end(Stage& stage) {
  stage.over.store(1, std::memory_order_release);
  stage.over.notify_all();
}

void Stages::wait(const Stage& stage) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (stage.over.load(std::memory_order_acquire) != 0) return;
    pause();
  }
  stage.over.wait(0, std::memory_order_acquire);
}

}  // namespace edgebert
