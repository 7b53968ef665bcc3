/** What a graph gives is checked before answers are made of it; as `output_checks` in Python. */

import type { TensorInfo } from "../bundle/manifest.js";
import { EngineError } from "../errors.js";
import type { Output, Tensor } from "./encoder.js";

const WHAT_TO_DO = "run check on the bundle, and export it again";

/** Refuses an output whose shape is not that of the rows that were run. */
export function checkShape(name: string, { dims }: Tensor, declared: TensorInfo, rows: number, tokens: number): void {
  const sizes = new Map<number | string, number>([["batch", rows], ["sequence", tokens]]);
  const expected = declared.shape.map((size) => sizes.get(size) ?? size);
  const fits = expected.every((size, at) => typeof size === "string" || size === dims[at]);
  if (fits && dims.length === expected.length) return;
  throw new EngineError(
    `the graph gave output '${name}' of shape (${dims.join(", ")}) for ${rows} rows of ${tokens} tokens, ` +
      `expected (${expected.join(", ")}); ${WHAT_TO_DO}`,
  );
}

/** Refuses NaN and infinity in the outputs of a row. */
export function requireFinite(output: Output, item: number): void {
  for (const { data } of Object.values(output))
    if (!data.every(Number.isFinite))
      throw new EngineError(
        `item ${item} has no answer: the graph gave NaN or infinity for it; choose another variant, or ${WHAT_TO_DO}`,
      );
}
