// An int8 encoder without ONNX Runtime: packs the weights of a configuration for one instruction set and runs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "config.h"
#include "pool.h"

namespace edgebert {

class Kernels;  // kernels/kernels.h: one for each instruction set, see isa/isa.h

// What this encoder cannot run of a configuration, as "found …, expected …"; empty when it can run all.
std::string refusal(const Config& config);

// Usage: make_encoder, then pack() into memory of packed_bytes() or map a file that holds such a copy, then attach().
class Encoder {
 public:
  virtual ~Encoder() = default;

  // Bytes of the packed copy: all that the kernels read, without pointers, so that a file of it can be mapped.
  [[nodiscard]] virtual size_t packed_bytes() const = 0;

  // Writes the packed copy; `packed` is aligned to 64 bytes. Reads the tensors of the configuration, which nothing
  // does afterwards.
  virtual void pack(std::byte* packed) const = 0;

  // Takes a packed copy of this configuration; it is aligned to 64 bytes and outlives the encoder.
  virtual void attach(const std::byte* packed) = 0;

  // hidden and output: (batch, tokens, hidden); mask: (batch, tokens), 0 leaves a token out and its output is 0.
  // Several threads may run at once. Throws std::bad_alloc, and std::invalid_argument for more tokens than the tables
  // of positions hold.
  virtual void run(const float* hidden, const int64_t* mask, int64_t batch, int64_t tokens, float* output,
                   Pool& pool) const = 0;
};

// parts: into how many parts the work of a run is cut, at least 1; the results do not depend on it.
std::unique_ptr<Encoder> make_encoder(const Config& config, const Kernels& kernels, int64_t parts);

}  // namespace edgebert
