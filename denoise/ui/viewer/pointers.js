// Mouse, pen and fingers on the stage, and the wheel.

const WHEEL_PER_STEP = 60;
const STILL = 8; // a pointer that moved less is held, not dragged

// `hold`: shows the noisy photo in place of the denoised one, or no longer.
export function listenToPointers(root, { viewport, loupe, brush, divider, hold, render, renderSoon }) {
  const stage = root.querySelector(".stage");

  const pointers = new Map(); // the last event of each one that is down on the stage
  let drag = ""; // what a single pointer does: "divider", "brush", "hold", "loupe" or "pan"

  function dragOf({ target, pointerType }) {
    if (target === divider.element) return "divider";
    if (brush.isOn()) return "brush";
    if (loupe.isOn() && pointerType !== "mouse") return "loupe"; // a mouse moves it without dragging
    if (root.dataset.mode === "flip") return "hold";
    // With nothing to pan, a drag anywhere moves the divider: easier to hit with a finger.
    return root.dataset.mode === "slider" && !root.hasAttribute("data-pannable") ? "divider" : "pan";
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    stage.classList.add("dragging");
    drag = pointers.size === 1 ? dragOf(event) : "";
    if (event.target === divider.element) divider.element.focus();
    if (drag === "loupe") loupe.follow(event);
    if (drag === "brush") brush.begin(event);
    else brush.cancel();
    hold(drag === "hold");
  });

  stage.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") loupe.follow(event);
    if (brush.isOn() && pointers.size < 2) brush.follow(event);
    const last = pointers.get(event.pointerId);
    if (!last) return;
    if (pointers.size > 1) {
      const before = pinch();
      pointers.set(event.pointerId, event);
      const after = pinch();
      const [x, y] = [before.clientX - after.clientX, before.clientY - after.clientY];
      viewport.panBy(x * devicePixelRatio, y * devicePixelRatio);
      viewport.zoomTo((viewport.scale() * after.distance) / before.distance, ...viewport.fromMiddle(after));
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
    if (drag === "divider") divider.follow(event);
    if (drag === "loupe") loupe.follow(event);
    if (drag === "pan") {
      viewport.panBy(x * devicePixelRatio, y * devicePixelRatio);
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
      if (type === "pointerup" && drag === "divider") divider.follow(event);
      brush.end();
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
        viewport.zoomTo(viewport.scale() * Math.exp(-event.deltaY / 100), ...viewport.fromMiddle(event));
        return;
      }
      if (wheel * event.deltaY < 0) wheel = 0;
      wheel += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1);
      if (Math.abs(wheel) < WHEEL_PER_STEP) return;
      viewport.zoomBy(-Math.sign(wheel), ...viewport.fromMiddle(event));
      wheel = 0;
    },
    { passive: false },
  );

  stage.addEventListener("dblclick", (event) => {
    if (event.target === divider.element || brush.isOn()) return;
    viewport.zoomTo(viewport.view().zoom === "fit" ? 1 : "fit", ...viewport.fromMiddle(event));
    render();
  });
}
