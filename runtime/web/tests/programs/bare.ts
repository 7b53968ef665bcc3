/** A graph with onnxruntime-web and the tokenizer library alone, nothing checked. */

import { readFileSync } from "node:fs";
import path from "node:path";

/** Tokens of a text, the last one included; what sentence-transformers' MiniLM has. */
const LIMIT = 256;

/** What a text of its own, without padding, gives: data and shape of an output. */
export interface Output {
  data: Float32Array;
  dims: readonly number[];
}

/**
 * Open a graph in WebAssembly with one thread.
 *
 * @param folder - Has tokenizer.json and tokenizer_config.json.
 * @param graph - The file, in the folder.
 * @param output - The name of the output that is asked for.
 */
export async function open(folder: string, graph: string, output: string): Promise<(text: string) => Promise<Output>> {
  const ort = await import("onnxruntime-web/wasm");
  const { Tokenizer } = await import("@huggingface/tokenizers");
  const read = (name: string): any => JSON.parse(readFileSync(path.join(folder, name), "utf-8"));
  const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(readFileSync(path.join(folder, graph)));
  return async (text) => {
    const { ids: all } = tokenizer.encode(text) as { ids: number[] };
    const ids = all.length > LIMIT ? [...all.slice(0, LIMIT - 1), ...all.slice(-1)] : all;
    const tensor = (values: number[]) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
    const given: Record<string, number[]> = {
      input_ids: ids,
      attention_mask: ids.map(() => 1),
      token_type_ids: ids.map(() => 0),
    };
    const feeds = Object.fromEntries(session.inputNames.map((name) => [name, tensor(given[name])]));
    const found = (await session.run(feeds, [output]))[output];
    return { data: found.data as Float32Array, dims: found.dims };
  };
}
