/** Rows in micro-batches of similar length. */

/** Padded tokens of a micro-batch at most; fastest in WebAssembly (docs/decisions/0036). */
export const MICRO_BATCH_TOKENS = 256;

/**
 * The indices of each micro-batch, longest rows first: so that memory peaks at once, and a batch
 * pads little. A batch has at most `budget` tokens, padding included, and at least one row.
 */
export function microBatches(lengths: readonly number[], budget: number, mostRows = Infinity): number[][] {
  const order = [...lengths.keys()].sort((one, two) => lengths[two] - lengths[one]);
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const index of order) {
    const full = batch.length >= mostRows || (batch.length + 1) * lengths[batch[0]] > budget;
    if (batch.length && full) {
      batches.push(batch);
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length) batches.push(batch);
  return batches;
}
