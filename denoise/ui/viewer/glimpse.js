// What is looked at of a large photo, before all of it: that takes seconds to arrive, and would keep the first of its result
// from coming. It is a picture as in pictures.js, which has no pixels of its own but a window, see growing.js.

import { addressOf } from "../component.js";
import { coloursOf } from "./colours.js";
import { isSame } from "./growing.js";

const PATIENCE = 3000; // milliseconds for which all of the photo waits for the first of its result

// `look`: as in growing.js. `changed`: called when there is more to be seen; `whole` when all of the photo is to be fetched.
export function createGlimpse({ look, changed, whole }) {
  let photo = null; // {id, label, part, bitmap}, of which the last is a size alone
  let begun; // its id, or that of the one before
  let isHeld = false; // whether all of it waits
  let window = null;
  let colours; // until something is seen, nobody knows
  let asking = null;
  let timer = 0;

  // Begin with a photo, but once.
  function want(next) {
    if (next.id === begun) return;
    drop();
    const [height, width] = next.size;
    [photo, begun, isHeld] = [{ ...next, bitmap: { width, height } }, next.id, true];
    timer = setTimeout(enough, PATIENCE);
  }

  // All of it may be fetched.
  function enough() {
    clearTimeout(timer);
    if (!isHeld) return;
    isHeld = false;
    whole();
  }

  // All of it is there, or another one.
  function drop() {
    clearTimeout(timer);
    asking?.abort();
    window?.bitmap.close();
    [photo, isHeld, window, colours, asking] = [null, false, null, undefined, null];
  }

  // Something else may be looked at now.
  async function moved() {
    const view = photo && look();
    if (!view || isSame(asking?.view ?? window, view)) return;
    asking?.abort();
    const mine = (asking = Object.assign(new AbortController(), { view }));
    try {
      const url = addressOf(photo.part);
      for (const name of ["box", "scale"]) url.searchParams.set(name, view[name]);
      const response = await fetch(url, { signal: mine.signal });
      if (response.status !== 200) throw new Error(response.status);
      const file = await response.blob();
      const [bitmap, itsColours] = await Promise.all([
        createImageBitmap(file, { colorSpaceConversion: "none" }),
        coloursOf(file),
      ]);
      if (mine.signal.aborted) return void bitmap.close();
      window?.bitmap.close();
      [window, colours, asking] = [{ bitmap, ...view }, itsColours, null];
      changed();
    } catch {
      if (!mine.signal.aborted) enough();
    }
  }

  function picture() {
    if (!photo) return undefined;
    const { id, label, bitmap } = photo; // the same one while it is this photo: panes are emptied for another
    return { id, label, bitmap, preview: null, colours, windows: window ? [window] : [] };
  }

  return { want, moved, enough, drop, picture, holds: (id) => isHeld && photo.id === id };
}
