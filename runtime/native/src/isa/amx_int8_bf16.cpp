#include "amx.h"

#include "../kernels/kernels_for.h"
#include "isa.h"

namespace edgebert {
namespace {

class AmxInt8Bf16 final : public KernelsFor<Amx> {
 public:
  [[nodiscard]] const char* name() const final { return "amx_int8_bf16"; }
  [[nodiscard]] const char* packing() const final { return "panels48-bf16-1"; }
};

}  // namespace

const Kernels& amx_int8_bf16_kernels() {
  static constinit AmxInt8Bf16 kernels;
  return kernels;
}

}  // namespace edgebert
