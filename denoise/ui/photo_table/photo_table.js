// A table of photos. `data`: [labels, rows as in `Row`, how many are done, the path of their pictures, [zip, report], shares of the
// colours in luminance, in 256ths, whether they are being denoised, what became of them].
// Only what has changed of a row is touched, so that pictures do not flicker and a selection stays.

import { createTitle } from "../viewer/title.js";
import { createCull } from "./cull.js";

const taken = new Map(); // how many results the zip had that was taken home last, by path

function show({ data, parentElement, setTriggerValue }) {
  const [labels, rows, done, path, links, luma, isWorking, outcome] = data;
  const root = parentElement.querySelector(".photos");
  const body = root.querySelector("tbody");
  root.wanted = { path, look: (id) => setTriggerValue("look", id), ended: () => setTriggerValue("culled", true) };
  root.cull ??= createCull(root, {
    address: (id) => address(`${root.wanted.path}/${id}`).href,
    look: (id) => root.wanted.look(id),
    luma,
    ended: () => root.wanted.ended(),
  });
  root.querySelector("table").setAttribute("aria-label", labels.label);
  for (const column of ["size", "noise", "time", "state"]) root.querySelector(`th.${column}`).textContent = labels[column];
  root.querySelector("th.name").textContent = labels.photo;
  root.querySelector("th.noise").title = labels.noise_help;

  [["zip", done > 0], ["report", rows.length > 0]].forEach(([name, ready], at) => {
    const link = root.querySelector(`a.${name}`);
    link.textContent = name === "zip" && done ? `${labels.zip} (${done})` : labels[name];
    link.setAttribute("role", "link"); // also without an address
    link.setAttribute("aria-disabled", !ready);
    if (ready) link.href = address(links[at]);
    else link.removeAttribute("href");
  });
  // Nothing is left to do but to take it home: on a phone that stays in sight.
  root.querySelector(".links").toggleAttribute("data-next", done > 0 && rows.every(({ kind }) => ["done", "failed"].includes(kind)));

  const wanted = new Set(rows.map(({ id }) => id));
  for (const line of [...body.children].filter(({ dataset }) => !wanted.has(dataset.id))) {
    const next = line.nextElementSibling ?? line.previousElementSibling;
    const hadFocus = line.contains(root.getRootNode().activeElement);
    line.remove();
    if (hadFocus) next?.querySelector(".remove").focus(); // where the eye is
  }
  const known = new Map([...body.children].map((row) => [row.dataset.id, row]));
  rows.forEach((row, at) => {
    const line = known.get(row.id) ?? create(row);
    if (body.children[at] !== line) body.insertBefore(line, body.children[at] ?? null);
    update(line, row);
  });
  root.cull.update(labels, rows);
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

  // How far it is: in the tab's title, and at each quarter to who hears the page; and what became of it.
  function tell() {
    root.tab ??= createTitle(root);
    const bell = root.querySelector(".bell");
    [bell.textContent, bell.title] = [labels.bell, labels.bell_help];
    root.toggleAttribute("data-working", isWorking);
    const ended = rows.filter(({ kind }) => ["done", "failed"].includes(kind)).length;
    const quarter = isWorking ? Math.floor((4 * ended) / rows.length) : undefined;
    const news = labels.news.replace("{ended}", ended).replace("{total}", rows.length);
    if (isWorking) root.tab.tell(`${ended} / ${rows.length}`);
    else if (root.quarter !== undefined) outcome ? root.tab.finish(outcome) : root.tab.tell("");
    if (quarter !== root.quarter) root.querySelector(".news").textContent = isWorking ? news : outcome;
    root.quarter = quarter;
  }

  function update(line, row) {
    line.className = row.rejected ? `${row.kind} rejected` : row.kind;
    if (row.seen && !line.querySelector("img")) {
      const picture = new Image();
      picture.alt = "";
      picture.loading = "lazy";
      picture.src = address(`${path}/${row.id}`);
      line.querySelector(".cull-open").append(picture);
    }
    line.querySelector("td.noise").dataset.label = labels.noise;
    const [look, remove] = ["look", "remove"].map((name) => line.querySelector(`.${name}`));
    const cull = line.querySelector(".cull-open");
    cull.disabled = look.disabled = row.kind !== "done";
    cull.setAttribute("aria-label", `${labels.cull}: ${row.name}`);
    cull.title = cull.disabled ? "" : labels.cull;
    cull.onclick = () => root.cull.open(row.id);
    look.title = look.disabled ? "" : labels.look;
    remove.disabled = ["arriving", "working"].includes(row.kind);
    remove.title = labels.remove;
    remove.setAttribute("aria-label", `${labels.remove}: ${row.name}`);
    look.onclick = () => setTriggerValue("look", row.id);
    remove.onclick = () => setTriggerValue("remove", row.id);
    for (const name of ["size", "noise", "time"]) write(line.querySelector(`td.${name}`), row[name]);
    write(line.querySelector(".mark"), row.state);
    write(line.querySelector(".detail"), row.rejected ? labels.rejected : row.detail);
  }
}

function create({ id, name }) {
  const line = document.createElement("tr");
  line.dataset.id = id;
  line.innerHTML =
    '<td class="picture"><button type="button" class="cull-open"></button></td><td class="name"><button type="button" class="look"><span class="folder"></span><span class="file"></span></button></td>' +
    '<td class="size"></td><td class="noise"></td><td class="time"></td>' +
    '<td class="state"><span class="mark"></span><span class="detail"></span></td>' +
    '<td class="act"><button type="button" class="remove">✕</button></td>';
  const cut = name.lastIndexOf("/") + 1;
  line.querySelector(".folder").textContent = name.slice(0, cut);
  line.querySelector(".file").textContent = name.slice(cut);
  return line;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function address(path) {
  return new URL(`.${path}`, document.baseURI); // relative: the page may lie below a path
}
