// How far an answer is from the nearest of those that are right.

// The largest difference between a tensor and the numbers we have.
function difference(found, expected) {
  const numbers = expected.flat(Infinity);
  if (found.length !== numbers.length) throw new Error(`${found.length} numbers, expected ${numbers.length}`);
  return Math.max(...numbers.map((number, at) => Math.abs(number - found[at])));
}

// answers: each with the numbers of every output; found: output -> tensor.
export function nearest(found, answers) {
  const far = (answer) =>
    Math.max(...Object.entries(answer).map(([output, expected]) => difference(found[output].data, expected)));
  return Math.min(...answers.map(far));
}
