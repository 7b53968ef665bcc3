/** Runs bundles of edgebert in browsers and in Node, on onnxruntime-web. */

export { clearCache } from "./bundle/cache.js";
export type { Progress } from "./bundle/progress.js";
export * from "./errors.js";
export type { ModelInfo } from "./inference/host.js";
export { load } from "./load.js";
export type { LoadOptions } from "./loading/options.js";
export type { Answer } from "./postprocessing/answers.js";
export type { OutputDtype, Vector } from "./postprocessing/output_dtype.js";
export type { Aggregation } from "./postprocessing/spans.js";
export type { AnswerOptions, Answerer } from "./tasks/answer.js";
export type { RunReport, TruncatedText } from "./tasks/base.js";
export type { Classification, Classifier, ClassifyOptions, LabelScore } from "./tasks/classify.js";
export type { Embedder, EmbedOptions } from "./tasks/embed.js";
export type { Filling, FillOptions, MaskFiller } from "./tasks/fill.js";
export type { NextSentence } from "./tasks/next_sentence.js";
export type { RankedDocument, Ranker, RankOptions } from "./tasks/rank.js";
export type { Models, TaskName } from "./tasks/registry.js";
export type { Entity, Tagger, TagOptions } from "./tasks/tag.js";
export type { CheckReport } from "./verification/report.js";
export { VERSION } from "./version.js";
export type { Remote } from "./worker/client.js";
export { loadInWorker } from "./worker/load.js";
