// Shows the noisy and the denoised photo under one shared view (zoom and position), in their true pixels.
//
// `subject`: zoom and position stay as long as it does. `spot`: row and column to look at first, or null. `wanted`:
// [{role, id, label, url, part, size}, ...] with the roles "noisy" and, where there is such a picture, "denoised", "clean" (the
// reference) and "details" (where the photo has texture). `growing`: {id, label, url} of a denoised picture that is being
// made, see growing.js, or null. `mix`: where the sliders stand at first, in percent, or null for none, and again whenever
// `mixed` is another number. `link`: what the page's address is to say, by parameter. `mask`: what was painted on the
// subject when it is new, see brush.js, or null for no brush.

import { createAddress } from "./address.js";
import { createBrush } from "./brush.js";
import { empty } from "./colours.js";
import { createDivider } from "./divider.js";
import { createFullScreen } from "./fullscreen.js";
import { createGlimpse } from "./glimpse.js";
import { createGrowing, lookAt } from "./growing.js";
import { listenToKeys } from "./keys.js";
import { createLoupe } from "./loupe.js";
import { createMix } from "./mix.js";
import { createPainter } from "./painting.js";
import { createPictures } from "./pictures.js";
import { listenToPointers } from "./pointers.js";
import { createTitle, listenToBell } from "./title.js";
import { createViewport } from "./viewport.js";

const DONE = "Denoised";

function show({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".viewer");
  root.viewer ??= createViewer(root, {
    mix: (mix) => setStateValue("mix", mix),
    painted: (painted) => setStateValue("painted", painted),
    back: (link) => setTriggerValue("back", link),
  });
  root.viewer.show(data);
  return () => root.viewer.destroy();
}

