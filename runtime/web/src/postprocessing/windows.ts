/** Put together what the windows of a text gave. */

/** The mean of rows, each as often as its weight; a single row as it is. */
export function weightedMean(rows: readonly Float32Array[], weights: readonly number[]): Float32Array {
  if (rows.length === 1) return rows[0];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return rows[0].map((_, at) => rows.reduce((sum, row, number) => sum + row[at] * weights[number], 0) / total);
}

/** The largest of each number over the rows. */
export function maxPool(rows: readonly Float32Array[]): Float32Array {
  return rows[0].map((_, at) => Math.max(...rows.map((row) => row[at])));
}

/**
 * Of neighbouring windows the places that lie deeper in each than in its neighbours: every place is
 * in one of them. `lengths` are the windows' places, `shared` are those that neighbours have.
 */
export function mostContext(lengths: readonly number[], shared: number): [first: number, stop: number][] {
  const half = Math.floor(shared / 2);
  const last = lengths.length - 1;
  return lengths.map((length, at) => [at ? shared - half : 0, at < last ? length - half : length]);
}
