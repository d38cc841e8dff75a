// Keys, dropped pictures, and answers without a new page. Everything works without this file.
"use strict";

const typing = (at) => at.closest("input:not([type=checkbox]):not([type=radio]), textarea, select");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    // Enter in a name must not press the first button, which says something else.
    if (event.key === "Enter" && event.target.closest(".question, .pictures")) event.preventDefault();
    return;
  }
  const found = [...document.querySelectorAll("[data-key]")]
    .find((one) => one.dataset.key.split(" ").includes(event.key));
  if (!found) return;
  event.preventDefault();
  if (found.tagName === "INPUT") found.focus();
  else if (found.tagName === "DETAILS") found.open = !found.open;
  else found.click();
});

// A question is answered once: what is pressed while the answer is on its way does not count.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  else if (event.target.method === "post" && !event.target.action.includes("/export/")) {
    event.target.dataset.sent = "yes";
  }
});
addEventListener("pageshow", () => {
  for (const one of document.querySelectorAll("[data-sent]")) delete one.dataset.sent;
});

for (const area of document.querySelectorAll("[data-drop]")) {
  const input = area.querySelector("input");
  const chosen = area.querySelector("[data-chosen]");
  const wrong = area.querySelector("[data-wrong]");
  const show = () => {
    const other = [...input.files].find((file) => file.type && !input.accept.split(",").includes(file.type));
    const video = other?.type.startsWith("video/") ? " A video? Use sameplayer log." : "";
    wrong.textContent = other ? `${other.name}: this file type is not supported. Use JPEG, PNG or WebP.${video}` : "";
    wrong.hidden = !other;
    chosen.replaceChildren(...[...input.files].slice(0, 64).map((file) => {
      const picture = new Image();
      picture.src = URL.createObjectURL(file);
      picture.alt = "";
      picture.onload = () => URL.revokeObjectURL(picture.src);
      return picture;
    }));
  };
  input.addEventListener("change", show);
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    area.addEventListener(kind, () => area.classList.remove("over"));
  }
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; show(); }
  });
}

// "Why?" opens where it stands; htmx fetches it.
document.addEventListener("click", (event) => {
  const link = event.target.closest(".why summary a");
  if (link) {
    const box = link.closest("details");
    box.querySelector(".here").textContent = "Looking …";
    box.open = true;
    setTimeout(() => { box.open = true; });  // also where the click itself toggles the summary
  }
});

// The address that the server prints carries the token behind #, which never leaves the browser.
const token = document.querySelector("#token");
const useAddress = () => {
  if (!token || location.hash.length <= 20) return;
  token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  token.form.requestSubmit();
};
useAddress();
addEventListener("hashchange", useAddress);  // the address opened where this page is open already
