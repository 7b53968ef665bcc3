// Which kernels this CPU can run.
#pragma once

#include <span>

namespace edgebert {

class Kernels;

struct InstructionSet {
  const char* name;
  bool (*here)();               // whether this CPU has it, and the system keeps its registers
  const Kernels& (*kernels)();  // to be called where it is here
  bool by_default = true;       // or only when it is named: not shown to be faster than float32
};

// Those that were compiled in, the fastest first.
std::span<const InstructionSet> instruction_sets();

// The first that the CPU has and that is taken by default; or the one that EDGEBERT_NATIVE_KERNEL names, if the CPU has
// it. Null if there is none.
const InstructionSet* instruction_set();

}  // namespace edgebert
