"use strict";
// Beside every UTC time the reader's own, where it is another; and how old the page is.
const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
for (const time of document.querySelectorAll("time")) {
  const moment = new Date(time.dateTime);
  time.title = moment.toLocaleString();
  if (moment.getTimezoneOffset() !== 0 && !time.closest("header, .told, .row")) {
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = `(${moment.toLocaleTimeString([], options)})`;
    time.after(" ", local);
  }
}
const age = document.getElementById("age");
const note = document.createElement("span");
age.prepend(note);
const loaded = performance.now();
setInterval(() => {
  const seconds = Math.round((performance.now() - loaded) / 1000);
  age.classList.toggle("old", seconds >= 60);
  note.textContent = seconds >= 60 ? `This page is ${Math.floor(seconds / 60)} min old: ` : "";
}, 1000);
