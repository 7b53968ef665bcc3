// Vectors of AVX-512 with VNNI: the only place that spells its instructions. Bf16 says whether 32-bit words hold two
// bfloat16 (AVX512_BF16) or one float. Included by avx512_*.cpp alone.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace edgebert {

template <bool Bf16>
struct Avx512 {
  using Float = __m512;
  using Int = __m512i;
  using Mask = __mmask16;

  static constexpr int64_t lanes = 16;
  static constexpr int64_t tile_rows = 8;
  static constexpr int64_t tile_vectors = 3;
  static constexpr int64_t values_per_word = Bf16 ? 2 : 1;

  // Floats.
  [[gnu::always_inline]] static Float load(const float* from) { return _mm512_loadu_ps(from); }
  [[gnu::always_inline]] static Float load_first(const float* from, int64_t count) {
    return _mm512_maskz_loadu_ps(first(count), from);
  }
  [[gnu::always_inline]] static void store(float* to, Float x) { _mm512_storeu_ps(to, x); }
  [[gnu::always_inline]] static Float all(float x) { return _mm512_set1_ps(x); }
  [[gnu::always_inline]] static Float zero() { return _mm512_setzero_ps(); }
  [[gnu::always_inline]] static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  [[gnu::always_inline]] static Float subtract(Float a, Float b) { return _mm512_sub_ps(a, b); }
  [[gnu::always_inline]] static Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
  [[gnu::always_inline]] static Float divide(Float a, Float b) { return _mm512_div_ps(a, b); }
  [[gnu::always_inline]] static Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  [[gnu::always_inline]] static Float fnma(Float a, Float b, Float c) { return _mm512_fnmadd_ps(a, b, c); }
  [[gnu::always_inline]] static Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
  [[gnu::always_inline]] static Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  [[gnu::always_inline]] static float sum(Float x) { return _mm512_reduce_add_ps(x); }
  [[gnu::always_inline]] static float least(Float x) { return _mm512_reduce_min_ps(x); }
  [[gnu::always_inline]] static float greatest(Float x) { return _mm512_reduce_max_ps(x); }
  [[gnu::always_inline]] static Float round(Float x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // x * 2^power; power is whole. 0 where the result is too small for a float.
  [[gnu::always_inline]] static Float scale_by_power(Float x, Float power) { return _mm512_scalef_ps(x, power); }

  // Integers and masks.
  [[gnu::always_inline]] static Int load_ints(const int32_t* from) { return _mm512_loadu_si512(from); }
  [[gnu::always_inline]] static Int all_ints(int32_t x) { return _mm512_set1_epi32(x); }
  [[gnu::always_inline]] static Int subtract_ints(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  [[gnu::always_inline]] static Int clamp_ints(Int x, int32_t most) {
    return _mm512_max_epi32(_mm512_min_epi32(x, all_ints(most)), all_ints(-most));
  }
  [[gnu::always_inline]] static Float to_float(Int x) { return _mm512_cvtepi32_ps(x); }
  [[gnu::always_inline]] static Float gather(const float* table, Int index) {
    return _mm512_i32gather_ps(index, table, sizeof(float));
  }
  [[gnu::always_inline]] static Mask first(int64_t count) { return static_cast<Mask>((1U << count) - 1U); }
  [[gnu::always_inline]] static Mask within(Int x, int32_t most) {
    return _mm512_cmple_epi32_mask(_mm512_abs_epi32(x), _mm512_set1_epi32(most));
  }
  [[gnu::always_inline]] static Float select(Mask mask, Float yes, Float no) {
    return _mm512_mask_blend_ps(mask, no, yes);
  }

  // Bytes. NaN becomes 0, what is outside 0 … 255 the nearer end.
  [[gnu::always_inline]] static void store_bytes(uint8_t* to, Float x) {
    const Float kept = _mm512_min_ps(_mm512_max_ps(x, zero()), all(255.0F));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(kept)));
  }
  // `sums` plus the products of four unsigned bytes (the same in all lanes) with four signed ones of each lane.
  [[gnu::always_inline]] static Int dot4(Int sums, Int bytes, Int weights) {
    return _mm512_dpbusd_epi32(sums, bytes, weights);
  }
  [[gnu::always_inline]] static Int all_bytes4(const uint8_t* from) {
    int32_t four = 0;
    __builtin_memcpy(&four, from, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  [[gnu::always_inline]] static Int load_weights(const int8_t* from) { return _mm512_loadu_si512(from); }
  [[gnu::always_inline]] static void prefetch(const void* from) {
    _mm_prefetch(static_cast<const char*>(from), _MM_HINT_T1);
  }

  // Words.
  [[gnu::always_inline]] static Int load_words(const uint32_t* from) { return _mm512_loadu_si512(from); }
  [[gnu::always_inline]] static void store_words(uint32_t* to, Int words) { _mm512_storeu_si512(to, words); }
  [[gnu::always_inline]] static Int all_words(uint32_t word) { return _mm512_set1_epi32(static_cast<int>(word)); }
  // Words of `lanes` neighbours of a row: lanes / values_per_word of them.
  [[gnu::always_inline]] static void store_as_words(uint32_t* to, Float x) {
    if constexpr (Bf16) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
    } else {
      store(reinterpret_cast<float*>(to), x);
    }
  }
  // Words of two rows, one above the other. Only where a word holds two values.
  [[gnu::always_inline]] static Int pair(Float upper, Float lower) {
    const Int order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                       5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, reinterpret_cast<Int>(_mm512_cvtne2ps_pbh(lower, upper)));
  }
  [[gnu::always_inline]] static Int as_words(Float x) { return _mm512_castps_si512(x); }
  [[gnu::always_inline]] static Float as_floats(Int x) { return _mm512_castsi512_ps(x); }
  [[gnu::always_inline]] static Float dot_words(Float sums, Int a, Int b) {
    if constexpr (Bf16) {
      return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
    } else {
      return _mm512_fmadd_ps(as_floats(a), as_floats(b), sums);
    }
  }

  static void transpose(Int (&rows)[16]);
};

// In four steps, each of which exchanges blocks of half a square: 1, 2, 4, then 8 words wide.
template <bool Bf16>
[[gnu::always_inline]] inline void Avx512<Bf16>::transpose(Int (&rows)[16]) {
  Int other[16];
  for (int i = 0; i < 16; i += 2) {
    other[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    other[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int half = 0; half < 2; ++half) {
      rows[i + 2 * half] = _mm512_unpacklo_epi64(other[i + half], other[i + half + 2]);
      rows[i + 2 * half + 1] = _mm512_unpackhi_epi64(other[i + half], other[i + half + 2]);
    }
  }
  for (int i = 0; i < 16; i += 8) {
    for (int j = 0; j < 4; ++j) {
      other[i + j] = _mm512_shuffle_i32x4(rows[i + j], rows[i + j + 4], 0x88);
      other[i + j + 4] = _mm512_shuffle_i32x4(rows[i + j], rows[i + j + 4], 0xDD);
    }
  }
  for (int j = 0; j < 8; ++j) {
    rows[j] = _mm512_shuffle_i32x4(other[j], other[j + 8], 0x88);
    rows[j + 8] = _mm512_shuffle_i32x4(other[j], other[j + 8], 0xDD);
  }
}

}  // namespace edgebert
