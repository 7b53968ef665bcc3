/** From the logits of edges to answers in a context. */

import type { Tokens } from "../tokenization/tokens.js";
import { softmax } from "./activations.js";
import { descending } from "./order.js";

/** Which text of the pair the context is, counted from 0. */
export const CONTEXT = 1;

/** Position of `[CLS]`, which stands for "no answer" (Devlin et al. 2019, section 4.3). */
export const NULL = 0;

/** One span of the context. */
export interface Answer {
  /** What the context has from `start` to `end`; empty for "no answer". */
  text: string;
  /**
   * Probability of start times probability of end, within a window; summed over spans that read alike
   * but for case, so it may exceed 1 where windows share an answer.
   */
  score: number;
  /** `context.slice(start, end)` is `text`. */
  start: number;
  end: number;
}

/** First and last token of a span in a window, and its probability. */
export interface TokenSpan {
  first: number;
  last: number;
  score: number;
}

/** Which tokens are the context's; they are neighbours. */
export function contextPositions(sources: readonly (number | null)[]): number[] {
  return sources.flatMap((source, at) => (source === CONTEXT ? [at] : []));
}

/** Probabilities of an edge at each token, over the context's and `[CLS]`; 0 elsewhere. */
export function scoreTokens(logits: Float32Array, sources: readonly (number | null)[]): Float32Array {
  const eligible = sources.map((source, at) => (at === NULL ? source === null : source === CONTEXT));
  return softmax(eligible.map((holds, at) => (holds ? logits[at] : -Infinity)));
}

/** The most probable spans, at most `count`; of equal ones the earlier first. */
export function bestSpans(
  starts: Float32Array,
  ends: Float32Array,
  inside: readonly number[],
  maxAnswerLength: number,
  count: number,
): TokenSpan[] {
  const spans: TokenSpan[] = [];
  inside.forEach((first, at) => {
    const stop = Math.min(at + maxAnswerLength, inside.length);
    for (const last of inside.slice(at, stop)) {
      spans.push({ first, last, score: Math.fround(starts[first] * ends[last]) });
    }
  });
  return descending(spans.map((span) => span.score))
    .slice(0, count)
    .map((at) => spans[at]);
}

/** A span of tokens as places in the context, widened to whole words where there are any. */
export function readSpan(context: string, tokens: Tokens, span: TokenSpan): Answer {
  const [first, last] = [tokens.words[span.first], tokens.words[span.last]];
  let [start, end] = [tokens.starts[span.first], tokens.ends[span.last]];
  if (first !== null && last !== null) {
    const inside = contextPositions(tokens.sources);
    start = tokens.starts[inside.find((at) => tokens.words[at] === first)!];
    end = tokens.ends[inside.reverse().find((at) => tokens.words[at] === last)!];
  }
  return { text: context.slice(start, end), score: span.score, start, end };
}

/** Sum the scores of answers that read alike but for case; the first keeps its place. */
export function mergeAlike(answers: readonly Answer[]): Answer[] {
  const merged = new Map<string, Answer>();
  for (const answer of answers) {
    const key = answer.text.toLowerCase();
    const first = merged.get(key);
    merged.set(key, first ? { ...first, score: first.score + answer.score } : answer);
  }
  return [...merged.values()];
}
