// What Streamlit calls at first and whenever the data change; `show` is the component's own, and returns what is to be
// done once its element has left the page.
//
// Data that change while this script is still being loaded come in any order, and Streamlit cleans up at once what is
// outdated then, even while the newest is shown. So all calls but the first wait a moment, and outdated ones do nothing.
//
// What a click tells the server while the connection is broken Streamlit would forget: it is told once that is back.
export default function (call) {
  const element = call.parentElement;
  let isOutdated = false;
  let leave;
  const act = () => {
    if (isOutdated) return;
    const setTriggerValue = (...told) => onceConnected(() => call.setTriggerValue(...told));
    leave = show({ ...call, data: call.data[0], setTriggerValue });
  };
  if (element.isShown) setTimeout(act);
  else act();
  element.isShown = true;
  return () => {
    isOutdated = true;
    if (!element.isConnected) leave?.();
  };
}

// The page may lie below a path.
export function addressOf(path) {
  return new URL(`.${path}`, document.baseURI);
}

function onceConnected(act) {
  const app = document.querySelector("[data-test-connection-state]");
  const isConnected = () => !app || app.dataset.testConnectionState === "CONNECTED";
  if (isConnected()) return act();
  const watching = new MutationObserver(() => {
    if (!isConnected()) return;
    watching.disconnect();
    act();
  });
  watching.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
}
