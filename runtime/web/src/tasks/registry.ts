/** The tasks there are, by name. */

import { ConfigError } from "../errors.js";
import { Answerer } from "./answer.js";
import type { Parts } from "./base.js";
import { Classifier } from "./classify.js";
import { Embedder } from "./embed.js";
import { MaskFiller } from "./fill.js";
import { NextSentence } from "./next_sentence.js";
import { Ranker } from "./rank.js";
import { Tagger } from "./tag.js";

/** Task → the model that `load` makes for it. */
export interface Models {
  embed: Embedder;
  classify: Classifier;
  tag: Tagger;
  answer: Answerer;
  rank: Ranker;
  fill: MaskFiller;
  next_sentence: NextSentence;
}

export type TaskName = keyof Models;

const MODELS: { readonly [Name in TaskName]: new (parts: Parts) => Models[Name] } = {
  embed: Embedder,
  classify: Classifier,
  tag: Tagger,
  answer: Answerer,
  rank: Ranker,
  fill: MaskFiller,
  next_sentence: NextSentence,
};

/** The model of a task. */
export function taskModel(name: string): new (parts: Parts) => Models[TaskName] {
  if (Object.hasOwn(MODELS, name)) return MODELS[name as TaskName];
  throw new ConfigError(`task must be one of ${Object.keys(MODELS).join(", ")}; got ${JSON.stringify(name)}`);
}
