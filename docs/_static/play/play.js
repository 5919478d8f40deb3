/* The page "Play": what a visitor does becomes requests, and answers become pictures.

   Nothing is computed here. player.py does that, with minigrad, in a worker; before the worker runs,
   and where it cannot, precomputed.json has its answers to what the page shows first. */

const here = new URL(".", document.currentScript.src);
const $ = (id) => document.getElementById(id);

// --- questions and answers -----------------------------------------------------------------------

const known = new Map(); // answers by their request, as text
const waiting = new Map();
let worker = null, ready = false, last = 0;

/* The answer to a request, or null if nobody can give it now. */
async function ask(request) {
  const text = JSON.stringify(request);
  if (known.has(text)) return known.get(text);
  if (!ready) return null;
  const answer = await new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ id: last, request: text });
  });
  if (["ground", "weights"].includes(request.call)) known.set(text, answer);
  return answer;
}

function startWorker() {
  worker = new Worker(new URL("worker.js", here), { type: "module" });
  worker.onerror = (event) => cannotRun(event.message || "The worker did not start.");
  worker.onmessage = ({ data }) => {
    if (data.ready) runs(data.ready);
    else if (data.missing) cannotRun(data.missing);
    else if (!("id" in data)) cannotRun(data.error);
    else {
      const { resolve, reject } = waiting.get(data.id);
      waiting.delete(data.id);
      if ("error" in data) reject(new Error(data.error));
      else resolve(JSON.parse(data.answer));
    }
  };
}

function say(state, words) {
  $("play-status").dataset.state = state;
  $("play-status").textContent = words;
}

function runs({ minigrad, numpy, kernels }) {
  ready = true;
  say("ready", `minigrad ${minigrad} runs in this page, on NumPy ${numpy} (kernels: ${kernels}).`);
  for (const control of document.querySelectorAll("[data-needs-minigrad]")) control.disabled = false;
  replay();
  readPad();
}

function cannotRun(why) {
  if (ready) return say("failed", `minigrad stopped: ${why}`);
  say("missing", `minigrad does not run here: ${why} “How that works” says what it needs. `
    + "What you see was computed when the site was built.");
}

// --- themes --------------------------------------------------------------------------------------

let all = null; // surfaces, rules, themes

function theme() {
  const chosen = document.body.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

const rgb = (code) => [1, 3, 5].map((i) => parseInt(code.slice(i, i + 2), 16));
const mix = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);

// --- the map -------------------------------------------------------------------------------------

const DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const map = $("play-map");
const ink = map.getContext("2d");
let ground = null; // of the chosen surface
let start = [0, 0];
let paths = new Map(); // rule -> path, maybe of an earlier start
let wanted = [], busy = false;

const surface = () => all.surfaces.find(({ name }) => name === $("play-surface").value);
const chosen = () => all.rules.filter(({ name }) => $(`rule-${name}`).checked);
const factor = () => 2 ** +$("play-factor").value;
const across = ([x, y]) => [
  ((x - ground.x[0]) / (ground.x[1] - ground.x[0])) * map.width,
  ((ground.y[1] - y) / (ground.y[1] - ground.y[0])) * map.height,
];

function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value), sign = value < 0 ? "−" : "";
  if (size >= 0.01 && size < 1e5) return sign + (size < 10 ? size.toFixed(2) : size.toFixed(size < 1000 ? 1 : 0));
  let [head, power] = size.toExponential(1).split("e");
  power = +power;
  return `${sign}${head}·10${power < 0 ? "⁻" : ""}${[...String(Math.abs(power))].map((d) => DIGITS[d]).join("")}`;
}

