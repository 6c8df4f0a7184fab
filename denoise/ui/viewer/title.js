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

// Whoever wants a notification wants it on all pages: each component has these scripts for itself, the window is theirs all.
export function listenToBell(bell) {
  const press = () => bell.setAttribute("aria-pressed", Boolean(window.isNotified));
  bell.hidden = !canNotify();
  press();
  // The browser may ask only at a click, and never again once it was told no.
  bell.addEventListener("click", async () => {
    window.isNotified = !window.isNotified && (await Notification.requestPermission()) === "granted";
    bell.hidden = Notification.permission === "denied";
    press();
  });
}

export function createTitle() {
  let said = ""; // what stands in the title before the page's own, maybe beside what others say there
  let isAtWork = false;

  function write(next) {
    const title = document.title.includes(said) ? document.title.replace(said, next) : next + document.title;
    said = next;
    if (title !== document.title) document.title = title;
  }

  // Streamlit writes the page's own title whenever it makes the page anew.
  const watching = new MutationObserver(() => write(said));
  watching.observe(document.querySelector("title"), { childList: true });

  const tell = (text) => write(text && `${text} · `);

  // Tell what is at work, and once that is nothing any more, what became of it.
  function follow(text, outcome) {
    if (text) tell(text);
    else if (isAtWork) outcome ? finish(outcome) : tell("");
    isAtWork = Boolean(text);
  }

  // Who looks at another tab is told that it is done, until they come back.
  function finish(text) {
    if (window.isNotified && document.hidden) {
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
    watching.disconnect();
    tell("");
  }

  return { tell, follow, finish, destroy };
}
