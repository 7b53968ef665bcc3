/** What the tests share: bundles that Python wrote, and a server that can spoil one file. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));
export const BUNDLES = process.env["EDGEBERT_WEB_BUNDLES"] ?? "";
/** What tests.support.web.write_vectors wrote. */
export const VECTORS = process.env["EDGEBERT_WEB_VECTORS"] ?? "";

export interface Expected {
  folder: string;
  task: string;
  items: (string | [string, string])[];
  /** Variant → what the Python runtime answers to each item. */
  answers: Record<string, unknown[]>;
}

export function expected(): Expected[] {
  return JSON.parse(readFileSync(path.join(BUNDLES, "expected.json"), "utf-8")) as Expected[];
}

export function bundle(name: string): string {
  return path.join(BUNDLES, name);
}

/** The manifest of a bundle, to be changed. */
export function manifestOf(name: string): Record<string, any> {
  return JSON.parse(readFileSync(path.join(bundle(name), "edgebert.json"), "utf-8"));
}

/** A manifest in which a file has other content. */
export function listing(manifest: Record<string, any>, file: string, content: Uint8Array): Record<string, any> {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const files = { ...manifest["files"], [file]: { size_bytes: content.length, sha256 } };
  return { ...manifest, files };
}

/** What a server does with one file; null where it sends the file. */
export type Fault = (file: string, content: Buffer, answer: ServerResponse) => boolean;

export interface Site {
  address: string;
  /** Paths that were asked for. */
  requests: string[];
  close(): Promise<void>;
}

/** Serves a folder; a fault that gives true has answered itself. */
export async function site(folder: string, fault: Fault = () => false, port = 0): Promise<Site> {
  const requests: string[] = [];
  const server = createServer((request, answer) => {
    const file = decodeURIComponent(new URL(request.url ?? "/", "http://here").pathname.slice(1));
    requests.push(file);
    void readFile(path.join(folder, file)).then(
      (content) => {
        answer.setHeader("connection", "close"); // a pooled connection would outlive the server
        if (!fault(file, content, answer)) answer.end(content);
      },
      () => answer.writeHead(404, { connection: "close" }).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests, close };
}