/* Tints and contours of the ground, an image as large as the map. */
function relief() {
  const t = theme();
  if (ground.images[t]) return ground.images[t];
  const { width: W, height: H } = map, { columns, rows, levels, h } = ground;
  const [low, high] = all.themes[t].ground.map(rgb), line = rgb(all.themes[t].contour);
  const level = new Float32Array(W * H);
  for (let j = 0; j < H; j++) {
    const v = (j / (H - 1)) * (rows - 1), j0 = Math.min(rows - 2, Math.floor(v)), b = v - j0;
    for (let i = 0; i < W; i++) {
      const u = (i / (W - 1)) * (columns - 1), i0 = Math.min(columns - 2, Math.floor(u)), a = u - i0;
      const k = j0 * columns + i0;
      const top = h[k] * (1 - a) + h[k + 1] * a, bottom = h[k + columns] * (1 - a) + h[k + columns + 1] * a;
      level[j * W + i] = (top * (1 - b) + bottom * b) * levels;
    }
  }
  const image = new ImageData(W, H);
  for (let j = 0; j < H; j++)
    for (let i = 0; i < W; i++) {
      const k = j * W + i, l = level[k], right = level[i + 1 < W ? k + 1 : k - 1], below = level[j + 1 < H ? k + W : k - W];
      // Of a line as wide as a pixel of the page: how far it is, by the slope of the ground.
      const slope = Math.hypot(right - l, below - l), far = Math.abs(l - Math.round(l));
      const share = l > levels - 0.5 || slope === 0 ? 0 : Math.max(0, Math.min(1, 1.3 - far / slope));
      image.data.set([...mix(mix(low, high, Math.min(1, Math.floor(l) / levels)), line, share), 255], 4 * k);
    }
  const drawn = document.createElement("canvas");
  [drawn.width, drawn.height] = [W, H];
  drawn.getContext("2d").putImageData(image, 0, 0);
  return (ground.images[t] = drawn);
}

async function chooseSurface() {
  const { name, title, formula, steps } = surface();
  const found = await ask({ call: "ground", surface: name });
  if (!found) return;
  const bytes = Uint8Array.from(atob(found.heights), (c) => c.charCodeAt(0));
  ground = { ...found, h: Float32Array.from(new Uint16Array(bytes.buffer), (v) => v / 65535), images: {} };
  $("play-formula").textContent = `${title}: f(x, y) = ${formula}`;
  [$("play-steps").max, $("play-steps").value] = [steps, steps];
  start = [...ground.start];
  paths = new Map();
  replay();
}

/* Ask for the paths of all chosen rules; what was asked for before is not wanted any more. */
function replay() {
  [$("play-x").value, $("play-y").value] = start.map((value) => +value.toFixed(3));
  const { name, steps } = surface();
  wanted = chosen().map((rule) => (
    { call: "path", surface: name, rule: rule.name, start: [...start], steps, factor: factor() }
  ));
  for (const path of paths.values()) path.stale = true;
  redraw();
  work();
}

async function work() {
  if (busy) return;
  busy = true;
  map.dataset.busy = "yes";
  try {
    while (wanted.length) {
      const request = wanted.shift();
      const answer = await ask(request);
      const current = request.surface === surface().name && String(request.start) === String(start)
        && request.factor === factor();
      if (answer && current) paths.set(request.rule, { ...answer, stale: false });
      else if (current) paths.delete(request.rule);
      if (!wanted.length || current) redraw();
    }
    summarize();
  } catch (error) {
    cannotRun(error.message);
  } finally {
    busy = false;
    map.dataset.busy = "no";
  }
}

