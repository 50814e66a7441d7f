// What the reader has chosen, remembered where the browser lets a page remember; words and units.
const page = JSON.parse(document.getElementById("page-data").textContent);
const MEMORY = "nmg-sinks-report";
const state = { lang: "zh", mass: 0, area: 0 };
const listeners = [];
try {
  const kept = JSON.parse(localStorage.getItem(MEMORY) || "{}");
  if (kept.lang === "zh" || kept.lang === "en") state.lang = kept.lang;
  for (const name of ["mass", "area"]) if (kept[name] === 0 || kept[name] === 1) state[name] = kept[name];
} catch (error) { /* a browser that remembers nothing shows what the file says */ }

function choose(name, value) {
  state[name] = value;
  try { localStorage.setItem(MEMORY, JSON.stringify(state)); } catch (error) { /* not remembered */ }
  tell();
}
function tell() { for (const listener of listeners) listener(); }
function either(words) { return words[state.lang]; }
function say(key, values) {
  return either(page.words[key]).replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? values[name] : whole));
}
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
// A text that plotly shows as it is: it would read some marks as markup.
function plain(text) { return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }
function zoneName(code) { return either(page.zones[code]); }
function announce(text) { document.getElementById("announce").textContent = text; }
function download(name, type, content) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
