// Vectors of NEON: the only place that spells its instructions. I8mm says whether signed bytes are multiplied with
// unsigned ones at once; with dot products alone bytes are made signed first. Included by neon_*.cpp alone.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace edgebert {

template <bool I8mm>
struct Neon {
  using Float = float32x4_t;
  using Int = int32x4_t;
  using Mask = uint32x4_t;  // all bits of a lane, or none

  static constexpr int64_t lanes = 4;
  static constexpr int64_t tile_rows = 8;
  static constexpr int64_t tile_vectors = 3;
  static constexpr int64_t values_per_word = 1;

  // Floats.
  [[gnu::always_inline]] static Float load(const float* from) { return vld1q_f32(from); }
  [[gnu::always_inline]] static Float load_first(const float* from, int64_t count) {
    float kept[4] = {0, 0, 0, 0};
    for (int64_t i = 0; i < count; ++i) kept[i] = from[i];
    return vld1q_f32(kept);
  }
  [[gnu::always_inline]] static void store(float* to, Float x) { vst1q_f32(to, x); }
  [[gnu::always_inline]] static Float all(float x) { return vdupq_n_f32(x); }
  [[gnu::always_inline]] static Float zero() { return vdupq_n_f32(0.0F); }
  [[gnu::always_inline]] static Float add(Float a, Float b) { return vaddq_f32(a, b); }
  [[gnu::always_inline]] static Float subtract(Float a, Float b) { return vsubq_f32(a, b); }
  [[gnu::always_inline]] static Float multiply(Float a, Float b) { return vmulq_f32(a, b); }
  [[gnu::always_inline]] static Float divide(Float a, Float b) { return vdivq_f32(a, b); }
  [[gnu::always_inline]] static Float fma(Float a, Float b, Float c) { return vfmaq_f32(c, a, b); }
  [[gnu::always_inline]] static Float fnma(Float a, Float b, Float c) { return vfmsq_f32(c, a, b); }
  // As on x86, the second operand where one is NaN.
  [[gnu::always_inline]] static Float min(Float a, Float b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  [[gnu::always_inline]] static Float max(Float a, Float b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  [[gnu::always_inline]] static float sum(Float x) { return vaddvq_f32(x); }
  [[gnu::always_inline]] static float least(Float x) { return vminvq_f32(x); }
  [[gnu::always_inline]] static float greatest(Float x) { return vmaxvq_f32(x); }
  [[gnu::always_inline]] static Float round(Float x) { return vrndnq_f32(x); }
  // x * 2^power; power is whole. 0 where the result is too small for a float. In two steps: an exponent has 8 bits.
  [[gnu::always_inline]] static Float scale_by_power(Float x, Float power) {
    const Float kept = min(all(254.0F), max(all(-252.0F), power));
    const Float half = round(multiply(kept, all(0.5F)));
    return multiply(multiply(x, power_of_two(half)), power_of_two(subtract(kept, half)));
  }

  // Integers and masks.
  [[gnu::always_inline]] static Int load_ints(const int32_t* from) { return vld1q_s32(from); }
  [[gnu::always_inline]] static Int all_ints(int32_t x) { return vdupq_n_s32(x); }
  [[gnu::always_inline]] static Int subtract_ints(Int a, Int b) { return vsubq_s32(a, b); }
  [[gnu::always_inline]] static Int clamp_ints(Int x, int32_t most) {
    return vmaxq_s32(vminq_s32(x, all_ints(most)), all_ints(-most));
  }
  [[gnu::always_inline]] static Float to_float(Int x) { return vcvtq_f32_s32(x); }
  [[gnu::always_inline]] static Float gather(const float* table, Int index) {
    const float found[4] = {table[vgetq_lane_s32(index, 0)], table[vgetq_lane_s32(index, 1)],
                            table[vgetq_lane_s32(index, 2)], table[vgetq_lane_s32(index, 3)]};
    return vld1q_f32(found);
  }
  [[gnu::always_inline]] static Mask first(int64_t count) {
    constexpr int32_t places[4] = {0, 1, 2, 3};
    return vcltq_s32(vld1q_s32(places), vdupq_n_s32(static_cast<int32_t>(count)));
  }
  [[gnu::always_inline]] static Mask within(Int x, int32_t most) { return vcleq_s32(vabsq_s32(x), vdupq_n_s32(most)); }
  [[gnu::always_inline]] static Float select(Mask mask, Float yes, Float no) { return vbslq_f32(mask, yes, no); }

  // Bytes. NaN becomes 0, what is outside 0 … 255 the nearer end.
  [[gnu::always_inline]] static void store_bytes(uint8_t* to, Float x) {
    const uint16x4_t pairs = vqmovn_u32(vcvtnq_u32_f32(min(max(x, zero()), all(255.0F))));
    const uint8x8_t bytes = vqmovn_u16(vcombine_u16(pairs, pairs));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    __builtin_memcpy(to, &four, sizeof(four));
  }
  // `sums` plus the products of four unsigned bytes (the same in all lanes) with four signed ones of each lane.
  [[gnu::always_inline]] static Int dot4(Int sums, Int bytes, Int weights) {
    const int8x16_t signed_weights = vreinterpretq_s8_s32(weights);
    if constexpr (I8mm) {
      return vusdotq_s32(sums, vreinterpretq_u8_s32(bytes), signed_weights);
    } else {
      const int8x16_t middle = vdupq_n_s8(-128);  // byte = (byte - 128) - (-128)
      const int8x16_t shifted = veorq_s8(vreinterpretq_s8_s32(bytes), middle);
      const Int of_middle = vdotq_s32(vdupq_n_s32(0), middle, signed_weights);
      return vsubq_s32(vdotq_s32(sums, shifted, signed_weights), of_middle);
    }
  }
  [[gnu::always_inline]] static Int all_bytes4(const uint8_t* from) {
    int32_t four = 0;
    __builtin_memcpy(&four, from, sizeof(four));
    return vdupq_n_s32(four);
  }
  [[gnu::always_inline]] static Int load_weights(const int8_t* from) { return vreinterpretq_s32_s8(vld1q_s8(from)); }
  [[gnu::always_inline]] static void prefetch(const void* from) { __builtin_prefetch(from, 0, 2); }

  // Words: floats.
  [[gnu::always_inline]] static Int load_words(const uint32_t* from) { return vreinterpretq_s32_u32(vld1q_u32(from)); }
  [[gnu::always_inline]] static void store_words(uint32_t* to, Int words) {
    vst1q_u32(to, vreinterpretq_u32_s32(words));
  }
  [[gnu::always_inline]] static Int all_words(uint32_t word) { return vreinterpretq_s32_u32(vdupq_n_u32(word)); }
  [[gnu::always_inline]] static void store_as_words(uint32_t* to, Float x) { store_words(to, as_words(x)); }
  [[gnu::always_inline]] static Int as_words(Float x) { return vreinterpretq_s32_f32(x); }
  [[gnu::always_inline]] static Float as_floats(Int x) { return vreinterpretq_f32_s32(x); }
  [[gnu::always_inline]] static Float dot_words(Float sums, Int a, Int b) {
    return vfmaq_f32(sums, as_floats(a), as_floats(b));
  }

  [[gnu::always_inline]] static void transpose(Int (&rows)[4]) {
    const int32x4x2_t upper = vtrnq_s32(rows[0], rows[1]);
    const int32x4x2_t lower = vtrnq_s32(rows[2], rows[3]);
    for (int i = 0; i < 2; ++i) {
      rows[i] = vcombine_s32(vget_low_s32(upper.val[i]), vget_low_s32(lower.val[i]));
      rows[i + 2] = vcombine_s32(vget_high_s32(upper.val[i]), vget_high_s32(lower.val[i]));
    }
  }

 private:
  // 2^power by its bits; power is whole, from -126 to 127.
  [[gnu::always_inline]] static Float power_of_two(Float power) {
    return as_floats(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(power), vdupq_n_s32(127)), 23));
  }
};

}  // namespace edgebert
