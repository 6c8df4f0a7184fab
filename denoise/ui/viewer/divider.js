// The divider between the two pictures, in the mode "slider".

import { clamp } from "./viewport.js";

export function createDivider(root) {
  const stage = root.querySelector(".stage");
  const element = root.querySelector(".divider");
  let left = ""; // the picture on that side

  function set(percent) {
    const value = clamp(percent, 0, 100);
    root.style.setProperty("--split", `${value}%`);
    element.setAttribute("aria-valuenow", Math.round(value));
    element.setAttribute("aria-valuetext", `${left} on the left ${Math.round(value)} % of the picture`);
  }

  const percent = () => parseFloat(root.style.getPropertyValue("--split") || "50");

  // Put it under a pointer.
  function follow({ clientX }) {
    const { left, width } = stage.getBoundingClientRect();
    set(((clientX - left) / width) * 100);
  }

  function describe(name) {
    left = name;
    set(percent());
  }

  return { element, set, moveBy: (change) => set(percent() + change), follow, describe };
}
