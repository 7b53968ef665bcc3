/** Writes `third-party.txt`: what of others is in the page's scripts, by which licence, and versions.json. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [packages, out] = process.argv.slice(2);

/** Packages whose code is in the scripts. The first has no file with its licence. */
const BUNDLED = ["onnxruntime-web", "onnxruntime-common", "@huggingface/tokenizers"];

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

const described = BUNDLED.map((name) =>
  JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")),
);

function licence({ name, license }) {
  const file = join(packages, name, "LICENSE");
  if (existsSync(file)) return readFileSync(file, "utf8");
  if (license !== "MIT") throw new Error(`${name} has no LICENSE and is ${license}; add its text`);
  return `Copyright (c) Microsoft Corporation\n\n${MIT}`;
}

const notices = described.map(
  (each) => `${each.name} ${each.version}, ${each.license}\n${"=".repeat(72)}\n\n${licence(each)}`,
);
writeFileSync(join(out, "third-party.txt"), notices.join("\n\n"));
const versions = Object.fromEntries(described.map(({ name, version }) => [name, version]));
writeFileSync(join(out, "versions.json"), `${JSON.stringify(versions, null, 2)}\n`);
