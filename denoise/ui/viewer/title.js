// The title of the browser's tab: how far the result is, for who looks at another tab meanwhile.

export function createTitle() {
  let said = ""; // what stands before the page's own title

  function tell(text) {
    const own = said && document.title.startsWith(said) ? document.title.slice(said.length) : document.title;
    said = text && `${text} · `;
    document.title = said + own;
  }

  // Who looks at another tab is told that it is done, until they come back.
  function finish(text) {
    tell(document.hidden ? `✓ ${text}` : "");
  }

  const seen = () => document.hidden || !said.startsWith("✓") || tell("");
  document.addEventListener("visibilitychange", seen);

  function destroy() {
    document.removeEventListener("visibilitychange", seen);
    tell("");
  }

  return { tell, finish, destroy };
}
