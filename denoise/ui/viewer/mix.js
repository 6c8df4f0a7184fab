// The sliders that mix the two pictures, in percent: luminance and colour removed, detail kept.

import { PLAIN_MIX } from "./pixels.js";

// Put sliders where a mix has them, each with its share beside it.
export function setSliders(sliders, mix) {
  sliders.forEach((slider, index) => {
    slider.value = mix[index];
    slider.nextElementSibling.textContent = slider.ariaValueText = `${mix[index]} %`;
  });
}

// `changed` is called whenever the mix is another one, `settled` with the mix when a slider comes to rest; `middle` returns
// row and column in the middle of what is seen.
export function createMix(root, { changed, settled, middle }) {
  const sliders = [...root.querySelectorAll(".mix input")];
  let mix;
  let seen; // which of the server's wishes was the last
  let isTouched = false; // whether the visitor has moved them since

  function set(percents) {
    mix = percents;
    setSliders(sliders, mix);
    changed();
  }

  // Until they are touched, and when the server wishes so: what it knows of the sliders otherwise may be older than where
  // they are. Null: there are none.
  function start(percents, wish) {
    if (mix && wish === seen && (isTouched || String(percents ?? PLAIN_MIX) === String(mix))) return;
    isTouched = false;
    seen = wish;
    root.toggleAttribute("data-mixable", Boolean(percents));
    set(percents ?? PLAIN_MIX);
  }

  for (const slider of sliders) {
    slider.addEventListener("input", () => {
      isTouched = true;
      set(sliders.map(({ value }) => Number(value)));
    });
    slider.addEventListener("change", () => settled(mix));
  }
  root.querySelector(".reset").addEventListener("click", () => {
    isTouched = true;
    set(PLAIN_MIX);
    settled(mix);
  });

  // Whoever saves what is shown here asks for the mix, and for the middle, by this event.
  const answer = ({ detail }) => root.hasAttribute("data-mixable") && Object.assign(detail, { mix, at: middle() });
  document.addEventListener("denoise-mix", answer);

  return { start, percents: () => mix, destroy: () => document.removeEventListener("denoise-mix", answer) };
}
