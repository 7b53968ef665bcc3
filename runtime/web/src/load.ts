/** From the address of a bundle to a model that answers. */

import { open } from "./loading/open.js";
import type { LoadOptions } from "./loading/options.js";
import { taskModel, type Models, type TaskName } from "./tasks/registry.js";
import { TextTokenizer } from "./tokenization/tokenizer.js";

/**
 * Opens a bundle. The bundle decides what comes back, which a type checker cannot see: for it,
 * `load(source)` gives an `Embedder` and `load(source, { task: "classify" })` a `Classifier`.
 *
 * @param source the bundle's address, absolute or relative to the page; in Node also its folder.
 */
export async function load<Name extends TaskName = "embed">(
  source: string | URL,
  options: LoadOptions & { task?: Name } = {},
): Promise<Models[Name]> {
  const { tokenizer: content, ...opened } = await open(source, options);
  try {
    const tokenizer = new TextTokenizer(content, opened.manifest.tokenizer);
    const Model = taskModel(opened.task);
    return new Model({ ...opened, tokenizer }) as Models[Name];
  } catch (error) {
    await opened.host.close();
    throw error;
  }
}
