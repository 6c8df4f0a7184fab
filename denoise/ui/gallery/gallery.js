// A gallery of thumbnails of which one is chosen. `data`: [label, chosen id, [{id, title, detail, src}, ...]].

function show({ data, parentElement, setTriggerValue }) {
  const gallery = parentElement.querySelector(".gallery");
  const [label, chosen, items] = data;
  gallery.setAttribute("aria-label", label);
  // Made anew only for other pictures: a button that goes takes the keyboard's focus with it.
  const known = new Map([...gallery.children].map((button) => [button.dataset.id, button]));
  const buttons = items.map((item) => {
    const button = known.get(item.id);
    return button?.querySelector("img").getAttribute("src") === item.src ? button : thumbnail(item);
  });
  if (buttons.length !== gallery.children.length || buttons.some((button, at) => gallery.children[at] !== button)) {
    gallery.replaceChildren(...buttons);
  }
  mark(chosen);

  function thumbnail({ id, title, detail, src }) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.id = id;
    button.title = title;
    const picture = document.createElement("img");
    picture.src = src;
    picture.alt = "";
    const lines = [["title", title], ["detail", detail]].map(([name, text]) => {
      const line = document.createElement("span");
      line.className = name;
      line.textContent = text;
      return line;
    });
    button.append(picture, ...lines);
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
