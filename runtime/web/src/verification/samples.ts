/** Stored samples: what a variant answered where it was made; docs/bundle-format.md specifies them. */

import { parseJson } from "../bundle/json.js";
import { array, either, fields, integer, number, readValue, table, text, type Kind } from "../bundle/values.js";
import { BundleError } from "../errors.js";
import type { Item } from "./probe.js";

export interface Sample {
  text: Item;
  input_ids: number[];
  /** For `embed` the vector; for other tasks what may be → score, for each place. */
  expected: number[] | Record<string, number>[];
}

export interface Samples {
  made_by: Record<string, string>;
  /** What `tolerance` is of, in words. */
  measure: string;
  tolerance: number;
  reason: string;
  samples: Sample[];
}

const ITEM = either(text(), array(text(), 2, 2)) as Kind<Item>;
const SAMPLES: Kind<Samples> = fields({
  made_by: table(text()),
  measure: text(),
  tolerance: number({ least: 0 }),
  reason: text(),
  samples: array(
    fields({
      text: ITEM,
      input_ids: array(integer()),
      expected: either(array(number()), array(table(number()))),
    }),
  ),
});

/** The samples in a file; `place` names it, for errors. */
export function readSamples(bytes: Uint8Array, place: string): Samples {
  const refusal = (problem: string): BundleError =>
    new BundleError(`${place} is not a file of samples: it ${problem}; export the model again`);
  return readValue(SAMPLES, parseJson(bytes, refusal), refusal);
}
