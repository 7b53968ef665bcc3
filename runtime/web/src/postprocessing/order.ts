/** Which of several scores are the highest. */

/** Numbers of the scores, the highest first; of equal ones the earlier first. */
export function descending(scores: ArrayLike<number>): number[] {
  const order = Array.from(scores, (_, at) => at);
  return order.sort((one, other) => scores[other] - scores[one] || one - other);
}

/** Number of the highest score; of equal ones the first. */
export function argmax(scores: ArrayLike<number>): number {
  let best = 0;
  for (let at = 1; at < scores.length; at += 1) if (scores[at] > scores[best]) best = at;
  return best;
}

/** The first `count` of the order; null is all of them. */
export function best(scores: ArrayLike<number>, count: number | null): number[] {
  return descending(scores).slice(0, count ?? undefined);
}
