// Full screen, or where the browser has none for it, all of the window.

export function createFullScreen(root) {
  const isCovering = () => root.hasAttribute("popover"); // the window alone

  function mark(isFull) {
    root.toggleAttribute("data-full", isFull);
    root.querySelector("[data-tool=full]").setAttribute("aria-pressed", isFull);
    if (isFull) root.querySelector(".stage").focus({ preventScroll: true });
  }

  async function toggle() {
    if (root.getRootNode().fullscreenElement === root) {
      await document.exitFullscreen();
    } else if (root.hasAttribute("data-full")) {
      root.hidePopover?.();
      root.removeAttribute("popover");
      mark(false);
    } else {
      try {
        await root.requestFullscreen();
      } catch {
        // Phones that have it for videos alone. In the browser's top layer nothing of the page covers the viewer.
        root.setAttribute("popover", "manual");
        root.showPopover?.();
        mark(true);
      }
    }
  }

  root.addEventListener("fullscreenchange", () => mark(root.getRootNode().fullscreenElement === root));
  return { toggle, isCovering };
}
