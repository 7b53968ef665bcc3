/** The number format of vectors, as vector stores keep them. */

import { ConfigError } from "../errors.js";

/** `int8` is compared by cosine; `binary`, one bit a dimension, by Hamming distance. */
export type OutputDtype = "float32" | "int8" | "binary";

export type Vector = Float32Array | Int8Array | Uint8Array;

const LARGEST = 127;

/** A vector stretched until its largest number is 127, and rounded; cosines stay. */
function toInt8(vector: Float32Array): Int8Array {
  const reach = vector.reduce((largest, each) => Math.max(largest, Math.abs(each)), 0);
  const scale = Math.fround(LARGEST / (reach || 1));
  return Int8Array.from(vector, (each) => roundHalfToEven(Math.fround(each * scale)));
}

/** One bit a dimension, 1 where it is above 0, the first in the highest bit of a byte. */
function toBinary(vector: Float32Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(vector.length / 8));
  vector.forEach((each, at) => {
    if (each > 0) bits[at >> 3] |= 0x80 >> (at & 7);
  });
  return bits;
}

function roundHalfToEven(number: number): number {
  const below = Math.floor(number);
  const rest = number - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

const CODES: Readonly<Record<OutputDtype, (vector: Float32Array) => Vector>> = {
  float32: (vector) => vector,
  int8: toInt8,
  binary: toBinary,
};

/** What turns a float32 vector into codes. */
export function findOutputDtype(name: string): (vector: Float32Array) => Vector {
  if (Object.hasOwn(CODES, name)) return CODES[name as OutputDtype];
  throw new ConfigError(`outputDtype must be one of ${Object.keys(CODES).join(", ")}; got ${JSON.stringify(name)}`);
}
