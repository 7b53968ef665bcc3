// What the site's own search answers: node site_search.mjs SITE QUERY...
// Runs the worker that the site ships, with the messages that its pages send; prints for each query
// a JSON line with the locations it finds, best first.
import { readdirSync, readFileSync } from "node:fs";

const [site, ...queries] = process.argv.slice(2);
const workers = `${site}/assets/javascripts/workers`;
const [worker] = readdirSync(workers).filter((name) => /^search\..*\.js$/.test(name));
const index = JSON.parse(readFileSync(`${site}/search.json`, "utf8"));
const FILTER = {
  input: { type: "operator", data: { operator: "and", operands: [] } },
  aggregation: { input: [{ type: "term", data: { field: "tags" } }] },
};

let answer;
globalThis.self = { postMessage: (message) => answer(message) };
(0, eval)(readFileSync(`${workers}/${worker}`, "utf8"));
const ask = (type, data) =>
  new Promise((resolve) => {
    answer = resolve;
    self.onmessage({ data: { type, data } });
  });

await ask(0, index);
for (const input of queries) {
  const found = await ask(2, { input, filter: FILTER });
  console.log(JSON.stringify(found.data.items.map((item) => index.items[item.id].location)));
}
