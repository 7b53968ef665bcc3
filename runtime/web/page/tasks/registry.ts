/** Task → how the page has it. */

import { ConfigError } from "../../src/index.js";
import { answer } from "./answer.js";
import { classify } from "./classify.js";
import { embed } from "./embed.js";
import { fill } from "./fill.js";
import { nextSentence } from "./next_sentence.js";
import { rank } from "./rank.js";
import { tag } from "./tag.js";
import type { TaskView } from "./view.js";

const VIEWS: Readonly<Record<string, TaskView>> = {
  answer,
  classify,
  embed,
  fill,
  next_sentence: nextSentence,
  rank,
  tag,
};

export function viewOf(task: string): TaskView {
  const found = VIEWS[task];
  if (found === undefined) {
    throw new ConfigError(`this page has no task ${task}; it has ${Object.keys(VIEWS).join(", ")}`);
  }
  return found;
}
