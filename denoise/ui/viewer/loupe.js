// The loupe: both pictures, enlarged, side by side at one point of the stage.

import { clamp } from "./viewport.js";

const GAP = 24; // from the pointer, so that a finger does not cover the loupe

export function createLoupe(root, viewport, moved) {
  const stage = root.querySelector(".stage");
  const loupe = root.querySelector(".loupe");
  const canvases = loupe.querySelectorAll("canvas");
  const point = { x: NaN, y: NaN }; // the point under it, in CSS pixels of the stage

  const isOn = () => root.hasAttribute("data-loupe");

  function toggle() {
    root.querySelector("[data-tool=loupe]").setAttribute("aria-pressed", root.toggleAttribute("data-loupe"));
  }

  function moveTo(x, y) {
    point.x = x;
    point.y = y;
    if (isOn()) moved();
  }

  const moveBy = (x, y) => moveTo(point.x + x, point.y + y);

  // Put it under a pointer.
  function follow({ clientX, clientY }) {
    const { left, top } = stage.getBoundingClientRect();
    moveTo(clientX - left - stage.clientLeft, clientY - top - stage.clientTop);
  }

  // `whole`: the place of the photo in its pane; `paintPicture`: see painting.js; `count`: of the pictures that are there.
  function paint(whole, paintPicture, count) {
    const box = stage.getBoundingClientRect();
    point.x = clamp(Number.isNaN(point.x) ? stage.clientWidth / 2 : point.x, 0, stage.clientWidth);
    point.y = clamp(Number.isNaN(point.y) ? stage.clientHeight / 2 : point.y, 0, stage.clientHeight);
    const inWindow = { clientX: box.left + stage.clientLeft + point.x, clientY: box.top + stage.clientTop + point.y };
    const [x, y] = viewport.inPhoto(inWindow, whole);

    // Twice as large as the photo around it, but no smaller than a pixel of the page for each of the photo.
    const enlarged = Math.max(Math.round(devicePixelRatio), Math.round(whole.scale) * 2);
    const side = Math.round(parseFloat(getComputedStyle(loupe).getPropertyValue("--side")) * devicePixelRatio);
    const place = { scale: enlarged, left: Math.round(side / 2 - x * enlarged), top: Math.round(side / 2 - y * enlarged) };
    for (let index = 0; index < count; index++) paintPicture(canvases[index], index, side, side, place);
    Object.assign(loupe.dataset, place);

    const { offsetWidth, offsetHeight } = loupe;
    const above = point.y - offsetHeight - GAP;
    const toX = clamp(point.x - offsetWidth / 2, 4, stage.clientWidth - offsetWidth - 4);
    const toY = clamp(above < 4 ? point.y + GAP : above, 4, stage.clientHeight - offsetHeight - 4);
    loupe.style.transform = `translate(${Math.round(toX)}px, ${Math.round(toY)}px)`;
  }

  return { isOn, toggle, moveBy, follow, paint };
}
