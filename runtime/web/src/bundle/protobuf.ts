/** The tensors of an ONNX file, without their data; the port of `edgebert_runtime.bundle.protobuf_reader`. */

/** Every message that can hold a tensor: field number → child message. */
const MESSAGES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  ModelProto: { 7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto" },
  GraphProto: { 1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto" },
  NodeProto: { 5: "AttributeProto" },
  AttributeProto: {
    5: "TensorProto",
    6: "GraphProto",
    10: "TensorProto",
    11: "GraphProto",
    22: "SparseTensorProto",
    23: "SparseTensorProto",
  },
  SparseTensorProto: { 1: "TensorProto", 2: "TensorProto" },
  FunctionProto: { 7: "NodeProto", 11: "AttributeProto" },
  TrainingInfoProto: { 1: "GraphProto", 2: "GraphProto" },
};
const DIMS = 1;
const DATA_TYPE = 2;
const NAME = 8;
const RAW_DATA = 9;
const EXTERNAL_DATA = 13;

/** Bits of an element → TensorProto.DataType; strings have no fixed size. */
const TYPES: readonly [number, readonly number[]][] = [
  [4, [21, 22, 23]],
  [8, [2, 3, 9, 17, 18, 19, 20, 24]],
  [16, [4, 5, 10, 16]],
  [32, [1, 6, 12]],
  [64, [7, 11, 13, 14]],
  [128, [15]],
];
const BITS = new Map(TYPES.flatMap(([bits, types]) => types.map((type) => [type, bits] as const)));

const MAX_DEPTH = 64;
const MAX_VARINT_BYTES = 10;
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_SIZES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** The bytes are not a protobuf message; says why. */
export class Malformed extends Error {}

export interface StoredTensor {
  name: string;
  /** By shape and type; null for a type without a fixed size. */
  sizeBytes: number | null;
  /** Start and end of its data in the file; null where it has none there. */
  raw: readonly [number, number] | null;
  /** Keys and values of `external_data`, as written. */
  external: readonly (readonly [string, string])[];
}

interface Field {
  number: number;
  type: number;
  first: number;
  last: number;
}

/** Every tensor that has raw or external data, also of subgraphs, functions and attributes. */
export function readTensors(data: Uint8Array): StoredTensor[] {
  const found: StoredTensor[] = [];
  const pending = [{ message: "ModelProto", first: 0, last: data.length, depth: 0 }];
  for (let one = pending.pop(); one; one = pending.pop()) {
    const { message, first, last, depth } = one;
    if (depth > MAX_DEPTH) throw new Malformed(`it nests deeper than ${MAX_DEPTH} messages`);
    if (message === "TensorProto") {
      found.push(tensorIn(data, first, last));
      continue;
    }
    for (const field of fieldsOf(data, first, last)) {
      const child = field.type === LENGTH_DELIMITED ? MESSAGES[message][field.number] : undefined;
      if (child) pending.push({ message: child, first: field.first, last: field.last, depth: depth + 1 });
    }
  }
  return found.filter((each) => each.raw || each.external.length);
}

/** A TensorProto; of a repeated field the last counts, as protobuf has it. */
function tensorIn(data: Uint8Array, start: number, end: number): StoredTensor {
  let name = "";
  let raw: [number, number] | null = null;
  let type = 0;
  const dims: number[] = [];
  const external: [string, string][] = [];
  for (const field of fieldsOf(data, start, end)) {
    const delimited = field.type === LENGTH_DELIMITED;
    if (field.number === EXTERNAL_DATA && delimited) external.push(entryIn(data, field));
    else if (field.number === RAW_DATA && delimited) raw = [field.first, field.last];
    else if (field.number === NAME && delimited) name = textIn(data, field);
    else if (field.number === DIMS) dims.push(...numbersIn(data, field));
    else if (field.number === DATA_TYPE && field.type === VARINT) type = varint(data, field.first, end)[0];
  }
  const bits = BITS.get(type);
  const elements = dims.reduce((product, size) => product * size, 1);
  const sizeBytes = bits === undefined ? null : Math.ceil((bits * elements) / 8);
  return { name, sizeBytes, raw, external };
}

/** Key and value of a StringStringEntryProto. */
function entryIn(data: Uint8Array, entry: Field): [string, string] {
  const found: [string, string] = ["", ""];
  for (const field of fieldsOf(data, entry.first, entry.last))
    if (field.number === 1 || field.number === 2) found[field.number - 1] = textIn(data, field);
  return found;
}

function* fieldsOf(data: Uint8Array, start: number, end: number): Generator<Field> {
  let position = start;
  while (position < end) {
    const [tag, first] = varint(data, position, end);
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (number < 1 || number >= 2 ** 29) throw new Malformed(`field number ${number} near byte ${position}`);
    const field = { number, type, first, last: fieldEnd(data, type, first, end) };
    if (type === LENGTH_DELIMITED) {
      const [size, behind] = varint(data, first, end);
      field.first = behind;
      field.last = behind + size;
    }
    if (field.last > end) throw new Malformed(`a field that starts near byte ${first} does not end`);
    yield field;
    position = field.last;
  }
}

function fieldEnd(data: Uint8Array, type: number, first: number, end: number): number {
  if (type === VARINT || type === LENGTH_DELIMITED) return varint(data, first, end)[1];
  const size = FIXED_SIZES[type];
  if (size === undefined) throw new Malformed(`wire type ${type} near byte ${first}`);
  return first + size;
}

/** The numbers of a field: one, or several that are packed. */
function* numbersIn(data: Uint8Array, field: Field): Generator<number> {
  for (let at = field.first; at < field.last; ) {
    const [value, next] = varint(data, at, field.last);
    yield value;
    at = next;
  }
}

/** The number at `start` and the position after it. */
function varint(data: Uint8Array, start: number, end: number): [number, number] {
  let value = 0;
  for (let at = start; at < Math.min(end, start + MAX_VARINT_BYTES); at += 1) {
    value += (data[at] & 0x7f) * 2 ** (7 * (at - start));
    if (data[at] < 0x80) return [value, at + 1];
  }
  throw new Malformed(`a number that starts at byte ${start} does not end`);
}

function textIn(data: Uint8Array, field: Field): string {
  return new TextDecoder().decode(data.subarray(field.first, field.last));
}
