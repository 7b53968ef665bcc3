/** What a value of JSON may be; the port of `edgebert_runtime.storage.json_values`. */

import { Fraction, inside, isObject, shown, type Json, type Refusal } from "./json.js";

/** What a value may be. */
export interface Kind<T> {
  /** In words, after "expected". */
  readonly expected: string;
  /** The typed value, or an `Unfit`. */
  read(value: Json, place: string): T;
}

type Read<K> = K extends Kind<infer T> ? T : never;
type Kinds = Record<string, Kind<unknown>>;
type Known<R extends Kinds, O extends Kinds> = { [K in keyof R]: Read<R[K]> } & {
  [K in keyof O]?: Read<O[K]>;
};

/** A value does not fit its key. */
class Unfit extends Error {}

function unfit(place: string, value: Json, expected: string): Unfit {
  return new Unfit(`${place || "the file"} is ${shown(value)}, expected ${expected}`);
}

/** Largest integer that is read, unless a key says otherwise. */
const MOST = 2 ** 31 - 1;

/** Reads a whole file; what does not fit is told by `refusal`. */
export function readValue<T>(kind: Kind<T>, value: Json, refusal: Refusal): T {
  try {
    return kind.read(value, "");
  } catch (error) {
    if (error instanceof Unfit) throw refusal(error.message);
    throw error;
  }
}

export function integer(least = 0, most: number | bigint = MOST): Kind<number> {
  const expected = `an integer from ${least} to ${most}`;
  return {
    expected,
    read(value, place) {
      const whole = typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
      if (!whole || value < least || value > most) throw unfit(place, value, expected);
      return Number(value);
    },
  };
}

export function number(bounds: { least?: number; most?: number; above?: number } = {}): Kind<number> {
  const { least, most, above } = bounds;
  const said = [
    least === undefined ? "" : `of at least ${least}`,
    most === undefined ? "" : `of at most ${most}`,
    above === undefined ? "" : `above ${above}`,
  ].filter(Boolean);
  const expected = ["a finite number", said.join(" and ")].join(" ").trim();
  return {
    expected,
    read(value, place) {
      const found = numberOf(value);
      const fits = found !== null && found >= (least ?? -Infinity) && found <= (most ?? Infinity);
      if (!fits || (above !== undefined && found <= above)) throw unfit(place, value, expected);
      return found;
    },
  };
}

function numberOf(value: Json): number | null {
  if (value instanceof Fraction) return value.value;
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : null;
}

/** A string; of those that a later version may write, any is read. */
export function text(pattern?: { matches: RegExp; words: string }): Kind<string> {
  const expected = pattern?.words ?? "a string";
  return {
    expected,
    read(value, place) {
      const fits = typeof value === "string" && (pattern?.matches.test(value) ?? true);
      if (!fits) throw unfit(place, value, expected);
      return value;
    },
  };
}

/** One of these strings. */
export function among<const T extends readonly string[]>(...allowed: T): Kind<T[number]> {
  const expected = allowed.map(shown).join(" or ");
  return {
    expected,
    read(value, place) {
      if (typeof value !== "string" || !allowed.includes(value)) throw unfit(place, value, expected);
      return value;
    },
  };
}

export const flag: Kind<boolean> = {
  expected: "true or false",
  read(value, place) {
    if (typeof value !== "boolean") throw unfit(place, value, this.expected);
    return value;
  },
};

export const anything: Kind<unknown> = { expected: "a value", read: plain };

export function array<T>(of: Kind<T>, least = 0, most = MOST): Kind<T[]> {
  let size = least ? ` of at least ${least}` : "";
  if (most < MOST) size = ` of ${least} to ${most}`;
  const expected = `an array${size}, each ${of.expected}`;
  return {
    expected,
    read(value, place) {
      const fits = Array.isArray(value) && value.length >= least && value.length <= most;
      if (!fits) throw unfit(place, value, expected);
      return value.map((each, at) => of.read(each, inside(place, at)));
    },
  };
}

/** An object with keys of the writer's choice. */
export function table<T>(of: Kind<T>, keys: Kind<string> = text(), least = 0): Kind<Record<string, T>> {
  const expected = least ? `an object with at least ${least} key` : "an object";
  return {
    expected,
    read(value, place) {
      if (!isObject(value) || Object.keys(value).length < least) throw unfit(place, value, expected);
      const found: Record<string, T> = Object.create(null);
      for (const [key, each] of Object.entries(value))
        found[keys.read(key, `a key of ${place || "the file"}`)] = of.read(each, inside(place, key));
      return found;
    },
  };
}

/** An object with keys of the format's choice; others are kept as they are. */
export function fields<R extends Kinds, O extends Kinds = Record<never, never>>(
  required: R,
  optional?: O,
): Kind<Known<R, O>> {
  const known = new Map<string, Kind<unknown>>(Object.entries({ ...required, ...optional }));
  return {
    expected: "an object",
    read(value, place) {
      if (!isObject(value)) throw unfit(place, value, this.expected);
      for (const key of Object.keys(required))
        if (!(key in value)) throw new Unfit(`${place} lacks ${shown(key)}`.trim());
      const found: Record<string, unknown> = Object.create(null);
      for (const [key, each] of Object.entries(value))
        found[key] = (known.get(key) ?? anything).read(each, inside(place, key));
      return found as Known<R, O>;
    },
  };
}

export function nullable<T>(of: Kind<T>): Kind<T | null> {
  return {
    expected: `${of.expected} or null`,
    read: (value, place) => (value === null ? null : of.read(value, place)),
  };
}

/** The first of two kinds that fits. */
export function either<A, B>(first: Kind<A>, second: Kind<B>): Kind<A | B> {
  const expected = `${first.expected} or ${second.expected}`;
  return {
    expected,
    read(value, place) {
      for (const kind of [first, second])
        try {
          return kind.read(value, place);
        } catch (error) {
          if (!(error instanceof Unfit)) throw error;
        }
      throw unfit(place, value, expected);
    },
  };
}

/** A value as other code has it: fractions are numbers. */
function plain(value: Json): unknown {
  if (value instanceof Fraction) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  const found: Record<string, unknown> = Object.create(null);
  for (const [key, each] of Object.entries(value)) found[key] = plain(each);
  return found;
}
