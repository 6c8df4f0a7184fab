// Says why a file of Streamlit's uploader did not arrive. `name`: that of the uploader; `sentences`: by the status with
// which the server, or one before it, answered.

const UNKNOWN = "This file did not arrive: the connection broke on the way. Please choose it once more.";

function show({ data: { name, sentences }, parentElement }) {
  const words = parentElement.querySelector(".trouble");
  const uploader = document.querySelector(`.st-key-${name}`);

  function look() {
    const failed = uploader?.querySelector("[data-testid=stFileChipIconError]");
    words.hidden = !failed;
    if (!failed) return;
    const answers = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/upload_file/"));
    words.textContent = sentences[answers.at(-1)?.responseStatus] ?? UNKNOWN;
  }

  parentElement.watching?.disconnect();
  parentElement.watching = new MutationObserver(look);
  if (uploader) parentElement.watching.observe(uploader, { childList: true, subtree: true });
  look();
  return () => parentElement.watching.disconnect();
}
