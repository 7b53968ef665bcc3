// The kernels of each instruction set. Each is defined in a file of its own, compiled with the flags of that set: call
// one only on a CPU that has it.
#pragma once

namespace edgebert {

class Kernels;

const Kernels& amx_int8_bf16_kernels();
const Kernels& avx512_vnni_bf16_kernels();
const Kernels& avx512_vnni_kernels();
const Kernels& avx_vnni_kernels();
const Kernels& avx2_kernels();
const Kernels& neon_i8mm_kernels();
const Kernels& neon_dotprod_kernels();

}  // namespace edgebert
