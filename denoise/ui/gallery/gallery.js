// A gallery of thumbnails of which one is chosen. `data`: [label, chosen id, [{id, title, detail, src}, ...]].

function show({ data, parentElement, setTriggerValue }) {
  const gallery = parentElement.querySelector(".gallery");
  const [label, chosen, items] = data;
  gallery.setAttribute("aria-label", label);
  // Made anew only for other pictures: a button that goes takes the keyboard's focus with it.
  const known = new Map([...gallery.children].map((button) => [button.dataset.id, button]));
  const buttons = items.map((item) => {
    const button = known.get(item.id);
    return name(button?.querySelector("img").getAttribute("src") === item.src ? button : thumbnail(item), item);
  });
  if (buttons.length !== gallery.children.length || buttons.some((button, at) => gallery.children[at] !== button)) {
    gallery.replaceChildren(...buttons);
  }
  mark(chosen);

  function name(button, { title, detail }) {
    button.title = title;
    button.querySelector(".title").textContent = title;
    button.querySelector(".detail").textContent = detail;
    return button;
  }

  function thumbnail({ id, src }) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.id = id;
    const picture = document.createElement("img");
    picture.src = src;
    picture.alt = "";
    const lines = ["title", "detail"].map((name) => {
      const line = document.createElement("span");
      line.className = name;
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
