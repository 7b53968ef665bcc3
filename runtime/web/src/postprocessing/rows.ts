/** Rows of an output that has one for each token. */

import type { Tensor } from "../inference/encoder.js";

/** The numbers of one row; they are not copied. */
export function rowAt({ dims, data }: Tensor, row: number): Float32Array {
  return data.subarray(row * dims[1], (row + 1) * dims[1]);
}
