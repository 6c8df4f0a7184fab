// A result while it is made: what is there of it in the part of the photo that is looked at, which the server makes first.
// {bitmap, box, scale} is such a window: `box` is its place in the photo, [top, left, bottom, right].

import { addressOf } from "../component.js";

const PAUSE = 250; // milliseconds between two windows
const AGAIN = 1000; // milliseconds after one that did not arrive
const MARGIN = 0.1; // of what is looked at, on each side: a photo that is moved a little has something to show

// `look`: returns {box, scale}, what is looked at, or null. `changed`: called with the share of the result that is there.
export function createGrowing({ look, changed }) {
  let wanted = null; // {id, label, url}
  let window = null;
  let share = 0;
  let answered = null; // the view that was asked for last, and
  let known = -1; // how many pieces of the result there were in it
  let asking = null; // what ends the request that is under way
  let timer = 0;

  // Begin with another result; null: there is none.
  function want(next) {
    if (next?.id === wanted?.id) return;
    stop();
    wanted = next;
    if (wanted) askIn(0); // the photo that is seen now may still be another one
  }

  function stop() {
    clearTimeout(timer);
    asking?.abort();
    window?.bitmap.close();
    [wanted, window, share, answered, known, asking] = [null, null, 0, null, -1, null];
  }

  // Something else may be looked at now.
  function moved() {
    if (!wanted || isSame(asking?.view ?? answered, look())) return;
    asking?.abort();
    asking = null;
    askIn(50);
  }

  function askIn(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(ask, milliseconds);
  }

  async function ask() {
    const view = look();
    if (!view) return askIn(PAUSE);
    if (!isSame(view, answered)) known = -1;
    const mine = (asking = Object.assign(new AbortController(), { view }));
    let next = PAUSE;
    try {
      const url = addressOf(wanted.url);
      for (const [name, value] of Object.entries({ box: view.box, scale: view.scale, known })) url.searchParams.set(name, value);
      const response = await fetch(url, { signal: mine.signal });
      if (!response.ok) throw new Error(response.status);
      const bitmap =
        response.status === 200 ? await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" }) : null;
      if (mine.signal.aborted) return void bitmap?.close();
      answered = view;
      known = Number(response.headers.get("X-Count"));
      share = Number(response.headers.get("X-Share"));
      if (bitmap) {
        window?.bitmap.close();
        window = { bitmap, ...view };
      }
      if (!share) next = 0; // the server has waited for the first of it
      changed(share);
    } catch {
      if (mine.signal.aborted) return;
      next = AGAIN;
    }
    asking = null;
    if (share < 1 || !window) askIn(next);
  }

  return {
    want,
    moved,
    destroy: stop,
    wanted: () => wanted,
    share: () => share,
    // The picture below with what is there of the result on top of it, instead of what was there before.
    over: ({ under, ...below }) => {
      const its = under ?? below.windows ?? [];
      return { ...below, id: wanted.id, under: its, windows: window ? [...its, window] : its };
    },
  };
}

export const isSame = (one, other) =>
  Boolean(one && other) && one.scale === other.scale && String(one.box) === String(other.box);

// What a pane shows: see `createGrowing`. `place`: see viewport.js.
export function lookAt({ scale, left, top }, [paneWidth, paneHeight], { width, height }) {
  const span = (start, visible, length) => {
    const [first, last] = [-start / scale, (visible - start) / scale];
    const margin = MARGIN * (last - first);
    return [Math.max(0, Math.floor(first - margin)), Math.min(length, Math.ceil(last + margin))];
  };
  const [firstRow, lastRow] = span(top, paneHeight, height);
  const [firstColumn, lastColumn] = span(left, paneWidth, width);
  if (firstRow >= lastRow || firstColumn >= lastColumn) return null;
  return { box: [firstRow, firstColumn, lastRow, lastColumn], scale: Math.min(1, Number(scale.toFixed(5))) };
}
