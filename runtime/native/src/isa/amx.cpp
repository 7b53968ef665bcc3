#include "amx.h"

#include "../kernels/kernels_for.h"
#include "isa.h"

namespace edgebert {
namespace {

class AmxKernels final : public KernelsFor<Amx> {
 public:
  [[nodiscard]] const char* name() const final { return "amx"; }
  [[nodiscard]] const char* packing() const final { return "panels48-bf16-1"; }
};

}  // namespace

const Kernels& amx_kernels() {
  static constinit AmxKernels kernels;
  return kernels;
}

}  // namespace edgebert