function redraw() {
  if (!ground) return;
  const t = theme(), colors = all.themes[t], n = +$("play-steps").value;
  const unit = map.width / Math.max(280, map.clientWidth); // canvas pixels in a CSS pixel
  ink.drawImage(relief(), 0, 0);
  ink.lineJoin = ink.lineCap = "round";
  const ends = [], rows = [];
  for (const rule of chosen()) {
    const path = paths.get(rule.name), look = rule[t];
    if (!path) continue;
    const points = path.points.slice(0, n + 1).map(across);
    ink.globalAlpha = path.stale ? 0.3 : 1;
    for (const [width, color, dashes] of [[4.4, colors.page, []], [2.4, look.line, look.dashes]]) {
      ink.setLineDash(dashes.map((d) => d * 2.4 * unit));
      ink.lineWidth = width * unit;
      ink.strokeStyle = color;
      ink.beginPath();
      for (const point of points) ink.lineTo(...point);
      ink.stroke();
    }
    ink.setLineDash([]);
    ends.push({ rule, look, point: points.at(-1) });
    ink.globalAlpha = 1;
    const out = path.thrown_out !== null && n >= path.thrown_out;
    const value = out ? "thrown out" : number(path.values[Math.min(n, path.values.length - 1)]);
    rows.push([rule, look, value, String(+path.rate.toPrecision(3)), out ? path.thrown_out : null]);
  }
  nameEnds(ends, ground.minima.map(across), unit, colors);
  for (const minimum of ground.minima) mark(across(minimum), "★", unit, colors);
  mark(across(start), "✚", unit, colors);
  $("play-n").textContent = n;
  $("play-table").tBodies[0].replaceChildren(...rows.map(tableRow));
}

/* Write each name beside the end of its line, no two on each other, and none on a star. */
function nameEnds(ends, stars, unit, colors) {
  ink.font = `600 ${13 * unit}px system-ui, sans-serif`;
  ink.textBaseline = "middle";
  ends.sort((a, b) => a.point[1] - b.point[1]);
  let lowest = -Infinity;
  for (const { rule, look, point: [x, y] } of ends) {
    if (!(x >= 0 && x <= map.width && y >= 0 && y <= map.height)) continue;
    ink.fillStyle = look.line;
    ink.beginPath();
    ink.arc(x, y, 3.6 * unit, 0, 7);
    ink.fill();
    let at = Math.max(y, lowest + 15 * unit, 9 * unit);
    const beside = stars.filter(([u, v]) => Math.abs(v - at) < 14 * unit && Math.abs(u - x) < 25 * unit);
    const right = Math.max(x + 9 * unit, ...beside.map(([u]) => u + 12 * unit));
    const left = Math.min(right, map.width - ink.measureText(rule.name).width - 4 * unit);
    if (left < right) for (const [, v] of beside) at = Math.max(at, v + 17 * unit); // below it
    lowest = at;
    ink.lineWidth = 3.4 * unit;
    ink.strokeStyle = colors.page;
    ink.strokeText(rule.name, left, at);
    ink.fillStyle = look.words;
    ink.fillText(rule.name, left, at);
  }
}

function mark([x, y], sign, unit, colors) {
  ink.font = `${20 * unit}px system-ui, sans-serif`;
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  ink.lineWidth = 3.2 * unit;
  ink.strokeStyle = colors.page;
  ink.strokeText(sign, x, y);
  ink.fillStyle = colors.ink;
  ink.fillText(sign, x, y);
  ink.textAlign = "left";
}

function tableRow([rule, look, value, rate, out]) {
  const row = document.createElement("tr"), name = document.createElement("th");
  name.scope = "row";
  name.style.color = look.words;
  name.textContent = rule.name;
  const cells = [value, rate, out === null ? "" : `at step ${out}`].map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  });
  row.append(name, ...cells);
  return row;
}

/* One sentence for those who do not see the map. */
function summarize() {
  const n = +$("play-steps").value;
  const found = chosen().map(({ name }) => [name, paths.get(name)]).filter(([, path]) => path && !path.stale);
  if (!found.length) {
    const cure = ready ? "Choose a rule." : "From here the paths are computed when minigrad runs.";
    return ($("play-summary").textContent = cure);
  }
  const out = found.filter(([, path]) => path.thrown_out !== null && path.thrown_out <= n).map(([name]) => name);
  const inside = found.filter(([name]) => !out.includes(name))
    .map(([name, path]) => [name, path.values[Math.min(n, path.values.length - 1)]]).sort((a, b) => a[1] - b[1]);
  const best = inside.length ? `Lowest after ${n} steps: ${inside[0][0]}, ${number(inside[0][1])}.` : "";
  const lost = out.length ? ` Thrown out: ${out.join(", ")}.` : "";
  $("play-summary").textContent = `From (${start.map((v) => +v.toFixed(2)).join(", ")}). ${best}${lost}`;
}

