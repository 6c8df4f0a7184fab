// A page that is reloaded tells the server who it was, by an address that nobody sees: it is as before as soon as the
// page has come (farewell.js). Of a tab alone; a new one knows nothing.
try {
  const token = sessionStorage.getItem("returns");
  if (token) {
    const here = new URL(location.href);
    here.searchParams.set("returns", token);
    history.replaceState(history.state, "", here);
  }
} catch {
  // The browser keeps nothing: then a reload begins anew.
}
