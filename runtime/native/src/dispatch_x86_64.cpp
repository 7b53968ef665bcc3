#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "dispatch.h"
#include "isa/isa.h"

namespace edgebert {
namespace {

struct Registers {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t part) {
  Registers found;
  if (__get_cpuid_count(leaf, part, &found.eax, &found.ebx, &found.ecx, &found.edx) == 0) return {};
  return found;
}

constexpr bool has_all(uint32_t found, uint32_t wanted) { return (found & wanted) == wanted; }

constexpr uint32_t bits(std::initializer_list<int> numbers) {
  uint32_t sum = 0;
  for (const int number : numbers) sum |= uint32_t{1} << number;
  return sum;
}

// Whether the operating system keeps these parts of the extended registers: bits of XCR0.
bool kept_by_system(uint32_t parts) {
  constexpr uint32_t xsave_enabled = bits({27});
  if (!has_all(cpuid(1, 0).ecx, xsave_enabled)) return false;
  uint32_t low = 0;
  uint32_t high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return has_all(low, parts);
}

// x86-64-v3, as the compiler is told: FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT.
bool has_level_3() {
  return kept_by_system(bits({1, 2})) && has_all(cpuid(1, 0).ecx, bits({12, 22, 28, 29})) &&
         has_all(cpuid(7, 0).ebx, bits({3, 5, 8})) && has_all(cpuid(0x80000001, 0).ecx, bits({5}));
}

// x86-64-v4: AVX-512 F, DQ, CD, BW, VL.
bool has_level_4() {
  return has_level_3() && kept_by_system(bits({5, 6, 7})) && has_all(cpuid(7, 0).ebx, bits({16, 17, 28, 30, 31}));
}

bool has_avx512_vnni() { return has_level_4() && has_all(cpuid(7, 0).ecx, bits({11})); }

bool has_avx512_vnni_bf16() { return has_avx512_vnni() && has_all(cpuid(7, 1).eax, bits({5})); }

// Linux keeps the matrices of a process only once it has asked, so that others need no room for them
// (https://docs.kernel.org/arch/x86/xstate.html). Systems before 5.16 refuse.
bool granted_matrices() {
  constexpr long kAskFor = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kMatrices = 18;    // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kAskFor, kMatrices) == 0;
}

bool has_amx() {
  return has_avx512_vnni_bf16() && has_all(cpuid(7, 0).edx, bits({22, 24, 25})) && kept_by_system(bits({17, 18})) &&
         granted_matrices();
}

bool has_avx_vnni() { return has_level_3() && has_all(cpuid(7, 1).eax, bits({4})); }

constexpr std::array kSets{
    InstructionSet{"amx_int8_bf16", has_amx, amx_int8_bf16_kernels},
    InstructionSet{"avx512_vnni_bf16", has_avx512_vnni_bf16, avx512_vnni_bf16_kernels},
    InstructionSet{"avx512_vnni", has_avx512_vnni, avx512_vnni_kernels},
    InstructionSet{"avx_vnni", has_avx_vnni, avx_vnni_kernels},
    InstructionSet{"avx2", has_level_3, avx2_kernels, false},
};

}  // namespace

std::span<const InstructionSet> instruction_sets() { return kSets; }

}  // namespace edgebert
