// A gallery of thumbnails of which one is chosen. `data`: {label, chosen: its id, items: [{id, title, detail, src}, ...]}.

function show({ data: { label, chosen, items }, parentElement, setTriggerValue }) {
  const gallery = parentElement.querySelector(".gallery");
  gallery.setAttribute("aria-label", label);
  // Made anew only for other pictures: a button that goes takes the keyboard's focus with it.
  const known = new Map([...gallery.children].map((button) => [button.dataset.id, button]));
  const buttons = items.map((item) => {
    const before = known.get(item.id);
    const button = before?.querySelector("img").getAttribute("src") === item.src ? before : thumbnail(item);
    button.title = button.querySelector(".title").textContent = item.title;
    button.querySelector(".detail").textContent = item.detail;
    return button;
  });
  if (buttons.length !== gallery.children.length || buttons.some((button, at) => gallery.children[at] !== button)) {
    gallery.replaceChildren(...buttons);
  }
  mark(chosen);

  function thumbnail({ id, src }) {
    const button = parentElement.querySelector("template").content.firstElementChild.cloneNode(true);
    button.dataset.id = id;
    button.querySelector("img").src = src;
    button.addEventListener("click", () => {
      mark(id);
      setTriggerValue("chosen", id);
    });
    return button;
  }

  function mark(id) {
    for (const button of gallery.children) button.setAttribute("aria-pressed", button.dataset.id === id);
  }
}
