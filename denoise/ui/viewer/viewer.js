// Shows the noisy and the denoised photo under one shared view (zoom and position), in their true pixels.
//
// `data`: [labels, [{id, label, url}, ...]], noisy first; the denoised one may be missing.

const ZOOM_STEPS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8]; // screen pixels per photo pixel
const WHEEL_PER_STEP = 60;

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".viewer");
  root.viewer ??= createViewer(root);
  root.viewer.show(...data);
  return () => root.viewer.destroy();
}

async function load(url) {
  const response = await fetch(new URL(`.${url}`, document.baseURI)); // relative: the page may lie below a path
  if (!response.ok) throw new Error(`${response.status} for ${url}`);
  return createImageBitmap(await response.blob());
}

function createViewer(root) {
  const stage = root.querySelector(".stage");
  const divider = root.querySelector(".divider");
  const panes = [...root.querySelectorAll(".pane")];
  const canvases = panes.map((pane) => pane.querySelector("canvas"));
  const view = { zoom: "fit", x: 0, y: 0 }; // x, y: the photo's point in the middle of a pane, in photo pixels
  let pictures = []; // [{id, label, bitmap}], noisy first
  let labels = {};
  let newest = 0;

  async function show(newLabels, wanted) {
    labels = newLabels;
    label();
    const call = ++newest;
    const shown = pictures;
    let decoded;
    try {
      decoded = await Promise.all(
        wanted.map(async ({ id, label, url }) => {
          const known = shown.find((picture) => picture.id === id);
          return { id, label, bitmap: known?.bitmap ?? (await load(url)) };
        }),
      );
    } catch {
      // What is shown stays; pictures that nobody waits for any more may well be gone.
      if (call === newest) root.querySelector(".hint").textContent = labels.failed;
      return;
    }
    if (call !== newest) {
      // Newer pictures have been asked for meanwhile.
      for (const { bitmap } of decoded) if (!pictures.some((picture) => picture.bitmap === bitmap)) bitmap.close();
      return;
    }
    pictures = decoded;
    for (const { bitmap } of shown) {
      if (!decoded.some((picture) => picture.bitmap === bitmap)) bitmap.close();
    }
    if (shown[0]?.id !== decoded[0].id) {
      Object.assign(view, { zoom: "fit", x: decoded[0].bitmap.width / 2, y: decoded[0].bitmap.height / 2 });
    }
    root.dataset.pictures = decoded.length;
    root.dataset.shown = decoded.map(({ id }) => id).join(" ");
    panes.forEach((pane, index) => {
      const text = decoded[index]?.label ?? labels.waiting;
      pane.querySelector(".tag").textContent = text;
      canvases[index].setAttribute("aria-label", text);
    });
    draw();
  }

  function label() {
    for (const element of root.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", labels[element.dataset.label]);
    }
    root.querySelector("button[data-mode=side]").textContent = labels.side;
    root.querySelector("button[data-mode=slider]").textContent = labels.slider;
    root.querySelector("button[data-zoom=fit]").textContent = labels.fit;
    root.querySelector(".hint").textContent = labels.hint;
  }

  // All lengths below are screen (device) pixels, so that 1:1 is exactly one photo pixel on one screen pixel.

  const paneSize = () => {
    const { width, height } = canvases[0].getBoundingClientRect();
    return [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  };

  function fitScale() {
    const [width, height] = paneSize();
    const scale = Math.min(width / pictures[0].bitmap.width, height / pictures[0].bitmap.height);
    return scale < 1 ? scale : Math.min(Math.floor(scale), 8); // small photos: whole multiples keep pixels square
  }

  const currentScale = () => (view.zoom === "fit" ? fitScale() : view.zoom);

  function draw() {
    if (!pictures.length || !canvases[0].clientWidth) return;
    const scale = currentScale();
    const { width, height } = pictures[0].bitmap;
    const [paneWidth, paneHeight] = paneSize();
    const clamp = (centre, length, visible) =>
      length <= visible ? length / 2 : Math.min(Math.max(centre, visible / 2), length - visible / 2);
    view.x = clamp(view.x, width, paneWidth / scale);
    view.y = clamp(view.y, height, paneHeight / scale);
    const left = Math.round(paneWidth / 2 - view.x * scale);
    const top = Math.round(paneHeight / 2 - view.y * scale);
    pictures.forEach(({ bitmap }, index) => {
      const canvas = canvases[index];
      if (canvas.width !== paneWidth || canvas.height !== paneHeight) {
        canvas.width = paneWidth;
        canvas.height = paneHeight;
      }
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, paneWidth, paneHeight);
      context.imageSmoothingEnabled = scale < 1;
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, left, top, width * scale, height * scale);
    });
    Object.assign(root.dataset, { scale, left, top });
    root.toggleAttribute("data-pannable", width * scale > paneWidth || height * scale > paneHeight);
    root.querySelector(".percent").textContent = `${Math.round(scale * 100)} %`;
    for (const button of root.querySelectorAll("button[data-zoom]")) {
      button.setAttribute("aria-pressed", button.dataset.zoom === String(view.zoom));
    }
  }

  // x, y: the point that keeps its place, in screen pixels from the middle of the pane.
  function zoomTo(zoom, x = 0, y = 0) {
    if (!pictures.length) return;
    const before = currentScale();
    view.zoom = zoom !== "fit" && zoom <= fitScale() && zoom < 1 ? "fit" : zoom;
    const after = currentScale();
    view.x += x / before - x / after;
    view.y += y / before - y / after;
    draw();
  }

  function zoomBy(steps, x, y) {
    const scale = currentScale();
    const next = steps > 0 ? ZOOM_STEPS.find((step) => step > scale) : ZOOM_STEPS.findLast((step) => step < scale);
    if (next) zoomTo(steps < 0 && next < Math.min(fitScale(), 1) ? "fit" : next, x, y);
  }

  function panBy(x, y) {
    const scale = currentScale();
    view.x += x / scale;
    view.y += y / scale;
    draw();
  }

  function setMode(mode) {
    root.dataset.mode = mode;
    for (const button of root.querySelectorAll("button[data-mode]")) {
      button.setAttribute("aria-pressed", button.dataset.mode === mode);
    }
    draw();
  }

  function setSplit(percent) {
    const value = Math.min(Math.max(percent, 0), 100);
    root.style.setProperty("--split", `${value}%`);
    divider.setAttribute("aria-valuenow", Math.round(value));
  }

  const split = () => parseFloat(root.style.getPropertyValue("--split"));

  function splitAt(clientX) {
    const { left, width } = stage.getBoundingClientRect();
    setSplit(((clientX - left) / width) * 100);
  }

  // Screen pixels from the middle of the pane under the pointer.
  function fromMiddle({ clientX, clientY }) {
    const over = panes.find((pane) => {
      const box = pane.getBoundingClientRect();
      return clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
    });
    const box = (over ?? panes[0]).getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2].map(
      (middle, axis) => ([clientX, clientY][axis] - middle) * devicePixelRatio,
    );
  }

  const pointers = new Map(); // those that are down on the stage
  let draggingDivider = false;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    // With nothing to pan, a drag anywhere moves the divider: easier to hit with a finger.
    draggingDivider =
      event.target === divider || (root.dataset.mode === "slider" && !root.hasAttribute("data-pannable"));
    if (draggingDivider) {
      event.target === divider ? divider.focus() : splitAt(event.clientX);
    }
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    stage.classList.add("dragging");
  });

  stage.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    if (pointers.size === 2) {
      const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
      const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      const scale = Math.min(currentScale() * (distance(event) / Math.max(distance(last), 1)), 8);
      zoomTo(scale, ...fromMiddle(other));
    } else if (draggingDivider) {
      splitAt(event.clientX);
    } else {
      panBy((last.clientX - event.clientX) * devicePixelRatio, (last.clientY - event.clientY) * devicePixelRatio);
    }
    pointers.set(event.pointerId, event);
  });

  for (const type of ["pointerup", "pointercancel"]) {
    stage.addEventListener(type, (event) => {
      pointers.delete(event.pointerId);
      if (!pointers.size) stage.classList.remove("dragging");
    });
  }

  let wheel = 0;
  stage.addEventListener(
    "wheel",
    (event) => {
      // Already the whole photo: let the page scroll on.
      if (event.deltaY > 0 && !event.ctrlKey && !root.hasAttribute("data-pannable")) return;
      event.preventDefault();
      if (wheel * event.deltaY < 0) wheel = 0;
      wheel += event.deltaY * (event.ctrlKey ? 4 : 1) * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1);
      if (Math.abs(wheel) < WHEEL_PER_STEP) return;
      zoomBy(-Math.sign(wheel), ...fromMiddle(event));
      wheel = 0;
    },
    { passive: false },
  );

  stage.addEventListener("dblclick", (event) => {
    if (event.target !== divider) zoomTo(view.zoom === "fit" ? 1 : "fit", ...fromMiddle(event));
  });

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 48 * devicePixelRatio;
    const actions = {
      ArrowLeft: () => panBy(-step, 0),
      ArrowRight: () => panBy(step, 0),
      ArrowUp: () => panBy(0, -step),
      ArrowDown: () => panBy(0, step),
      "+": () => zoomBy(1),
      "=": () => zoomBy(1),
      "-": () => zoomBy(-1),
      0: () => zoomTo("fit"),
      1: () => zoomTo(1),
      2: () => zoomTo(2),
      4: () => zoomTo(4),
    };
    const dividerActions = {
      ArrowLeft: () => setSplit(split() - 2),
      ArrowRight: () => setSplit(split() + 2),
      ArrowDown: () => setSplit(split() - 2),
      ArrowUp: () => setSplit(split() + 2),
      PageDown: () => setSplit(split() - 10),
      PageUp: () => setSplit(split() + 10),
      Home: () => setSplit(0),
      End: () => setSplit(100),
    };
    const action = (event.target === divider && dividerActions[event.key]) || actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // the page has shortcuts of its own
    action();
  });

  root.querySelector(".toolbar").addEventListener("click", ({ target }) => {
    if (target.dataset.mode) setMode(target.dataset.mode);
    if (target.dataset.zoom) zoomTo(target.dataset.zoom === "fit" ? "fit" : Number(target.dataset.zoom));
  });

  const resized = new ResizeObserver(draw);
  resized.observe(stage);
  setSplit(50);
  setMode(matchMedia("(max-width: 640px)").matches ? "slider" : "side");

  function destroy() {
    resized.disconnect();
    newest++;
    for (const { bitmap } of pictures) bitmap.close();
    pictures = [];
  }

  return { show, destroy };
}
