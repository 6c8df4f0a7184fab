// Tells the server that the page is being closed, which it cannot tell from a broken connection, and that the page
// belonged to another session before: the server was started anew, or gave it up. And has the tab remember who it is,
// see return.js. `path`: the address, whose last part is the token; `parameter`: the name of that by which it returns.

import { addressOf } from "../component.js";

let address = "";
addEventListener("pagehide", () => address && navigator.sendBeacon(address));

function show({ data: { path, parameter }, setTriggerValue }) {
  const before = address;
  address = addressOf(path).href;
  if (before && before !== address) setTriggerValue("anew", true);
  try {
    sessionStorage.setItem(parameter, path.split("/").pop());
  } catch {
    // The browser keeps nothing: then a reload begins anew.
  }
  const here = new URL(location.href);
  if (here.searchParams.has(parameter)) {
    here.searchParams.delete(parameter);
    history.replaceState(history.state, "", here);
  }
}
