// Puts it all together: switches, words of buttons, printing.
function sayAttributes(root) {
  for (const element of root.querySelectorAll("[data-say]")) {
    const words = say(element.dataset.say);
    if (element.tagName === "INPUT") { element.setAttribute("placeholder", words); element.setAttribute("aria-label", words); } else element.textContent = words;
  }
  for (const flag of root.querySelectorAll("abbr[data-flag]")) flag.title = say("flag_" + flag.dataset.flag);
}
function showChoices() {
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.title = either(page.title);
  for (const button of document.querySelectorAll("button[data-set]")) button.setAttribute("aria-pressed", String(String(state[button.dataset.set]) === button.dataset.value));
  sayAttributes(document);
}
listeners.push(showChoices, showNumbers);
for (const button of document.querySelectorAll("button[data-set]")) button.addEventListener("click", () => choose(button.dataset.set, button.dataset.set === "lang" ? button.dataset.value : Number(button.dataset.value)));
for (const table of document.querySelectorAll("table.data")) addTools(table);
startZones();
startMap();
for (const element of document.querySelectorAll("[data-figure]")) startFigure(element);
// On paper a drawing is as wide as the paper.
window.addEventListener("beforeprint", () => { onPaper = true; tell(); });
window.addEventListener("afterprint", () => { onPaper = false; document.body.classList.remove("brief"); tell(); });
for (const button of document.querySelectorAll("button[data-print]")) button.addEventListener("click", () => { document.body.classList.toggle("brief", button.dataset.print === "brief"); window.print(); });
tell();
document.documentElement.dataset.ready = "1";
