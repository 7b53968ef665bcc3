/** What the keys of a manifest may be; the port of `manifest_records` and `manifest_values`. */

import type { Manifest } from "./manifest.js";
import { among, anything, array, either, fields, flag, integer, nullable, number, table, text, type Kind } from "./values.js";

const BYTES = 2n ** 63n - 1n;

const PATH = text({ matches: /[^]/, words: "a path in the bundle, with '/'" });
const NAME = text({ matches: /^[^/\\\x00-\x1f]{1,200}$/u, words: "1 to 200 characters without a slash" });
const SHA256 = text({ matches: /^[0-9a-f]{64}$/, words: "64 lower-case hexadecimal digits" });
const VERSION = text({
  matches: /^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$/,
  words: "a version such as 1.20.0",
});
const COUNT = integer();
const POSITIVE = integer(1);
const MAX_LENGTH = integer(2, 2 ** 20);
const DIMENSIONS = integer(1, 2 ** 20);

const TENSOR = fields({
  name: text(),
  dtype: text(),
  shape: array(either(text(), integer()), 0, 8),
});

const TOKENS = fields({
  choice: text(),
  texts: COUNT,
  witnesses: array(fields({ name: text(), version: text() })),
});

const TOKENIZER = fields(
  {
    file: PATH,
    max_length: MAX_LENGTH,
    max_positions: MAX_LENGTH,
    padding_side: among("right"),
    pad_id: COUNT,
    pad_token: text(),
    pad_type_id: COUNT,
    special_tokens: table(text()),
  },
  { tokens: nullable(TOKENS) },
);

const STEP = fields(
  { kind: among("pool", "dense", "normalize", "truncate") },
  {
    modes: array(text(), 1),
    file: nullable(PATH),
    activation: nullable(among("identity", "tanh", "relu", "gelu")),
    dimensions: nullable(DIMENSIONS),
  },
);

const TASK = fields({
  outputs: array(TENSOR, 1),
  embedding: nullable(
    fields(
      {
        dimensions: DIMENSIONS,
        steps: array(STEP),
        prompts: table(text()),
        default_prompt: nullable(text()),
      },
      { similarity: nullable(text()) },
    ),
  ),
  head: nullable(
    fields({ labels: array(text()), activation: text() }, { aggregation: nullable(text()) }),
  ),
});

const ACCURACY = fields(
  { fp32: number(), quantized: number() },
  { rows: POSITIVE, drop: number(), error: number({ above: 0 }), flipped: COUNT },
);

const QUALITY = fields(
  {
    metric: text(),
    data: text(),
    samples: COUNT,
    mean: number(),
    worst: number(),
    floor: fields({ mean: number(), worst: number() }, { agreement: number() }),
  },
  {
    agreement: fields({
      metric: text(),
      value: number({ most: 1 }),
      flipped: COUNT,
      counted: POSITIVE,
      unit: text(),
    }),
    accuracy: ACCURACY,
    recall: ACCURACY,
  },
);

const WAY = fields({
  scheme: nullable(text()),
  quality: nullable(QUALITY),
  samples: table(PATH),
  speed: nullable(fields({ over_fp32: number({ above: 0 }), rounds: POSITIVE, cpu: text() })),
});

const PARITY = fields({
  tolerance: number({ least: 0 }),
  worst: number({ least: 0 }),
  worst_case: text(),
  worst_at: text(),
  cases: COUNT,
});

const VARIANT = fields({
  tasks: array(text(), 1),
  file: PATH,
  files: array(PATH, 1),
  external: array(fields({ file: PATH, offset: integer(0, BYTES), length: integer(1, BYTES) })),
  precision: text(),
  target: text(),
  recipe: nullable(text()),
  opset: POSITIVE,
  ir_version: POSITIVE,
  min_onnxruntime: VERSION,
  instruction_sets: array(text()),
  needs: nullable(text()),
  library: nullable(fields({ name: text(), version: VERSION, required: flag })),
  ways: table(WAY, among("stock", "native"), 1),
  fusions: table(COUNT),
  parity: nullable(PARITY),
  batch_invariant: flag,
  verified: flag,
  capturable: flag,
});

const PROVENANCE = fields({
  step: text(),
  by: table(text()),
  variant: nullable(text()),
  budget: nullable(text()),
  details: table(anything),
});

/** `schema_version` is looked at before everything else. */
export const MANIFEST: Kind<Omit<Manifest, "schema_version">> = fields({
  created_by: table(text()),
  source: fields({ kind: text(), name: text(), model_type: nullable(text()) }),
  architecture: fields({
    hidden: nullable(COUNT),
    layers: nullable(COUNT),
    heads: nullable(COUNT),
    vocabulary: nullable(COUNT),
    token_types: nullable(COUNT),
  }),
  inputs: array(TENSOR, 1),
  tokenizer: TOKENIZER,
  tasks: table(TASK, text(), 1),
  default_task: text(),
  variants: table(VARIANT, NAME, 1),
  default_variant: text(),
  provenance: array(PROVENANCE),
  files: table(fields({ size_bytes: integer(0, BYTES), sha256: SHA256 }), PATH),
});
