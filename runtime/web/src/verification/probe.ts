/** What the self-test asks of a model: tokens, and answers as they are compared. */

/** `distance` compares vectors, the others scores; probabilities of one place sum to at most 1. */
export type Measure = "distance" | "scores" | "probabilities";

/** What a model scores (a text, a token, a mask), each with what it may be → score, best first. */
export type Places = ReadonlyMap<string, number>[];

/** An answer to one item, as it is compared: a vector for `distance`, else places. */
export type Comparable = ArrayLike<number> | Places;

/** A text, or two that the model sees at once. */
export type Item = string | readonly [string, string];

export interface Probed {
  readonly task: string;
  readonly measure: Measure;
  /** Token ids of an item, special tokens included, cut to the limit. */
  tokenIds(item: Item): number[];
  /** Answers with the options of `SPEC.probe` in Python; NaN is let through. */
  probe(items: readonly Item[]): Promise<Comparable[]>;
}