function moveTo(x, y) {
  const inside = (v, [low, high]) => Math.min(high, Math.max(low, v));
  start = [inside(x, ground.x), inside(y, ground.y)].map((value) => +value.toFixed(4));
  replay();
}

function pointed(event) {
  const box = map.getBoundingClientRect();
  const [u, v] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  moveTo(ground.x[0] + u * (ground.x[1] - ground.x[0]), ground.y[1] - v * (ground.y[1] - ground.y[0]));
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function prepareMap() {
  $("play-surface").append(...all.surfaces.map(({ name, title }) => new Option(title, name)));
  $("play-surface").value = "beale";
  $("play-rules").append(...all.rules.map(({ name }) => {
    const chip = document.createElement("label"), box = document.createElement("input");
    [chip.className, box.type, box.id] = ["play-chip", "checkbox", `rule-${name}`];
    box.checked = ["SGD", "momentum", "RMSprop", "Adam"].includes(name);
    box.addEventListener("change", replay);
    const line = document.createElement("canvas");
    [line.width, line.height, line.dataset.rule] = [52, 12, name];
    line.setAttribute("aria-hidden", "true");
    chip.append(box, line, name);
    return chip;
  }));
  $("play-surface").addEventListener("change", chooseSurface);
  $("play-factor").addEventListener("input", () => {
    $("play-factor-words").textContent = `× ${factor() < 1 ? `1/${1 / factor()}` : factor()}`;
    replay();
  });
  $("play-steps").addEventListener("input", () => (redraw(), summarize()));
  for (const id of ["play-x", "play-y"])
    $(id).addEventListener("change", () => moveTo(+$("play-x").value, +$("play-y").value));
  map.addEventListener("pointerdown", (event) => {
    if (!ground || !ready) return;
    map.setPointerCapture(event.pointerId);
    pointed(event);
  });
  map.addEventListener("pointermove", (event) => event.buttons && ground && ready && pointed(event));
  map.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!ground || !ready || !(way || event.key === "Home")) return;
    event.preventDefault();
    if (event.key === "Home") return moveTo(...ground.start);
    const step = (ground.x[1] - ground.x[0]) / (event.shiftKey ? 400 : 40);
    moveTo(start[0] + way[0] * step, start[1] + way[1] * step);
  });
}

function paintChips() {
  for (const line of document.querySelectorAll("#play-rules canvas")) {
    const look = all.rules.find(({ name }) => name === line.dataset.rule)[theme()];
    const pen = line.getContext("2d");
    pen.clearRect(0, 0, line.width, line.height);
    pen.strokeStyle = look.line;
    pen.lineWidth = 5;
    pen.setLineDash(look.dashes.map((d) => d * 5));
    pen.beginPath();
    pen.moveTo(0, 6);
    pen.lineTo(line.width, 6);
    pen.stroke();
  }
}

// --- the digit -----------------------------------------------------------------------------------

const pad = $("play-pad");
const pen = pad.getContext("2d", { willReadFrequently: true });
const SIDE = 112; // of the drawing that is sent
let weights = null, drawing = null, pointer = null;
let at = [0.5, 0.25], down = false; // the pen that the keyboard moves
let seed = 0, sending = false, again = false;
const strokes = new OffscreenCanvas(pad.width, pad.height); // ink alone, in black
const inkOf = strokes.getContext("2d");

