/** From labelled tokens to labelled pieces of a text. */

import { ConfigError } from "../errors.js";
import type { Tokens } from "../tokenization/tokens.js";
import { argmax } from "./order.js";

/** How tokens become entities; `Tagger.tag` explains each. */
export type Aggregation = "none" | "simple" | "first" | "average" | "max";

/** One token of a text: its place, its probabilities, and whether it goes on with a word. */
export interface TokenTag {
  start: number;
  end: number;
  scores: Float32Array;
  continues: boolean;
}

/** Places from `start` to `end` with one label, and its probability. */
export interface Span {
  label: string;
  score: number;
  start: number;
  end: number;
}

/** Scores of the tokens of a word → those of the word. */
const SCORES_OF_WORD: Readonly<Record<Aggregation, (scores: readonly Float32Array[]) => Float32Array>> = {
  none: ([first]) => first,
  simple: ([first]) => first,
  first: ([first]) => first,
  average: mean,
  max: (scores) => scores[argmax(scores.map((each) => Math.max(...each)))],
};

function mean(scores: readonly Float32Array[]): Float32Array {
  return scores[0].map((_, label) => scores.reduce((sum, each) => sum + each[label], 0) / scores.length);
}

/** Refuse what is no way to put tokens together. */
export function checkAggregation(name: string): Aggregation {
  if (Object.hasOwn(SCORES_OF_WORD, name)) return name as Aggregation;
  const known = Object.keys(SCORES_OF_WORD).join(", ");
  throw new ConfigError(`aggregation must be one of ${known}; got ${JSON.stringify(name)}`);
}

/**
 * For every token, whether it goes on with the word of the token before. A vocabulary that is marked
 * has a prefix for what continues a word, so that the piece is longer than its characters; else every
 * token that follows no space does. An unknown token is always a word.
 */
export function continuesWord(text: string, tokens: Tokens, unknownId: number | null, marked: boolean): boolean[] {
  return tokens.ids.map((id, at) => {
    const [start, end] = [tokens.starts[at], tokens.ends[at]];
    if (id === unknownId) return false;
    if (marked) return lengthOf(tokens.pieces[at]) !== lengthOf(text.slice(start, end));
    return start > 0 && !text.slice(start - 1, start + 1).includes(" ");
  });
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** Label tokens or words, then join neighbours. */
export function findSpans(tags: readonly TokenTag[], labels: readonly string[], aggregation: Aggregation): Span[] {
  const byToken = aggregation === "none" || aggregation === "simple";
  const groups = byToken ? tags.map((tag) => [tag]) : wordsOf(tags);
  const spans = groups.map((group) => labelled(group, labels, aggregation));
  return aggregation === "none" ? spans : runsOf(spans).map(joined);
}

function wordsOf(tags: readonly TokenTag[]): TokenTag[][] {
  const words: TokenTag[][] = [];
  for (const tag of tags) {
    if (tag.continues && words.length) words[words.length - 1].push(tag);
    else words.push([tag]);
  }
  return words;
}

function labelled(group: readonly TokenTag[], labels: readonly string[], aggregation: Aggregation): Span {
  const scores = SCORES_OF_WORD[aggregation](group.map((tag) => tag.scores));
  const best = argmax(scores);
  return { label: labels[best], score: scores[best], start: group[0].start, end: group[group.length - 1].end };
}

/** Neighbours with one tag, up to the next that begins an entity. */
function runsOf(spans: readonly Span[]): Span[][] {
  const runs: Span[][] = [];
  for (const span of spans) {
    const run = runs.at(-1);
    const begins = !run || span.label.startsWith("B-") || tagOf(span.label) !== tagOf(run[run.length - 1].label);
    if (begins) runs.push([span]);
    else run.push(span);
  }
  return runs;
}

function joined(run: readonly Span[]): Span {
  const [{ label, start }] = run;
  const total = run.reduce((sum, span) => sum + span.score, 0);
  return {
    label: label.slice(label.indexOf("-") + 1), // any prefix, as transformers: "X-LOC" is "LOC"
    score: Math.fround(total / run.length),
    start,
    end: run[run.length - 1].end,
  };
}

function tagOf(label: string): string {
  return /^[BI]-/.test(label) ? label.slice(2) : label;
}
