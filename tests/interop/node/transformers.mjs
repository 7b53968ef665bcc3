// transformers.js on bundles: ids and outputs of every item, compared with ours.
// Usage: node transformers.mjs PACKAGE VERSION CASES ROWS
import { readFileSync, appendFileSync } from 'node:fs';
import path from 'node:path';
import { nearest } from './nearest.mjs';

const [name, casesPath, rows] = process.argv.slice(2);
const library = await import(name);
const MODELS = {
  classify: library.AutoModelForSequenceClassification,
  rank: library.AutoModelForSequenceClassification,
  tag: library.AutoModelForTokenClassification,
  answer: library.AutoModelForQuestionAnswering,
  fill: library.AutoModelForMaskedLM,
};
library.env.allowRemoteModels = false;

async function vectors(folder, dtype) {
  const pipe = await library.pipeline('feature-extraction', folder, { dtype });
  return { tokenizer: pipe.tokenizer, run: async ([text]) => {
    const vector = await pipe(text, { pooling: 'mean', normalize: true });
    return { sentence_embedding: vector };
  } };
}

async function logits(task, folder, dtype) {
  const tokenizer = await library.AutoTokenizer.from_pretrained(folder);
  const model = await MODELS[task].from_pretrained(folder, { dtype });
  return { tokenizer, run: ([text, text_pair]) =>
    model(tokenizer(text, { text_pair, truncation: true })) };
}

// What one file of one bundle answers, beside what it should.
async function measure({ task, folder, items }, file) {
  library.env.localModelPath = path.dirname(folder) + path.sep;
  const model = path.basename(folder);
  const { tokenizer, run } = task === 'embed' ? await vectors(model, file) : await logits(task, model, file);
  let worst = 0;
  for (const { texts, ids, answers } of items) {
    const encoded = tokenizer(texts[0], { text_pair: texts[1], truncation: true });
    const found = Array.from(encoded.input_ids.data, Number);
    if (String(found) !== String(ids)) throw new Error(`ids of ${texts}: ${found}, expected ${ids}`);
    worst = Math.max(worst, nearest(await run(texts), answers[file]));
  }
  return worst;
}

for (const each of JSON.parse(readFileSync(casesPath)))
  for (const file of Object.keys(each.items[0].answers)) {
    const row = { task: each.task, file };
    try {
      row.difference = await measure(each, file);
    } catch (error) {
      // The engine names the file first, which lies somewhere else each time.
      row.refusal = String(error.message ?? error).split("\n")[0].replace(/^.*\) /, "");
    }
    appendFileSync(rows, JSON.stringify({ loader: name, version: library.env.version, ...row }) + '\n');
  }