function paintPad() {
  const colors = all.themes[theme()];
  pen.fillStyle = colors.page;
  pen.fillRect(0, 0, pad.width, pad.height);
  const tinted = new OffscreenCanvas(pad.width, pad.height), brush = tinted.getContext("2d");
  brush.drawImage(strokes, 0, 0);
  brush.globalCompositeOperation = "source-in";
  brush.fillStyle = colors.ink;
  brush.fillRect(0, 0, pad.width, pad.height);
  pen.drawImage(tinted, 0, 0);
  if (document.activeElement === pad && pad.matches(":focus-visible")) {
    pen.strokeStyle = colors.backward;
    pen.lineWidth = down ? 10 : 4;
    pen.beginPath();
    pen.arc(at[0] * pad.width, at[1] * pad.height, 0.045 * pad.width, 0, 7);
    pen.stroke();
  }
}

function stroke([x0, y0], [x1, y1]) {
  inkOf.lineWidth = 0.075 * pad.width;
  inkOf.lineCap = "round";
  inkOf.beginPath();
  inkOf.moveTo(x0 * pad.width, y0 * pad.height);
  inkOf.lineTo(x1 * pad.width, y1 * pad.height);
  inkOf.stroke();
  paintPad();
  readPad();
}

function clearPad() {
  inkOf.clearRect(0, 0, pad.width, pad.height);
  paintPad();
  readPad();
}

/* Send the drawing; while an answer is on its way, the newest drawing waits. */
async function readPad() {
  if (!ready) return;
  if (sending) return (again = true);
  sending = true;
  do {
    again = false;
    const small = new OffscreenCanvas(SIDE, SIDE), brush = small.getContext("2d");
    brush.imageSmoothingQuality = "high";
    brush.drawImage(strokes, 0, 0, SIDE, SIDE);
    const drawn = [...brush.getImageData(0, 0, SIDE, SIDE).data].filter((_, i) => i % 4 === 3);
    try {
      show(await ask({ call: "digit", drawn, side: SIDE }));
    } catch (error) {
      cannotRun(error.message);
    }
  } while (again);
  sending = false;
}

async function showSample(wantedDigit) {
  const found = await ask({ call: "sample", wanted: wantedDigit, seed: ready ? seed++ : 0 });
  if (!found) return;
  const small = new OffscreenCanvas(28, 28), image = new ImageData(28, 28);
  found.drawn.forEach((value, i) => image.data.set([0, 0, 0, value], 4 * i));
  small.getContext("2d").putImageData(image, 0, 0);
  inkOf.clearRect(0, 0, pad.width, pad.height);
  inkOf.drawImage(small, 0, 0, pad.width, pad.height);
  paintPad();
  show(found);
}

function show(found) {
  drawing = found;
  const order = found.probabilities.map((p, i) => [p, i]).sort((a, b) => b[0] - a[0]);
  const percent = (p) => `${(100 * p).toFixed(1)} %`;
  [...$("play-bars").tBodies[0].rows].forEach((row, digit) => {
    const p = found.empty ? 0 : found.probabilities[digit];
    row.querySelector("i").style.width = `${100 * p}%`;
    row.lastElementChild.textContent = found.empty ? "" : percent(p);
    row.classList.toggle("most", !found.empty && digit === order[0][1]);
  });
  const [[first, one], [second, two]] = order;
  const sure = first > 0.5 ? `It says ${one} (${percent(first)}).`
    : `It is not sure: ${one} (${percent(first)}) or ${two} (${percent(second)}).`;
  $("play-answer").textContent = found.empty ? "The field is empty." : sure;
  paintSeen();
  paintUnits();
}

function paintSeen() {
  const colors = all.themes[theme()], [paper, dark] = [rgb(colors.page), rgb(colors.ink)];
  paintImage($("play-seen"), (drawing?.image ?? new Array(784).fill(0)).map((v) => mix(paper, dark, v)));
}

