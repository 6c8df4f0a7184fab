// Tells the server that the page is being closed, which it cannot tell from a broken connection, and that the page
// belonged to another session before: the server was started anew, or gave it up. And has the tab remember who it is,
// see return.js. `data`: [the address, whose last part is the token, the name of the parameter by which it returns].

let address = "";
addEventListener("pagehide", () => address && navigator.sendBeacon(address));

function show({ data: [path, parameter], setTriggerValue }) {
  const before = address;
  address = new URL(`.${path}`, document.baseURI).href; // relative: the page may lie below a path
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
