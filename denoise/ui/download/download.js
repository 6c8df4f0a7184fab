// The button that saves the denoised photo just as the viewer shows it at that moment, whatever the server has heard of
// its sliders. `data`: {label, path of the file without the mix, its name}; the path is empty as long as there is none.

import { addressOf } from "../component.js";

const FAILED = "The file did not arrive. Please try once more.";

function show({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const status = parentElement.querySelector("p");
  if (button.offer?.path !== data.path) status.textContent = ""; // it was about another file
  button.offer = data;
  button.onclick = download;
  if (!button.isBusy) invite();

  function invite() {
    button.textContent = button.offer.label;
    button.disabled = !button.offer.path;
  }

  async function download() {
    const { path, name } = button.offer;
    const question = new CustomEvent("denoise-mix", { detail: {} }); // the viewer answers
    document.dispatchEvent(question);
    status.textContent = "";
    button.isBusy = button.disabled = true;
    button.textContent = "Preparing the file …";
    try {
      const url = addressOf(path);
      url.searchParams.set("mix", question.detail.mix.join("-"));
      if (question.detail.at) url.searchParams.set("at", question.detail.at.join(","));
      const mask = await question.detail.mask; // what was painted, too large for an address
      const response = await fetch(url, mask ? { method: "POST", body: mask } : {});
      if (!response.ok) status.textContent = (await response.text()) || FAILED;
      else save(await response.blob(), name);
    } catch {
      status.textContent = FAILED;
    }
    button.isBusy = false;
    invite();
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // by then the browser has begun to write it
}
