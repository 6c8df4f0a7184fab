// Shows the noisy and the denoised photo under one shared view (zoom and position), in their true pixels.
//
// `data`: [labels, [[key, what it does], ...], subject, [{role, id, label, url}, ...], mix, luma, link]. `subject`: zoom and
// position stay as long as it does. The roles: "noisy" and, where there is such a picture, "denoised", "clean" (the
// reference) and "details" (where the photo has texture). `mix`: where the sliders stand at first, in percent, or null for
// none; `luma`: shares of the colours in luminance, in 256ths; `link`: what the page's address is to say, by parameter.

const ZOOM_STEPS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8]; // screen pixels per photo pixel
const MAX_ZOOM = 8;
const WHEEL_PER_STEP = 60;
const PREVIEW_LENGTH = 2560; // pixels of its longer side: as many as most screens have
const GAINS = [2, 4, 8, 16];
const PLAIN_MIX = [100, 100, 0]; // luminance and colour removed, detail kept: just as the denoiser made it
const HEAT = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // evenly from no error to white
const LOUPE_GAP = 24; // from the pointer, so that a finger does not cover the loupe
const RETRIES = [0.5, 1, 2, 4, 8]; // seconds to wait before a picture that did not arrive is asked for again; then the last
const STILL = 8; // a pointer that moved less is held, not dragged

function show({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  root.viewer ??= createViewer(root, (mix) => setStateValue("mix", mix));
  root.viewer.show(...data);
  return () => root.viewer.destroy();
}

// ---- Pictures: {role, id, label, bitmap, preview, colours}, in which `preview` is a small version of a large bitmap, and
// the numbers of both are the file's own; `colours` are those of colours.js ----

async function load(url) {
  const response = await fetch(new URL(`.${url}`, document.baseURI)); // relative: the page may lie below a path
  if (!response.ok) throw new Error(`${response.status} for ${url}`);
  const file = await response.blob();
  const [bitmap, colours] = await Promise.all([
    createImageBitmap(file, { colorSpaceConversion: "none" }),
    coloursOf(file),
  ]);
  const scale = PREVIEW_LENGTH / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return { bitmap, preview: bitmap, colours };
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((length) => Math.ceil(length * scale));
  const preview = await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "high" });
  return { bitmap, preview, colours };
}

function release({ bitmap, preview }) {
  bitmap.close();
  preview.close();
}

// Paint a picture onto a canvas. `place`: its scale, and where its upper left corner comes to lie.
function paint(canvas, { bitmap, preview }, { scale, left, top }) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = scale < 1; // above: the nearest pixel, so that pixels are seen as they are
  context.imageSmoothingQuality = "high";
  const source = scale < preview.width / bitmap.width ? preview : bitmap;
  context.drawImage(source, left, top, bitmap.width * scale, bitmap.height * scale);
}

// Turn `noisy` into what was removed from it: the difference around middle grey, `gain` times as strong.
function subtract(noisy, denoised, gain) {
  for (let i = 0; i < noisy.length; i += 4) {
    noisy[i] = 128 + gain * (noisy[i] - denoised[i]); // the array clamps
    noisy[i + 1] = 128 + gain * (noisy[i + 1] - denoised[i + 1]);
    noisy[i + 2] = 128 + gain * (noisy[i + 2] - denoised[i + 2]);
  }
}

// Turn `denoised` into its mix with `noisy`, just as `blend` in pipeline.py does: step by step the same, to the last bit.
function blend(noisy, denoised, details, mix, [red, green, blue]) {
  const [luminance, colour, detail] = mix.map((percent) => percent / 100);
  for (let i = 0; i < noisy.length; i += 4) {
    const change = [denoised[i] - noisy[i], denoised[i + 1] - noisy[i + 1], denoised[i + 2] - noisy[i + 2]];
    const light = red * change[0] + green * change[1] + blue * change[2];
    const kept = light * (details ? luminance * (1 - (detail * details[i]) / 255) : luminance);
    for (let channel = 0; channel < 3; channel++) {
      const coloured = colour * (256 * change[channel] - light);
      denoised[i + channel] = Math.floor(noisy[i + channel] + (kept + coloured) / 256 + 0.5);
    }
  }
}

