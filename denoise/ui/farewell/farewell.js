// Tells the server that the page is being closed, which it cannot tell from a broken connection, and that the page
// belonged to another session before: the server was started anew, or gave it up. `data`: [the address].

let address = "";
addEventListener("pagehide", () => address && navigator.sendBeacon(address));

function show({ data: [path], setTriggerValue }) {
  const before = address;
  address = new URL(`.${path}`, document.baseURI).href; // relative: the page may lie below a path
  if (before && before !== address) setTriggerValue("anew", true);
}
