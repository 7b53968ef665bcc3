#include "../kernels/kernels_for.h"
#include "avx512.h"
#include "isa.h"

namespace edgebert {
namespace {

class Avx512VnniBf16 final : public KernelsFor<Avx512<true>> {
 public:
  [[nodiscard]] const char* name() const final { return "avx512_vnni_bf16"; }
  [[nodiscard]] const char* packing() const final { return "panels48-bf16-1"; }
};

}  // namespace

const Kernels& avx512_vnni_bf16_kernels() {
  static constinit Avx512VnniBf16 kernels;
  return kernels;
}

}  // namespace edgebert
