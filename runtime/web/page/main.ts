/** The page: a form, the answer, what is running, and a check. */

import { AnswerBox } from "./answer.js";
import { CheckBox } from "./checking.js";
import { element, required } from "./elements.js";
import { facts } from "./facts.js";
import { Form } from "./form.js";
import { keepOffline } from "./keeping.js";
import { LoadingBar } from "./loading.js";
import { open, type Model } from "./model.js";
import { isAbort, ProblemBox } from "./problem.js";
import { readSettings } from "./settings.js";
import { viewOf } from "./tasks/registry.js";
import type { Values } from "./tasks/view.js";

const settings = readSettings();
const view = viewOf(settings.task);
const problem = new ProblemBox();
const answer = new AnswerBox(view);
const form = new Form(view.fields(settings), view.action, (values) => void run(values));
const check = new CheckBox((error) => problem.show("The check could not run.", error));
const about = element("section", { "aria-labelledby": "about" }, element("h2", { id: "about" }, "What is running"));
const privacy = "The model runs in this browser. What you write does not leave it.";
let model: Model | null = null;
let opened: (model: Model) => void;

/** The page's model, once it is open; for the browser's console. */
export const ready = new Promise<Model>((resolve) => {
  opened = resolve;
});

async function run(values: Values): Promise<void> {
  if (model === null) return;
  problem.clear();
  try {
    await answer.run(model, values);
  } catch (error) {
    if (!isAbort(error)) problem.show("There is no answer.", error);
  }
}

async function load(): Promise<void> {
  const bar = new LoadingBar();
  problem.clear();
  form.node.before(bar.node);
  try {
    const began = performance.now();
    model = await open(settings, bar.see);
    about.append(facts(model.info(), { downloaded: bar.downloaded, took: performance.now() - began }));
    form.enable();
    check.enable(model);
    opened(model);
    await run(form.values());
    void keepOffline().then((said) => about.append(element("p", { class: "soft", id: "offline" }, said)));
  } catch (error) {
    problem.show("The model could not be loaded.", error, () => void load());
  } finally {
    bar.node.remove();
  }
}

required("main").append(
  element("p", {}, view.lead),
  element("p", { class: "soft" }, privacy),
  problem.node,
  form.node,
  answer.node,
  about,
  check.node,
);
void load();
