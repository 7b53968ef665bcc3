// onnxruntime-web's WASM build on the graphs of bundles: outputs for our ids, compared with ours.
// Usage: node onnxruntime_web.mjs CASES ROWS
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as ort from 'onnxruntime-web';
import { nearest } from './nearest.mjs';

const [casesPath, rows] = process.argv.slice(2);
const FILES = { fp32: 'model.onnx', q8: 'model_quantized.onnx' };
ort.env.wasm.numThreads = 1;

// The graph and, where its weights lie in a second file, that file too.
function open(folder, file) {
  const graph = path.join(folder, 'onnx', FILES[file]);
  const data = `${graph}_data`;
  const externalData = existsSync(data) ? [{ path: path.basename(data), data: readFileSync(data) }] : [];
  return ort.InferenceSession.create(readFileSync(graph), { externalData });
}

function feeds(session, ids, types) {
  const given = { input_ids: ids, attention_mask: ids.map(() => 1), token_type_ids: types };
  const tensor = (numbers) => new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), [1, ids.length]);
  return Object.fromEntries(session.inputNames.map((name) => [name, tensor(given[name])]));
}

async function measure({ folder, items }, file) {
  const session = await open(folder, file);
  let worst = 0;
  for (const { ids, types, answers } of items) {
    const found = await session.run(feeds(session, ids, types));
    worst = Math.max(worst, nearest(found, answers[file]));
  }
  return worst;
}

for (const each of JSON.parse(readFileSync(casesPath)))
  for (const file of Object.keys(each.items[0].answers)) {
    const row = { loader: 'onnxruntime-web', version: ort.env.versions.common, task: each.task, file };
    row.difference = await measure(each, file);
    appendFileSync(rows, JSON.stringify(row) + '\n');
  }