// `report.mix` is called with the mix when a slider comes to rest, `report.painted` with subject and mask after a stroke of the
// brush, `report.back` with what an earlier address says.
function createViewer(root, report) {
  const find = (selector) => root.querySelector(selector);
  const stage = find(".stage");
  const holdButton = find(".hold");
  const usualMode = matchMedia("(max-width: 640px)").matches ? "slider" : "side";

  let gain = 4;
  let data; // see above
  let seen; // the subject that is shown
  let pair = []; // the pictures that are compared, noisy first
  let frame = 0;
  let announced; // which quarter of what
  let told; // of which result
  let keepsDetails = false; // whether that slider has ever been moved: before, nobody needs to know where details are

  const viewport = createViewport([find(".pane.noisy"), find(".pane.denoised")]);
  const pictures = createPictures({ changed: place, late });
  const growing = createGrowing({ look: lookedAt, changed: grow });
  const glimpse = createGlimpse({ look: lookedAt, changed: () => place(), whole: want });
  const title = createTitle();
  const mix = createMix(root, { changed: remix, settled: report.mix, middle });
  const painter = createPainter(root, viewport.paneSize, () => ({
    pair,
    clean: pictures.of("clean"),
    details: pictures.of("details"),
    mix: mix.percents(),
    grid: brush.grid(),
    // Where the brush is at work; otherwise beside the result, or nobody could judge that.
    isTinted: (index) =>
      brush.isOn() &&
      !["removed", "error"].includes(root.dataset.mode) &&
      (index === 0 || root.hasAttribute("data-painting")),
    gain,
  }));
  const loupe = createLoupe(root, viewport, renderSoon);
  const brush = createBrush(root, { viewport, changed: renderSoon, settled: report.painted });
  const divider = createDivider(root);
  const fullScreen = createFullScreen(root);
  const address = createAddress(() => {
    if (!pair.length) return null; // the address has not been read yet
    const view = viewport.view();
    const { mode } = root.dataset;
    return mode === usualMode && viewport.isFirst() ? view : { ...view, mode };
  }, report.back);

  // ---- What is shown ----

  function show(newData) {
    data = newData;
    const left = wantedFor("noisy").label;
    holdButton.textContent = `Hold to see: ${left}`;
    divider.describe(left);
    hint();
    keepsDetails ||= data.mix?.[2] > 0;
    root.toggleAttribute("data-paintable", data.mask !== null);
    address.say(data.link);
    mix.start(data.mix, data.mixed);
    // Until the picture has come that was growing, what is there of it stays.
    const isComing = growing.wanted() && wantedFor("denoised")?.id === growing.wanted().id;
    if (growing.wanted() && !data.growing && !isComing) title.tell("");
    if (data.growing || !isComing) growing.want(data.growing);
    const noisy = wantedFor("noisy");
    if (noisy.id !== glimpse.picture()?.id) glimpse.drop();
    if (!data.growing) glimpse.enough();
    else if (noisy.part && noisy.id !== pictures.of("noisy")?.id) glimpse.want(noisy);
    want();
  }

  const wantedFor = (role) => data.wanted.find((each) => each.role === role);

  function want() {
    pictures.want(data.wanted.filter(({ role, id }) => !glimpse.holds(id) && (role !== "details" || keepsDetails)));
  }

  function remix() {
    if (!keepsDetails && mix.percents()[2] > 0) {
      keepsDetails = true;
      want();
    }
    renderSoon();
  }

  // Show what is wanted, as far as it is there; of the rest, say that it is on its way. The second is not shown without the
  // first, of which what is looked at will do. While another result grows, it lies over the one before, or over the noisy photo.
  function place(isComplete) {
    const before = pair;
    if (pictures.of("noisy")) glimpse.drop();
    const [noisy, denoised] = [pictures.of("noisy") ?? glimpse.picture(), pictures.of("denoised")];
    const isSeen = noisy && noisy.windows?.length !== 0;
    if (denoised && denoised.id === growing.wanted()?.id) {
      growing.want(null);
      title.finish(DONE);
    }
    if (denoised && !growing.wanted()) tellOfResult(denoised.id);
    const isGrowing = Boolean(noisy && growing.wanted());
    pair = [noisy, isGrowing ? growing.over(denoised ?? noisy) : denoised].filter((each) => noisy && each);
    viewport.setPhoto(pair[0]?.bitmap);
    if (pair.length && data.mask !== null) brush.start(data.subject, pair[0].bitmap, data.mask);
    if (isComplete && root.hasAttribute("data-failed")) hint();
    if (pair.length && seen !== data.subject) {
      const isFirst = seen === undefined;
      seen = data.subject;
      viewport.begin(data.spot);
      if (isFirst) restore();
    }
    const done = isGrowing ? [noisy] : pair;
    for (const [name, value] of [["pictures", pair.length], ["shown", done.map(({ id }) => id).join(" ")]]) {
      if (isSeen) root.dataset[name] = value;
      else delete root.dataset[name];
    }
    if (isGrowing) root.dataset.growing = growing.share(); // which share of the result is there
    else delete root.dataset.growing;
    root.toggleAttribute("data-clean", Boolean(wantedFor("clean")));
    root.toggleAttribute("data-details", Boolean(pictures.of("details")));
    holdButton.disabled = pair.length < 2;
    for (const control of root.querySelectorAll(".mix :is(input, button)")) control.disabled = pair.length < 2;
    if (root.dataset.mode === "error" && !wantedFor("clean")) setMode("side");
    for (const [index, name] of ["noisy", "denoised"].entries()) {
      const coming = wantedFor(name);
      const text = isSeen && pair[index] ? pair[index].label : coming ? `${coming.label}: on its way …` : "Denoised: not yet";
      say(name, index && isGrowing ? growingLabel() : text);
      for (const canvas of root.querySelectorAll(`.${name} canvas`)) {
        if (before[index]?.bitmap !== pair[index]?.bitmap) empty(canvas);
      }
    }
    render();
  }

  function say(pane, text) {
    for (const element of root.querySelectorAll(`.${pane} :is(.tag, figcaption)`)) element.textContent = text;
    for (const canvas of root.querySelectorAll(`.${pane} canvas`)) canvas.setAttribute("aria-label", text);
  }

  // Row and column of the photo in the middle of a pane; of the spot to look at first, if all of the photo is shown.
  function middle() {
    const { zoom, x, y } = viewport.view();
    return zoom === "fit" && data.spot ? data.spot : [y, x].map(Math.round);
  }

  // ---- What grows ----

  const percentDone = () => Math.floor(100 * growing.share());

  const growingLabel = (percent = percentDone()) => `${growing.wanted().label} · ${percent} %`;

  function lookedAt() {
    return pair.length && stage.clientWidth ? lookAt(viewport.settle().place, viewport.paneSize(), pair[0].bitmap) : null;
  }

  function grow() {
    title.tell(`${percentDone()} %`);
    announce(Math.floor(4 * growing.share()));
    if (growing.share()) glimpse.enough();
    if (!root.hasAttribute("data-growing")) return;
    root.dataset.growing = growing.share();
    pair[1] = growing.over(pair[1]);
    say("denoised", growingLabel());
    renderSoon();
  }

  // To who hears the page, at each quarter: more often would be in the way.
  function announce(quarter) {
    if (!growing.wanted()) return;
    const now = `${growing.wanted().id} ${quarter}`;
    if (now === announced) return;
    announced = now;
    told ??= ""; // what grows is not what the page came with
    find(".news").textContent = growingLabel(25 * quarter);
  }

  // Also what was there at once, and never grew; but not what the page came with.
  function tellOfResult(id) {
    if (told !== undefined && told !== id) find(".news").textContent = DONE;
    told = id;
    announced = undefined;
  }

  // Show the view that the address tells.
  function restore() {
    const view = address.read();
    const isMode = [...root.querySelectorAll("button[data-mode]")].some((button) => button.dataset.mode === view?.mode);
    if (!isMode || (view.mode === "error" && !pictures.of("clean"))) return;
    viewport.look(view);
    setMode(view.mode);
  }

  function hint() {
    const hasMouse = !matchMedia("(hover: none)").matches;
    find(".hint").textContent = hasMouse ? "Drag to move, wheel to zoom, ? for all keys" : "Pinch to zoom, drag to move";
    root.toggleAttribute("data-failed", false);
  }

  function late() {
    find(".hint").textContent = "This picture has not arrived yet. Asking for it again …";
    root.toggleAttribute("data-failed", true);
  }

  // For what comes in quick succession, as a pointer's moves do: paint once, in the browser's next frame.
  function renderSoon() {
    frame ||= requestAnimationFrame(render);
  }

  function render() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!pair.length || !stage.clientWidth) return;
    const { place, isPannable } = viewport.settle();
    Object.assign(root.dataset, place);
    root.toggleAttribute("data-pannable", isPannable);
    painter.paintPanes(root.dataset.mode, place);
    if (loupe.isOn()) loupe.paint(place, painter.paintPicture, pair.length);
    growing.moved();
    glimpse.moved();
    address.remember();
    find(".percent").textContent = `${Math.round(place.scale * 100)} %`;
    press("button[data-zoom]", (button) => button.dataset.zoom === String(viewport.view().zoom));
  }

  // ---- Modes ----

  function press(selector, isPressed) {
    for (const button of root.querySelectorAll(selector)) button.setAttribute("aria-pressed", isPressed(button));
  }

  function setMode(mode) {
    hold(false);
    root.dataset.mode = mode;
    root.dataset.layout = ["side", "error"].includes(mode) ? "pair" : "stack";
    press("button[data-mode]", (button) => button.dataset.mode === mode);
    setGain(gain);
  }

  // How much stronger the removed noise and the error are shown.
  function setGain(value) {
    gain = value;
    const isError = root.dataset.mode === "error";
    const levels = (isError ? 256 : 128) / gain;
    press("button[data-gain]", (button) => Number(button.dataset.gain) === gain);
    find(".scale .low").textContent = isError ? "0" : `−${levels}`;
    find(".scale .high").textContent = `${isError ? "" : "+"}${levels}`;
    find(".meaning").textContent = isError
      ? `Black: equal to the clean reference. White: ${levels} of 255 levels away from it, or more. ` +
        "Move the sliders and see what helps."
      : `Grey: unchanged. White or black: ${levels} of 255 levels or more were taken away or added. ` +
        "A recognisable photo means lost detail.";
    say("removed", `Removed noise ${gain}×`);
    render();
  }

  // Show the noisy photo in place of the denoised one.
  function hold(isHeld) {
    root.toggleAttribute("data-held", isHeld && pair.length === 2);
    holdButton.setAttribute("aria-pressed", root.hasAttribute("data-held"));
  }

  // ---- Its life ----

  listenToBell(find(".bell"));
  listenToPointers(root, { viewport, loupe, brush, divider, hold, render, renderSoon });
  listenToKeys(root, {
    viewport,
    loupe,
    brush,
    divider,
    fullScreen,
    hasReference: () => Boolean(pictures.of("clean")),
    gain: () => gain,
    setGain,
    setMode,
    hold,
    render,
  });
  const resized = new ResizeObserver(render);
  resized.observe(stage);
  setMode(usualMode);

  function destroy() {
    resized.disconnect();
    growing.destroy();
    glimpse.drop();
    title.destroy();
    mix.destroy();
    brush.destroy();
    cancelAnimationFrame(frame);
    address.destroy();
    root.querySelectorAll("canvas").forEach(empty);
    pictures.destroy();
    pair = [];
    viewport.setPhoto(null);
  }

  return { show, destroy };
}
