// What Streamlit calls at first and whenever the data change; `show` is the component's own, and returns what is to be
// done once its element has left the page.
//
// Data that change while this script is still being loaded come in any order. Streamlit cleans up at once what is
// outdated then, even while the newest is shown; so each call waits a moment, and the outdated ones do nothing.
export default function (call) {
  let isOutdated = false;
  let leave;
  setTimeout(() => {
    if (!isOutdated) leave = show(call);
  });
  return () => {
    isOutdated = true;
    leave?.();
  };
}
