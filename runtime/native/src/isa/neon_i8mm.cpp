#include "neon.h"

#include "../kernels/kernels_for.h"
#include "isa.h"

namespace edgebert {
namespace {

class NeonI8mm final : public KernelsFor<Neon<true>> {
 public:
  [[nodiscard]] const char* name() const final { return "neon_i8mm"; }
  [[nodiscard]] const char* packing() const final { return "panels12-float-1"; }
};

}  // namespace

const Kernels& neon_i8mm_kernels() {
  static constinit NeonI8mm kernels;
  return kernels;
}

}  // namespace edgebert
