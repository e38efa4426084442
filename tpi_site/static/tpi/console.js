/* Shows the menu's current entry where the menu is longer than the window. Without this script one scrolls to it. */
"use strict";

(() => {
  const menu = document.querySelector(".console-nav");
  const entry = menu?.querySelector("[aria-current]");
  if (!entry) {
    return;
  }
  const frame = menu.getBoundingClientRect();
  const place = entry.getBoundingClientRect();
  if (place.bottom > frame.bottom || place.top < frame.top) {
    menu.scrollTop += place.top - frame.top - (frame.height - place.height) / 2;
    const lines = [...menu.querySelectorAll("h2, a")].map((line) => line.getBoundingClientRect());
    const cut = lines.find((line) => line.top < frame.top && line.bottom > frame.top);
    if (cut) {
      menu.scrollTop += cut.top - frame.top; // a line is seen whole or not at all
    }
  }
})();
