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
  const coming = new Map(); // by id: {picture: a promise, stop}, of those that are on their way, or wait for others that are

  // Show as many of the wanted ones, [{role, id, label, url}, ...], as are there, and fetch the others.
  function want(wanted) {
    newest++;
    for (const id of coming.keys()) if (!wanted.some((each) => each.id === id)) forget(id);
    take(wanted, loaded);
    if (loaded.length < wanted.length) arrive(wanted, newest);
  }

  // Ask again for those that do not arrive, unless newer ones are wanted.
  async function arrive(wanted, call, tries = 0) {
    let arrived;
    try {
      arrived = await Promise.all(
        wanted.map((each) => loaded.find((picture) => picture.id === each.id) ?? fetched(each)),
      );
    } catch {
      // Pictures that nobody waits for any more may well be gone.
      if (call !== newest) return;
      late();
      const seconds = RETRIES[tries] ?? RETRIES.at(-1);
      setTimeout(() => call === newest && arrive(wanted, call, tries + 1), 1000 * seconds);
      return;
    }
    if (call !== newest) return; // those that are still wanted are the newer call's
    coming.clear();
    take(wanted, arrived);
  }

  // One that is on its way, to be shown with others than at first, is not asked for twice: it may be large.
  function fetched({ id, url }) {
    if (!coming.has(id)) {
      const stop = new AbortController();
      const picture = load(url, stop.signal).then((its) => ({ id, ...its }));
      coming.set(id, { picture, stop });
      picture.catch(() => coming.get(id)?.picture === picture && coming.delete(id));
    }
    return coming.get(id).picture;
  }

  function forget(id) {
    const { picture, stop } = coming.get(id);
    stop.abort();
    picture.then(release, () => {});
    coming.delete(id);
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
    [...coming.keys()].forEach(forget);
    loaded.forEach(release);
    loaded = [];
  }

  return { want, of: (role) => loaded.find((picture) => picture.role === role), destroy };
}

async function load(url, signal) {
  const response = await fetch(addressOf(url), { signal });
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
