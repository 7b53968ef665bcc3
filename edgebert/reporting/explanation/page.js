// Colours the text, and draws the maps. Everything is in the page; nothing is fetched.
const data = JSON.parse(document.getElementById("explanation").textContent);
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;

/** Options that the pointer and the arrow keys choose among; one of them is a stop of Tab. */
function choosing(options, show) {
  let at = 0;
  const choose = (next) => {
    options[at].tabIndex = -1;
    options[at].ariaSelected = "false";
    at = Math.max(0, Math.min(options.length - 1, next));
    options[at].tabIndex = 0;
    options[at].ariaSelected = "true";
    show(at);
  };
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  options.forEach((option, number) => {
    option.tabIndex = number ? -1 : 0;
    option.addEventListener("pointerenter", () => choose(number));
    option.addEventListener("focus", () => choose(number));
    option.addEventListener("keydown", (event) => {
      const ends = { Home: 0, End: options.length - 1 };
      const next = ends[event.key] ?? number + (steps[event.key] ?? NaN);
      if (Number.isNaN(next)) return;
      event.preventDefault();
      choose(next);
      options[at].focus();
    });
  });
  return { choose, get at() { return at; } };
}

/** The text by attribution. */
function showWords() {
  const words = all(".word");
  if (!words.length) return;
  const said = (name, at) => {
    const { values, errors } = data.attributions[name];
    if (values[at] === null) return "must stay";
    return signed(values[at]) + (errors?.[at] ? ` ± ${errors[at].toFixed(4)}` : "");
  };
  const names = Object.keys(data.attributions);
  const note = (at) => {
    const values = names.map((name) => `${name.replaceAll("_", " ")} ${said(name, at)}`);
    one("#word-note").textContent = `“${data.words[at].text}”: ${values.join(", ")}`;
  };
  const colour = (name) => {
    const { values } = data.attributions[name];
    const largest = Math.max(...values.map((value) => Math.abs(value ?? 0))) || 1;
    words.forEach((word, at) => {
      const value = values[at] ?? 0;
      word.dataset.sign = value > 0 ? "plus" : value < 0 ? "minus" : "none";
      word.style.setProperty("--share", Math.abs(value) / largest);
      word.ariaLabel = `${data.words[at].text}, ${said(name, at)}`;
    });
  };
  for (const method of all("input[name=method]"))
    method.addEventListener("change", () => colour(method.value));
  colour(names[0]);
  choosing(words, note).choose(0);
}

/** Square roots of weights, a byte each. */
function unpacked(packed) {
  return Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
}

/** Red, green and blue of a colour of the page. */
function colourOf(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Draw a map, a pixel a weight; the style sheet makes it larger. */
function draw(canvas, roots, side) {
  const paper = colourOf("--paper");
  const ink = colourOf("--plus");
  const image = new ImageData(side, side);
  roots.forEach((root, at) => {
    const share = root / 255;
    for (let part = 0; part < 3; part++)
      image.data[4 * at + part] = paper[part] + share * (ink[part] - paper[part]);
    image.data[4 * at + 3] = 255;
  });
  canvas.width = canvas.height = side;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The maps of a layer, and the one that is open. */
function showMaps() {
  if (!data.attention) return;
  const side = data.tokens.length;
  const maps = unpacked(data.attention);
  const rollout = data.rollout && unpacked(data.rollout);
  const tiles = all(".tile");
  const tokens = all(".token");
  const slider = one("#layer");
  let open = 0;
  const mapOf = (tile) => {
    const first = (Number(slider.value) * data.heads + tile) * side * side;
    return tile < data.heads ? maps.subarray(first, first + side * side) : rollout;
  };
  const weight = (from, to) => (mapOf(open)[from * side + to] / 255) ** 2;
  const nameOf = (tile) => (tile < data.heads ? `head ${slider.value}.${tile}` : "rollout");

  const showToken = (from) => {
    const weights = tokens.map((_, to) => weight(from, to));
    tokens.forEach((token, to) => token.style.setProperty("--share", Math.sqrt(weights[to])));
    const strongest = weights.map((_, to) => to).sort((one, other) => weights[other] - weights[one]);
    const named = strongest.slice(0, 3).map((to) => `${data.tokens[to]} ${weights[to].toFixed(3)}`);
    const note = `“${data.tokens[from]}” takes most from ${named.join(", ")}`;
    one("#token-note").textContent = `${nameOf(open)}: ${note}`;
    tokens[from].ariaLabel = note;
    const row = one(".map .row");
    row.hidden = false;
    row.style.top = `${(100 * from) / side}%`;
    row.style.height = `${100 / side}%`;
  };
  const chosen = choosing(tokens, showToken);
  const showOpen = () => {
    tiles.forEach((tile, at) => (tile.ariaPressed = String(at === open)));
    const rolled = "rollout through all layers (Abnar and Zuidema 2020)";
    one("#open-name").textContent = open < data.heads ? nameOf(open) : rolled;
    draw(one("#open-map"), mapOf(open), side);
    chosen.choose(chosen.at);
  };
  const showLayer = () => {
    const name = `${slider.value} of 0 to ${data.layers - 1}`;
    one("#layer-name").textContent = name;
    slider.ariaValueText = `layer ${name}`;
    tiles.forEach((tile, at) => draw(tile.firstChild, mapOf(at), side));
    showOpen();
  };
  tiles.forEach((tile, at) =>
    tile.addEventListener("click", () => {
      open = at;
      showOpen();
    }),
  );
  one("#open-map").addEventListener("pointermove", (event) => {
    const place = (offset, size) => Math.min(side - 1, Math.floor((side * offset) / size));
    const from = place(event.offsetY, event.target.clientHeight);
    const to = place(event.offsetX, event.target.clientWidth);
    chosen.choose(from);
    const named = `“${data.tokens[from]}” takes ${weight(from, to).toFixed(3)} from`;
    one("#token-note").textContent = `${nameOf(open)}: ${named} “${data.tokens[to]}”`;
  });
  slider.addEventListener("input", showLayer);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showLayer);
  showLayer();
}

showWords();
showMaps();
document.documentElement.dataset.ready = "true";
