/**
 * The bytes of other files that a graph's tensors lie in, checked before the engine sees the graph;
 * the port of `edgebert_runtime.bundle.external_data`.
 */

import { BundleError, UnsafePathError } from "../errors.js";
import type { Variant } from "./manifest.js";
import { beside, checkPath } from "./paths.js";
import { Malformed, readTensors, type StoredTensor } from "./protobuf.js";

const GRAPHS = ".onnx";
const ONCE = ["location", "offset", "length"];

/** Path in the bundle → its bytes, of every file of a variant. */
export type Files = ReadonlyMap<string, Uint8Array>;

type Places = (path: string) => (readonly [number, number])[];

/**
 * The files that a graph's tensors name, as it spells them, with their bytes.
 *
 * A range of bytes must lie inside its file and, where the manifest lists ranges of that file, in
 * one of them; in a file that is a graph itself, inside the data of one tensor.
 */
export function externalData(variant: Variant, files: Files, where: string): Map<string, Uint8Array> {
  const graph = `${variant.file} of ${where}`;
  if (!variant.file.endsWith(GRAPHS))
    throw new BundleError(`${graph} is not named ${GRAPHS}, so an engine may read it as another format`);
  const tensors = tensorsOf(variant.file, files, where);
  const found = new Map<string, Uint8Array>();
  for (const location of locations(tensors)) found.set(location, bytesAt(variant, location, files, where));
  const places = remembered((path) => tensorPlaces(path, files, where));
  for (const tensor of tensors) {
    const problem = tensor.external.length ? misplaced(tensor, variant, found, places) : null;
    if (problem)
      throw new UnsafePathError(`${graph} has tensor '${tensor.name}' ${problem}; do not use this bundle`);
  }
  return found;
}

function locations(tensors: readonly StoredTensor[]): Set<string> {
  const entries = tensors.flatMap((each) => each.external);
  return new Set(entries.filter(([key]) => key === "location").map(([, value]) => value));
}

function bytesAt(variant: Variant, location: string, files: Files, where: string): Uint8Array {
  checkPath(where, location);
  const bytes = files.get(beside(variant.file, location));
  if (bytes === undefined)
    throw new UnsafePathError(
      `${variant.file} of ${where} keeps weights in '${location}', and the manifest lists only ` +
        `${variant.files.join(", ")} for it; export the model again`,
    );
  return bytes;
}

/** What is wrong with the bytes that a tensor is read from; null if nothing is. */
function misplaced(
  tensor: StoredTensor,
  variant: Variant,
  files: ReadonlyMap<string, Uint8Array>,
  places: Places,
): string | null {
  const keys = tensor.external.map(([key]) => key);
  const twice = ONCE.filter((key) => keys.indexOf(key) !== keys.lastIndexOf(key));
  if (twice.length) return `with external data that has ${twice.join(", ")} more than once, expected once`;
  const given = new Map(tensor.external);
  const location = given.get("location");
  if (location === undefined) return null; // no engine reads anything for it
  const size = tensor.sizeBytes;
  const numbers = [given.get("offset") ?? "0", given.get("length") ?? String(size ?? 0)];
  if (!numbers.every((each) => /^[0-9]+$/.test(each)))
    return `at offset '${numbers[0]}' of '${location}', length '${numbers[1]}': not numbers`;
  const [start, length] = numbers.map(Number);
  if (size !== null && length !== size) return `of ${size} bytes in a range of ${length} bytes of '${location}'`;
  const range = `in bytes ${start} to ${start + length} of '${location}'`;
  const all = (files.get(location) as Uint8Array).length;
  if (start + length > all) return `${range}, which has ${all} bytes`;
  const path = beside(variant.file, location);
  const listed = variant.external.filter((each) => each.file === path);
  const inside = listed.some(
    (each) => each.offset <= start && start + length <= each.offset + each.length,
  );
  if (listed.length && !inside) return `${range}, which the manifest does not list`;
  const whole = places(path).some(([first, last]) => first <= start && start + length <= last);
  if (path.endsWith(GRAPHS) && !whole) return `${range}, which are not inside one tensor there`;
  return null;
}

/** Start and end of the data of each tensor of a graph; of another file none. */
function tensorPlaces(path: string, files: Files, where: string): (readonly [number, number])[] {
  if (!path.endsWith(GRAPHS)) return [];
  return tensorsOf(path, files, where).flatMap((each) => (each.raw ? [each.raw] : []));
}

function tensorsOf(path: string, files: Files, where: string): StoredTensor[] {
  try {
    return readTensors(files.get(path) as Uint8Array);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new BundleError(`${path} of ${where} is not an ONNX file: ${error.message}; export the model again`);
  }
}

function remembered(places: Places): Places {
  const found = new Map<string, (readonly [number, number])[]>();
  return (path) => {
    const known = found.get(path) ?? places(path);
    found.set(path, known);
    return known;
  };
}
