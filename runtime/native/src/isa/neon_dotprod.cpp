#include "neon.h"

#include "../kernels/kernels_for.h"
#include "isa.h"

namespace edgebert {
namespace {

class NeonDotprod final : public KernelsFor<Neon<false>> {
 public:
  [[nodiscard]] const char* name() const final { return "neon_dotprod"; }
  [[nodiscard]] const char* packing() const final { return "panels12-float-1"; }
};

}  // namespace

const Kernels& neon_dotprod_kernels() {
  static constinit NeonDotprod kernels;
  return kernels;
}

}  // namespace edgebert
