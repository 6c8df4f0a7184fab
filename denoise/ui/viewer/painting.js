// Paints the panes, and whatever else shows the compared pictures, in the numbers of their files.

import { draw, resize } from "./canvas.js";
import { factorsOf } from "./brush.js";
import { empty, paintConverted, prepare } from "./colours.js";
import { blend, heat, PLAIN_MIX, subtract, tint } from "./pixels.js";

// `scene`: returns what is to be painted, {pair: [noisy, denoised], clean, details, mix, grid, isTinted, gain}, in which
// `grid` is what was painted with the brush, and `isTinted` whether to show where; it is asked anew whenever pixels are
// made, because converted ones are made a moment later.
export function createPainter(root, paneSize, scene) {
  const canvases = ["noisy", "denoised"].map((name) => root.querySelector(`.pane.${name} canvas`));
  const removed = root.querySelector(".pane.removed canvas");
  const unseen = document.createElement("canvas"); // where pixels are read from
  unseen.getContext("2d", { willReadFrequently: true });

  function paintPanes(mode, place) {
    const { pair, clean } = scene();
    if (mode === "removed" && pair.length === 2) paintRemoved(place);
    else if (mode === "error" && !clean) canvases.forEach(empty);
    else pair.forEach((_, index) => (mode === "error" ? paintError(index, place) : paintPane(index, place)));
  }

  // Paint one of the two, the denoised one as the sliders mix it.
  function paintPicture(canvas, index, width, height, place) {
    const { pair } = scene();
    const { colours } = pair[index];
    if (colours === undefined) {
      empty(canvas); // the first of a result that is there before its photo, which tells what its numbers mean
      return;
    }
    if (colours) {
      paintConverted(canvas, colours, () => pixelsShown(index, width, height, place));
      return;
    }
    prepare(canvas, width, height);
    if (isMixed(index) || isTinted(index)) canvas.getContext("2d").putImageData(pixelsShown(index, width, height, place), 0, 0);
    else draw(canvas, pair[index], place);
  }

  function paintPane(index, place) {
    paintPicture(canvases[index], index, ...paneSize(), place);
  }

  function paintError(index, place) {
    const { clean, gain } = scene();
    const pixels = pixelsShown(index, ...paneSize(), place);
    heat(pixels.data, pixelsOf(clean, ...paneSize(), place).data, gain);
    prepare(canvases[index], ...paneSize());
    canvases[index].getContext("2d").putImageData(pixels, 0, 0);
  }

  function paintRemoved(place) {
    const [noisy, denoised] = [0, 1].map((index) => pixelsShown(index, ...paneSize(), place));
    subtract(noisy.data, denoised.data, scene().gain);
    prepare(removed, ...paneSize());
    removed.getContext("2d").putImageData(noisy, 0, 0);
  }

  // What a canvas of this size would show of a picture.
  function pixelsOf(picture, width, height, place) {
    resize(unseen, width, height);
    draw(unseen, picture, place);
    return unseen.getContext("2d").getImageData(0, 0, width, height);
  }

  const isMixed = (index) =>
    index === 1 && (scene().grid || scene().mix.some((percent, which) => percent !== PLAIN_MIX[which]));
  const isTinted = (index) => scene().grid && scene().isTinted(index);

  // The same of one of the two that are compared, the denoised one as the sliders mix it.
  function pixelsShown(index, ...place) {
    const { pair, details, mix, grid } = scene();
    const pixels = pixelsOf(pair[index], ...place);
    const factors = isMixed(index) || isTinted(index) ? factorsOf(grid, ...place) : null;
    if (isMixed(index)) {
      const textured = mix[2] && details ? pixelsOf(details, ...place).data : null;
      blend(pixelsOf(pair[0], ...place).data, pixels.data, textured, mix, factors);
    }
    if (isTinted(index)) tint(pixels.data, factors);
    return pixels;
  }

  return { paintPanes, paintPicture };
}
