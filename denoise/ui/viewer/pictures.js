// The pictures that are wanted, fetched once each: {role, id, label, bitmap, preview, colours}, in which `preview` is a small
// version of a large bitmap, and the numbers of both are the file's own; `colours` are those of colours.js.

import { addressOf } from "../component.js";
import { coloursOf } from "./colours.js";

const PREVIEW_LENGTH = 2560; // pixels of its longer side: as many as most screens have
const RETRIES = [0.5, 1, 2, 4, 8]; // seconds to wait before a picture that did not arrive is asked for again; then the last

// `changed` is called whenever what is there may be other pictures than before, and told whether it is all that is wanted;
// `late` when one has not arrived.
export function createPictures({ changed, late }) {
  let loaded = [];
  let newest = 0;

  // Show as many of the wanted ones, [{role, id, label, url}, ...], as are there, and fetch the others.
  function want(wanted) {
    newest++;
    take(wanted, loaded);
    if (loaded.length < wanted.length) arrive(wanted, newest);
  }

  // Ask again for those that do not arrive, unless newer ones are wanted.
  async function arrive(wanted, call, tries = 0) {
    let arrived;
    try {
      arrived = await Promise.all(
        wanted.map(async ({ id, url }) => loaded.find((picture) => picture.id === id) ?? { id, ...(await load(url)) }),
      );
    } catch {
      // Pictures that nobody waits for any more may well be gone.
      if (call !== newest) return;
      late();
      const seconds = RETRIES[tries] ?? RETRIES.at(-1);
      setTimeout(() => call === newest && arrive(wanted, call, tries + 1), 1000 * seconds);
      return;
    }
    if (call === newest) take(wanted, arrived);
    else dismiss(arrived);
  }

  function take(wanted, there) {
    const before = loaded;
    loaded = wanted.flatMap(({ role, id, label }) =>
      there.filter((picture) => picture.id === id).map((picture) => ({ ...picture, role, label })),
    );
    dismiss([...before, ...there]);
    changed(loaded.length === wanted.length);
  }

  // Free the memory of those that are not shown.
  function dismiss(some) {
    some.filter(({ bitmap }) => !loaded.some((picture) => picture.bitmap === bitmap)).forEach(release);
  }

  function destroy() {
    newest++;
    loaded.forEach(release);
    loaded = [];
  }

  return { want, of: (role) => loaded.find((picture) => picture.role === role), destroy };
}

async function load(url) {
  const response = await fetch(addressOf(url));
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
