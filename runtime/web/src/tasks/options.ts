/** Arguments of a task's method, and checks of what a caller gives. */

import { ConfigError, InputError } from "../errors.js";
import { checkLong, type Long } from "../tokenization/sliding_window.js";

/** What every call takes. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Rows that run together, at most; as many as fit into a micro-batch unless given. */
  batchSize?: number;
}

/** What a call on texts of any length takes. */
export interface LongOptions extends CallOptions {
  /** Texts beyond the bundle's limit are cut (the default), refused, or run in windows. */
  long?: Long;
  /** Tokens that neighbouring windows share; unless given half a window, at most 128. */
  stride?: number | null;
}

/** What a call on texts that run in no windows takes. */
export interface ShortOptions extends CallOptions {
  long?: "truncate" | "error";
}

/** Options with their defaults filled in. */
export type Chosen<Options extends CallOptions> = Required<Omit<Options, keyof CallOptions>>;

/** Fill in the defaults; what is undefined counts as not given. */
export function choose<Options extends CallOptions>(given: Options, defaults: Chosen<Options>): Chosen<Options> {
  const known = new Set(["signal", "batchSize", ...Object.keys(defaults)]);
  const strange = Object.keys(given).filter((name) => !known.has(name));
  if (strange.length) {
    throw new ConfigError(`unknown option ${strange.join(", ")}; there are ${[...known].join(", ")}`);
  }
  const stated = Object.entries(given).filter(([name, value]) => name in defaults && value !== undefined);
  return { ...defaults, ...Object.fromEntries(stated) };
}

/** Refuse `long` and `stride` that are none. */
export function checkLength({ long, stride }: { long: string; stride?: number | null }, windows: boolean): void {
  checkLong(long, windows);
  if (stride !== undefined && stride !== null) requireWhole("stride", stride);
}

/** Refuse a count below 1. */
export function requirePositive(name: string, value: number): void {
  requireWhole(name, value);
  if (value < 1) throw new InputError(`${name} must be at least 1, got ${value}`);
}

/** Refuse to give fewer than one answer; null is all of them. */
export function requireTopK(topK: number | null): void {
  if (topK !== null) requirePositive("topK", topK);
}

function requireWhole(name: string, value: unknown): void {
  if (!Number.isInteger(value)) throw new InputError(`${name} must be a whole number, got ${String(value)}`);
}