function paintImage(canvas, pixels) {
  const image = new ImageData(28, 28);
  pixels.forEach((color, i) => image.data.set([...color, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/* First weights, blue against and orange for a pixel; framed: the units that answer. */
function paintUnits() {
  if (!weights) return;
  const stops = all.themes[theme()].diverging.map(rgb);
  const box = $("play-units");
  if (!box.children.length)
    box.append(...weights.maps.map(() => {
      const item = document.createElement("li"), canvas = document.createElement("canvas");
      canvas.width = canvas.height = 28;
      canvas.setAttribute("role", "img");
      item.append(canvas);
      return item;
    }));
  weights.maps.forEach((map, unit) => {
    const canvas = box.children[unit].firstChild;
    paintImage(canvas, map.map((weight) => {
      const place = ((Math.max(-1, Math.min(1, 1.6 * weight)) + 1) / 2) * (stops.length - 1);
      const k = Math.min(stops.length - 2, Math.floor(place));
      return mix(stops[k], stops[k + 1], place - k);
    }));
    const value = drawing && !drawing.empty ? drawing.units[unit] : 0;
    const dead = weights.dead.includes(unit);
    canvas.className = dead ? "dead" : value > 0.5 ? "answers" : "";
    canvas.setAttribute("aria-label", `unit ${unit + 1}: ${dead ? "dead" : number(value)}`);
  });
}

async function preparePad() {
  weights = await ask({ call: "weights" });
  if (weights) {
    const dead = { 0: "", 1: " The crossed-out one is dead: it answers none of the 10,000 test digits." };
    const many = ` The ${weights.dead.length} crossed out are dead: they answer none of the 10,000 test digits.`;
    $("play-dead").textContent = dead[weights.dead.length] ?? many;
    $("play-facts").textContent = `Source: train_digits.py, seed ${weights.seed}: `
      + `${weights.parameters.toLocaleString("en")} parameters, trained by minigrad on ${weights.epochs} × MNIST `
      + `and rounded to bytes; ${(100 * weights.accuracy).toFixed(1)} % of the 10,000 test digits are right.`;
  }
  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    pointer = place(event);
    stroke(pointer, pointer);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pointer) return;
    const next = place(event);
    stroke(pointer, next);
    pointer = next;
  });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => (pointer = null));
  pad.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (way) {
      const step = event.shiftKey ? 0.02 : 0.05;
      const next = at.map((value, i) => Math.min(0.97, Math.max(0.03, value + step * (i ? -way[1] : way[0]))));
      if (down) stroke(at, next);
      at = next;
    } else if (event.key === " ") {
      down = !down;
      $("play-pen").textContent = down ? "The pen is down." : "The pen is up.";
      if (down) stroke(at, at);
    } else if (event.key === "Delete" || event.key === "Backspace") clearPad();
    else return;
    event.preventDefault();
    paintPad();
  });
  for (const change of ["focus", "blur"]) pad.addEventListener(change, paintPad);
  $("play-clear").addEventListener("click", clearPad);
  for (const button of document.querySelectorAll("[data-digit]"))
    button.addEventListener("click", () => showSample(+button.dataset.digit));
  await showSample(5);
}

// --- begin ---------------------------------------------------------------------------------------

function repaint() {
  paintChips();
  redraw();
  paintPad();
  paintSeen();
  paintUnits();
}

async function begin() {
  const answers = await fetch(new URL("precomputed.json", here));
  if (!answers.ok) throw new Error("the site was built without precomputed.json.");
  for (const [request, answer] of await answers.json()) known.set(JSON.stringify(request), answer);
  all = await ask({ call: "choices" });
  prepareMap();
  await chooseSurface();
  await preparePad();
  repaint();
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  addEventListener("resize", redraw);
  startWorker();
}

if (location.protocol === "file:")
  say("missing", "Browsers let no page from a file load others: serve the folder, as docs/browser.md says.");
else begin().catch((error) => cannotRun(error.message));
