// The results one by one on the whole screen: before while held, kept or rejected, and what was decided can be undone.

import { setSliders } from "../viewer/mix.js";
import { blend, PLAIN_MIX } from "../viewer/pixels.js";

export const REJECTED = "Rejected: not in the zip";
const UNSAVED = "The server did not hear of this. Please try once more.";

// `address`: returns where a photo's files are; `look`: called with the id of one to be seen in true pixels; `ended`: called
// when the screen is left.
export function createCull(root, { address, look, ended }) {
  const screen = root.querySelector("dialog");
  const find = (name) => screen.querySelector(`.${name}`);
  const picture = screen.querySelector("img");
  const canvas = screen.querySelector("canvas");
  const sliders = [...screen.querySelectorAll(".mix input")];
  const caption = screen.querySelector("figcaption");
  const decided = []; // ids and what was before, newest last
  const mixes = new Map(); // by id: what the sliders say, in percent, from when they were moved here
  const saving = new Map(); // by id: the mix that the server is being told
  const pixels = new Map(); // by address: what was read of a picture last
  let rows = [];
  let at = 0;
  let isHeld = false;

  function update(all) {
    const id = rows[at]?.id;
    // What the server says of them is older than what was decided here.
    const here = new Map(screen.open ? rows.map((row) => [row.id, row.rejected]) : []);
    const done = all.filter(({ kind }) => kind === "done");
    rows = done.map((row) => ({ ...row, rejected: here.get(row.id) ?? row.rejected }));
    if (!screen.open) return;
    const place = rows.findIndex((row) => row.id === id);
    if (!rows.length) screen.close();
    else show(place < 0 ? Math.min(at, rows.length - 1) : place);
  }

  function open(id) {
    const place = rows.findIndex((row) => row.id === id);
    if (place < 0) return;
    if (!saving.size) mixes.clear(); // the server knows them by now, or has begun anew
    screen.showModal();
    show(place);
    find("next").focus();
  }

  const source = (row, which) => `${address(row.id)}/${which}?of=${encodeURIComponent(`${row.noise} ${row.time}`)}`;

  function show(place) {
    at = place;
    const row = rows[at];
    for (const [name, isThere] of [["previous", at > 0], ["next", at < rows.length - 1], ["undo", decided.length > 0]]) {
      find(name).setAttribute("aria-disabled", !isThere); // not `disabled`, which would lose the focus
    }
    find("where").textContent = `${at + 1} / ${rows.length}`;
    screen.querySelector("strong").textContent = row.name;
    setSliders(sliders, mixOf(row));
    offer();
    find("verdict").textContent = row.rejected ? REJECTED : "";
    find("keep").setAttribute("aria-pressed", !row.rejected);
    find("reject").setAttribute("aria-pressed", row.rejected);
    screen.toggleAttribute("data-rejected", row.rejected);
    paint();
    for (const each of [row, rows[at + 1], rows[at - 1]]) {
      if (each) for (const which of ["after", "before"]) new Image().src = source(each, which);
    }
  }

  function paint() {
    const which = isHeld ? "before" : "after";
    const wanted = source(rows[at], which);
    const isMixed = !isHeld && !isPlain(mixOf(rows[at]));
    if (isMixed) paintMix(rows[at]);
    else expose(picture);
    if (picture.getAttribute("src") !== wanted) picture.setAttribute("src", wanted);
    caption.textContent = isHeld ? "Before" : "After";
    picture.alt = `${caption.textContent}: ${rows[at].name}`;
    find("hold").setAttribute("aria-pressed", isHeld);
  }

  // ---- Sliders ----

  const mixOf = (row) => mixes.get(row.id) ?? row.mix;
  const isPlain = (mix) => String(mix) === String(PLAIN_MIX);

  // Of picture and canvas, show this one.
  function expose(one) {
    picture.hidden = one !== picture;
    canvas.hidden = one !== canvas;
  }

  // Mix both as the server does, in as many pixels as the screen shows of them.
  async function paintMix(row) {
    const mix = mixOf(row);
    const names = mix[2] ? ["before", "after", "details"] : ["before", "after"];
    let read;
    try {
      read = await Promise.all(names.map((name) => pixelsOf(source(row, name))));
    } catch {
      return; // the picture without the sliders stays
    }
    if (row.id !== rows[at]?.id || isHeld || mix !== mixOf(row)) return;
    const [before, after, details] = read;
    const shown = new ImageData(new Uint8ClampedArray(after.data), after.width, after.height);
    blend(before.data, shown.data, details?.data, mix);
    canvas.width = shown.width;
    canvas.height = shown.height;
    canvas.getContext("2d").putImageData(shown, 0, 0);
    canvas.setAttribute("aria-label", picture.alt);
    expose(canvas);
  }

  // Kept for the photo that is looked at: a slider that moves asks again and again.
  async function pixelsOf(url) {
    const figure = screen.querySelector("figure");
    const room = [figure.clientWidth, figure.clientHeight].map((length) => length * devicePixelRatio);
    const known = pixels.get(url);
    if (known && String(known.room) === String(room)) return known.read;
    if (pixels.size > 8) pixels.clear();
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(1, room[0] / image.naturalWidth, room[1] / image.naturalHeight);
    const [width, height] = [image.naturalWidth, image.naturalHeight].map((length) => Math.max(1, Math.round(length * scale)));
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, width, height);
    const read = context.getImageData(0, 0, width, height);
    pixels.set(url, { room, read });
    return read;
  }

  // The file to take home, once the server has made it as the sliders say.
  function offer() {
    const isSaving = saving.has(rows[at].id);
    const link = find("save");
    link.textContent = isSaving ? "Saving …" : "Download";
    link.setAttribute("aria-disabled", isSaving);
    if (isSaving) link.removeAttribute("href");
    else link.href = `${address(rows[at].id)}/result`;
  }

  // Tell the server; not, without a connection.
  const isHeard = (url) => fetch(url, { method: "POST" }).then(({ ok }) => ok, () => false);

  // Tell the server one after the other, and of several that came meanwhile the last.
  async function save(row) {
    if (saving.has(row.id)) return;
    let isSaved = true;
    for (let told; isSaved && String(told) !== String(mixOf(row)); ) {
      told = mixOf(row);
      saving.set(row.id, told);
      if (rows[at]) offer();
      isSaved = await isHeard(`${address(row.id)}/mix?mix=${told.join("-")}`);
    }
    saving.delete(row.id);
    if (!isSaved) mixes.delete(row.id);
    if (!screen.open) ended();
    if (!screen.open || !rows[at]) return;
    show(at);
    if (!isSaved) find("verdict").textContent = UNSAVED;
  }

  for (const slider of sliders) {
    slider.addEventListener("input", () => {
      mixes.set(rows[at].id, sliders.map(({ value }) => Number(value)));
      setSliders(sliders, mixOf(rows[at]));
      paint();
    });
    slider.addEventListener("change", () => save(rows[at]));
    slider.addEventListener("pointerup", () => find("next").focus()); // so that the arrow keys lead to other photos again
  }

  function hold(held) {
    if (held === isHeld) return;
    isHeld = held;
    if (rows[at]) paint();
  }

  function move(step) {
    if (rows[at + step]) show(at + step);
  }

  function decide(isRejected) {
    const row = rows[at];
    if (row.rejected === isRejected) {
      move(1);
      return;
    }
    decided.push([row.id, row.rejected]);
    say(row, isRejected);
    if (rows[at + 1]) move(1);
    else show(at);
  }

  function undo() {
    const [id, before] = decided.pop() ?? [];
    const place = rows.findIndex((row) => row.id === id);
    if (place < 0) return;
    say(rows[place], before);
    show(place);
  }

  async function say(row, isRejected) {
    const before = row.rejected;
    row.rejected = isRejected;
    if (await isHeard(`${address(row.id)}/rejected?is=${Number(isRejected)}`)) return;
    row.rejected = before;
    if (rows[at]) show(at);
    find("verdict").textContent = UNSAVED;
  }

  // By the buttons' names, and by keys.
  const acts = { previous: () => move(-1), next: () => move(1), keep: () => decide(false), reject: () => decide(true), undo };
  const keys = { ArrowLeft: "previous", ArrowRight: "next", k: "keep", x: "reject", u: "undo" };
  for (const [name, act] of Object.entries(acts)) find(name).onclick = act;
  screen.addEventListener("keydown", (event) => {
    event.stopPropagation(); // Streamlit has keys of its own
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches(".mix input") && event.key.startsWith("Arrow")) return; // moves the slider
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === " " && !event.target.matches("a")) {
      event.preventDefault();
      hold(true);
    } else if (keys[key]) {
      event.preventDefault();
      acts[keys[key]]();
    }
  });
  screen.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    hold(false);
  });
  for (const element of [find("hold"), picture, canvas]) {
    element.addEventListener("pointerdown", () => hold(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) element.addEventListener(end, () => hold(false));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
  }
  screen.addEventListener("blur", () => hold(false), true);
  find("close").onclick = () => screen.close();
  find("detail-look").onclick = () => {
    screen.close();
    look(rows[at].id);
  };
  screen.addEventListener("close", () => {
    hold(false);
    picture.removeAttribute("src");
    pixels.clear();
    root.querySelector(`tr[data-id="${rows[at]?.id}"] .cull-open`)?.focus(); // where the eye is
    ended();
  });

  return { update, open };
}
