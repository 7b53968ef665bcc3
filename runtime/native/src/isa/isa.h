// The kernels of each instruction set. Each is defined in a file of its own, compiled with the flags of that set: call
// one only on a CPU that has it.
#pragma once

namespace edgebert {

class Kernels;

const Kernels& avx512_vnni_bf16_kernels();
const Kernels& avx512_vnni_kernels();

}  // namespace edgebert
