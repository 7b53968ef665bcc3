/** `edgebert.json`, read and checked before anything else of a bundle is looked at. */

import { BundleError } from "../errors.js";
import { isObject, parseJson, shown } from "./json.js";
import type { Manifest } from "./manifest.js";
import { contradictions } from "./manifest_checks.js";
import { MANIFEST } from "./manifest_schema.js";
import { checkPath } from "./paths.js";
import { readValue } from "./values.js";

export const MANIFEST_NAME = "edgebert.json";
const SCHEMA_VERSION = 2;
const MAX_BYTES = 4 * 2 ** 20;

/** The manifest in these bytes; `where` is the bundle, for errors. */
export function readManifest(bytes: Uint8Array, where: string): Manifest {
  const name = `${MANIFEST_NAME} of ${where}`;
  const refusal = (problem: string): BundleError =>
    new BundleError(`${name} ${problem}; export the model again`);
  if (bytes.length > MAX_BYTES) throw refusal(`has ${bytes.length} bytes, expected at most ${MAX_BYTES}`);
  if (startsWithMarkup(bytes))
    throw new BundleError(
      `${name} is a page in HTML, expected JSON: the server answers so where nothing is there; check the address`,
    );
  const value = parseJson(bytes, refusal);
  if (!isObject(value)) throw refusal(`holds ${shown(value)}, expected a JSON object`);
  const version = value["schema_version"] ?? null;
  if (version === 1)
    throw new BundleError(
      `${name} has schema version 1, this edgebert reads ${SCHEMA_VERSION}; run 'edgebert upgrade' on the bundle`,
    );
  if (version !== SCHEMA_VERSION)
    throw new BundleError(
      `${name} has schema version ${shown(version)}, this edgebert reads ${SCHEMA_VERSION}; install a newer ` +
        "@edgebert/runtime, or export the model again",
    );
  const manifest = readValue(MANIFEST, value, refusal) as Manifest;
  for (const path of Object.keys(manifest.files)) checkPath(where, path);
  for (const problem of contradictions(manifest)) throw refusal(problem);
  return manifest;
}

/** Whether the first character that is no space opens a tag. */
function startsWithMarkup(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(0, 64)).trimStart().startsWith("<");
}
