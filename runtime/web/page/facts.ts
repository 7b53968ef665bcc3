/** What is running, as a table. */

import type { ModelInfo } from "../src/index.js";
import { element } from "./elements.js";
import { count, megabytes, milliseconds } from "./words.js";

export interface Opened {
  /** Bytes that came over the network. */
  downloaded: number;
  /** Milliseconds from the start to the opened model. */
  took: number;
}

export function facts(info: ModelInfo, opened: Opened): HTMLElement {
  const rows = [
    ["variant", `${info.variant} (${info.precision})`],
    ["size", `${megabytes(info.sizeBytes)} in ${count(Object.keys(info.sha256).length, "file")}, each compared with its sha256`],
    ["downloaded now", opened.downloaded > 0 ? megabytes(opened.downloaded) : "nothing; the files were in this browser's cache"],
    ["opened in", milliseconds(opened.took)],
    ["runs on", `${info.provider}, ${threads(info.threads)}`],
    ["longest text", count(info.maxLength, "token")],
  ];
  const body = rows.map(([name = "", value = ""]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)),
  );
  return element("table", { class: "facts" }, element("tbody", {}, ...body));
}

function threads(number: number): string {
  const why = self.crossOriginIsolated ? "" : "; README.md of the page says how a host allows more";
  return `${count(number, "thread")}${why}`;
}
