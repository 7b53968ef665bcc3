#include "avx2.h"

#include "../kernels/kernels_for.h"
#include "isa.h"

namespace edgebert {
namespace {

class Avx2Alone final : public KernelsFor<Avx2<false>> {
 public:
  [[nodiscard]] const char* name() const final { return "avx2"; }
  [[nodiscard]] const char* packing() const final { return "panels24-float-1"; }
};

}  // namespace

const Kernels& avx2_kernels() {
  static constinit Avx2Alone kernels;
  return kernels;
}

}  // namespace edgebert
