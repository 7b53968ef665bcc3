/** A linear map behind the pooling, with its weights in a safetensors file. */

import type { Step } from "../bundle/manifest.js";
import { BundleError } from "../errors.js";
import type { Dense } from "./pooling.js";

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  identity: (x) => x,
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  gelu: (x) => x * 0.5 * (1 + erf(x / Math.SQRT2)),
};

/** The step's map, of its file's bytes. */
export function readDense(step: Step, bytes: Uint8Array): Dense {
  const activate = ACTIVATIONS[step.activation ?? ""];
  if (!activate) throw new BundleError(`dense step has activation '${step.activation}', which is unknown`);
  const tensors = readTensors(bytes);
  const weight = tensors.get("linear.weight");
  const bias = tensors.get("linear.bias");
  const [outputs, inputs] = weight?.shape ?? [];
  if (!weight || weight.shape.length !== 2 || (bias && bias.data.length !== outputs)) {
    throw new BundleError(
      `${step.file} has no linear.weight (outputs, inputs) with its linear.bias (outputs); export the model again`,
    );
  }
  return (vector) => {
    if (vector.length !== inputs) {
      throw new BundleError(
        `${step.file} takes vectors of ${inputs} numbers, the step before it gives ${vector.length}; export the ` +
          "model again",
      );
    }
    return Float32Array.from({ length: outputs }, (_, row) => {
      let sum = bias ? bias.data[row] : 0;
      for (let at = 0; at < inputs; at += 1) sum += weight.data[row * inputs + at] * vector[at];
      return activate(sum);
    });
  };
}

/** Float32 tensors by name (https://github.com/huggingface/safetensors, "Format"). */
function readTensors(bytes: Uint8Array): Map<string, { shape: number[]; data: Float32Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<string, Entry>;
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== "__metadata__")
      .map(([name, { shape, data_offsets: [first, stop] }]) => [
        name,
        { shape, data: new Float32Array(Uint8Array.from(bytes.subarray(start + first, start + stop)).buffer) },
      ]),
  );
}

/** Abramowitz and Stegun 7.1.26; its error is below 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}
