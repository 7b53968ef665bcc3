/** What is wrong between the keys of a manifest, each of which makes sense alone; as `manifest_checks` in Python. */

import { shown } from "./json.js";
import type { EmbeddingInfo, Library, Manifest, TaskInfo, TensorInfo, Variant } from "./manifest.js";

const STEP_NEEDS = { pool: ["modes"], dense: ["file", "activation"], normalize: [], truncate: ["dimensions"] } as const;

/** The variant of a name; else those that were made under it, one for each target. */
export function named(variants: Readonly<Record<string, Variant>>, name: string): string[] {
  if (name in variants) return [name];
  return Object.keys(variants).filter((each) => each === `${name}-${variants[each].target}`);
}

/** Each problem, in words that follow the name of the file. */
export function* contradictions(manifest: Manifest): Generator<string> {
  yield* names(manifest);
  yield* unlisted(manifest);
  yield* tokenizer(manifest);
  for (const [name, task] of Object.entries(manifest.tasks))
    if (task.embedding) yield* embedding(`tasks.${name}`, task, task.embedding, manifest.architecture.hidden);
  for (const [name, each] of Object.entries(manifest.variants))
    yield* variant(`variant ${shown(name)}`, manifest, each);
}

function* names(manifest: Manifest): Generator<string> {
  const { variants, tasks } = manifest;
  const every = Object.values(variants);
  const byPrecision = every.some((each) => each.precision === manifest.default_variant);
  if (!byPrecision && !named(variants, manifest.default_variant).length)
    yield `default_variant is ${shown(manifest.default_variant)}, which it does not hold`;
  if (!(manifest.default_task in tasks))
    yield `default_task is ${shown(manifest.default_task)}, expected one of ${list(Object.keys(tasks))}`;
  for (const task of Object.keys(tasks))
    if (!every.some((each) => each.tasks.includes(task)))
      yield `tasks has ${shown(task)}, which no variant answers`;
  for (const [at, step] of manifest.provenance.entries())
    if (step.variant !== null && !(step.variant in variants))
      yield `provenance[${at}].variant is ${shown(step.variant)}, which it does not hold`;
}

/** Files that something needs and that are not among `files`. */
function* unlisted(manifest: Manifest): Generator<string> {
  for (const [user, needed] of users(manifest)) {
    const missing = [...new Set(needed)].filter((file) => !(file in manifest.files)).sort();
    if (missing.length) yield `${user} needs ${list(missing)}, not among 'files'`;
  }
}

function* users(manifest: Manifest): Generator<[string, string[]]> {
  yield ["tokenizer", [manifest.tokenizer.file]];
  for (const [name, task] of Object.entries(manifest.tasks))
    for (const [at, step] of (task.embedding?.steps ?? []).entries())
      if (step.file) yield [`tasks.${name}.embedding.steps[${at}]`, [step.file]];
  for (const [name, each] of Object.entries(manifest.variants)) {
    const samples = Object.values(each.ways).flatMap((way) => Object.values(way.samples));
    yield [`variant ${shown(name)}`, [each.file, ...each.files, ...samples]];
  }
}

function* tokenizer(manifest: Manifest): Generator<string> {
  const { max_length, max_positions, pad_id, pad_type_id } = manifest.tokenizer;
  const { vocabulary, token_types } = manifest.architecture;
  if (max_length > max_positions)
    yield `tokenizer.max_length is ${max_length}, expected at most tokenizer.max_positions, ${max_positions}`;
  if (vocabulary && pad_id >= vocabulary)
    yield `tokenizer.pad_id is ${pad_id}, expected less than architecture.vocabulary, ${vocabulary}`;
  if (token_types && pad_type_id >= token_types)
    yield `tokenizer.pad_type_id is ${pad_type_id}, expected less than architecture.token_types, ${token_types}`;
}

