/** What npm would publish: the built files of every source, and no script that runs at install. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { VERSION } from "../src/index.js";
import { REPOSITORY } from "./support.js";

const FOLDER = path.join(REPOSITORY, "runtime", "web");
const { version, scripts } = JSON.parse(readFileSync(path.join(FOLDER, "package.json"), "utf-8")) as {
  version: string;
  scripts: Record<string, string>;
};

test("the package has the built sources and nothing else", () => {
  const said = execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: FOLDER, encoding: "utf-8" });
  const [{ files }] = JSON.parse(said) as [{ files: { path: string }[] }];
  const sources = readdirSync(path.join(FOLDER, "src"), { recursive: true, encoding: "utf-8" });
  const built = sources
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => [".js", ".d.ts"].map((ending) => `dist/${name.replace(/\.ts$/, ending)}`));
  assert.deepEqual(
    files.map((each) => each.path).sort(),
    [...built, "LICENSE", "README.md", "package.json"].sort(),
  );
});

test("errors keep their names in a minified script", async () => {
  const script = path.join(FOLDER, "build", "minified.mjs");
  const options = ["--bundle", "--minify", "--format=esm", "--packages=external", `--outfile=${script}`];
  execFileSync("npx", ["esbuild", "dist/index.js", ...options, "--log-level=error"], { cwd: FOLDER });
  const { BundleIntegrityError } = (await import(script)) as { BundleIntegrityError: new (text: string) => Error };
  assert.equal(String(new BundleIntegrityError("spoilt")), "BundleIntegrityError: spoilt");
});

test("nothing runs at install", () => {
  assert.deepEqual(Object.keys(scripts), ["build", "build-tests"]);
});

test("its version is that of the Python runtime", () => {
  const python = readFileSync(path.join(REPOSITORY, "runtime", "edgebert_runtime", "_version.py"), "utf-8");
  assert.equal(VERSION, version);
  assert.ok(python.includes(`__version__ = "${version}"`), python);
});
