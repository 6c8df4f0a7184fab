// Hands pictures that are pasted, or dropped anywhere on the page, to a file uploader, which does the rest.
// `data`: [hint, name of a picture that has none, key of the uploader, what is said of several pictures at once, what is said
// while one is held over the page].

function show({ data, parentElement }) {
  const [hint, name, key, tooMany, invitation] = data;
  const root = parentElement.querySelector(".paste");
  const target = parentElement.querySelector(".target");
  root.textContent ||= hint;
  target.querySelector("span").textContent = invitation;

  function hand(files, event) {
    const input = document.querySelector(`[class*="st-key-${key}"] input[type=file]`);
    // What is dropped on an uploader is its own. `defaultPrevented` does not tell: the uploaders prevent every drop on
    // the page, so that the browser does not open the file, and may do so before this comes to hear of it.
    if (!input || !files?.length || event.target.closest?.("[data-testid=stFileUploaderDropzone]")) return;
    event.preventDefault();
    root.textContent = files.length > 1 ? tooMany : hint;
    const [file] = files;
    const transfer = new DataTransfer();
    // Browsers call every picture of the clipboard image.png.
    transfer.items.add(event.type === "paste" && file.name === "image.png" ? new File([file], name, file) : file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  root.listening?.abort();
  root.listening = new AbortController();
  const { signal } = root.listening;
  const listen = (type, act, capture = false) => document.addEventListener(type, act, { signal, capture });
  listen("paste", (event) => hand(event.clipboardData?.files, event));
  listen("drop", (event) => hand(event.dataTransfer?.files, event));
  listen("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // or the browser would open the file
    target.hidden = false;
  });
  // With a file one leaves for another element again and again, but for none only at the edge of the window.
  const hide = (event) => (target.hidden ||= event.type !== "dragleave" || !event.relatedTarget);
  for (const type of ["dragleave", "dragend"]) listen(type, hide);
  listen("drop", hide, true); // whoever takes it
  return () => root.listening.abort();
}
