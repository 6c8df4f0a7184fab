// Photos whose numbers do not mean sRGB, because their file describes its colours otherwise. What is mixed and compared are
// the file's own numbers, as on the server; only what is seen is converted, by the browser itself: it is given the visible
// pixels as a PNG file with the photo's description of its colours, and so shows them as it would show the download.

import { resize } from "./canvas.js";

const COLOUR_CHUNKS = ["cICP", "iCCP", "sRGB", "gAMA", "cHRM"];
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_GREY = 0;
const PNG_GREY_ALPHA = 4;
const PNG_RGBA = 6;
const PLACES = { [PNG_GREY_ALPHA]: [0, 3], [PNG_RGBA]: [0, 1, 2, 3] }; // of a pixel's samples among red, green, blue, alpha

// What a PNG file says of its colours: {type, chunks}, or null where the browser changes nothing to show them.
export async function coloursOf(file) {
  const type = new Uint8Array(await file.slice(25, 26).arrayBuffer())[0];
  const chunks = [];
  for (let at = 33; at < file.size; ) {
    const head = await file.slice(at, at + 8).arrayBuffer();
    const name = String.fromCharCode(...new Uint8Array(head, 4));
    if (name === "IDAT") break;
    const end = at + 12 + new DataView(head).getUint32(0);
    if (COLOUR_CHUNKS.includes(name)) chunks.push(file.slice(at, end));
    at = end;
  }
  const colours = { type: type === PNG_GREY ? PNG_GREY_ALPHA : PNG_RGBA, chunks };
  return chunks.length && (await isConverted(colours)) ? colours : null;
}

// Whether the browser shows other numbers than those of the file, for any of 256 colours or greys.
async function isConverted(colours) {
  const probe = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) {
    const mixed = [i & 0xe0, (i << 3) & 0xe0, (i << 6) & 0xc0].map((value) => value | (value >> 4));
    probe.data.set([...(colours.type === PNG_GREY_ALPHA ? [i, i, i] : mixed), 255], 4 * i);
  }
  const canvas = new OffscreenCanvas(256, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const bitmap = await createImageBitmap(toPng(probe, colours));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, 256, 1).data.some((value, i) => Math.abs(value - probe.data[i]) > 1);
}

// ---- Painting ----

const conversions = new WeakMap(); // by canvas: what is at work for it, and in `next` what makes the pixels after those

// Paint pixels a moment later, converted. Of those that are asked for meanwhile only the newest are taken up.
export async function paintConverted(canvas, colours, makePixels) {
  const going = conversions.get(canvas);
  if (going) {
    going.next = makePixels;
    return;
  }
  const work = { next: makePixels };
  conversions.set(canvas, work);
  while (work.next) {
    const pixels = work.next();
    work.next = null;
    const bitmap = await createImageBitmap(toPng(pixels, colours));
    if (conversions.get(canvas) === work) {
      resize(canvas, pixels.width, pixels.height);
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, 0);
    } else {
      work.next = null;
    }
    bitmap.close();
  }
  if (conversions.get(canvas) === work) conversions.delete(canvas);
}

// Make a canvas ready to be painted on at once: what was still to come for it is outdated.
export function prepare(canvas, width, height) {
  conversions.delete(canvas);
  resize(canvas, width, height);
}

// Leave nothing on a canvas, now or later.
export function empty(canvas) {
  conversions.delete(canvas);
  canvas.width = canvas.height = 0;
}

// ---- PNG: pixels with their opacity, as beside a small photo there is nothing, stored without compression: least time ----

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function toPng({ data, width, height }, { type, chunks }) {
  const places = PLACES[type];
  const length = width * places.length + 1; // of a row with its filter's number, 0; each is a stored block, of 65535 bytes at most
  const rows = new Uint8Array(2 + height * (5 + length) + 4);
  rows.set([0x78, 0x01]);
  let [to, a, b] = [2, 1, 0]; // a, b: the checksum Adler-32
  for (let y = 0; y < height; y++) {
    rows.set([y === height - 1 ? 1 : 0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255], to);
    to += 6;
    b += a;
    for (let x = 0, from = 4 * y * width; x < width; x++, from += 4) {
      for (const place of places) b += a += rows[to++] = data[from + place];
      if (x % 1024 === 1023) [a, b] = [a % 65521, b % 65521];
    }
    [a, b] = [a % 65521, b % 65521];
  }
  new DataView(rows.buffer).setUint32(to, b * 65536 + a);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits
  header.setUint8(9, type);
  const parts = [pngChunk("IHDR", new Uint8Array(header.buffer)), ...chunks, pngChunk("IDAT", rows), pngChunk("IEND", new Uint8Array())];
  return new Blob([Uint8Array.from(PNG_SIGNATURE), ...parts], { type: "image/png" });
}

function pngChunk(name, content) {
  const chunk = new Uint8Array(12 + content.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  chunk.set(content, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < 8 + content.length; i++) crc = CRC_TABLE[(crc ^ chunk[i]) & 255] ^ (crc >>> 8);
  view.setUint32(8 + content.length, crc ^ 0xffffffff);
  return chunk;
}
