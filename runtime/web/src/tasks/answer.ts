/** Answers to questions, as spans of a context of any length. */

import { ConfigError, InputError } from "../errors.js";
import {
  bestSpans,
  CONTEXT,
  contextPositions,
  mergeAlike,
  NULL,
  readSpan,
  scoreTokens,
  type Answer,
} from "../postprocessing/answers.js";
import { checkPair, checkText, type Item } from "../tokenization/items.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import { requirePositive, type CallOptions, type Chosen } from "./options.js";

/** Longest window where the caller sets none; question-answering models are trained at this. */
const WINDOW_TOKENS = 384;

export interface AnswerOptions extends CallOptions {
  /** How many answers at most; fewer come where the context has fewer. */
  topK?: number;
  /** Longest answer in tokens, before it is widened to whole words. */
  maxAnswerLength?: number;
  /** Include "no answer" (an empty answer) in the ranking; its score is the lowest of any window. */
  allowNoAnswer?: boolean;
  /** Tokens the model sees at once; null is 384, or the bundle's limit where that is less. */
  window?: number | null;
  /** Tokens that neighbouring windows share; null is half a window, at most 128. */
  stride?: number | null;
  /** A long context always runs in windows. */
  long?: "window";
}

/** An item of `predict` is a pair of question and context. */
export class Answerer extends TaskModel<AnswerOptions, Answer[]> {
  readonly measure: Measure = "scores";
  protected readonly defaults = {
    topK: 1,
    maxAnswerLength: 15,
    allowNoAnswer: false,
    window: null,
    stride: null,
    long: "window",
  } as const;
  protected readonly probeOptions = { topK: 20 }; // scores depend on it, so it is always the same
  protected override readonly chunkItems = 32;

  constructor(parts: Parts) {
    super(parts);
    this.requireHead("softmax");
  }

  /** Find the answer to a question in a context, cut into overlapping windows if it is long. */
  async answer(question: string, context: string, options: AnswerOptions = {}): Promise<Answer[]> {
    const pair = [checkText("question", question), checkText("context", context)];
    const [answers] = await this.run("answer", [pair], options);
    return answers;
  }

  protected override checkOptions({ topK, maxAnswerLength, window }: Chosen<AnswerOptions>): void {
    requirePositive("maxAnswerLength", maxAnswerLength);
    requirePositive("topK", topK);
    this.windowTokens(window);
  }

  protected override encode(item: Item, name: string, options: Chosen<AnswerOptions>): EncodedItem {
    const pair = checkPair(name, item);
    pair.forEach((text, at) => {
      if (!text) throw new InputError(`${name}[${at}] is empty, expected a text`);
    });
    const text = this.tokenizer.encode(pair, name);
    const rows = this.tokenizer.windows(text, this.windowTokens(options.window), options.stride);
    return { item, rows, cutFrom: null };
  }

  protected decode(item: EncodedItem, rows: readonly Ran[], options: Chosen<AnswerOptions>): Answer[] {
    const nulls: number[] = [];
    const answers = mergeAlike(rows.flatMap((row) => this.windowAnswers(item.item[1], row, options, nulls)));
    if (options.allowNoAnswer) answers.push({ text: "", score: Math.min(...nulls), start: 0, end: 0 });
    return answers.sort((one, other) => other.score - one.score).slice(0, options.topK);
  }

  protected comparable(answers: Answer[]): Comparable {
    return [new Map(answers.map(({ text, score }) => [text.toLowerCase(), score]))];
  }

  /** The best spans of a window; what it gives "no answer" is added to `nulls`. */
  private windowAnswers(
    context: string,
    { tokens, output }: Ran,
    options: Chosen<AnswerOptions>,
    nulls: number[],
  ): Answer[] {
    if (!tokens.sources.includes(CONTEXT)) {
      throw new InputError("context has no token for this model, expected a text");
    }
    const starts = scoreTokens(output.start_logits.data, tokens.sources);
    const ends = scoreTokens(output.end_logits.data, tokens.sources);
    nulls.push(Math.fround(starts[NULL] * ends[NULL]));
    const candidates = 2 * options.topK + 10; // several may widen to the same words
    const inside = contextPositions(tokens.sources);
    return bestSpans(starts, ends, inside, options.maxAnswerLength, candidates).map((span) =>
      readSpan(context, tokens, span),
    );
  }

  private windowTokens(asked: number | null): number {
    const { limit } = this.tokenizer;
    if (asked === null) return Math.min(limit, WINDOW_TOKENS);
    if (!(Number.isInteger(asked) && asked >= 1 && asked <= limit)) {
      throw new ConfigError(`window must be between 1 and ${limit} tokens, got ${asked}`);
    }
    return asked;
  }
}
