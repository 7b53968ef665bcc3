// Vectors of AVX2: the only place that spells its instructions. Vnni says whether AVX-VNNI multiplies bytes; without it
// they are widened to 16 bits first, so that no sum saturates. Included by avx2.cpp and avx_vnni.cpp alone.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace edgebert {

template <bool Vnni>
struct Avx2 {
  using Float = __m256;
  using Int = __m256i;
  using Mask = __m256i;  // all bits of a lane, or none

  static constexpr int64_t lanes = 8;
  static constexpr int64_t tile_rows = 4;
  static constexpr int64_t tile_vectors = 3;
  static constexpr int64_t values_per_word = 1;

  // Floats.
  [[gnu::always_inline]] static Float load(const float* from) { return _mm256_loadu_ps(from); }
  [[gnu::always_inline]] static Float load_first(const float* from, int64_t count) {
    return _mm256_maskload_ps(from, first(count));
  }
  [[gnu::always_inline]] static void store(float* to, Float x) { _mm256_storeu_ps(to, x); }
  [[gnu::always_inline]] static Float all(float x) { return _mm256_set1_ps(x); }
  [[gnu::always_inline]] static Float zero() { return _mm256_setzero_ps(); }
  [[gnu::always_inline]] static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  [[gnu::always_inline]] static Float subtract(Float a, Float b) { return _mm256_sub_ps(a, b); }
  [[gnu::always_inline]] static Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
  [[gnu::always_inline]] static Float divide(Float a, Float b) { return _mm256_div_ps(a, b); }
  [[gnu::always_inline]] static Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  [[gnu::always_inline]] static Float fnma(Float a, Float b, Float c) { return _mm256_fnmadd_ps(a, b, c); }
  [[gnu::always_inline]] static Float min(Float a, Float b) { return _mm256_min_ps(a, b); }
  [[gnu::always_inline]] static Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  [[gnu::always_inline]] static float sum(Float x) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  [[gnu::always_inline]] static float least(Float x) {
    const __m128 four = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
  }
  [[gnu::always_inline]] static float greatest(Float x) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  [[gnu::always_inline]] static Float round(Float x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // x * 2^power; power is whole. 0 where the result is too small for a float. In two steps: an exponent has 8 bits.
  [[gnu::always_inline]] static Float scale_by_power(Float x, Float power) {
    const Float kept = min(all(254.0F), max(all(-252.0F), power));
    const Float half = round(multiply(kept, all(0.5F)));
    return multiply(multiply(x, power_of_two(half)), power_of_two(subtract(kept, half)));
  }

  // Integers and masks.
  [[gnu::always_inline]] static Int load_ints(const int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const Int*>(from));
  }
  [[gnu::always_inline]] static Int all_ints(int32_t x) { return _mm256_set1_epi32(x); }
  [[gnu::always_inline]] static Int subtract_ints(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  [[gnu::always_inline]] static Int clamp_ints(Int x, int32_t most) {
    return _mm256_max_epi32(_mm256_min_epi32(x, all_ints(most)), all_ints(-most));
  }
  [[gnu::always_inline]] static Float to_float(Int x) { return _mm256_cvtepi32_ps(x); }
  [[gnu::always_inline]] static Float gather(const float* table, Int index) {
    return _mm256_i32gather_ps(table, index, sizeof(float));
  }
  [[gnu::always_inline]] static Mask first(int64_t count) {
    const Int places = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(count)), places);
  }
  [[gnu::always_inline]] static Mask within(Int x, int32_t most) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(most + 1), _mm256_abs_epi32(x));
  }
  [[gnu::always_inline]] static Float select(Mask mask, Float yes, Float no) {
    return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(mask));
  }

  // Bytes. NaN becomes 0, what is outside 0 … 255 the nearer end.
  [[gnu::always_inline]] static void store_bytes(uint8_t* to, Float x) {
    const Int whole = _mm256_cvtps_epi32(min(max(x, zero()), all(255.0F)));
    const __m128i pairs = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(pairs, pairs));
  }
  // `sums` plus the products of four unsigned bytes (the same in all lanes) with four signed ones of each lane.
  [[gnu::always_inline]] static Int dot4(Int sums, Int bytes, Int weights) {
    if constexpr (Vnni) {
      return _mm256_dpbusd_avx_epi32(sums, bytes, weights);
    } else {
      const Int even_weights = _mm256_srai_epi16(_mm256_slli_epi16(weights, 8), 8);
      const Int odd_weights = _mm256_srai_epi16(weights, 8);
      const Int even_bytes = _mm256_and_si256(bytes, _mm256_set1_epi16(0xFF));
      const Int odd_bytes = _mm256_srli_epi16(bytes, 8);
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even_bytes, even_weights));
      return _mm256_add_epi32(sums, _mm256_madd_epi16(odd_bytes, odd_weights));
    }
  }
  [[gnu::always_inline]] static Int all_bytes4(const uint8_t* from) {
    int32_t four = 0;
    __builtin_memcpy(&four, from, sizeof(four));
    return _mm256_set1_epi32(four);
  }
  [[gnu::always_inline]] static Int load_weights(const int8_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const Int*>(from));
  }
  [[gnu::always_inline]] static void prefetch(const void* from) {
    _mm_prefetch(static_cast<const char*>(from), _MM_HINT_T1);
  }

  // Words: floats.
  [[gnu::always_inline]] static Int load_words(const uint32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const Int*>(from));
  }
  [[gnu::always_inline]] static void store_words(uint32_t* to, Int words) {
    _mm256_storeu_si256(reinterpret_cast<Int*>(to), words);
  }
  [[gnu::always_inline]] static Int all_words(uint32_t word) { return _mm256_set1_epi32(static_cast<int32_t>(word)); }
  [[gnu::always_inline]] static void store_as_words(uint32_t* to, Float x) { store_words(to, as_words(x)); }
  [[gnu::always_inline]] static Int as_words(Float x) { return _mm256_castps_si256(x); }
  [[gnu::always_inline]] static Float as_floats(Int x) { return _mm256_castsi256_ps(x); }
  [[gnu::always_inline]] static Float dot_words(Float sums, Int a, Int b) {
    return _mm256_fmadd_ps(as_floats(a), as_floats(b), sums);
  }

  static void transpose(Int (&rows)[8]);

 private:
  // 2^power by its bits; power is whole, from -126 to 127.
  [[gnu::always_inline]] static Float power_of_two(Float power) {
    const Int exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
    return as_floats(_mm256_slli_epi32(exponent, 23));
  }
};

// In three steps, each of which exchanges blocks of half a square: 1, 2, then 4 words wide.
template <bool Vnni>
[[gnu::always_inline]] inline void Avx2<Vnni>::transpose(Int (&rows)[8]) {
  Int other[8];
  for (int i = 0; i < 8; i += 2) {
    other[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    other[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int half = 0; half < 2; ++half) {
      rows[i + 2 * half] = _mm256_unpacklo_epi64(other[i + half], other[i + half + 2]);
      rows[i + 2 * half + 1] = _mm256_unpackhi_epi64(other[i + half], other[i + half + 2]);
    }
  }
  for (int j = 0; j < 4; ++j) {
    other[j] = _mm256_permute2x128_si256(rows[j], rows[j + 4], 0x20);
    other[j + 4] = _mm256_permute2x128_si256(rows[j], rows[j + 4], 0x31);
  }
  for (int j = 0; j < 8; ++j) rows[j] = other[j];
}

}  // namespace edgebert
