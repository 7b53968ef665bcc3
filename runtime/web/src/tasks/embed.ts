/** Sentence embeddings. */

import type { EmbeddingInfo, Step } from "../bundle/manifest.js";
import { BundleError, ConfigError } from "../errors.js";
import { readDense } from "../postprocessing/dense.js";
import { findOutputDtype, type OutputDtype, type Vector } from "../postprocessing/output_dtype.js";
import { applySteps, normalize, type Dense } from "../postprocessing/pooling.js";
import { weightedMean } from "../postprocessing/windows.js";
import type { Item } from "../tokenization/items.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import type { Chosen, LongOptions } from "./options.js";

export interface EmbedOptions extends LongOptions {
  /** Whether vectors have length 1; null does as the bundle says. */
  normalize?: boolean | null;
  /** Keep the first so many dimensions; vectors that had length 1 are normalised again. */
  dimensions?: number | null;
  /** Name of the bundle's prompt that is put before each text; null takes its default, "" none. */
  prompt?: string | null;
  /** `float32`; `int8`, to be compared by cosine; `binary`, one bit a dimension. */
  outputDtype?: OutputDtype;
}

const POOLED = "sentence_embedding";
const TOKENS = "last_hidden_state";

export class Embedder extends TaskModel<EmbedOptions, Vector> {
  readonly measure: Measure = "distance";
  protected readonly defaults = {
    normalize: null,
    dimensions: null,
    prompt: null,
    outputDtype: "float32",
    long: "truncate",
    stride: null,
  } as const;
  protected readonly probeOptions = {};
  protected override readonly pairs = false;
  private readonly embedding: EmbeddingInfo;
  private readonly normalized: boolean;
  private dense: ReadonlyMap<string, Dense> | null = null;

  constructor(parts: Parts) {
    super(parts);
    const { embedding } = this.taskInfo;
    if (!embedding) {
      throw new BundleError(`${parts.host.info.bundle} is not an embedding bundle: its manifest has no pooling`);
    }
    this.embedding = embedding;
    this.normalized = embedding.steps.at(-1)?.kind === "normalize";
  }

  /**
   * Embed texts, in the order given; an empty string has a vector. In windows a text has the mean of
   * their vectors, each as often as it has tokens.
   *
   * @returns for each text a vector: Float32Array, Int8Array, or for `binary` a Uint8Array with the
   * first dimension in the highest bit.
   */
  embed(texts: readonly string[], options?: EmbedOptions & { outputDtype?: "float32" }): Promise<Float32Array[]>;
  embed(texts: readonly string[], options: EmbedOptions): Promise<Vector[]>;
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Vector[]> {
    return this.run("embed", texts, options);
  }

  protected override async run(method: string, items: readonly unknown[], options: EmbedOptions): Promise<Vector[]> {
    if (options.normalize === false) this.dense ??= await this.readDense();
    return super.run(method, items, options);
  }

  protected override checkOptions(options: Chosen<EmbedOptions>): void {
    const { dimensions } = options;
    const most = this.embedding.dimensions;
    if (dimensions !== null && !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= most)) {
      throw new ConfigError(`dimensions must be between 1 and ${most}, got ${dimensions}`);
    }
    if (options.normalize === false && this.normalized && !this.pools) {
      throw new ConfigError(
        "normalize: false is for graphs that give token vectors; this one gives vectors of length 1 only",
      );
    }
    findOutputDtype(options.outputDtype);
    this.prefix(options);
  }

  protected override encode(item: Item, name: string, options: Chosen<EmbedOptions>): EncodedItem {
    return super.encode(this.prefix(options) + String(item), name, options);
  }

  protected override outputsFor(options: Chosen<EmbedOptions>): readonly string[] {
    return [this.pooledHere(options) ? TOKENS : POOLED];
  }

  protected decode(_item: EncodedItem, rows: readonly Ran[], options: Chosen<EmbedOptions>): Vector {
    const unit = options.normalize ?? this.normalized;
    const vectors = rows.map((row) => this.vectorOf(row, unit, options));
    const weights = rows.map(({ tokens }) => tokens.ids.length);
    const mean = weightedMean(vectors, weights);
    const whole = unit && rows.length > 1 ? normalize(mean) : mean;
    return findOutputDtype(options.outputDtype)(shorten(whole, options.dimensions, unit));
  }

  protected comparable(vector: Vector): Comparable {
    return vector;
  }

  private get pools(): boolean {
    return this.embedding.steps.some((step) => step.kind === "pool");
  }

  /** Whether vectors are made here, because the graph gives them at length 1 only. */
  private pooledHere({ normalize }: Chosen<EmbedOptions>): boolean {
    return normalize === false && this.normalized;
  }

  private vectorOf({ output }: Ran, unit: boolean, options: Chosen<EmbedOptions>): Float32Array {
    if (this.pooledHere(options)) {
      const steps = this.embedding.steps.slice(0, -1);
      return applySteps(steps, output[TOKENS], (step) => this.dense!.get(step.file!)!);
    }
    const vector = output[POOLED].data;
    return unit && !this.normalized ? normalize(vector) : vector;
  }

  private async readDense(): Promise<Map<string, Dense>> {
    const steps = this.embedding.steps.filter((step): step is Step & { file: string } => typeof step.file === "string");
    const files = await this.parts.files(steps.map((step) => step.file));
    return new Map(steps.map((step) => [step.file, readDense(step, files.get(step.file)!)]));
  }

  private prefix(options: Chosen<EmbedOptions>): string {
    const { prompts, default_prompt } = this.embedding;
    const name = options.prompt ?? default_prompt;
    if (!name) return "";
    if (!Object.hasOwn(prompts, name)) {
      const known = Object.keys(prompts).sort().join(", ") || "none";
      throw new ConfigError(`prompt '${name}' is unknown; this bundle has: ${known}`);
    }
    return prompts[name];
  }
}

function shorten(vector: Float32Array, dimensions: number | null, unit: boolean): Float32Array {
  if (dimensions === null || dimensions === vector.length) return vector;
  const first = vector.slice(0, dimensions);
  return unit ? normalize(first) : first;
}
