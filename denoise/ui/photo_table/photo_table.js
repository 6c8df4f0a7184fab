// A table of photos. `rows`: as in `Row`; `path`: of their pictures; `links`: {zip, report}; `isWorking`: whether they are
// being denoised; `outcome`: what became of them.
// Only what has changed of a row is touched, so that pictures do not flicker and a selection stays.

import { addressOf } from "../component.js";
import { createTitle, listenToBell } from "../viewer/title.js";
import { createCull, REJECTED } from "./cull.js";

const CULL = "See them one by one, on the whole screen";
const taken = new Map(); // how many results the zip had that was taken home last, by path
const focused = new Map(); // {at: number of its row, name: its class}: the button that has the keyboard's focus, by path

function show({ data: { rows, path, links, isWorking, outcome }, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".photos");
  const body = root.querySelector("tbody");
  const done = rows.filter(({ kind, rejected }) => kind === "done" && !rejected).length; // what there is to take home
  root.wanted = { path, look: (id) => setTriggerValue("look", id), ended: () => setTriggerValue("culled", true) };
  if (!root.cull) {
    root.cull = createCull(root, {
      address: (id) => addressOf(`${root.wanted.path}/${id}`).href,
      look: (id) => root.wanted.look(id),
      ended: () => root.wanted.ended(),
    });
    noteFocus(root, body);
  }
  root.querySelector("a.zip").textContent = done ? `Download zip (${done})` : "Download zip";
  for (const [name, isReady] of [["zip", done > 0], ["report", rows.length > 0]]) {
    const link = root.querySelector(`a.${name}`);
    link.setAttribute("aria-disabled", !isReady);
    if (isReady) link.href = addressOf(links[name]);
    else link.removeAttribute("href");
  }
  // Nothing is left to do but to take it home: on a phone that stays in sight.
  root.querySelector(".links").toggleAttribute("data-next", done > 0 && rows.every(({ kind }) => ["done", "failed"].includes(kind)));

  const wanted = new Set(rows.map(({ id }) => id));
  for (const line of [...body.children].filter(({ dataset }) => !wanted.has(dataset.id))) {
    line.remove();
  }
  const known = new Map([...body.children].map((row) => [row.dataset.id, row]));
  rows.forEach((row, at) => {
    const line = known.get(row.id) ?? create(root.querySelector("template"), row);
    if (body.children[at] !== line) body.insertBefore(line, body.children[at] ?? null);
    update(line, row);
  });
  giveFocusBack();
  root.cull.update(rows);
  tell();

  // Closing the page now would lose photos that wait, the work, or results that nobody has taken home: the browser asks
  // in its own words. Also from another page of this one, on which the work goes on.
  const ask = () => {
    const isUnfinished = rows.some(({ kind }) => ["arriving", "waiting", "working"].includes(kind));
    window.onbeforeunload = isUnfinished || done > (taken.get(path) ?? 0) ? (event) => event.preventDefault() : null;
  };
  root.querySelector("a.zip").onclick = () => {
    taken.set(path, done);
    ask();
  };
  ask();
  return () => root.tab.destroy();

  // To the row where the eye is: the button's own has gone, or Streamlit has put the whole table in its place anew.
  function giveFocusBack() {
    const had = focused.get(path);
    if (!had || document.activeElement !== document.body) return;
    body.children[Math.min(had.at, body.children.length - 1)]?.querySelector(`.${had.name}`).focus();
  }

  // How far it is: in the tab's title, and at each quarter to who hears the page; and what became of it.
  function tell() {
    if (!root.tab) listenToBell(root.querySelector(".bell"));
    root.tab ??= createTitle();
    root.toggleAttribute("data-working", isWorking);
    const ended = rows.filter(({ kind }) => ["done", "failed"].includes(kind)).length;
    const quarter = isWorking ? Math.floor((4 * ended) / rows.length) : undefined;
    const news = `${ended} of ${rows.length} photos are done.`;
    root.tab.follow(isWorking ? `${ended} / ${rows.length}` : "", outcome);
    if (quarter !== root.quarter) root.querySelector(".news").textContent = isWorking ? news : outcome;
    root.quarter = quarter;
  }

  function update(line, row) {
    line.className = row.rejected ? `${row.kind} rejected` : row.kind;
    if (row.seen && !line.querySelector("img")) {
      const picture = new Image();
      picture.alt = "";
      picture.loading = "lazy";
      picture.src = addressOf(`${path}/${row.id}`);
      line.querySelector(".cull-open").append(picture);
    }
    const [look, remove] = ["look", "remove"].map((name) => line.querySelector(`.${name}`));
    const cull = line.querySelector(".cull-open");
    cull.disabled = look.disabled = row.kind !== "done";
    cull.title = cull.disabled ? "" : CULL;
    cull.onclick = () => root.cull.open(row.id);
    look.title = look.disabled ? "" : "See it before and after";
    remove.disabled = ["arriving", "working"].includes(row.kind);
    look.onclick = () => setTriggerValue("look", row.id);
    remove.onclick = () => setTriggerValue("remove", row.id);
    for (const name of ["size", "noise", "time"]) write(line.querySelector(`td.${name}`), row[name]);
    write(line.querySelector(".mark"), row.state);
    write(line.querySelector(".detail"), row.rejected ? REJECTED : row.detail);
  }
}

// Keep in `focused` which button of a row has the focus, until another element, or none, has it.
function noteFocus(root, body) {
  root.addEventListener("focusin", ({ target }) => {
    const at = [...body.children].findIndex((line) => line.contains(target));
    if (at >= 0) focused.set(root.wanted.path, { at, name: target.className });
    else focused.delete(root.wanted.path);
  });
  root.addEventListener("focusout", () => {
    // A button that went with its row, or with the table, lost it to nobody: that is known a moment later.
    setTimeout(() => root.isConnected && !root.getRootNode().activeElement && focused.delete(root.wanted.path));
  });
}

function create(template, { id, name }) {
  const line = template.content.firstElementChild.cloneNode(true);
  line.dataset.id = id;
  line.querySelector(".cull-open").setAttribute("aria-label", `${CULL}: ${name}`);
  line.querySelector(".remove").setAttribute("aria-label", `Remove this photo: ${name}`);
  const cut = name.lastIndexOf("/") + 1;
  line.querySelector(".folder").textContent = name.slice(0, cut);
  line.querySelector(".file").textContent = name.slice(cut);
  return line;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
