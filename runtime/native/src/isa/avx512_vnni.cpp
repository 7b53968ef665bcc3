#include "../kernels/kernels_for.h"
#include "avx512.h"
#include "isa.h"

namespace edgebert {
namespace {

class Avx512Vnni final : public KernelsFor<Avx512<false>> {
 public:
  [[nodiscard]] const char* name() const final { return "avx512_vnni"; }
  [[nodiscard]] const char* packing() const final { return "panels48-float-1"; }
};

}  // namespace

const Kernels& avx512_vnni_kernels() {
  static constinit Avx512Vnni kernels;
  return kernels;
}

}  // namespace edgebert
