// Says why a file of Streamlit's uploader did not arrive. `name`: that of the uploader; `sentences`: by the status with
// which the server, or one before it, answered.

const UNKNOWN = "This file did not arrive: the connection broke on the way. Please choose it once more.";

function show({ data: { name, sentences }, parentElement }) {
  const words = parentElement.querySelector(".trouble");

  function look() {
    const failed = document.querySelector(`.st-key-${name} [data-testid=stFileChipIconError]`);
    words.hidden = !failed;
    if (!failed) return;
    const answers = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/upload_file/"));
    const sentence = sentences[answers.at(-1)?.responseStatus] ?? UNKNOWN;
    if (words.textContent !== sentence) words.textContent = sentence;
  }

  parentElement.watching?.disconnect();
  parentElement.watching = new MutationObserver(look);
  // All of the page: the uploader may come later than this, or be put in its place anew.
  parentElement.watching.observe(document.body, { childList: true, subtree: true });
  look();
  return () => parentElement.watching.disconnect();
}
