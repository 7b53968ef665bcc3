#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <array>

#include "dispatch.h"
#include "isa/isa.h"

namespace edgebert {
namespace {

bool has_dotprod() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }

bool has_i8mm() { return has_dotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }

constexpr std::array kSets{
    InstructionSet{"neon_i8mm", has_i8mm, neon_i8mm_kernels},
    InstructionSet{"neon_dotprod", has_dotprod, neon_dotprod_kernels},
};

}  // namespace

std::span<const InstructionSet> instruction_sets() { return kSets; }

}  // namespace edgebert
