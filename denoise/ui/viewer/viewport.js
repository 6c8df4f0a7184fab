// Which part of the photo the panes show: zoom and position. Lengths are screen (device) pixels, so that 1:1 is exactly one
// photo pixel on one.

const ZOOM_STEPS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8]; // screen pixels per photo pixel
const MAX_ZOOM = 8;

export const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

// `panes` are equally large.
export function createViewport(panes) {
  const view = { zoom: "fit", x: 0, y: 0 }; // x, y: the photo's point in the middle of a pane, in photo pixels
  let photo = null; // its size; without one nothing moves
  let first = view; // where one began to look

  function setPhoto(size) {
    photo = size ? { width: size.width, height: size.height } : null;
  }

  // Show a photo that is larger than the pane in its true pixels around a point, [y, x], if there is such a point.
  function begin(spot) {
    const isWhole = !spot || fitScale() >= 1;
    const [y, x] = isWhole ? [photo.height / 2, photo.width / 2] : spot;
    Object.assign(view, { zoom: isWhole ? "fit" : Math.max(1, Math.round(devicePixelRatio)), x, y });
    if (photo && paneSize().every(Boolean)) settle();
    first = { ...view };
  }

  // Whether nobody has looked at anything else yet; what is seen of the whole says less of where one is.
  const isFirst = () => view.zoom === first.zoom && (view.zoom === "fit" || (view.x === first.x && view.y === first.y));

  function look({ zoom, x, y }) {
    Object.assign(view, { zoom: zoom === "fit" ? zoom : Math.min(zoom, MAX_ZOOM), x, y });
  }

  function paneSize() {
    const { width, height } = panes[0].getBoundingClientRect();
    // Whole pixels of the page as well, or the browser would round them and stretch the canvas.
    const unit = Number.isInteger(devicePixelRatio) ? devicePixelRatio : 1;
    return [width, height].map((length) => Math.floor((length * devicePixelRatio) / unit + 1e-3) * unit);
  }

  function fitScale() {
    if (!photo) return 1;
    const [width, height] = paneSize();
    const scale = Math.min(width / photo.width, height / photo.height);
    // Whole multiples keep small photos' pixels square; on dense screens whole pixels of the page look as even.
    const unit = Math.max(1, Math.round(devicePixelRatio));
    return scale < 1 ? scale : Math.min(Math.floor(scale * unit) / unit, MAX_ZOOM);
  }

  const scale = () => (view.zoom === "fit" ? fitScale() : view.zoom);

  // Keep the photo in the pane, and return its place there; and whether it can be moved.
  function settle() {
    const now = scale();
    const { width, height } = photo;
    const [paneWidth, paneHeight] = paneSize();
    const within = (centre, length, visible) =>
      length <= visible ? length / 2 : clamp(centre, visible / 2, length - visible / 2);
    view.x = within(view.x, width, paneWidth / now);
    view.y = within(view.y, height, paneHeight / now);
    const left = Math.round(paneWidth / 2 - view.x * now);
    const top = Math.round(paneHeight / 2 - view.y * now);
    const isPannable = width * now > paneWidth || height * now > paneHeight;
    return { place: { scale: now, left, top }, isPannable };
  }

  // Screen pixels from the middle of the pane under a point of the window.
  function fromMiddle({ clientX, clientY }) {
    const boxes = panes.map((pane) => pane.getBoundingClientRect());
    const isOver = ({ left, right, top, bottom }) =>
      clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
    const { left, top, width, height } = boxes.find(isOver) ?? boxes[0];
    return [clientX - left - width / 2, clientY - top - height / 2].map((length) => length * devicePixelRatio);
  }

  // Column and row in the photo, with fractions, under a point of the window; `place`: see `settle`.
  function inPhoto(point, { scale, left, top }) {
    const [x, y] = fromMiddle(point);
    const [width, height] = paneSize();
    return [(x + width / 2 - left) / scale, (y + height / 2 - top) / scale];
  }

  // x, y: the point that keeps its place, in screen pixels from the middle of the pane.
  function zoomTo(zoom, x = 0, y = 0) {
    if (!photo) return;
    const before = scale();
    const fit = fitScale();
    const isFit = zoom === "fit" || (zoom <= fit && fit < 1);
    view.zoom = isFit ? "fit" : clamp(zoom, Math.min(fit, 1), MAX_ZOOM);
    const after = scale();
    view.x += x / before - x / after;
    view.y += y / before - y / after;
  }

  function zoomBy(steps, x, y) {
    if (!photo) return;
    const now = scale();
    const next = steps > 0 ? ZOOM_STEPS.find((step) => step > now) : ZOOM_STEPS.findLast((step) => step < now);
    if (next) zoomTo(steps < 0 && next < Math.min(fitScale(), 1) ? "fit" : next, x, y);
  }

  function panBy(x, y) {
    if (!photo) return;
    const now = scale();
    view.x += x / now;
    view.y += y / now;
  }

  return {
    view: () => ({ ...view }),
    setPhoto, begin, isFirst, look, paneSize, scale, settle, fromMiddle, inPhoto, zoomTo, zoomBy, panBy,
  };
}
