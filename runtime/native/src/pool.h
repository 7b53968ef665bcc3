// Threads that somebody else owns: ONNX Runtime's pool, or the pool of the driver in check/.
#pragma once

#include <cstdint>

namespace edgebert {

class Pool {
 public:
  using Task = void (*)(void* state, int64_t index);

  // Calls task(state, 0 … count - 1), each once, and returns when all are done. Any number of threads may run them,
  // one after another too: tasks never wait for a task that has not begun. A task does not throw.
  virtual void parallel(int64_t count, Task task, void* state) = 0;

 protected:
  ~Pool() = default;
};

}  // namespace edgebert
