/** Windows over a text that is longer than a model takes, and what is cut from one. */

import { ConfigError, InputError } from "../errors.js";

/** A text beyond the limit is cut, refused, or run in overlapping windows. */
export type Long = "truncate" | "error" | "window";

/** Tokens from `start` to before `stop`. */
export interface Range {
  start: number;
  stop: number;
}

/** Most that neighbouring windows share where the caller says nothing. */
export const STRIDE_TOKENS = 128;

/** The tokens of each window over `length` of them, `shared` by neighbours; all but the last are full. */
export function slide(length: number, room: number, shared: number): Range[] {
  const found: Range[] = [];
  for (let start = 0; start < length; start += room - shared) {
    found.push({ start, stop: Math.min(start + room, length) });
    if (start + room >= length) break;
  }
  return found;
}

/**
 * How many tokens neighbouring windows share; what is asked for, else half a window, at most
 * `STRIDE_TOKENS`. `room` is what the text can have of a window.
 */
export function sharedTokens(window: number, room: number, asked: number | null): number {
  if (asked === null) {
    const usual = Math.min(Math.floor(window / 2), STRIDE_TOKENS);
    return usual < room ? usual : Math.floor(room / 2);
  }
  if (!(asked >= 0 && asked < room)) {
    throw new ConfigError(`stride must be between 0 and ${room - 1} for windows of ${window} tokens, got ${asked}`);
  }
  return asked;
}

/** Positions that stay: of all tokens that were added, and of each text a part of its own. */
export function keptPositions(sources: readonly (number | null)[], parts: readonly (Range | undefined)[]): number[] {
  const seen = parts.map(() => 0);
  return sources.flatMap((source, position) => {
    if (source === null) return [position];
    const part = parts[source];
    const at = seen[source]!++;
    return part && at >= part.start && at < part.stop ? [position] : [];
  });
}

/** Tokens of a text that a window holds beside the others. */
export function roomIn(window: number, others: number): number {
  if (others >= window) {
    throw new InputError(
      `question or query and special tokens are ${others} tokens and fill a window of ${window}; shorten ` +
        "the question, or export the model with a larger max_length",
    );
  }
  return window - others;
}

/** How many tokens of each of two texts fit, where the longer one loses first. */
export function longestFirst(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  if (2 * shorter <= room) {
    const longer = room - shorter;
    return first <= second ? [shorter, longer] : [longer, shorter];
  }
  const half = Math.floor(room / 2);
  return first <= second ? [half, room - half] : [room - half, half];
}

/** Refuse what is no way to treat long texts. */
export function checkLong(long: string, windows = true): Long {
  const ways = ["truncate", "error", ...(windows ? ["window"] : [])];
  if (!ways.includes(long)) {
    throw new ConfigError(`long must be one of ${ways.join(", ")}; got ${JSON.stringify(long)}`);
  }
  return long as Long;
}
