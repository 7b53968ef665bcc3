/** Rows through an open graph: padded, in micro-batches, each row's part cut out of the outputs. */

import type { Manifest, TensorInfo } from "../bundle/manifest.js";
import type { Feeds, Graph } from "../engine/graph.js";
import { BundleError, ConfigError } from "../errors.js";
import { MICRO_BATCH_TOKENS, microBatches } from "./batching.js";
import type { Encoder, Output, Row, RunOptions, Tensor } from "./encoder.js";
import { checkShape, requireFinite } from "./output_checks.js";

const INPUTS = ["input_ids", "attention_mask", "token_type_ids"];

export class GraphEncoder implements Encoder {
  readonly outputs: readonly string[];
  private readonly declared: ReadonlyMap<string, TensorInfo>;

  /** `where` is the bundle, for errors. */
  constructor(
    private readonly graph: Graph,
    private readonly manifest: Manifest,
    task: string,
    where: string,
  ) {
    const outputs = manifest.tasks[task].outputs;
    this.declared = new Map(outputs.map((each) => [each.name, each]));
    this.outputs = [...this.declared.keys()];
    const missing = this.outputs.filter((name) => !graph.outputs.includes(name));
    if (missing.length)
      throw new BundleError(
        `${where} has task '${task}' and a graph without output ${missing.join(", ")}; it has ${graph.outputs.join(", ")}`,
      );
    const strange = graph.inputs.filter((name) => !INPUTS.includes(name));
    if (strange.length)
      throw new BundleError(
        `${where} has a graph with the inputs ${strange.join(", ")}; a tokenizer gives ${INPUTS.join(", ")}`,
      );
  }

  async run(rows: readonly Row[], options: RunOptions = {}): Promise<Output[]> {
    const { signal, batchSize, owner = (row) => row, finite = true } = options;
    if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize >= 1))
      throw new ConfigError(`batchSize is ${batchSize}, expected an integer from 1`);
    const fetched = options.outputs ?? this.outputs;
    const found = new Array<Output>(rows.length);
    for (const batch of microBatches(rows.map((row) => row.ids.length), MICRO_BATCH_TOKENS, batchSize)) {
      if (signal) await others();
      signal?.throwIfAborted();
      const outputs = await this.runBatch(batch.map((index) => rows[index]), fetched);
      for (const [at, index] of batch.entries()) {
        if (finite) requireFinite(outputs[at], owner(index));
        found[index] = outputs[at];
      }
    }
    return found;
  }

  private async runBatch(rows: readonly Row[], names: readonly string[]): Promise<Output[]> {
    const feeds = padded(rows, this.manifest);
    const found = await this.graph.run(feeds, names);
    for (const name of names) checkShape(name, found[name], this.declaredOf(name), ...feeds.dims);
    return rows.map((row, at) =>
      Object.fromEntries(
        names.map((name) => [name, partOf(found[name], at, this.perToken(name) ? row.ids.length : null)]),
      ),
    );
  }

  private declaredOf(name: string): TensorInfo {
    const found = this.declared.get(name);
    if (!found) throw new ConfigError(`the task has no output '${name}'; it has ${this.outputs.join(", ")}`);
    return found;
  }

  /** Whether an output has an entry for each token, padding included. */
  private perToken(name: string): boolean {
    return this.declaredOf(name).shape[1] === "sequence";
  }
}

/** Rows as one batch, padded to the longest. */
function padded(rows: readonly Row[], { tokenizer }: Manifest): Feeds {
  const tokens = Math.max(...rows.map((row) => row.ids.length));
  const column = (of: (row: Row) => readonly number[], pad: number): BigInt64Array => {
    const found = new BigInt64Array(rows.length * tokens).fill(BigInt(pad));
    for (const [at, row] of rows.entries())
      for (const [place, value] of of(row).entries()) found[at * tokens + place] = BigInt(value);
    return found;
  };
  return {
    dims: [rows.length, tokens],
    values: {
      input_ids: column((row) => row.ids, tokenizer.pad_id),
      attention_mask: column((row) => row.mask, 0),
      token_type_ids: column((row) => row.types, tokenizer.pad_type_id),
    },
  };
}

/** One row of an output, its first `tokens` entries if it has one for each token; a copy. */
function partOf({ dims, data }: Tensor, row: number, tokens: number | null): Tensor {
  const shape = dims.slice(1);
  const size = shape.reduce((product, each) => product * each, 1);
  if (tokens !== null && shape.length) shape[0] = tokens;
  const kept = shape.reduce((product, each) => product * each, 1);
  return { dims: shape, data: data.slice(row * size, row * size + kept) };
}

/** Lets other tasks of the event loop run, such as the click that aborts. */
function others(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
