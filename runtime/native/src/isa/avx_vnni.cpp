#include "avx2.h"

#include "../kernels/kernels_for.h"
#include "isa.h"

namespace edgebert {
namespace {

class AvxVnni final : public KernelsFor<Avx2<true>> {
 public:
  [[nodiscard]] const char* name() const final { return "avx_vnni"; }
  [[nodiscard]] const char* packing() const final { return "panels24-float-1"; }
};

}  // namespace

const Kernels& avx_vnni_kernels() {
  static constinit AvxVnni kernels;
  return kernels;
}

}  // namespace edgebert
