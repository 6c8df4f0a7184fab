// Hands a picture that is pasted, or dropped anywhere on the page, to a file uploader, which does the rest. Several, or a
// folder, wait in `window.denoiseMany` for the page that takes many; the server is told to go there.
// `uploader`: its key.

function show({ data: { uploader }, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".paste");
  const target = parentElement.querySelector(".target");

  // Also of what is dropped on an uploader, which would take none of several.
  function handMany(transfer, event) {
    const entries = [...(transfer?.items ?? [])].map((item) => (item.kind === "file" ? item.webkitGetAsEntry?.() : null));
    const files = [...(transfer?.files ?? [])];
    if (files.length < 2 && !entries.some((entry) => entry?.isDirectory)) return;
    event.preventDefault();
    event.stopPropagation();
    window.denoiseMany = { entries, files };
    setTriggerValue("many", files.length);
  }

  function hand(files, event) {
    const input = document.querySelector(`[class*="st-key-${uploader}"] input[type=file]`);
    // What is dropped on an uploader is its own. `defaultPrevented` does not tell: the uploaders prevent every drop on
    // the page, so that the browser does not open the file, and may do so before this comes to hear of it.
    if (!input || !files?.length || event.target.closest?.("[data-testid=stFileUploaderDropzone]")) return;
    event.preventDefault();
    const [file] = files;
    const transfer = new DataTransfer();
    // Browsers call every picture of the clipboard image.png.
    const isNameless = event.type === "paste" && file.name === "image.png";
    transfer.items.add(isNameless ? new File([file], "pasted.png", file) : file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  root.listening?.abort();
  root.listening = new AbortController();
  const { signal } = root.listening;
  const listen = (type, act, capture = false) => document.addEventListener(type, act, { signal, capture });
  listen("paste", (event) => handMany(event.clipboardData, event), true);
  listen("drop", (event) => handMany(event.dataTransfer, event), true);
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
