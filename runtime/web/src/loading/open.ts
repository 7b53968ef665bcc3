/** From a source to an open graph: what `load` does before there is a model. */

import { Bundle } from "../bundle/bundle.js";
import { externalData } from "../bundle/external_data.js";
import type { Manifest } from "../bundle/manifest.js";
import { Graph } from "../engine/graph.js";
import { type Engine, importEngine, INSTRUCTION_SETS, PROVIDERS, threadsOf, versionOf } from "../engine/onnxruntime.js";
import { ConfigError } from "../errors.js";
import { MICRO_BATCH_TOKENS } from "../inference/batching.js";
import type { Encoder } from "../inference/encoder.js";
import { GraphEncoder } from "../inference/graph_encoder.js";
import type { Host, ModelInfo } from "../inference/host.js";
import { check } from "../verification/check.js";
import { readSamples, type Samples } from "../verification/samples.js";
import { VERSION } from "../version.js";
import { AUTO, choose, pick } from "./choice.js";
import { checkOptions, type LoadOptions } from "./options.js";

/** What a model is made of. */
export interface Opened {
  manifest: Manifest;
  task: string;
  /** The text of `tokenizer.json`. */
  tokenizer: string;
  encoder: Encoder;
  host: Host;
  /** Path → bytes of further files of the bundle, checked. */
  files(paths: Iterable<string>): Promise<Map<string, Uint8Array>>;
}

/** Reads, verifies, chooses and opens. */
export async function open(source: string | URL, options: LoadOptions): Promise<Opened> {
  checkOptions(options);
  const { executionProvider: provider = "wasm", signal, onProgress } = options;
  signal?.throwIfAborted();
  const [bundle, engine] = await Promise.all([Bundle.open(source, options), importEngine({ ...options, provider })]);
  const { manifest } = bundle;
  const task = options.task ?? manifest.default_task;
  const name = chosen(bundle, engine, { ...options, task });
  const variant = manifest.variants[name];
  const files = await bundle.files([...variant.files, manifest.tokenizer.file]);
  signal?.throwIfAborted();
  const size = manifest.files[variant.file].size_bytes;
  onProgress?.({ file: variant.file, loaded: 0, total: size, stage: "open" });
  const external = externalData(variant, files, bundle.name);
  const bytes = files.get(variant.file) as Uint8Array;
  const graph = await Graph.open(engine, provider, bytes, external, `${variant.file} of ${bundle.name}`);
  try {
    signal?.throwIfAborted();
    const encoder = new GraphEncoder(graph, manifest, task, bundle.name);
    const info = describe(bundle, name, task, provider, threadsOf(engine));
    const tokenizer = new TextDecoder().decode(files.get(manifest.tokenizer.file));
    onProgress?.({ file: variant.file, loaded: size, total: size, stage: "open" });
    const host = hostOf(bundle, graph, engine, info);
    return { manifest, task, tokenizer, encoder, host, files: (paths) => bundle.files(paths) };
  } catch (error) {
    await graph.close();
    throw error;
  }
}

/** The variant to run; says so where another precision stands in for the default. */
function chosen(bundle: Bundle, engine: Engine, options: LoadOptions & { task: string }): string {
  const { task, variant: asked = AUTO, executionProvider = "wasm" } = options;
  const { manifest, name: where } = bundle;
  if (!(task in manifest.tasks))
    throw new ConfigError(`${where} has no task '${task}'; it has ${Object.keys(manifest.tasks).join(", ")}`);
  const situation = {
    task,
    asked,
    provider: PROVIDERS[executionProvider],
    engine: versionOf(engine),
    instructionSets: INSTRUCTION_SETS,
  };
  const name = pick(manifest, situation, where);
  const first = choose(manifest, situation)[0];
  const { precision } = manifest.variants[name];
  if (asked === AUTO && precision !== manifest.variants[first.name].precision)
    console.warn(`variant '${first.name}' of ${where} ${first.obstacle?.reason}; ${precision} runs instead (variant '${name}')`);
  return name;
}

function describe(bundle: Bundle, name: string, task: string, provider: string, threads: number): ModelInfo {
  const { manifest } = bundle;
  const variant = manifest.variants[name];
  const opened = [...variant.files, manifest.tokenizer.file];
  return {
    bundle: bundle.name,
    task,
    variant: name,
    way: Object.keys(variant.ways)[0],
    precision: variant.precision,
    target: variant.target,
    provider,
    threads,
    microBatchTokens: MICRO_BATCH_TOKENS,
    maxLength: manifest.tokenizer.max_length,
    dimensions: manifest.tasks[task].embedding?.dimensions ?? null,
    batchInvariant: variant.batch_invariant,
    sha256: Object.fromEntries(opened.map((path) => [path, manifest.files[path].sha256])),
    sizeBytes: opened.reduce((sum, path) => sum + manifest.files[path].size_bytes, 0),
  };
}

function hostOf(bundle: Bundle, graph: Graph, engine: Engine, info: ModelInfo): Host {
  const { task, variant, provider } = info;
  const machine = {
    "@edgebert/runtime": VERSION,
    onnxruntime: versionOf(engine),
    provider,
    cpu: globalThis.navigator?.userAgent ?? `Node ${globalThis.process.version}`,
  };
  const files = Object.keys(info.sha256).length;
  return {
    info,
    check: async (model) => check(model, await samplesOf(bundle, info), { variant, task, machine, files }),
    close: () => graph.close(),
  };
}

/** The stored samples of what runs; null without any. */
async function samplesOf(bundle: Bundle, { variant, way, task }: ModelInfo): Promise<Samples | null> {
  const path = bundle.manifest.variants[variant].ways[way].samples[task];
  if (path === undefined) return null;
  const files = await bundle.files([path]);
  return readSamples(files.get(path) as Uint8Array, `${path} of ${bundle.name}`);
}
