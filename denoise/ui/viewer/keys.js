// Keys and buttons: what each of them does.

const GAINS = [2, 4, 8, 16];

// `hold`: shows the noisy photo in place of the denoised one, or no longer. `gain`: returns the one that is set.
export function listenToKeys(root, viewer) {
  const { viewport, loupe, brush, divider, fullScreen, hasReference, gain, setGain, setMode, hold, render } = viewer;
  const stage = root.querySelector(".stage");
  const holdButton = root.querySelector(".hold");

  const arrows = (moveBy, step) => ({
    arrowleft: () => moveBy(-step, 0),
    arrowright: () => moveBy(step, 0),
    arrowup: () => moveBy(0, -step),
    arrowdown: () => moveBy(0, step),
  });
  const keys = {
    s: () => setMode("side"),
    d: () => setMode("slider"),
    n: () => setMode("removed"),
    e: () => hasReference() && setMode("error"),
    ...arrows((x, y) => viewport.panBy(x * devicePixelRatio, y * devicePixelRatio), 48),
    "+": () => viewport.zoomBy(1),
    "=": () => viewport.zoomBy(1),
    "-": () => viewport.zoomBy(-1),
    0: () => viewport.zoomTo("fit"),
    1: () => viewport.zoomTo(1),
    2: () => viewport.zoomTo(2),
    4: () => viewport.zoomTo(4),
    8: () => viewport.zoomTo(8),
  };
  const keysNotRepeated = {
    f: () => {
      if (root.dataset.mode !== "flip") setMode("flip");
      hold(true);
    },
    " ": () => hold(root.dataset.mode === "flip"),
    a: () => setGain(GAINS[(GAINS.indexOf(gain()) + 1) % GAINS.length]),
    l: loupe.toggle,
    b: () => root.hasAttribute("data-paintable") && brush.toggle(),
    m: fullScreen.toggle,
    "?": () => root.querySelector(".keys").togglePopover(),
  };
  const keysWithShift = arrows(loupe.moveBy, 16);
  const keysOfBrush = {
    enter: brush.dabHere,
    u: brush.undo,
    "[": () => brush.grow(0.8),
    "]": () => brush.grow(1.25),
  };
  const keysOfBrushWithShift = arrows(brush.moveBy, 16);
  const keysOfDivider = {
    arrowleft: () => divider.moveBy(-2),
    arrowright: () => divider.moveBy(2),
    arrowdown: () => divider.moveBy(-2),
    arrowup: () => divider.moveBy(2),
    pagedown: () => divider.moveBy(-10),
    pageup: () => divider.moveBy(10),
    home: () => divider.set(0),
    end: () => divider.set(100),
  };

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
    const key = event.key.toLowerCase();
    if (key === " " && event.target !== stage && event.target !== holdButton) return; // presses a button
    if (key === "enter" && event.target === holdButton) return void takeKey(event, () => hold(true));
    if (key === "escape" && fullScreen.isCovering()) return void takeKey(event, fullScreen.toggle);
    const action =
      (event.target === divider.element && keysOfDivider[key]) ||
      (event.target === stage && brush.isOn() && ((event.shiftKey && keysOfBrushWithShift[key]) || keysOfBrush[key])) ||
      (event.shiftKey && loupe.isOn() && keysWithShift[key]) ||
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
    if (tool) ({ loupe, brush, full: fullScreen })[tool].toggle();
    if (zoom) viewport.zoomTo(zoom === "fit" ? "fit" : Number(zoom));
    if (tool || zoom) render();
  });
}
