// Canvases in screen (device) pixels, and pictures on them.

export function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = width;
  canvas.height = height;
  // Not stretched by a fraction of a pixel where the page's grid leaves one.
  canvas.style.width = `${width / devicePixelRatio}px`;
  canvas.style.height = `${height / devicePixelRatio}px`;
}

// Draw a picture, see pictures.js, as far as it is there, and on top of it the windows that it may have, see growing.js.
// `place`: its scale, and where its upper left corner comes to lie.
export function draw(canvas, { bitmap, preview, windows = [] }, { scale, left, top }) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = scale < 1; // above: the nearest pixel, so that pixels are seen as they are
  context.imageSmoothingQuality = "high";
  if (preview) {
    const source = scale < preview.width / bitmap.width ? preview : bitmap;
    context.drawImage(source, left, top, bitmap.width * scale, bitmap.height * scale);
  }
  for (const window of windows) {
    const [firstRow, firstColumn, lastRow, lastColumn] = window.box.map((length) => length * scale);
    context.drawImage(window.bitmap, left + firstColumn, top + firstRow, lastColumn - firstColumn, lastRow - firstRow);
  }
}
