// Takes photos by drop or choice, announces their names, and sends them, a few at a time. `path`: to which they are sent;
// `suffixes`: the file name endings of photos; `isArriving`: whether the server expects some.
//
// A batch's sending is kept here rather than in the element, because it goes on while another page is looked at.

import { addressOf } from "../component.js";

const AT_A_TIME = 2;
const ANNOUNCED_AT_ONCE = 500;
const NAMED = 10; // of the files that are left out
const PAUSES = [1000, 4000, 15000]; // milliseconds before a photo is sent once more
const sendings = new Map(); // by path: {queue, total, done, lost, bytes, sent, note, bad, running, ready, show}

function show({ data: { path, note, suffixes, isArriving }, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".uploader");
  const find = (selector) => root.querySelector(selector);
  const target = find(".target");
  for (const [other, removed] of sendings) if (other !== path) Object.assign(removed, { queue: [], show() {} });
  if (!sendings.has(path)) window.onbeforeunload = null; // a new batch, in which there is nothing to lose yet
  const sending = sendings.get(path) ?? start(path, isArriving);
  find(".note").textContent = note;

  sending.show = () => {
    const { done, lost, total, running, note, bad } = sending;
    find(".sending").classList.toggle("busy", running > 0);
    find("progress").value = sending.bytes ? sending.sent / sending.bytes : 0;
    const step = `Sending photo ${Math.min(done + 1, total)} of ${total}`;
    const end = lost ? `${lost} of ${total} photos did not arrive. Add them again.` : "Everything has been sent.";
    const state = running ? step : total ? end : "";
    const status = find("[role=status]");
    status.textContent = [state, note].filter(Boolean).join(" ");
    status.classList.toggle("bad", bad || lost > 0);
  };
  sending.show();

  async function take(files, fromFolder) {
    const photos = fromFolder ? files.filter(({ name }) => isPhoto(name, suffixes)) : files;
    const others = fromFolder ? files.map(({ name }) => fileName(name)).filter((name) => !isHidden(name) && !isPhoto(name, suffixes)) : [];
    if (fromFolder) photos.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    sending.bad = false;
    sending.note = others.length ? `Left out, because their names are not those of photos: ${named(others)}.` : "";
    if (!photos.length) {
      sending.note = fromFolder ? `There is no photo in this folder. ${sending.note}` : "";
      sending.show();
      return;
    }
    if (!sending.running) Object.assign(sending, { total: 0, done: 0, lost: 0, bytes: 0, sent: 0 });
    let announced = 0;
    await sending.ready;
    try {
      while (announced < photos.length) {
        const some = photos.slice(announced, announced + ANNOUNCED_AT_ONCE);
        const list = some.map(({ name, file }) => [name, file.size]);
        const response = await fetch(addressOf(path), { method: "POST", body: JSON.stringify(list) });
        if (response.status === 413) throw await response.text();
        if (!response.ok) throw "";
        const ids = await response.json();
        some.forEach(({ file }, at) => sending.queue.push({ file, id: ids[at] }));
        for (const { file } of some) sending.bytes += file.size;
        announced += some.length;
      }
    } catch (reason) {
      sending.note =
        (typeof reason === "string" && reason) || "The server did not take these files. Reload the page and try again.";
      sending.bad = true;
    }
    sending.total += announced;
    if (announced) setTriggerValue("announced", announced);
    while (sending.running < AT_A_TIME && sending.queue.length) work(sending);
    sending.show();
  }

  function pick(button, input, fromFolder) {
    find(button).onclick = () => find(input).click();
    find(input).onchange = ({ target: { files } }) => {
      const chosen = [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
      find(input).value = ""; // the same files may be chosen again
      if (chosen.length) take(chosen, fromFolder);
    };
  }
  pick(".files", ".pick-files", false);
  pick(".folder", ".pick-folder", true);

  // Anywhere on the page: a browser would leave the page for a file that is dropped beside the target.
  root.listening?.abort();
  root.listening = new AbortController();
  const listen = (type, act) => {
    const listener = (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      act(event);
    };
    document.addEventListener(type, listener, { signal: root.listening.signal });
  };
  const mark = (isOver) => target.classList.toggle("over", isOver);
  for (const type of ["dragenter", "dragover"]) listen(type, () => mark(true));
  listen("dragleave", ({ relatedTarget }) => relatedTarget || mark(false)); // at the edge of the window alone it is none
  listen("drop", (event) => {
    mark(false);
    // The entries must be asked for before anything is awaited.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    takeDropped(entries, [...event.dataTransfer.files]);
  });

  // Only folders need more than the files.
  async function takeDropped(entries, dropped) {
    const folder = entries.some((entry) => entry?.isDirectory);
    const files = folder
      ? (await Promise.all(entries.map((entry) => (entry ? filesOf(entry) : [])))).flat()
      : dropped.map((file) => ({ file, name: file.name }));
    if (files.length || folder) take(files, folder);
  }

  if (window.denoiseMany) {
    const { entries, files } = window.denoiseMany; // dropped on another page, see paste.js
    delete window.denoiseMany;
    takeDropped(entries, files);
  }
  return () => root.listening.abort();
}

function start(path, isArriving) {
  // What this page was sending before it was reloaded it has no more.
  const ready = isArriving ? fetch(addressOf(path), { method: "DELETE" }).catch(() => {}) : null;
  const none = { total: 0, done: 0, lost: 0, bytes: 0, sent: 0, running: 0 };
  const sending = { path, ready, queue: [], ...none, note: "", bad: false, show() {} };
  sendings.set(path, sending);
  return sending;
}

async function work(sending) {
  sending.running += 1;
  for (let next; (next = sending.queue.shift()); ) {
    if (!(await send(addressOf(`${sending.path}/${next.id}`), next.file))) sending.lost += 1;
    sending.done += 1;
    sending.sent += next.file.size;
    sending.show();
  }
  sending.running -= 1;
  sending.show();
}

// Send a file, several times if it does not arrive; then the server is told, if it can be, and with which status one
// before it has refused the file. Return whether it arrived.
async function send(url, body) {
  let refusal = "";
  for (const pause of [...PAUSES, 0]) {
    try {
      const { ok, status } = await fetch(url, { method: "PUT", body });
      if (ok || status === 404) return true; // the latter: it is not wanted any more
      refusal = `?status=${status}`;
      if (status === 413) break; // no smaller the next time
    } catch {
      refusal = ""; // a broken connection
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  await fetch(`${url}${refusal}`, { method: "DELETE" }).catch(() => {});
  return false;
}

const fileName = (path) => path.split("/").pop();

const isHidden = (name) => fileName(name).startsWith(".");

const isPhoto = (name, suffixes) => !isHidden(name) && suffixes.includes(name.split(".").pop().toLowerCase());

function named(names) {
  const rest = names.length - NAMED;
  return names.slice(0, NAMED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

// Return the files of a dropped file or folder, with the path that they have there.
async function filesOf(entry) {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    return file ? [{ file, name }] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (let some; (some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])))).length; ) {
    found.push(...some); // a part of the folder at a time
  }
  return (await Promise.all(found.map((each) => filesOf(each)))).flat();
}
