// Powers of two and the activations of the feed-forward part, on vectors.
#pragma once

#include "kernels.h"

namespace edgebert {

// 2^x to 1e-7 of its value (minimax on [-0.5, 0.5]); exactly 0 far below the least float; NaN stays NaN.
template <class Isa>
[[gnu::always_inline]] inline typename Isa::Float exp2(typename Isa::Float x) {
  x = Isa::max(Isa::all(-200.0F), x);
  const auto whole = Isa::round(x);
  const auto rest = Isa::subtract(x, whole);
  auto power = Isa::all(0.001327647129073739F);
  for (const float c : {0.009675540961325169F, 0.05550713092088699F, 0.24022120237350464F, 0.6931469440460205F, 1.0F}) {
    power = Isa::fma(power, rest, Isa::all(c));
  }
  return Isa::scale_by_power(power, whole);
}

// x / (1 + 2^-y)
template <class Isa>
[[gnu::always_inline]] inline typename Isa::Float gated_by(typename Isa::Float x, typename Isa::Float y) {
  const auto one = Isa::all(1.0F);
  return Isa::divide(x, Isa::add(one, exp2<Isa>(Isa::subtract(Isa::zero(), y))));
}

// x / 2 * (1 + erf(x / sqrt(2))), off by at most 2.2e-6 up to 5 and by 5e-6 up to 12. erf(t / sqrt(2)) / t is a
// polynomial in t^2, fitted for |t| <= 5, in a variable from -1 to 1 that keeps rounding small.
template <class Isa>
[[gnu::always_inline]] inline typename Isa::Float gelu(typename Isa::Float x) {
  const auto t = Isa::min(Isa::all(5.0F), Isa::max(Isa::all(-5.0F), x));
  const auto u = Isa::fma(Isa::multiply(t, t), Isa::all(0.08F), Isa::all(-1.0F));
  auto factor = Isa::all(-0.002171163447201252F);
  for (const float c : {0.0063812462612986565F, -0.007824304513633251F, 0.010242258198559284F, -0.02028839848935604F,
                        0.03380924090743065F, -0.04726526886224747F, 0.0627165213227272F, -0.08078175038099289F,
                        0.10305050760507584F, -0.14059655368328094F, 0.28272750973701477F}) {
    factor = Isa::fma(factor, u, Isa::all(c));
  }
  const auto half = Isa::multiply(x, Isa::all(0.5F));
  return Isa::fma(half, Isa::multiply(factor, t), half);
}

inline constexpr float kLog2E = 1.4426950408889634F;

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
template <class Isa>
[[gnu::always_inline]] inline typename Isa::Float gelu_tanh(typename Isa::Float x) {
  constexpr float kTwiceRoot = 1.5957691216057308F;  // 2 sqrt(2 / pi)
  const auto cubic =
      Isa::fma(Isa::multiply(x, x), Isa::all(0.044715F * kTwiceRoot * kLog2E), Isa::all(kTwiceRoot * kLog2E));
  return gated_by<Isa>(x, Isa::multiply(x, cubic));
}

template <class Isa>
[[gnu::always_inline]] inline typename Isa::Float silu(typename Isa::Float x) {
  return gated_by<Isa>(x, Isa::multiply(x, Isa::all(kLog2E)));
}

template <class Isa>
[[gnu::always_inline]] inline typename Isa::Float relu(typename Isa::Float x) {
  return Isa::max(Isa::zero(), x);
}

}  // namespace edgebert
