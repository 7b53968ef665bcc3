// Stages of a run: each is a number of chunks that threads claim one by one, and ends when all are done. A thread that
// waits holds no chunk, so that a run ends with however many threads come.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace edgebert {

class Stages {
 public:
  void reset(int64_t count);

  // Runs chunks of stage `index` while there are any: work(chunk); the thread that ends the last one runs finish() too.
  // Returns when the stage is over.
  template <class Work, class Finish>
  void run(int64_t index, int64_t chunks, const Work& work, const Finish& finish) {
    Stage& stage = stages_[static_cast<size_t>(index)];
    for (int64_t chunk = stage.claimed.fetch_add(1); chunk < chunks; chunk = stage.claimed.fetch_add(1)) {
      work(chunk);
      if (stage.done.fetch_add(1) + 1 == chunks) {
        finish();
        end(stage);
      }
    }
    wait(stage);
  }

 private:
  // On lines of their own: threads that wait do not slow those that claim.
  struct Stage {
    alignas(64) std::atomic<int64_t> claimed{0};
    std::atomic<int64_t> done{0};
    alignas(64) std::atomic<int32_t> over{0};
  };

  static void end(Stage& stage);
  static void wait(const Stage& stage);

  std::unique_ptr<Stage[]> stages_;
  int64_t capacity_ = 0;
};

}  // namespace edgebert
