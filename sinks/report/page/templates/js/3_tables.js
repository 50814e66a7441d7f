// Every table: sorted by a click on a head, filtered by a text, copied, saved as CSV.
function visible(element) {
  const parts = element.querySelectorAll("[lang]");
  if (!parts.length) return element.textContent.trim();
  const copy = element.cloneNode(true);
  for (const part of copy.querySelectorAll(state.lang === "zh" ? '[lang="en"]' : '[lang="zh-CN"]')) part.remove();
  for (const part of copy.querySelectorAll("button small, small")) part.prepend(" ");
  return copy.textContent.replace(/\s+/g, " ").trim();
}
const MOST_BRIEF = 32;
function addTools(table) {
  if (table.dataset.ready) return;
  table.dataset.ready = "1";
  const filter = make("input", { type: "search", "data-say": "filter" });
  const count = make("span", { class: "count" });
  filter.addEventListener("input", () => { filterRows(table, filter.value); showCount(); });
  const showCount = () => {
    const rows = [...table.tBodies[0].rows];
    const left = rows.filter((row) => !row.hidden).length;
    count.textContent = filter.value ? say("rows_left", { n: left, all: rows.length }) : "";
  };
  listeners.push(showCount);
  const tools = make("div", { class: "tools" }, filter, make("button", { type: "button", "data-say": "copy", onclick: () => copyTable(table) }),
    make("button", { type: "button", "data-say": "csv", onclick: () => saveTable(table) }), count);
  (table.closest(".scroll") || table).before(tools);
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    const button = make("button", { type: "button" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortRows(table, place));
  });
  [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.order = place; row.classList.toggle("folded", place >= MOST_BRIEF); });
  if (table.tBodies[0].rows.length > 24) table.closest("figure, section").classList.add("tall");
}
function filterRows(table, wanted) {
  const words = wanted.trim().toLowerCase();
  const totals = Number(table.dataset.totals || 0);
  for (const row of table.tBodies[0].rows) row.hidden = Number(row.dataset.order) >= totals && words !== "" && !visible(row).toLowerCase().includes(words) && !row.textContent.toLowerCase().includes(words);
}
function sortRows(table, place) {
  const head = table.tHead.rows[0].cells[place];
  const down = head.getAttribute("aria-sort") === "ascending" || (head.classList.contains("n") && head.getAttribute("aria-sort") !== "descending");
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const totals = Number(table.dataset.totals || 0);
  const keyed = [...table.tBodies[0].rows].map((row) => ({ row, order: Number(row.dataset.order), value: sortKey(row.cells[place]) }));
  keyed.sort((a, b) => {
    const atTop = (b.order < totals) - (a.order < totals);
    if (atTop || (a.order < totals && b.order < totals)) return atTop || a.order - b.order;
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.order - b.order;
    const compared = typeof a.value === "number" && typeof b.value === "number" ? a.value - b.value : String(a.value).localeCompare(String(b.value), state.lang === "zh" ? "zh-CN" : "en");
    return (down ? -compared : compared) || a.order - b.order;
  });
  table.tBodies[0].append(...keyed.map((one) => one.row));
  announce(say("sorted", { column: visible(head), order: say(down ? "descending" : "ascending") }));
}
function sortKey(cell) {
  if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
  if (cell.classList.contains("n")) return null;
  const text = visible(cell);
  return text === "" ? null : text;
}
function shownRows(table) { return [...table.tBodies[0].rows].filter((row) => !row.hidden); }
function copyTable(table) {
  const rows = [[...table.tHead.rows[0].cells].map(visible), ...shownRows(table).map((row) => [...row.cells].map(visible))];
  const text = rows.map((row) => row.map((cell) => inertCell(cell).replace(/\t/g, " ")).join("\t")).join("\n");
  const done = () => announce(say("copied", { n: rows.length - 1 }));
  const byHand = () => {
    const area = make("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    done();
  };
  if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(done, byHand);
  else byHand();
}
// A cell that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers.
function inertCell(text) { return /^[=+\-@\t\r]/.test(text) && !/^-?[\d.,]+$/.test(text) && text !== "-" ? "'" + text : text; }
function fileUnit(unit) { return either(page.units[unit].shown[page.units[unit].switch === "mass" ? 1 : 0].words); }
function csvOf(table) {
  const heads = [...table.tHead.rows[0].cells];
  const quote = (text) => (/[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text);
  const head = heads.map((cell) => {
    const button = cell.querySelector("button").cloneNode(true);
    for (const small of button.querySelectorAll("small")) small.remove();
    const unit = cell.dataset.u && fileUnit(cell.dataset.u);
    return visible(button) + (unit ? " [" + unit + "]" : "");
  });
  const lines = shownRows(table).map((row) => [...row.cells].map((cell) => (cell.dataset.v !== undefined ? cell.dataset.v : inertCell(visible(cell)))));
  return "\ufeff" + [head, ...lines].map((line) => line.map((text) => quote(text)).join(",")).join("\r\n") + "\r\n";
}
function saveTable(table) { download(table.dataset.name + ".csv", "text/csv;charset=utf-8", csvOf(table)); }
