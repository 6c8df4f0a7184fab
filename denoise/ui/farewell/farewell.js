// Tells the server that the page is being closed, which it cannot tell from a broken connection. `data`: [the address].

let address = "";
addEventListener("pagehide", () => address && navigator.sendBeacon(address));

function show({ data: [path] }) {
  address = new URL(`.${path}`, document.baseURI); // relative: the page may lie below a path
}
