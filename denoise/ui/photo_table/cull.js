// The results one by one on the whole screen: before while held, kept or rejected, and what was decided can be undone.

// `address`: returns where a photo's files are; `look`: called with the id of one to be seen in true pixels; `ended`: called
// when the screen is left.
export function createCull(root, { address, look, ended }) {
  const screen = root.querySelector("dialog");
  const find = (name) => screen.querySelector(`.${name}`);
  const picture = screen.querySelector("img");
  const caption = screen.querySelector("figcaption");
  const decided = []; // ids and what was before, newest last
  let labels = {};
  let rows = [];
  let at = 0;
  let isHeld = false;

  function update(newLabels, all) {
    labels = newLabels;
    const id = rows[at]?.id;
    // What the server says of them is older than what was decided here.
    const here = new Map(screen.open ? rows.map((row) => [row.id, row.rejected]) : []);
    const done = all.filter(({ kind }) => kind === "done");
    rows = done.map((row) => ({ ...row, rejected: here.get(row.id) ?? row.rejected }));
    screen.setAttribute("aria-label", labels.culling);
    for (const name of ["close", "previous", "hold", "keep", "reject", "undo", "save", "next"]) {
      find(name).textContent = labels[name];
    }
    find("detail-look").textContent = labels.detail;
    if (!screen.open) return;
    const place = rows.findIndex((row) => row.id === id);
    if (!rows.length) screen.close();
    else show(place < 0 ? Math.min(at, rows.length - 1) : place);
  }

  function open(id) {
    const place = rows.findIndex((row) => row.id === id);
    if (place < 0) return;
    screen.showModal();
    show(place);
    find("next").focus();
  }

  const source = (row, which) => `${address(row.id)}/${which}?of=${encodeURIComponent(`${row.noise} ${row.time}`)}`;

  function show(place) {
    at = place;
    const row = rows[at];
    for (const [name, isThere] of [["previous", at > 0], ["next", at < rows.length - 1], ["undo", decided.length > 0]]) {
      find(name).setAttribute("aria-disabled", !isThere); // not `disabled`, which would lose the focus
    }
    find("where").textContent = `${at + 1} / ${rows.length}`;
    screen.querySelector("strong").textContent = row.name;
    find("save").href = `${address(row.id)}/result`;
    find("verdict").textContent = row.rejected ? labels.rejected : "";
    find("keep").setAttribute("aria-pressed", !row.rejected);
    find("reject").setAttribute("aria-pressed", row.rejected);
    screen.toggleAttribute("data-rejected", row.rejected);
    paint();
    for (const each of [row, rows[at + 1], rows[at - 1]]) {
      if (each) for (const which of ["after", "before"]) new Image().src = source(each, which);
    }
  }

  function paint() {
    const which = isHeld ? "before" : "after";
    const wanted = source(rows[at], which);
    if (picture.getAttribute("src") !== wanted) picture.setAttribute("src", wanted);
    picture.alt = `${labels[which]}: ${rows[at].name}`;
    caption.textContent = labels[which];
    find("hold").setAttribute("aria-pressed", isHeld);
  }

  function hold(held) {
    if (held === isHeld) return;
    isHeld = held;
    if (rows[at]) paint();
  }

  function move(step) {
    if (rows[at + step]) show(at + step);
  }

  function decide(isRejected) {
    const row = rows[at];
    if (row.rejected === isRejected) {
      move(1);
      return;
    }
    decided.push([row.id, row.rejected]);
    say(row, isRejected);
    if (rows[at + 1]) move(1);
    else show(at);
  }

  function undo() {
    const [id, before] = decided.pop() ?? [];
    const place = rows.findIndex((row) => row.id === id);
    if (place < 0) return;
    say(rows[place], before);
    show(place);
  }

  async function say(row, isRejected) {
    const before = row.rejected;
    row.rejected = isRejected;
    try {
      const answer = await fetch(`${address(row.id)}/rejected?is=${Number(isRejected)}`, { method: "POST" });
      if (answer.ok) return;
    } catch {
      // No connection.
    }
    row.rejected = before;
    if (rows[at]) show(at);
    find("verdict").textContent = labels.unsaved;
  }

  const acts = {
    ArrowLeft: () => move(-1),
    ArrowRight: () => move(1),
    k: () => decide(false),
    x: () => decide(true),
    u: undo,
  };
  screen.addEventListener("keydown", (event) => {
    event.stopPropagation(); // Streamlit has keys of its own
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === " " && !event.target.matches("a")) {
      event.preventDefault();
      hold(true);
    } else if (acts[key]) {
      event.preventDefault();
      acts[key]();
    }
  });
  screen.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    hold(false);
  });
  for (const element of [find("hold"), picture]) {
    element.addEventListener("pointerdown", () => hold(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) element.addEventListener(end, () => hold(false));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
  }
  screen.addEventListener("blur", () => hold(false), true);
  find("previous").onclick = () => move(-1);
  find("next").onclick = () => move(1);
  find("keep").onclick = () => decide(false);
  find("reject").onclick = () => decide(true);
  find("undo").onclick = undo;
  find("close").onclick = () => screen.close();
  find("detail-look").onclick = () => {
    screen.close();
    look(rows[at].id);
  };
  screen.addEventListener("close", () => {
    hold(false);
    picture.removeAttribute("src");
    root.querySelector(`tr[data-id="${rows[at]?.id}"] .cull-open`)?.focus(); // where the eye is
    ended();
  });

  return { update, open };
}
