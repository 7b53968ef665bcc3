/** Token vectors to one vector a text: the steps that a bundle names. */

import type { Step } from "../bundle/manifest.js";
import { BundleError } from "../errors.js";
import type { Tensor } from "../inference/encoder.js";
import { rowAt } from "./rows.js";

/** Divisor for a shorter vector, as in torch.nn.functional.normalize: zero stays zero. */
const SMALLEST_NORM = 1e-12;

/** A vector of Euclidean length 1. */
export function normalize(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, each) => sum + each * each, 0));
  return vector.map((each) => each / Math.max(norm, SMALLEST_NORM));
}

/** Vectors of all tokens of one text, none of them padding: `dims` are tokens and hidden width. */
type Pool = (hidden: Tensor) => Float32Array;

/** Modes of sentence-transformers' `Pooling` module. */
export const POOLING: Readonly<Record<string, Pool>> = {
  cls: (hidden) => rowAt(hidden, 0),
  last_token: (hidden) => rowAt(hidden, hidden.dims[0] - 1),
  mean: (hidden) => weightedSum(hidden, () => 1 / hidden.dims[0]),
  mean_sqrt_len: (hidden) => weightedSum(hidden, () => 1 / Math.sqrt(hidden.dims[0])),
  max: (hidden) => rowAt(hidden, 0).map((_, at) => largest(hidden, at)),
  weighted_mean: (hidden) => {
    const tokens = hidden.dims[0];
    return weightedSum(hidden, (token) => (2 * (token + 1)) / (tokens * (tokens + 1)));
  },
};

function weightedSum({ dims, data }: Tensor, weight: (token: number) => number): Float32Array {
  const [tokens, width] = dims;
  const sums = new Float64Array(width);
  for (let token = 0; token < tokens; token += 1) {
    for (let at = 0; at < width; at += 1) sums[at] += data[token * width + at] * weight(token);
  }
  return Float32Array.from(sums);
}

function largest({ dims, data }: Tensor, at: number): number {
  let found = -Infinity;
  for (let place = at; place < data.length; place += dims[1]) found = Math.max(found, data[place]);
  return found;
}

export function pool(hidden: Tensor, modes: readonly string[]): Float32Array {
  const unknown = modes.filter((mode) => !Object.hasOwn(POOLING, mode));
  if (unknown.length) {
    throw new BundleError(`pooling ${unknown.join(", ")} is unknown; known: ${Object.keys(POOLING).join(", ")}`);
  }
  return Float32Array.from(modes.flatMap((mode) => Array.from(POOLING[mode](hidden))));
}

/** What a dense step does to a vector. */
export type Dense = (vector: Float32Array) => Float32Array;

/** The steps from token vectors to a vector; `denseOf` has those whose weights lie in files. */
export function applySteps(steps: readonly Step[], hidden: Tensor, denseOf: (step: Step) => Dense): Float32Array {
  let vector = hidden.data;
  for (const step of steps) {
    if (step.kind === "pool") vector = pool(hidden, step.modes ?? []);
    else if (step.kind === "dense") vector = denseOf(step)(vector);
    else if (step.kind === "normalize") vector = normalize(vector);
    else if (step.kind === "truncate") vector = vector.slice(0, step.dimensions ?? undefined);
    else throw new BundleError(`embedding step '${String(step.kind)}' is unknown to this version`);
  }
  return vector;
}
