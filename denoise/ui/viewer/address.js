// The page's address: its parameters tell what the page says, its fragment the view (mode, zoom, the point in the middle).

const FINE = ["mix"]; // what a slider says: each touch of it is no step to go back by

// `viewNow`: returns {mode, zoom, x, y}, without a mode where it is the usual view, or null as long as there is none.
// `goBack`: called with what the address says when the visitor goes back or forth in the browser's history.
export function createAddress(viewNow, goBack) {
  const path = location.pathname;
  let link = {};
  let timer = 0;
  let step; // what of the link is written, and is a step of the history

  // What the fragment says, or null where that is no view.
  function read() {
    const [mode, zoom, x, y] = location.hash.slice(1).split(",");
    if (zoom !== "fit" && !(Number(zoom) > 0)) return null;
    return { mode, zoom: zoom === "fit" ? zoom : Number(zoom), x: Number(x) || 0, y: Number(y) || 0 };
  }

  // A little later: browsers allow few changes of the address in a short time.
  function remember() {
    timer ||= setTimeout(() => {
      timer = 0;
      const view = viewNow();
      if (view) write(view);
    }, 400);
  }

  function write({ mode, zoom, x, y }) {
    const place = zoom === "fit" ? ["fit"] : [Number(zoom.toFixed(3)), Math.round(x), Math.round(y)];
    const address = new URL(location.href);
    for (const [name, value] of Object.entries(link)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    address.hash = mode ? `#${[mode, ...place].join(",")}` : "";
    const isStep = step !== undefined && step !== stepOf(link);
    step = stepOf(link);
    if (address.href === location.href) return;
    if (isStep) history.pushState(history.state, "", address);
    else history.replaceState(history.state, "", address);
  }

  function stepOf(parameters) {
    return JSON.stringify(Object.entries(parameters).filter(([name, value]) => value && !FINE.includes(name)));
  }

  function back() {
    const names = Object.keys(link);
    if (location.pathname !== path || !names.length) return; // another page
    const said = new URLSearchParams(location.search);
    const earlier = Object.fromEntries(names.filter((name) => said.get(name)).map((name) => [name, said.get(name)]));
    clearTimeout(timer);
    timer = 0;
    if (stepOf(earlier) === step) return;
    step = undefined; // what the server makes of it is no new step
    goBack(earlier);
  }

  addEventListener("popstate", back);

  // `parameters`: what is empty goes from the address.
  function say(parameters) {
    link = parameters;
    remember();
  }

  function destroy() {
    clearTimeout(timer);
    removeEventListener("popstate", back);
  }

  return { read, remember, say, destroy };
}
