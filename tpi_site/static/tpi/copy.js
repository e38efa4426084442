/* Puts a copy button into every element with data-copy. Without this script nothing is missing but the buttons. */
"use strict";

(() => {
  const FORGET_AFTER = 2000; // milliseconds

  const select = (source) => {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const write = async (source) => {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(source.textContent.replace(/\n$/, ""));
      return true;
    }
    select(source); // over plain HTTP there is no clipboard to write to; the old command still works
    return document.execCommand("copy");
  };

  const addButton = (place) => {
    const source = place.querySelector("code") ?? place;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${place.dataset.copy}`);
    const status = document.createElement("span");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      const done = await write(source).catch(() => false);
      if (!done) {
        select(source);
      }
      button.textContent = done ? "Copied" : "Selected";
      status.textContent = done ? `Copied ${place.dataset.copy}.` : "Selected; copy it with your keyboard.";
      window.setTimeout(() => {
        button.textContent = "Copy";
        status.textContent = "";
      }, FORGET_AFTER);
    });
    const frame = place.querySelector("pre");
    if (frame) {
      frame.before(button, status);
    } else {
      place.append(button, status);
    }
  };

  document.querySelectorAll("[data-copy]").forEach(addButton);
})();
