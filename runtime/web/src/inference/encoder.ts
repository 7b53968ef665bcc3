/** What runs rows of token ids; tasks make the rows, and answers of what comes out. */

/** One sequence, special tokens included, not padded. */
export interface Row {
  ids: number[];
  types: number[];
  mask: number[];
}

export interface Tensor {
  dims: number[];
  data: Float32Array;
}

/** Output → what belongs to one row: `[tokens, …]` without its padding, or `[…]`. */
export type Output = Record<string, Tensor>;

export interface RunOptions {
  signal?: AbortSignal;
  /** Rows that run together, at most; as many as fit into a micro-batch unless given. */
  batchSize?: number;
  /** Outputs to fetch; all that the task has unless given. */
  outputs?: readonly string[];
  /** Number of a row → number of its item, for errors. */
  owner?: (row: number) => number;
  /** False lets NaN and infinity pass, for who measures what a graph does. */
  finite?: boolean;
}

export interface Encoder {
  /** Outputs of the graph. */
  readonly outputs: readonly string[];
  /** The outputs of each row, in the order of `rows`; those of similar length run together. */
  run(rows: readonly Row[], options?: RunOptions): Promise<Output[]>;
}
