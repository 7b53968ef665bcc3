/** Whether this browser computes what the machine computed that wrote the bundle; as `self_test` in Python. */

import { BundleError } from "../errors.js";
import { deviation, type Deviation } from "./deviation.js";
import type { Comparable, Item, Probed } from "./probe.js";
import type { CheckReport } from "./report.js";
import type { Sample, Samples } from "./samples.js";

const SHOWN_CHARACTERS = 40;
const SHOWN_TOKENS = 8;
const AGAIN = "export the model again, and quantize it again, with this version of edgebert";
const NO_SAMPLES =
  `its files are intact, but it has no stored samples, so no answers were compared; ${AGAIN}`;
const NO_ROOM =
  "its file of samples is empty, because max_length is too small for every sample, and nothing was " +
  "compared; export the model again with a larger max_length";

/** What a report says whatever is found. */
export interface Checked {
  variant: string;
  task: string;
  machine: Record<string, string>;
  files: number;
}

/** Runs stored samples through a model and compares tokens and answers; null samples are reported. */
export async function check(model: Probed, stored: Samples | null, checked: Checked): Promise<CheckReport> {
  const report = { ...checked, samples: 0, worst: null, worstAt: null, tolerance: null, problem: null };
  if (stored === null) return { ...report, problem: NO_SAMPLES, passed: false };
  const found = { ...report, samples: stored.samples.length, tolerance: stored.tolerance };
  const early = stored.samples.length ? otherTokens(model, stored, checked.machine) : NO_ROOM;
  if (early !== null) return { ...found, problem: early, passed: false };
  requireKind(model, stored);
  const [at, off] = await worstOf(model, stored);
  const place = `sample ${at} (${start(stored.samples[at].text)})`;
  const problem = off.amount > stored.tolerance ? inWords(off, place, stored, checked.machine) : null;
  const worst = off.amount === Infinity ? null : off.amount;
  return { ...found, worst, worstAt: `${place}, ${off.at}`, problem, passed: problem === null };
}

/** Refuses samples of a task that answers otherwise. */
function requireKind(model: Probed, { samples }: Samples): void {
  const vectors = model.measure === "distance";
  const at = samples.findIndex((each) => each.expected.some((one) => (typeof one === "object") === vectors));
  if (at >= 0)
    throw new BundleError(
      `task '${model.task}' has a sample ${at} without ${vectors ? "a vector" : "scores"} as its answer; export the model again`,
    );
}

async function worstOf(model: Probed, { samples }: Samples): Promise<[number, Deviation]> {
  const found = await model.probe(samples.map((each) => each.text));
  const offs = samples.map((each, at) => deviation(model.measure, comparable(each), found[at]));
  const worst = offs.reduce((most, off, at) => (off.amount > offs[most].amount ? at : most), 0);
  return [worst, offs[worst]];
}

function comparable({ expected }: Sample): Comparable {
  return expected.map((each) => (typeof each === "number" ? each : new Map(Object.entries(each)))) as Comparable;
}

function otherTokens(model: Probed, { samples, made_by }: Samples, machine: Record<string, string>): string | null {
  for (const [at, sample] of samples.entries()) {
    const ids = model.tokenIds(sample.text);
    if (ids.length !== sample.input_ids.length || ids.some((id, place) => id !== sample.input_ids[place]))
      return (
        `the tokenizer differs: sample ${at} (${start(sample.text)}) has tokens ${firstIds(ids)} here, expected ` +
        `${firstIds(sample.input_ids)}; @edgebert/runtime is ${machine["@edgebert/runtime"]} here and tokenizers ` +
        `${made_by["tokenizers"]} there: ${AGAIN}`
      );
  }
  return null;
}

function inWords(off: Deviation, place: string, stored: Samples, machine: Record<string, string>): string {
  const there = stored.made_by;
  return (
    `the tokens are the same, the answers are not: ${place} differs by ${rounded(off.amount)}, the tolerance is ` +
    `${rounded(stored.tolerance)} (${stored.measure}); ${off.at} is ${rounded(off.found)}, expected ` +
    `${rounded(off.expected)}. Here: ONNX Runtime ${machine["onnxruntime"]}, ${machine["provider"]}, ${machine["cpu"]}; ` +
    `there: ${there["onnxruntime"]}, ${there["provider"]}, ${there["cpu"]}. Do not use this variant here; try another one`
  );
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** The beginning of a sample; of two texts, of the second, which is another in each. */
function start(text: Item): string {
  const last = typeof text === "string" ? text : text[1];
  return `'${last.length <= SHOWN_CHARACTERS ? last : `${last.slice(0, SHOWN_CHARACTERS)}…`}'`;
}

function firstIds(ids: readonly number[]): string {
  return `[${ids.slice(0, SHOWN_TOKENS).join(", ")}${ids.length > SHOWN_TOKENS ? ", …" : ""}] (${ids.length})`;
}
