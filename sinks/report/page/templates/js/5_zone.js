// The page of a zone: its numbers by ecosystem and pool, and the command that walks them back.
let chosenZone = null;
function openZone(code, move) {
  if (!(code in page.pages.zones)) return;
  chosenZone = code;
  drawZone();
  for (const link of document.querySelectorAll("#map a[data-zone]")) link.classList.toggle("chosen", link.dataset.zone === code);
  for (const row of document.querySelectorAll("tr[data-zone]")) row.classList.toggle("chosen", row.dataset.zone === code);
  if (move) {
    const section = document.getElementById("zone-page");
    section.focus({ preventScroll: true });
    section.scrollIntoView({ block: "nearest" });
  }
}
function closeZone() {
  chosenZone = null;
  document.getElementById("zone-page").hidden = true;
  for (const one of document.querySelectorAll(".chosen")) one.classList.remove("chosen");
  if (location.hash.startsWith("#zone=")) history.replaceState(null, "", "#places");
}
function drawZone() {
  const section = document.getElementById("zone-page");
  if (!section || chosenZone === null) return;
  const one = page.pages.zones[chosenZone], years = page.pages.years, last = years[years.length - 1];
  const columns = [...years.map((year) => ({ words: say("head_stock", { year }), unit: "tC" })), { words: say("head_sink_counted", { year: last }), unit: "tCO2e_per_year" },
    { words: say("head_low"), unit: "tCO2e_per_year" }, { words: say("head_high"), unit: "tCO2e_per_year" }];
  const rows = one.rows.map((row) => ({ name: say("ecosystem_" + row[0]), total: row[0] === "total", values: row.slice(1) }));
  const close = make("button", { type: "button", onclick: closeZone, text: say("close") });
  const explain = "sinks explain OUT --zone " + chosenZone + " --ecosystem forest --year " + last;
  section.hidden = false;
  section.replaceChildren(
    make("div", { class: "head" }, make("h3", {}, make("bdi", { text: zoneName(chosenZone) }), " (" + chosenZone + ")"), close),
    make("p", { text: say("zone_area") + " " + withUnit(one.area, "ha") }),
    zoneTable("zone_" + chosenZone, say("head_ecosystem"), columns, rows),
    zoneTable("zone_pools_" + chosenZone, say("head_pool"), [{ words: say("head_stock", { year: last }), unit: "tC" }], page.pools.map((pool, place) => ({ name: say("pool_" + pool), values: [one.pools[place]] }))),
    make("p", { class: "small" }, say("walk_back") + " ", make("code", { text: explain })));
  for (const table of section.querySelectorAll("table.data")) addTools(table);
  sayAttributes(section);
}
function zoneTable(name, first, columns, rows) {
  const places = columns.map((column, at) => digits(rows.map((row) => row.values[at]), column.unit));
  const head = make("tr", {}, make("th", { scope: "col", text: first }));
  columns.forEach((column, at) => head.append(make("th", { scope: "col", class: "n", "data-u": column.unit, "data-d": places[at] + "," + places[at] }, column.words, make("small", { text: " " + unitName(column.unit) }))));
  const body = make("tbody", {});
  for (const row of rows) {
    const line = make("tr", row.total ? { class: "total" } : {}, make("td", { text: row.name }));
    row.values.forEach((value, at) => line.append(value === null || value === undefined ? make("td", { class: "n none", text: "NE" }) : make("td", { class: "n", "data-v": value, text: number(value, columns[at].unit, places[at]) })));
    body.append(line);
  }
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": first }, make("table", { class: "data", "data-name": name, "data-totals": 0, "aria-label": first }, make("thead", {}, head), body));
}
function startZones() {
  for (const row of document.querySelectorAll("tr[data-zone]")) {
    if (!(row.dataset.zone in page.pages.zones)) continue;
    row.dataset.page = "1";
    const link = make("a", { href: "#zone=" + row.dataset.zone });
    link.append(...row.cells[0].childNodes);
    row.cells[0].append(link);
  }
  const follow = () => { const found = /^#zone=(.+)$/.exec(location.hash); if (found) openZone(decodeURIComponent(found[1]), true); };
  window.addEventListener("hashchange", follow);
  // The same zone asked for again changes no address: it is opened all the same.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#zone="]') || event.target.closest("#map a[data-zone]");
    if (link) { const code = link.dataset.zone || link.getAttribute("href").slice(6); if (location.hash === "#zone=" + code) openZone(code, true); }
  });
  listeners.push(drawZone);
  follow();
}
