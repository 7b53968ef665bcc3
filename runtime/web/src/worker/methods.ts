/** What a page may call on a model in a worker. */

import type { TaskName } from "../tasks/registry.js";

const OF_ALL = ["predict", "countTokens", "check", "close"];
const OF_TASK: Readonly<Record<TaskName, string>> = {
  embed: "embed",
  classify: "classify",
  tag: "tag",
  answer: "answer",
  rank: "rank",
  fill: "fill",
  next_sentence: "score",
};

export function methodsOf(task: string): readonly string[] {
  return [OF_TASK[task as TaskName], ...OF_ALL];
}
