/** The model of the page: opened in a worker, so that the page stays awake while it runs. */

import {
  loadInWorker,
  type Answerer,
  type Classifier,
  type Embedder,
  type MaskFiller,
  type NextSentence,
  type Progress,
  type Ranker,
  type Remote,
  type Tagger,
  type TaskName,
} from "../src/index.js";
import type { Settings } from "./settings.js";

/** What views call; a model has the method of its own task alone. */
export type Model = Pick<Remote<Embedder>, "embed" | "info" | "check" | "countTokens"> &
  Pick<Remote<Classifier>, "classify"> &
  Pick<Remote<Tagger>, "tag"> &
  Pick<Remote<Answerer>, "answer"> &
  Pick<Remote<Ranker>, "rank"> &
  Pick<Remote<MaskFiller>, "fill"> &
  Pick<Remote<NextSentence>, "score">;

/** Opens the bundle that the page was written for; the engine lies beside the scripts. */
export async function open(settings: Settings, onProgress: (event: Progress) => void): Promise<Model> {
  const here = (name: string): string => new URL(name, import.meta.url).href;
  const worker = new Worker(here("worker.js"), { type: "module" });
  const { variant, threads } = settings;
  const options = { task: settings.task as TaskName, variant, threads, wasmPaths: here("./"), onProgress };
  try {
    const model: unknown = await loadInWorker(worker, new URL(settings.model, document.baseURI), options);
    return model as Model;
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
