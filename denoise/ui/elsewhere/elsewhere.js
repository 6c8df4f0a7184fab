// Tells in the tab's title how far the work is that goes on while this page is looked at. `path`: of what answers so,
// {told, outcome} by name, see works(); `own`: the name of the work of which this page tells itself.

import { addressOf } from "../component.js";
import { createTitle } from "../viewer/title.js";

const LOOK = 1000; // milliseconds between two looks, as long as there is work

function show({ data, parentElement }) {
  parentElement.elsewhere ??= createElsewhere();
  parentElement.elsewhere.show(data);
  return () => parentElement.elsewhere.destroy();
}

function createElsewhere() {
  const titles = new Map(); // by name
  let data;
  let timer = 0;
  let asking; // the newest request

  function show(newData) {
    data = newData;
    forget(data.own);
    ask();
  }

  async function ask() {
    clearTimeout(timer);
    const mine = (asking = {});
    try {
      const response = await fetch(addressOf(data.path));
      if (!response.ok) return destroy(); // the server has forgotten this page
      const works = await response.json();
      if (mine !== asking) return;
      const others = Object.entries(works).filter(([name]) => name !== data.own);
      for (const [name, { told, outcome }] of others) titleOf(name).follow(told, outcome);
      if (!others.some(([, { told }]) => told)) return;
    } catch {
      // The connection is broken.
    }
    if (mine === asking) timer = setTimeout(ask, LOOK);
  }

  function titleOf(name) {
    if (!titles.has(name)) titles.set(name, createTitle());
    return titles.get(name);
  }

  function forget(name) {
    titles.get(name)?.destroy();
    titles.delete(name);
  }

  function destroy() {
    asking = null;
    clearTimeout(timer);
    for (const name of titles.keys()) forget(name);
  }

  return { show, destroy };
}
