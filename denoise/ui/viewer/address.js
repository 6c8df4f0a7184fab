// The page's address: its parameters tell what the page says, its fragment the view (mode, zoom, the point in the middle).

// `viewNow`: returns {mode, zoom, x, y}, without a mode where it is the usual view, or null as long as there is none.
export function createAddress(viewNow) {
  let link = {};
  let timer = 0;

  // What the fragment says, or null where that is no view.
  function read() {
    const [mode, zoom, x, y] = location.hash.slice(1).split(",");
    if (zoom !== "fit" && !(Number(zoom) > 0)) return null;
    return { mode, zoom: zoom === "fit" ? zoom : Number(zoom), x: Number(x) || 0, y: Number(y) || 0 };
  }

  // Once the view has come to rest: browsers allow few changes of the address in a short time.
  function remember() {
    clearTimeout(timer);
    timer = setTimeout(() => {
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
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  // `parameters`: what is empty goes from the address.
  function say(parameters) {
    link = parameters;
    remember();
  }

  return { read, remember, say, destroy: () => clearTimeout(timer) };
}
