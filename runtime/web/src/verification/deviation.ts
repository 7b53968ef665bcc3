/** How far apart two answers are; the port of `edgebert_runtime.verification.probes`. */

import type { Comparable, Measure, Places } from "./probe.js";

export interface Deviation {
  /** In the measure of the task; infinite where a number is none. */
  amount: number;
  /** The place, in words. */
  at: string;
  found: number;
  expected: number;
}

/** What a place may be → its score. */
type Scores = ReadonlyMap<string, number>;

/** How far an answer is off what is expected of it. */
export function deviation(measure: Measure, expected: Comparable, found: Comparable): Deviation {
  if (measure === "distance") return vectorDeviation(expected as ArrayLike<number>, found as ArrayLike<number>);
  return scoreDeviation(expected as Places, found as Places, measure === "probabilities");
}

/** Euclidean distance, as a share of the expected vector's length. */
function vectorDeviation(expected: ArrayLike<number>, found: ArrayLike<number>): Deviation {
  if (expected.length !== found.length)
    return { amount: Infinity, at: "the numbers of the vector", found: found.length, expected: expected.length };
  const apart = Array.from(expected, (value, at) => found[at] - value);
  const sizes = apart.map((value) => (Number.isNaN(value) ? Infinity : Math.abs(value)));
  const at = sizes.indexOf(sizes.reduce((most, each) => Math.max(most, each), 0));
  const amount = finite(length(apart) / (length(Array.from(expected)) || 1));
  return { amount, at: `number ${at} of the vector`, found: found[at], expected: expected[at] };
}

/** How far a score moved, as a share of it if it is above 1; the furthest of all. */
function scoreDeviation(expected: Places, found: Places, shares: boolean): Deviation {
  if (expected.length !== found.length)
    return { amount: Infinity, at: "the number of answers", found: found.length, expected: expected.length };
  const offs = expected.flatMap((there, at) => eachOff(at, there, found[at], shares));
  const none = { amount: 0, at: "nothing", found: 0, expected: 0 };
  return offs.reduce((worst, off) => (off.amount > worst.amount ? off : worst), offs[0] ?? none);
}

/**
 * Either side may name only its best. What one side lacks counts as little moved as can be, so two
 * that change places because they are equal make no difference.
 */
function eachOff(at: number, there: Scores, here: Scores, shares: boolean): Deviation[] {
  const [roomThere, roomHere] = [room(there, shares), room(here, shares)];
  return [...new Set([...there.keys(), ...here.keys()])].map((key) => {
    const expected = there.get(key) ?? Math.min(here.get(key) as number, roomThere);
    const found = here.get(key) ?? Math.min(there.get(key) as number, roomHere);
    const amount = finite(Math.abs(found - expected) / Math.max(1, Math.abs(expected)));
    return { amount, at: `the score of '${key}' at place ${at}`, found, expected };
  });
}

/** The highest score that something can have which is not among the best. */
function room(scores: Scores, shares: boolean): number {
  const values = [...scores.values()];
  const left = shares ? Math.max(0, 1 - values.reduce((sum, each) => sum + each, 0)) : Infinity;
  return values.length ? Math.min(left, ...values) : 0;
}

function length(vector: readonly number[]): number {
  return Math.sqrt(vector.reduce((sum, each) => sum + each * each, 0));
}

function finite(amount: number): number {
  return Number.isFinite(amount) ? amount : Infinity;
}
