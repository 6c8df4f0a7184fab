// Says why a file of Streamlit's uploader did not arrive. `data`: [name of the uploader, what is said if nothing better is
// known, sentences by the status with which the server, or one before it, answered].

function show({ data, parentElement }) {
  const [name, unknown, sentences] = data;
  const words = parentElement.querySelector(".trouble");
  const uploader = document.querySelector(`.st-key-${name}`);

  function look() {
    const failed = uploader?.querySelector("[data-testid=stFileChipIconError]");
    words.hidden = !failed;
    if (!failed) return;
    const answers = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/upload_file/"));
    words.textContent = sentences[answers.at(-1)?.responseStatus] ?? unknown;
  }

  parentElement.watching?.disconnect();
  parentElement.watching = new MutationObserver(look);
  if (uploader) parentElement.watching.observe(uploader, { childList: true, subtree: true });
  look();
  return () => parentElement.watching.disconnect();
}