function* variant(said: string, manifest: Manifest, each: Variant): Generator<string> {
  if (each.file !== each.files[0])
    yield `${said} has files[0] = ${shown(each.files[0])}, expected ${shown(each.file)}`;
  const foreign = each.tasks.filter((task) => !(task in manifest.tasks));
  if (foreign.length) {
    yield `${said} answers ${list(foreign)}, expected only ${list(Object.keys(manifest.tasks))}, of tasks`;
    return;
  }
  yield* outputs(said, each.tasks.map((task) => manifest.tasks[task]));
  yield* external(said, manifest, each);
  yield* ways(said, each);
}

/** Outputs of one graph that two tasks describe differently. */
function* outputs(said: string, tasks: TaskInfo[]): Generator<string> {
  const found = new Map<string, TensorInfo>();
  for (const output of tasks.flatMap((task) => task.outputs)) {
    const known = found.get(output.name) ?? output;
    found.set(output.name, known);
    if (known.dtype !== output.dtype || JSON.stringify(known.shape) !== JSON.stringify(output.shape))
      yield `${said} answers two tasks whose output ${shown(output.name)} differs, expected one ` +
        "shape and dtype; give each task a variant of its own";
  }
}

/** Ranges of files that the variant does not name, or that end behind the file. */
function* external(said: string, manifest: Manifest, variant: Variant): Generator<string> {
  for (const [at, each] of variant.external.entries()) {
    const place = `${said} has external[${at}]`;
    const end = each.offset + each.length;
    const size = manifest.files[each.file]?.size_bytes;
    if (!variant.files.slice(1).includes(each.file))
      yield `${place} in ${each.file}, expected one of its files behind the graph`;
    else if (size !== undefined && end > size)
      yield `${place} to byte ${end} of ${each.file}, which has ${size}`;
  }
}

/** Ways that do not go with the library, and samples of tasks that the variant does not answer. */
function* ways(said: string, variant: Variant): Generator<string> {
  const { library } = variant;
  const expected = waysOf(library);
  const found = Object.keys(variant.ways);
  if (found.length !== expected.length || !expected.every((name) => name in variant.ways)) {
    const kind = library?.required ? "a required library" : "an optional library";
    yield `${said} has ${library ? kind : "no library"} and ways ${list(found)}, expected ${list(expected)}`;
  }
  for (const [name, way] of Object.entries(variant.ways)) {
    const foreign = Object.keys(way.samples).filter((task) => !variant.tasks.includes(task)).sort();
    if (foreign.length)
      yield `${said} has samples of ${list(foreign)} in way ${shown(name)}, which it cannot answer`;
  }
}

function waysOf(library: Library | null): string[] {
  if (library === null) return ["stock"];
  return library.required ? ["native"] : ["stock", "native"];
}

/** Steps and sizes of vectors that do not fit. */
function* embedding(place: string, task: TaskInfo, info: EmbeddingInfo, hidden: number | null): Generator<string> {
  const widths = new Map(task.outputs.filter((each) => each.shape.length).map((each) => [each.name, each.shape.at(-1)]));
  let width: number | string | null | undefined = widths.get("last_hidden_state") ?? hidden;
  for (const [at, step] of info.steps.entries()) {
    const where = `${place}.embedding.steps[${at}]`;
    const lacking = STEP_NEEDS[step.kind].filter((key) => !step[key as keyof typeof step]);
    if (lacking.length) yield `${where} is ${shown(step.kind)} and lacks ${list(lacking)}`;
    if (step.kind === "pool" && at > 0) yield `${where} is 'pool', which only the first step can be`;
    if (step.kind === "pool" && typeof width === "number") width *= step.modes?.length ?? 0;
    if (step.kind === "dense" || step.kind === "truncate") width = step.dimensions;
  }
  for (const found of [widths.get("sentence_embedding"), info.steps.length ? width : null])
    if (typeof found === "number" && found !== info.dimensions)
      yield `${place}.embedding.dimensions is ${info.dimensions}, expected ${found} as the graph and the steps give`;
  if (info.default_prompt !== null && !(info.default_prompt in info.prompts))
    yield `${place}.embedding.default_prompt is ${shown(info.default_prompt)}, not among its prompts`;
}

function list(names: readonly string[]): string {
  return names.join(", ");
}
