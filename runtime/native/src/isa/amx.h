// Matrices of AMX, beside the vectors of AVX-512: the only place that spells its instructions. Included by
// amx_int8_bf16.cpp alone. Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#pragma once

#include <atomic>
#include <cstddef>

#include "avx512.h"

namespace edgebert {

struct Amx : Avx512<true> {
  static constexpr int64_t matrix_rows = 16;
  static constexpr int64_t matrix_bytes = 64;  // of a row
  static constexpr int64_t stacked = 2;        // matrices of rows that share a matrix of columns

  // What this thread's registers hold until this object ends: 0 to 5 sums, 6 the left factor, 7 the right one.
  class Registers {
   public:
    Registers() {
      Layout layout;
      for (uint16_t& bytes : layout.bytes_of_row) bytes = matrix_bytes;
      for (uint8_t& rows : layout.rows) rows = matrix_rows;
      _tile_loadconfig(&layout);
    }
    Registers(const Registers&) = delete;
    Registers& operator=(const Registers&) = delete;
    ~Registers() { _tile_release(); }

   private:
    struct alignas(64) Layout {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t bytes_of_row[8] = {};
      uint16_t more_bytes_of_row[8] = {};
      uint8_t rows[8] = {};
      uint8_t more_rows[8] = {};
    };
  };

  [[gnu::always_inline]] static void clear_sums() {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
  }

  // Adds the products of unsigned bytes of `Stacked` matrices of rows and signed ones of `Vectors` matrices of columns.
  template <int Vectors, int Stacked>
  [[gnu::always_inline]] static void multiply_bytes(const uint8_t* rows, int64_t stride, const int8_t* columns) {
    constexpr int64_t columns_stride = Vectors * matrix_bytes;
    finish_stores();
    _tile_loadd(6, rows, stride);
    _tile_loadd(7, columns, columns_stride);
    _tile_dpbusd(0, 6, 7);
    if constexpr (Vectors > 1) {
      _tile_loadd(7, columns + matrix_bytes, columns_stride);
      _tile_dpbusd(1, 6, 7);
    }
    if constexpr (Vectors > 2) {
      _tile_loadd(7, columns + 2 * matrix_bytes, columns_stride);
      _tile_dpbusd(2, 6, 7);
    }
    if constexpr (Stacked > 1) {
      _tile_loadd(6, rows + matrix_rows * stride, stride);
      _tile_loadd(7, columns, columns_stride);
      _tile_dpbusd(3, 6, 7);
      if constexpr (Vectors > 1) {
        _tile_loadd(7, columns + matrix_bytes, columns_stride);
        _tile_dpbusd(4, 6, 7);
      }
      if constexpr (Vectors > 2) {
        _tile_loadd(7, columns + 2 * matrix_bytes, columns_stride);
        _tile_dpbusd(5, 6, 7);
      }
    }
  }

  // The same of words, of one matrix of rows. The stride is in words.
  template <int Vectors>
  [[gnu::always_inline]] static void multiply_words(const uint32_t* rows, int64_t stride, const uint32_t* columns) {
    constexpr int64_t columns_stride = Vectors * matrix_bytes;
    constexpr int64_t words = matrix_bytes / 4;
    finish_stores();
    _tile_loadd(6, rows, stride * 4);
    _tile_loadd(7, columns, columns_stride);
    _tile_dpbf16ps(0, 6, 7);
    if constexpr (Vectors > 1) {
      _tile_loadd(7, columns + words, columns_stride);
      _tile_dpbf16ps(1, 6, 7);
    }
    if constexpr (Vectors > 2) {
      _tile_loadd(7, columns + 2 * words, columns_stride);
      _tile_dpbf16ps(2, 6, 7);
    }
  }

  // From rows of Vectors * lanes sums, of one matrix of rows.
  template <int Vectors>
  [[gnu::always_inline]] static void load_sums(const float* sums) {
    constexpr int64_t stride = Vectors * matrix_bytes;
    _tile_loadd(0, sums, stride);
    if constexpr (Vectors > 1) _tile_loadd(1, sums + lanes, stride);
    if constexpr (Vectors > 2) _tile_loadd(2, sums + 2 * lanes, stride);
  }

  // To rows of Vectors * lanes sums.
  template <int Vectors, int Stacked>
  [[gnu::always_inline]] static void store_sums(void* sums) {
    constexpr int64_t stride = Vectors * matrix_bytes;
    auto* to = static_cast<std::byte*>(sums);
    _tile_stored(0, to, stride);
    if constexpr (Vectors > 1) _tile_stored(1, to + matrix_bytes, stride);
    if constexpr (Vectors > 2) _tile_stored(2, to + 2 * matrix_bytes, stride);
    if constexpr (Stacked > 1) {
      to += matrix_rows * stride;
      _tile_stored(3, to, stride);
      if constexpr (Vectors > 1) _tile_stored(4, to + matrix_bytes, stride);
      if constexpr (Vectors > 2) _tile_stored(5, to + 2 * matrix_bytes, stride);
    }
  }

  [[gnu::always_inline]] static Int load_first_words(const uint32_t* from, int64_t count) {
    return _mm512_maskz_loadu_epi32(first(count), from);
  }
  // Words of four rows, one above the other: four neighbours in each of `lanes` columns.
  [[gnu::always_inline]] static void store_columns(uint32_t* to, int64_t stride, const Int (&rows)[4]) {
    const Int low = _mm512_unpacklo_epi32(rows[0], rows[1]);
    const Int high = _mm512_unpackhi_epi32(rows[0], rows[1]);
    const Int lower = _mm512_unpacklo_epi32(rows[2], rows[3]);
    const Int higher = _mm512_unpackhi_epi32(rows[2], rows[3]);
    store_quarters(to, 4 * stride, _mm512_unpacklo_epi64(low, lower));
    store_quarters(to + stride, 4 * stride, _mm512_unpackhi_epi64(low, lower));
    store_quarters(to + 2 * stride, 4 * stride, _mm512_unpacklo_epi64(high, higher));
    store_quarters(to + 3 * stride, 4 * stride, _mm512_unpackhi_epi64(high, higher));
  }

 private:
  // g++ does not know that the instructions which follow read memory.
  [[gnu::always_inline]] static void finish_stores() { std::atomic_signal_fence(std::memory_order_seq_cst); }

  [[gnu::always_inline]] static void store_quarters(uint32_t* to, int64_t stride, Int words) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_extracti32x4_epi32(words, 0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + stride), _mm512_extracti32x4_epi32(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * stride), _mm512_extracti32x4_epi32(words, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 3 * stride), _mm512_extracti32x4_epi32(words, 3));
  }
};

}  // namespace edgebert
