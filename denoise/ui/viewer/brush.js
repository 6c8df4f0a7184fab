// The brush: more or less of the noise removed, from place to place. What is painted lies in a grid of nodes over the photo,
// with the same arithmetic between them as on the server, see brush.py.

import { clamp } from "./viewport.js";

const NEUTRAL = 128;
const MOST_NODES = 513;
const MOST_STEPS = 30; // that can be undone
const AIMS = { less: (node) => node / 2, none: () => 0, more: (node) => node + (255 - node) / 2, erase: () => NEUTRAL };

// `changed` is called whenever something else is to be seen, `settled` with subject and mask, as text, after each stroke.
export function createBrush(root, { viewport, changed, settled }) {
  const stage = root.querySelector(".stage");
  const ring = root.querySelector(".ring");
  const size = root.querySelector(".brush input");
  const [undoButton, clearButton] = [".undo", ".clear"].map((name) => root.querySelector(`.brush ${name}`));
  const point = { x: NaN, y: NaN }; // in CSS pixels of the stage
  const steps = []; // what there was before each stroke, newest last
  let photo = null; // its size
  let subject; // what `grid` is about
  let grid = null; // {spacing, height, width, nodes}
  let text = Promise.resolve(""); // the same, as the server reads it
  let aim = "less";
  let stroke = null; // {before, cover}: the nodes as they were, and how far each is covered

  const isOn = () => root.hasAttribute("data-brush");
  const isPlain = () => !grid || grid.nodes.every((node) => node === NEUTRAL);

  // Begin with another photo, and with what the server knows was painted on it.
  function start(newSubject, bitmap, known) {
    if (newSubject === subject) return;
    subject = newSubject;
    photo = { width: bitmap.width, height: bitmap.height };
    steps.length = 0;
    stroke = null;
    let spacing = 1;
    while (Math.ceil(Math.max(photo.width, photo.height) / spacing) + 1 > MOST_NODES) spacing *= 2;
    const [height, width] = [photo.height, photo.width].map((length) => Math.ceil(length / spacing) + 1);
    grid = { spacing, height, width, nodes: new Uint8Array(height * width).fill(NEUTRAL) };
    text = Promise.resolve(known);
    if (known) unpack(known);
    tell();
  }

  async function unpack(known) {
    const about = subject;
    const [spacing, height, width, packed] = known.split(".");
    if (![spacing, height, width].every((each, at) => Number(each) === [grid.spacing, grid.height, grid.width][at])) return;
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const nodes = new Uint8Array(await new Response(stream).arrayBuffer());
    if (about !== subject || steps.length || nodes.length !== grid.nodes.length) return;
    grid.nodes = nodes;
    tell();
    changed();
  }

  async function pack({ spacing, height, width, nodes }) {
    const stream = new Blob([nodes]).stream().pipeThrough(new CompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    let letters = "";
    for (let at = 0; at < bytes.length; at += 8192) letters += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return `${spacing}.${height}.${width}.${btoa(letters)}`;
  }

  // ---- Painting ----

  function keep() {
    steps.push(grid.nodes.slice());
    if (steps.length > MOST_STEPS) steps.shift();
  }

  function begin(event) {
    if (!grid) return;
    keep();
    stroke = { before: grid.nodes.slice(), cover: new Float32Array(grid.nodes.length), last: null };
    root.toggleAttribute("data-painting", true);
    follow(event);
  }

  // Put the ring under a pointer; with a stroke begun, paint from where it was to here.
  function follow(event) {
    const { left, top } = stage.getBoundingClientRect();
    moveTo(event.clientX - left - stage.clientLeft, event.clientY - top - stage.clientTop);
    if (!stroke) return;
    const here = viewport.inPhoto(event, viewport.settle().place).reverse();
    const from = stroke.last ?? here;
    const radius = radiusInPhoto();
    const count = Math.max(1, Math.ceil(Math.hypot(here[0] - from[0], here[1] - from[1]) / (radius / 4)));
    for (let step = 1; step <= count; step++) {
      dab(...[0, 1].map((axis) => from[axis] + ((here[axis] - from[axis]) * step) / count), radius);
    }
    stroke.last = here;
    changed();
  }

  const radiusInPhoto = () => Math.max((Number(size.value) / 2) * (devicePixelRatio / viewport.scale()), grid.spacing * 0.75);

  // Full in the middle, nothing at the edge; where a stroke crosses itself it is no stronger.
  function dab(y, x, radius) {
    const { spacing, height, width, nodes } = grid;
    const span = (middle, most) => [
      Math.max(0, Math.ceil((middle - radius) / spacing)),
      Math.min(most - 1, Math.floor((middle + radius) / spacing)),
    ];
    const [top, bottom] = span(y, height);
    const [left, right] = span(x, width);
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const far = Math.hypot(row * spacing - y, column * spacing - x) / radius;
        if (far >= 1) continue;
        const at = row * width + column;
        const cover = Math.min(1, 2 * (1 - far)) ** 2;
        if (cover <= stroke.cover[at]) continue;
        stroke.cover[at] = cover;
        nodes[at] = Math.round(stroke.before[at] + (AIMS[aim](stroke.before[at]) - stroke.before[at]) * cover);
      }
    }
  }

  function end() {
    if (!stroke) return;
    stroke = null;
    root.toggleAttribute("data-painting", false);
    settle();
  }

  // As if the stroke had not been begun: a second finger has come.
  function cancel() {
    if (!stroke) return;
    stroke = null;
    root.toggleAttribute("data-painting", false);
    grid.nodes = steps.pop();
    changed();
  }

  function undo() {
    if (!steps.length) return;
    grid.nodes = steps.pop();
    settle();
  }

  function clear() {
    if (isPlain()) return;
    keep();
    grid.nodes = new Uint8Array(grid.nodes.length).fill(NEUTRAL);
    settle();
  }

  function settle() {
    tell();
    changed();
    const about = subject;
    text = isPlain() ? Promise.resolve("") : pack(grid);
    text.then((mask) => about === subject && settled({ subject, mask }));
  }

  function tell() {
    undoButton.disabled = !steps.length;
    clearButton.disabled = isPlain();
  }

  // ---- The ring, with a pointer or by keyboard ----

  function moveTo(x, y) {
    point.x = clamp(x, 0, stage.clientWidth);
    point.y = clamp(y, 0, stage.clientHeight);
    ring.style.transform = `translate(${point.x}px, ${point.y}px) translate(-50%, -50%)`;
    ring.style.width = ring.style.height = `${size.value}px`;
  }

  const moveBy = (x, y) => moveTo(point.x + x, point.y + y);

  function dabHere() {
    const { left, top } = stage.getBoundingClientRect();
    begin({ clientX: left + stage.clientLeft + point.x, clientY: top + stage.clientTop + point.y });
    end();
  }

  function toggle() {
    const isNow = root.toggleAttribute("data-brush");
    root.querySelector("[data-tool=brush]").setAttribute("aria-pressed", isNow);
    if (isNow && Number.isNaN(point.x)) {
      const pane = root.querySelector(".pane.denoised"); // not between the two
      moveTo(pane.offsetLeft + pane.offsetWidth / 2, pane.offsetTop + pane.offsetHeight / 2);
    }
    changed();
  }

  function choose(name) {
    aim = name;
    for (const button of root.querySelectorAll("button[data-aim]")) {
      button.setAttribute("aria-pressed", button.dataset.aim === aim);
    }
  }

  const grow = (factor) => {
    size.value = Number(size.value) * factor;
    moveBy(0, 0);
  };

  size.addEventListener("input", () => moveBy(0, 0));
  undoButton.addEventListener("click", undo);
  clearButton.addEventListener("click", clear);
  for (const button of root.querySelectorAll("button[data-aim]")) {
    button.addEventListener("click", () => choose(button.dataset.aim));
  }
  choose(aim);

  // Who saves what is shown asks for it by this event, see mix.js.
  const answer = ({ detail }) => {
    if (root.hasAttribute("data-paintable")) detail.mask = text;
  };
  document.addEventListener("denoise-mix", answer);
  const destroy = () => document.removeEventListener("denoise-mix", answer);

  return {
    isOn, start, begin, follow, end, cancel, undo, moveBy, dabHere, toggle, grow,
    grid: () => (isPlain() ? null : grid),
    destroy,
  };
}

// By how much the shares are multiplied at each pixel of a canvas; null where nothing was painted. `place`: see viewport.js.
export function factorsOf(grid, width, height, { scale, left, top }) {
  if (!grid) return null;
  const { spacing, nodes } = grid;
  const factors = new Float64Array(width * height);
  // The photo's pixel that a canvas pixel shows, with its node before, and how far it is from there.
  const along = (length, start, most) =>
    Array.from({ length }, (_, at) => {
      const pixel = clamp(Math.floor((at + 0.5 - start) / scale), 0, (most - 1) * spacing);
      const node = Math.floor(pixel / spacing);
      return [node, Math.min(node + 1, most - 1), pixel - node * spacing];
    });
  const columns = along(width, left, grid.width);
  along(height, top, grid.height).forEach(([row, below, down], y) => {
    columns.forEach(([column, right, across], x) => {
      const upper = nodes[row * grid.width + column] * (spacing - across) + nodes[row * grid.width + right] * across;
      const lower = nodes[below * grid.width + column] * (spacing - across) + nodes[below * grid.width + right] * across;
      factors[y * width + x] = (upper * (spacing - down) + lower * down) / (spacing * spacing * NEUTRAL);
    });
  });
  return factors;
}