// Turn `pixels` into how far they are from the clean ones: the channel that is farthest off, `gain` times, as heat.
function heat(pixels, clean, gain) {
  for (let i = 0; i < pixels.length; i += 4) {
    const off = (channel) => Math.abs(pixels[i + channel] - clean[i + channel]);
    const at = (Math.min(gain * Math.max(off(0), off(1), off(2)), 255) / 255) * (HEAT.length - 1);
    const [low, high] = [HEAT[Math.floor(at)], HEAT[Math.ceil(at)]];
    for (let channel = 0; channel < 3; channel++) {
      pixels[i + channel] = low[channel] + (at % 1) * (high[channel] - low[channel]);
    }
  }
}

// Make a canvas ready to be painted on at once: what was still to come for it is outdated.
function prepare(canvas, width, height) {
  outdate(canvas);
  resize(canvas, width, height);
}

// Leave nothing on a canvas, now or later.
function empty(canvas) {
  outdate(canvas);
  canvas.width = canvas.height = 0;
}

function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = width;
  canvas.height = height;
  // Not stretched by a fraction of a pixel where the page's grid leaves one.
  canvas.style.width = `${width / devicePixelRatio}px`;
  canvas.style.height = `${height / devicePixelRatio}px`;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

// `report` is called with the mix when a slider comes to rest.
function createViewer(root, report) {
  const find = (selector) => root.querySelector(selector);
  const stage = find(".stage");
  const divider = find(".divider");
  const loupe = find(".loupe");
  const holdButton = find(".hold");
  const removed = find(".pane.removed");
  const panes = [find(".pane.noisy"), find(".pane.denoised")];
  const canvases = panes.map((pane) => pane.querySelector("canvas"));
  const unseen = document.createElement("canvas"); // where pixels are read from
  unseen.getContext("2d", { willReadFrequently: true });
  const sliders = [...root.querySelectorAll(".mix input")];

  const view = { zoom: "fit", x: 0, y: 0 }; // x, y: the photo's point in the middle of a pane, in photo pixels
  const glass = { x: NaN, y: NaN }; // the point under the loupe, in CSS pixels of the stage
  let gain = 4;
  let seen; // the subject that is shown
  let loaded = []; // all pictures
  let pictures = []; // those that are compared, noisy first
  let mix;
  let luma;
  let link = {};
  let labels = {};
  let newest = 0;
  let frame = 0;

  // ---- What is shown ----

  function show(newLabels, keys, subject, wanted, percents, newLuma, newLink) {
    labels = newLabels;
    label(keys);
    luma = newLuma;
    link = newLink;
    remember();
    if (!mix) {
      // Only at first: what the server knows of the sliders may be older than where they are.
      root.toggleAttribute("data-mixable", Boolean(percents));
      setMix(percents ?? PLAIN_MIX);
    }
    newest++;
    place(subject, wanted, loaded);
    if (loaded.length < wanted.length) arrive(subject, wanted, newest);
  }

  // Fetch the pictures that are not there yet, and ask again for those that do not arrive, unless newer ones are wanted.
  async function arrive(subject, wanted, call, tries = 0) {
    let arrived;
    try {
      arrived = await Promise.all(
        wanted.map(async ({ id, url }) => loaded.find((picture) => picture.id === id) ?? { id, ...(await load(url)) }),
      );
    } catch {
      // Pictures that nobody waits for any more may well be gone.
      if (call !== newest) return;
      find(".hint").textContent = labels.failed;
      root.toggleAttribute("data-failed", true);
      const seconds = RETRIES[tries] ?? RETRIES.at(-1);
      setTimeout(() => call === newest && arrive(subject, wanted, call, tries + 1), 1000 * seconds);
      return;
    }
    if (call === newest) place(subject, wanted, arrived);
    else dismiss(arrived);
  }

  // Free the memory of those that are not shown.
  function dismiss(some) {
    some.filter(({ bitmap }) => !loaded.some((picture) => picture.bitmap === bitmap)).forEach(release);
  }

  // Show what is wanted, as far as it is there; of the rest, say that it is on its way. No picture ever stays where another
  // one is wanted, and the second is not shown without the first.
  function place(subject, wanted, there) {
    const [before, compared] = [loaded, pictures];
    loaded = wanted.flatMap(({ role, id, label }) =>
      there.filter((picture) => picture.id === id).map((picture) => ({ ...picture, role, label })),
    );
    dismiss([...before, ...there]);
    pictures = picture("noisy") ? ["noisy", "denoised"].map(picture).filter(Boolean) : [];
    if (loaded.length === wanted.length && root.hasAttribute("data-failed")) hint();
    if (pictures.length && seen !== subject) {
      const isFirst = seen === undefined;
      seen = subject;
      Object.assign(view, { zoom: "fit", x: pictures[0].bitmap.width / 2, y: pictures[0].bitmap.height / 2 });
      if (isFirst) restore();
    }
    const isWanted = (role) => wanted.some((each) => each.role === role);
    for (const [name, value] of [["pictures", pictures.length], ["shown", pictures.map(({ id }) => id).join(" ")]]) {
      if (pictures.length) root.dataset[name] = value;
      else delete root.dataset[name];
    }
    root.toggleAttribute("data-clean", isWanted("clean"));
    holdButton.disabled = pictures.length < 2;
    for (const control of root.querySelectorAll(".mix :is(input, button)")) control.disabled = pictures.length < 2;
    if (root.dataset.mode === "error" && !isWanted("clean")) setMode("side");
    for (const [index, name] of ["noisy", "denoised"].entries()) {
      const coming = wanted.find(({ role }) => role === name);
      const text = pictures[index]?.label ?? (coming ? labels.coming.replace("{label}", coming.label) : labels.waiting);
      for (const element of root.querySelectorAll(`.${name} :is(.tag, figcaption)`)) element.textContent = text;
      for (const canvas of root.querySelectorAll(`.${name} canvas`)) {
        canvas.setAttribute("aria-label", text);
        if (compared[index]?.bitmap !== pictures[index]?.bitmap) empty(canvas);
      }
    }
    render();
  }

  const picture = (role) => loaded.find((each) => each.role === role);

  function label(keys) {
    for (const element of root.querySelectorAll("[data-text]")) element.textContent = labels[element.dataset.text];
    for (const element of root.querySelectorAll("[data-label], [data-tip]")) {
      element.setAttribute("aria-label", labels[element.dataset.label ?? element.dataset.tip]);
    }
    for (const element of root.querySelectorAll("[data-tip]")) element.title = labels[element.dataset.tip];
    for (const element of root.querySelectorAll("[data-help]")) element.title = labels[element.dataset.help];
    hint();
    const list = keys.flat().map((text, index) => {
      const element = document.createElement(index % 2 ? "dd" : "dt");
      element.textContent = text;
      return element;
    });
    find(".keys dl").replaceChildren(...list);
    setGain(gain);
    setSplit(split());
  }

  function hint() {
    find(".hint").textContent = matchMedia("(hover: none)").matches ? labels.hint_touch : labels.hint;
    root.toggleAttribute("data-failed", false);
  }

  // ---- Where the photo lies. Lengths are screen (device) pixels, so that 1:1 is exactly one photo pixel on one. ----

  function paneSize() {
    const { width, height } = panes[0].getBoundingClientRect();
    // Whole pixels of the page as well, or the browser would round them and stretch the canvas.
    const unit = Number.isInteger(devicePixelRatio) ? devicePixelRatio : 1;
    return [width, height].map((length) => Math.floor((length * devicePixelRatio) / unit + 1e-3) * unit);
  }

  function fitScale() {
    if (!pictures.length) return 1;
    const [width, height] = paneSize();
    const scale = Math.min(width / pictures[0].bitmap.width, height / pictures[0].bitmap.height);
    // Whole multiples keep small photos' pixels square; on dense screens whole pixels of the page look as even.
    const unit = Math.max(1, Math.round(devicePixelRatio));
    return scale < 1 ? scale : Math.min(Math.floor(scale * unit) / unit, MAX_ZOOM);
  }

  const currentScale = () => (view.zoom === "fit" ? fitScale() : view.zoom);

  // Keep the photo in the pane, and return its place there.
  function settle() {
    const scale = currentScale();
    const { width, height } = pictures[0].bitmap;
    const [paneWidth, paneHeight] = paneSize();
    const within = (centre, length, visible) =>
      length <= visible ? length / 2 : clamp(centre, visible / 2, length - visible / 2);
    view.x = within(view.x, width, paneWidth / scale);
    view.y = within(view.y, height, paneHeight / scale);
    const left = Math.round(paneWidth / 2 - view.x * scale);
    const top = Math.round(paneHeight / 2 - view.y * scale);
    Object.assign(root.dataset, { scale, left, top });
    root.toggleAttribute("data-pannable", width * scale > paneWidth || height * scale > paneHeight);
    return { scale, left, top };
  }

  // Screen pixels from the middle of the pane under a point of the window.
  function fromMiddle({ clientX, clientY }) {
    const boxes = panes.map((pane) => pane.getBoundingClientRect());
    const isOver = ({ left, right, top, bottom }) =>
      clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
    const { left, top, width, height } = boxes.find(isOver) ?? boxes[0];
    return [clientX - left - width / 2, clientY - top - height / 2].map((length) => length * devicePixelRatio);
  }

  // ---- The address: it tells what the page says, and in its fragment the view (mode, zoom, the point in the middle) ----

  const usualMode = matchMedia("(max-width: 640px)").matches ? "slider" : "side";
  let remembering = 0;

  function restore() {
    const [mode, zoom, x, y] = location.hash.slice(1).split(",");
    if (![...root.querySelectorAll("button[data-mode]")].some((button) => button.dataset.mode === mode)) return;
    if (zoom !== "fit" && !(Number(zoom) > 0)) return;
    if (mode === "error" && !picture("clean")) return;
    Object.assign(view, { zoom: zoom === "fit" ? zoom : Math.min(Number(zoom), MAX_ZOOM), x: Number(x) || 0, y: Number(y) || 0 });
    setMode(mode);
  }

  // Once the view has come to rest: browsers allow few changes of the address in a short time.
  function remember() {
    clearTimeout(remembering);
    remembering = setTimeout(() => {
      if (!pictures.length) return; // the address has not been read yet
      const isUsual = root.dataset.mode === usualMode && view.zoom === "fit";
      const place = view.zoom === "fit" ? ["fit"] : [Number(view.zoom.toFixed(3)), Math.round(view.x), Math.round(view.y)];
      const hash = isUsual ? "" : `#${[root.dataset.mode, ...place].join(",")}`;
      const address = new URL(location.href);
      for (const [name, value] of Object.entries(link)) {
        if (value) address.searchParams.set(name, value);
        else address.searchParams.delete(name);
      }
      address.hash = hash;
      if (address.href !== location.href) history.replaceState(history.state, "", address);
    }, 400);
  }

  // ---- Painting ----

  // For what comes in quick succession, as a pointer's moves do: paint once, in the browser's next frame.
  function renderSoon() {
    frame ||= requestAnimationFrame(render);
  }

  function render() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!pictures.length || !stage.clientWidth) return;
    const place = settle();
    const { mode } = root.dataset;
    if (mode === "removed" && pictures.length === 2) paintRemoved(place);
    else if (mode === "error" && !picture("clean")) canvases.forEach(empty);
    else pictures.forEach((_, index) => (mode === "error" ? paintError : paintPane)(index, place));
    if (root.hasAttribute("data-loupe")) paintLoupe(place);
    remember();
    find(".percent").textContent = `${Math.round(place.scale * 100)} %`;
    for (const button of root.querySelectorAll("button[data-zoom]")) {
      button.setAttribute("aria-pressed", button.dataset.zoom === String(view.zoom));
    }
  }

  // What a canvas of this size would show of a picture.
  function pixelsOf(picture, width, height, place) {
    resize(unseen, width, height);
    paint(unseen, picture, place);
    return unseen.getContext("2d").getImageData(0, 0, width, height);
  }

  const isMixed = (index) => index === 1 && mix.some((percent, which) => percent !== PLAIN_MIX[which]);

  // The same of one of the two that are compared, the denoised one as the sliders mix it.
  function pixelsShown(index, ...place) {
    const pixels = pixelsOf(pictures[index], ...place);
    if (isMixed(index)) {
      const details = mix[2] && picture("details") ? pixelsOf(picture("details"), ...place).data : null;
      blend(pixelsOf(pictures[0], ...place).data, pixels.data, details, mix, luma);
    }
    return pixels;
  }

  function paintShown(canvas, index, width, height, place) {
    const { colours } = pictures[index];
    if (colours) {
      paintConverted(canvas, colours, () => pixelsShown(index, width, height, place));
      return;
    }
    prepare(canvas, width, height);
    if (isMixed(index)) canvas.getContext("2d").putImageData(pixelsShown(index, width, height, place), 0, 0);
    else paint(canvas, pictures[index], place);
  }

  function paintPane(index, place) {
    paintShown(canvases[index], index, ...paneSize(), place);
  }

  function paintError(index, place) {
    const pixels = pixelsShown(index, ...paneSize(), place);
    heat(pixels.data, pixelsOf(picture("clean"), ...paneSize(), place).data, gain);
    prepare(canvases[index], ...paneSize());
    canvases[index].getContext("2d").putImageData(pixels, 0, 0);
  }

  function paintRemoved(place) {
    const canvas = removed.querySelector("canvas");
    const [noisy, denoised] = [0, 1].map((index) => pixelsShown(index, ...paneSize(), place));
    subtract(noisy.data, denoised.data, gain);
    prepare(canvas, ...paneSize());
    canvas.getContext("2d").putImageData(noisy, 0, 0);
  }

  function paintLoupe({ scale, left, top }) {
    const box = stage.getBoundingClientRect();
    glass.x = clamp(Number.isNaN(glass.x) ? stage.clientWidth / 2 : glass.x, 0, stage.clientWidth);
    glass.y = clamp(Number.isNaN(glass.y) ? stage.clientHeight / 2 : glass.y, 0, stage.clientHeight);
    const point = { clientX: box.left + stage.clientLeft + glass.x, clientY: box.top + stage.clientTop + glass.y };
    const [x, y] = fromMiddle(point).map((length, axis) => (length + paneSize()[axis] / 2 - [left, top][axis]) / scale);

    // Twice as large as the photo around it, but no smaller than a pixel of the page for each of the photo.
    const enlarged = Math.max(Math.round(devicePixelRatio), Math.round(scale) * 2);
    const side = Math.round(parseFloat(getComputedStyle(loupe).getPropertyValue("--side")) * devicePixelRatio);
    const place = { scale: enlarged, left: Math.round(side / 2 - x * enlarged), top: Math.round(side / 2 - y * enlarged) };
    pictures.forEach((_, index) => paintShown(loupe.querySelectorAll("canvas")[index], index, side, side, place));
    Object.assign(loupe.dataset, place);

    const { offsetWidth, offsetHeight } = loupe;
    const above = glass.y - offsetHeight - LOUPE_GAP;
    const toX = clamp(glass.x - offsetWidth / 2, 4, stage.clientWidth - offsetWidth - 4);
    const toY = clamp(above < 4 ? glass.y + LOUPE_GAP : above, 4, stage.clientHeight - offsetHeight - 4);
    loupe.style.transform = `translate(${Math.round(toX)}px, ${Math.round(toY)}px)`;
  }

  // ---- Zoom and position ----

  // x, y: the point that keeps its place, in screen pixels from the middle of the pane.
  function zoomTo(zoom, x = 0, y = 0) {
    if (!pictures.length) return;
    const before = currentScale();
    const fit = fitScale();
    const isFit = zoom === "fit" || (zoom <= fit && fit < 1);
    view.zoom = isFit ? "fit" : clamp(zoom, Math.min(fit, 1), MAX_ZOOM);
    const after = currentScale();
    view.x += x / before - x / after;
    view.y += y / before - y / after;
  }

  function zoomBy(steps, x, y) {
    if (!pictures.length) return;
    const scale = currentScale();
    const next = steps > 0 ? ZOOM_STEPS.find((step) => step > scale) : ZOOM_STEPS.findLast((step) => step < scale);
    if (next) zoomTo(steps < 0 && next < Math.min(fitScale(), 1) ? "fit" : next, x, y);
  }

  function panBy(x, y) {
    if (!pictures.length) return;
    const scale = currentScale();
    view.x += x / scale;
    view.y += y / scale;
  }

  // ---- Modes and tools ----

  const press = (selector, isPressed) => {
    for (const button of root.querySelectorAll(selector)) button.setAttribute("aria-pressed", isPressed(button));
  };

  function setMode(mode) {
    hold(false);
    root.dataset.mode = mode;
    root.dataset.layout = ["side", "error"].includes(mode) ? "pair" : "stack";
    press("button[data-mode]", (button) => button.dataset.mode === mode);
    setGain(gain);
  }

  // `percents`: luminance and colour removed, detail kept.
  function setMix(percents) {
    mix = percents;
    sliders.forEach((slider, index) => {
      slider.value = mix[index];
      slider.nextElementSibling.textContent = `${mix[index]} %`;
    });
    renderSoon();
  }

  for (const slider of sliders) {
    slider.addEventListener("input", () => setMix(sliders.map(({ value }) => Number(value))));
    slider.addEventListener("change", () => report(mix));
  }
  find(".reset").addEventListener("click", () => {
    setMix(PLAIN_MIX);
    report(mix);
  });

  function setSplit(percent) {
    const value = clamp(percent, 0, 100);
    root.style.setProperty("--split", `${value}%`);
    divider.setAttribute("aria-valuenow", Math.round(value));
    divider.setAttribute("aria-valuetext", labels.divided?.replace("{percent}", Math.round(value)) ?? "");
  }

  const split = () => parseFloat(root.style.getPropertyValue("--split") || "50");

  function splitAt({ clientX }) {
    const { left, width } = stage.getBoundingClientRect();
    setSplit(((clientX - left) / width) * 100);
  }

  // Show the noisy photo in place of the denoised one.
  function hold(isHeld) {
    root.toggleAttribute("data-held", isHeld && pictures.length === 2);
    holdButton.setAttribute("aria-pressed", root.hasAttribute("data-held"));
  }

  function setGain(value) {
    gain = value;
    const isError = root.dataset.mode === "error";
    const levels = (isError ? 256 : 128) / gain;
    press("button[data-gain]", (button) => Number(button.dataset.gain) === gain);
    find(".scale .low").textContent = isError ? "0" : `−${levels}`;
    find(".scale .high").textContent = `${isError ? "" : "+"}${levels}`;
    find(".meaning").textContent = (isError ? labels.error_meaning : labels.meaning)?.replaceAll("{levels}", levels);
    removed.querySelector(".tag").textContent = `${labels.removed} ${gain}×`;
    removed.querySelector("canvas").setAttribute("aria-label", `${labels.removed} ${gain}×`);
    render();
  }

  function toggleLoupe() {
    const isOn = root.toggleAttribute("data-loupe");
    press("[data-tool=loupe]", () => isOn);
    render();
  }

  function moveLoupe(x, y) {
    glass.x = x;
    glass.y = y;
    if (root.hasAttribute("data-loupe")) renderSoon();
  }

  function markFull(isFull) {
    root.toggleAttribute("data-full", isFull);
    press("[data-tool=full]", () => isFull);
    if (isFull) stage.focus({ preventScroll: true });
  }

  async function toggleFull() {
    if (root.getRootNode().fullscreenElement === root) {
      await document.exitFullscreen();
    } else if (root.hasAttribute("data-full")) {
      root.hidePopover?.();
      root.removeAttribute("popover");
      markFull(false);
    } else {
      try {
        await root.requestFullscreen();
      } catch {
        // Phones that have it for videos alone. In the browser's top layer nothing of the page covers the viewer.
        root.setAttribute("popover", "manual");
        root.showPopover?.();
        markFull(true);
      }
    }
  }
  root.addEventListener("fullscreenchange", () => markFull(root.getRootNode().fullscreenElement === root));

  // ---- Pointers: mouse, pen, fingers ----

  const pointers = new Map(); // the last event of each one that is down on the stage
  let drag = ""; // what a single pointer does: "divider", "hold", "loupe" or "pan"

  function dragOf({ target, pointerType }) {
    if (target === divider) return "divider";
    if (root.hasAttribute("data-loupe") && pointerType !== "mouse") return "loupe"; // a mouse moves it without dragging
    if (root.dataset.mode === "flip") return "hold";
    // With nothing to pan, a drag anywhere moves the divider: easier to hit with a finger.
    return root.dataset.mode === "slider" && !root.hasAttribute("data-pannable") ? "divider" : "pan";
  }

  // Put the loupe under a pointer.
  function pointLoupe({ clientX, clientY }) {
    const { left, top } = stage.getBoundingClientRect();
    moveLoupe(clientX - left - stage.clientLeft, clientY - top - stage.clientTop);
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    stage.classList.add("dragging");
    drag = pointers.size === 1 ? dragOf(event) : "";
    if (event.target === divider) divider.focus();
    if (drag === "loupe") pointLoupe(event);
    hold(drag === "hold");
  });

  stage.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") pointLoupe(event);
    const last = pointers.get(event.pointerId);
    if (!last) return;
    if (pointers.size > 1) {
      const before = pinch();
      pointers.set(event.pointerId, event);
      const after = pinch();
      panBy((before.clientX - after.clientX) * devicePixelRatio, (before.clientY - after.clientY) * devicePixelRatio);
      zoomTo((currentScale() * after.distance) / before.distance, ...fromMiddle(after));
      renderSoon();
      return;
    }
    const [x, y] = [last.clientX - event.clientX, last.clientY - event.clientY];
    if (drag === "hold") {
      if (Math.hypot(x, y) < STILL) return;
      hold(false);
      drag = "pan";
    }
    pointers.set(event.pointerId, event);
    if (drag === "divider") splitAt(event);
    if (drag === "loupe") pointLoupe(event);
    if (drag === "pan") {
      panBy(x * devicePixelRatio, y * devicePixelRatio);
      renderSoon();
    }
  });

  // Where the first two fingers are: the point between them, and their distance.
  function pinch() {
    const [a, b] = pointers.values();
    return {
      clientX: (a.clientX + b.clientX) / 2,
      clientY: (a.clientY + b.clientY) / 2,
      distance: Math.max(Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), 1),
    };
  }

  for (const type of ["pointerup", "pointercancel"]) {
    stage.addEventListener(type, (event) => {
      if (!pointers.delete(event.pointerId)) return;
      // Not when it went down: then the page would not scroll without moving the divider.
      if (type === "pointerup" && drag === "divider") splitAt(event);
      hold(false);
      drag = pointers.size ? "pan" : "";
      if (pointers.size) return;
      stage.classList.remove("dragging");
      render();
    });
  }

  // Two fingers never scroll the page, in whichever direction they start.
  stage.addEventListener(
    "touchmove",
    (event) => {
      if (event.touches.length > 1 && event.cancelable) event.preventDefault();
    },
    { passive: false },
  );

  stage.addEventListener("contextmenu", (event) => {
    if (pointers.size) event.preventDefault(); // a finger that holds
  });

  let wheel = 0;
  stage.addEventListener(
    "wheel",
    (event) => {
      // Already the whole photo: let the page scroll on.
      if (event.deltaY > 0 && !event.ctrlKey && !root.hasAttribute("data-pannable")) return;
      event.preventDefault();
      renderSoon();
      if (event.ctrlKey) {
        // Two fingers on a touchpad.
        if (pictures.length) zoomTo(currentScale() * Math.exp(-event.deltaY / 100), ...fromMiddle(event));
        return;
      }
      if (wheel * event.deltaY < 0) wheel = 0;
      wheel += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1);
      if (Math.abs(wheel) < WHEEL_PER_STEP) return;
      zoomBy(-Math.sign(wheel), ...fromMiddle(event));
      wheel = 0;
    },
    { passive: false },
  );

  stage.addEventListener("dblclick", (event) => {
    if (event.target === divider) return;
    zoomTo(view.zoom === "fit" ? 1 : "fit", ...fromMiddle(event));
    render();
  });

  // ---- Keys and buttons ----

  const step = () => 48 * devicePixelRatio;
  const keys = {
    s: () => setMode("side"),
    d: () => setMode("slider"),
    n: () => setMode("removed"),
    e: () => picture("clean") && setMode("error"),
    arrowleft: () => panBy(-step(), 0),
    arrowright: () => panBy(step(), 0),
    arrowup: () => panBy(0, -step()),
    arrowdown: () => panBy(0, step()),
    "+": () => zoomBy(1),
    "=": () => zoomBy(1),
    "-": () => zoomBy(-1),
    0: () => zoomTo("fit"),
    1: () => zoomTo(1),
    2: () => zoomTo(2),
    4: () => zoomTo(4),
    8: () => zoomTo(8),
  };
  const keysNotRepeated = {
    f: () => {
      if (root.dataset.mode !== "flip") setMode("flip");
      hold(true);
    },
    " ": () => hold(root.dataset.mode === "flip"),
    a: () => setGain(GAINS[(GAINS.indexOf(gain) + 1) % GAINS.length]),
    l: toggleLoupe,
    m: toggleFull,
    "?": () => find(".keys").togglePopover(),
  };
  const keysWithShift = {
    arrowleft: () => moveLoupe(glass.x - 16, glass.y),
    arrowright: () => moveLoupe(glass.x + 16, glass.y),
    arrowup: () => moveLoupe(glass.x, glass.y - 16),
    arrowdown: () => moveLoupe(glass.x, glass.y + 16),
  };
  const keysOfDivider = {
    arrowleft: () => setSplit(split() - 2),
    arrowright: () => setSplit(split() + 2),
    arrowdown: () => setSplit(split() - 2),
    arrowup: () => setSplit(split() + 2),
    pagedown: () => setSplit(split() - 10),
    pageup: () => setSplit(split() + 10),
    home: () => setSplit(0),
    end: () => setSplit(100),
  };

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || sliders.includes(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === " " && event.target !== stage && event.target !== holdButton) return; // presses a button
    if (key === "enter" && event.target === holdButton) return void takeKey(event, () => hold(true));
    if (key === "escape" && root.hasAttribute("popover")) return void takeKey(event, toggleFull);
    const action =
      (event.target === divider && keysOfDivider[key]) ||
      (event.shiftKey && root.hasAttribute("data-loupe") && keysWithShift[key]) ||
      keys[key] ||
      keysNotRepeated[key];
    if (!action) return;
    takeKey(event, () => {
      if (event.repeat && action === keysNotRepeated[key]) return;
      action();
      render();
    });
  });

  function takeKey(event, action) {
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own
    action();
  }

  root.addEventListener("keyup", (event) => {
    const isHolding = ["f", " "].includes(event.key.toLowerCase()) || event.target === holdButton;
    if (isHolding && root.hasAttribute("data-held")) takeKey(event, () => hold(false));
  });
  root.addEventListener("focusout", ({ relatedTarget }) => {
    if (!root.contains(relatedTarget)) hold(false); // the key will be let go of elsewhere
  });

  holdButton.addEventListener("pointerdown", (event) => {
    holdButton.setPointerCapture(event.pointerId);
    hold(true);
  });
  for (const type of ["pointerup", "pointercancel"]) holdButton.addEventListener(type, () => hold(false));
  holdButton.addEventListener("contextmenu", (event) => event.preventDefault());
  holdButton.addEventListener("click", (event) => {
    // Neither a pointer nor a key, but a screen reader, which cannot hold.
    if (!event.detail) hold(!root.hasAttribute("data-held"));
  });

  root.addEventListener("click", ({ target }) => {
    const { mode, zoom, gain: factor, tool } = target.closest("button")?.dataset ?? {};
    if (mode) setMode(mode);
    if (factor) setGain(Number(factor));
    if (tool === "loupe") toggleLoupe();
    if (tool === "full") toggleFull();
    if (zoom) {
      zoomTo(zoom === "fit" ? "fit" : Number(zoom));
      render();
    }
  });

  // Whoever saves what is shown here asks for the mix by this event.
  const answer = ({ detail }) => root.hasAttribute("data-mixable") && (detail.mix = mix);
  document.addEventListener("denoise-mix", answer);

  const resized = new ResizeObserver(render);
  resized.observe(stage);
  setMode(usualMode);

  function destroy() {
    resized.disconnect();
    document.removeEventListener("denoise-mix", answer);
    cancelAnimationFrame(frame);
    clearTimeout(remembering);
    newest++;
    root.querySelectorAll("canvas").forEach(empty);
    loaded.forEach(release);
    loaded = pictures = [];
  }

  return { show, destroy };
}
