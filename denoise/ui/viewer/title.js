// How far the result is, for who looks at another tab meanwhile: in the title of this one, and, if they want it and the
// browser allows it, in a notification.

// Browsers of phones that let a service worker alone notify throw; where it is not allowed yet, nothing is seen of this.
function canNotify() {
  try {
    if (Notification.permission === "default") new Notification("");
    return Notification.permission !== "denied";
  } catch {
    return false;
  }
}

export function createTitle(root) {
  let said = ""; // what stands before the page's own title
  const bell = root.querySelector(".bell");
  let isWanted = false;

  // The browser may ask only at a click, and never again once it was told no.
  bell.hidden = !canNotify();
  bell.addEventListener("click", async () => {
    isWanted = !isWanted && (await Notification.requestPermission()) === "granted";
    bell.hidden = Notification.permission === "denied";
    bell.setAttribute("aria-pressed", isWanted);
  });

  function tell(text) {
    const own = said && document.title.startsWith(said) ? document.title.slice(said.length) : document.title;
    said = text && `${text} · `;
    document.title = said + own;
  }

  // Who looks at another tab is told that it is done, until they come back.
  function finish(text) {
    if (isWanted && document.hidden) {
      try {
        new Notification(text, { body: document.title, tag: "denoise" }).onclick = () => window.focus();
      } catch {
        // A phone that was allowed to at another time; the title says it, too.
      }
    }
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
