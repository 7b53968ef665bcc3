/** From logits to scores, as float32. */

export type Activation = "softmax" | "sigmoid" | "none";

/** Probabilities; large logits do not overflow. */
export function softmax(logits: ArrayLike<number>): Float32Array {
  let largest = -Infinity;
  for (let at = 0; at < logits.length; at += 1) largest = Math.max(largest, logits[at]);
  const powers = Float32Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** 1 / (1 + exp(-x)), each number by itself. */
export function sigmoid(logits: ArrayLike<number>): Float32Array {
  return Float32Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
}

/** The manifest's `head.activation` → what it does. */
export const ACTIVATIONS: Readonly<Record<Activation, (logits: ArrayLike<number>) => Float32Array>> = {
  softmax,
  sigmoid,
  none: (logits) => Float32Array.from(logits),
};
