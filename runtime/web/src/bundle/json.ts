/**
 * The reader of small JSON files: strict, and every problem told by the caller's error.
 *
 * `JSON.parse` loses what a manifest is refused for: a key that is there twice, 1.0 where an
 * integer is expected, and digits beyond 2^53.
 */

import type { EdgebertError } from "../errors.js";

/** A number with a fraction or an exponent whose value is whole, such as 1.0. */
export class Fraction {
  constructor(
    readonly value: number,
    readonly source: string,
  ) {}
}

/** A value of JSON; integers beyond 2^53 are `bigint`, objects have no prototype. */
export type Json = null | boolean | number | bigint | string | Fraction | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** The problem, without the file's name → the error to throw. */
export type Refusal = (problem: string) => EdgebertError;

export const MAX_DEPTH = 64;
export const MAX_DIGITS = 100;
const MAX_SHOWN = 60;
const LITERALS = new Map<string, Json>([["true", true], ["false", false], ["null", null]]);
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const HALF_PAIR = /[\ud800-\udfff]/u;
const PLAIN_KEY = /^[\p{L}\p{N}_-]{1,60}$/u;

class Invalid extends Error {}

/** The value of a JSON text in UTF-8. */
export function parseJson(bytes: Uint8Array, refusal: Refusal): Json {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return new Parser(text).document();
  } catch (error) {
    const reason = error instanceof Invalid ? error.message : "it is not UTF-8";
    throw refusal(`is not valid JSON (${reason})`);
  }
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.unexpected();
    return value;
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new Invalid(`it nests deeper than ${MAX_DEPTH} levels`);
    this.space();
    const first = this.text[this.at];
    if (first === "{") return this.object(depth);
    if (first === "[") return this.array(depth);
    if (first === '"') return this.string();
    for (const [word, value] of LITERALS)
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    return this.number();
  }

  private object(depth: number): JsonObject {
    const found: JsonObject = Object.create(null);
    this.list("}", () => {
      this.space();
      const key = this.string();
      if (key in found) throw new Invalid(`an object has ${shown(key)} twice`);
      this.space();
      if (this.text[this.at] !== ":") throw this.unexpected();
      this.at += 1;
      found[key] = this.value(depth + 1);
    });
    return found;
  }

  private array(depth: number): Json[] {
    const found: Json[] = [];
    this.list("]", () => found.push(this.value(depth + 1)));
    return found;
  }

  /** What stands between brackets, with commas. */
  private list(end: string, one: () => void): void {
    this.at += 1;
    this.space();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      one();
      this.space();
      const next = this.text[this.at];
      if (next !== "," && next !== end) throw this.unexpected();
      this.at += 1;
      if (next === end) return;
    }
  }

  private string(): string {
    if (this.text[this.at] !== '"') throw this.unexpected();
    let end = this.at + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    const source = this.text.slice(this.at, end + 1);
    let found: string;
    try {
      found = JSON.parse(source) as string;
    } catch {
      throw this.unexpected();
    }
    if (HALF_PAIR.test(found)) throw new Invalid("it has half of a surrogate pair");
    this.at = end + 1;
    return found;
  }

  private number(): Json {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.unexpected();
    const [source, fraction, exponent] = match;
    this.at += source.length;
    const value = Number(source);
    if (fraction === undefined && exponent === undefined) return integerOf(source, value);
    if (!Number.isFinite(value)) throw new Invalid(`${source} is no finite number`);
    return Number.isInteger(value) ? new Fraction(value, source) : value;
  }

  private space(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private unexpected(): Invalid {
    const found = this.text[this.at];
    return new Invalid(
      found === undefined ? "it ends too early" : `${shown(found)} at character ${this.at}`,
    );
  }
}

function integerOf(source: string, value: number): number | bigint {
  if (source.length > MAX_DIGITS) throw new Invalid(`a number has ${source.length} digits`);
  return Number.isSafeInteger(value) ? value : BigInt(source);
}

/** A value in a message: one line, not too long. */
export function shown(value: Json): string {
  const text = typeof value === "string" ? `'${JSON.stringify(value).slice(1, -1)}'` : spelled(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}

/** The place of a value in a message, such as `variants.cpu.files[0]`. */
export function inside(place: string, key: string | number): string {
  if (typeof key === "number") return `${place}[${key}]`;
  if (!PLAIN_KEY.test(key)) return `${place}[${shown(key)}]`;
  return place ? `${place}.${key}` : key;
}

/** Whether a value is an object with keys. */
export function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Fraction);
}

function spelled(value: Json): string {
  if (value instanceof Fraction) return value.source;
  if (Array.isArray(value)) return `[${value.map(spelled).join(", ")}]`;
  if (!isObject(value)) return typeof value === "bigint" ? String(value) : JSON.stringify(value);
  return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${spelled(each)}`).join(", ")}}`;
}
