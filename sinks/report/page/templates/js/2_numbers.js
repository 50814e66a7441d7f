// Numbers in the unit that the reader chose. The same rules as in sinks/report/page/numbers.py.
function shownUnit(unit) {
  const one = page.units[unit];
  return one.shown[one.switch ? state[one.switch] : 0];
}
function choiceOf(unit) { return page.units[unit].switch ? state[page.units[unit].switch] : 0; }
function unitName(unit) { return either(shownUnit(unit).words); }
function digits(values, unit) {
  const shown = shownUnit(unit);
  const known = values.filter((v) => v !== null && v !== undefined && v !== 0).map((v) => Math.abs(v * shown.factor)).sort((a, b) => a - b);
  if (!known.length) return 0;
  return Math.min(shown.most, Math.max(0, 1 - Math.floor(Math.log10(known[Math.floor(known.length / 4)]))));
}
function number(value, unit, places) {
  const scaled = value * shownUnit(unit).factor;
  const text = scaled.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
  return /^-[0.,]*$/.test(text) ? text.slice(1) : text;
}
function withUnit(value, unit, places) {
  if (value === null || value === undefined) return "NE";
  const name = unitName(unit);
  return number(value, unit, places === undefined ? digits([value], unit) : places) + (name && name !== "%" ? " " : "") + name;
}
function placesOf(element, unit) { return Number(element.dataset.d.split(",")[choiceOf(unit)]); }
function showNumbers() {
  for (const span of document.querySelectorAll(".q")) span.textContent = number(Number(span.dataset.v), span.dataset.u, placesOf(span, span.dataset.u));
  for (const span of document.querySelectorAll(".u")) {
    const words = shownUnit(span.dataset.u).words;
    const parts = span.querySelectorAll("[lang]");
    if (parts.length === 2) { parts[0].textContent = words.zh; parts[1].textContent = words.en; }
    else span.replaceChildren(make("span", { lang: "zh-CN", text: words.zh }), make("span", { lang: "en", text: words.en }));
  }
  for (const table of document.querySelectorAll("table.data")) showTable(table);
}
function showTable(table) {
  const heads = table.tHead.rows[0].cells;
  for (const row of table.tBodies[0].rows) {
    for (let place = 0; place < row.cells.length; place++) {
      const cell = row.cells[place], head = heads[place];
      if (cell.dataset.v !== undefined && head.dataset.u && !cell.firstElementChild) cell.textContent = number(Number(cell.dataset.v), head.dataset.u, placesOf(head, head.dataset.u));
    }
  }
}
