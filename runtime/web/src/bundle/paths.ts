/** Paths that a bundle names, which may come from anyone and must not lead out of its folder. */

import { UnsafePathError } from "../errors.js";
import { shown } from "./json.js";

/** Refuses a path that does not stay in the folder; `where` is the bundle, for the error. */
export function checkPath(where: string, path: string): void {
  const reason = whyUnsafe(path);
  if (reason === null) return;
  throw new UnsafePathError(
    `${where} names ${shown(path)}, ${reason}; a bundle's paths are relative, with '/', and stay ` +
      "in its folder: do not use this bundle unless you know where it comes from",
  );
}

/** The path that a location, as a graph spells it, has in the bundle. */
export function beside(graph: string, location: string): string {
  const folder = graph.split("/").slice(0, -1);
  return [...folder, ...location.split("/").filter((part) => part !== "" && part !== ".")].join("/");
}

function whyUnsafe(path: string): string | null {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (path.startsWith("/") || /^[a-z]:/i.test(path)) return "which is absolute";
  if (path.includes("\\")) return "which contains a backslash";
  if (path.includes("\0")) return "which contains a NUL";
  if (parts.includes("..")) return "which contains '..'";
  return parts.length ? null : "which names no file";
}
