// The map: colours by the quantity that is chosen, the number where one points, the page of a zone on a click.
let shownQuantity = 0;
function paintMap() {
  const map = document.getElementById("map");
  if (!map) return;
  const quantity = page.map.quantities[shownQuantity];
  for (const link of map.querySelectorAll("a[data-zone]")) {
    const one = page.map.zones[link.dataset.zone];
    const place = one.classes[shownQuantity];
    link.querySelector("path").setAttribute("fill", place < 0 ? "url(#hatch)" : quantity.colours[place]);
    link.setAttribute("aria-label", zoneName(link.dataset.zone) + " " + mapNumber(link.dataset.zone));
  }
  for (const text of map.querySelectorAll("text[data-zh]")) text.textContent = text.dataset[state.lang];
  showLegend(quantity);
}
function mapNumber(zone) {
  const quantity = page.map.quantities[shownQuantity];
  const value = page.map.zones[zone].values[shownQuantity];
  return value === null ? "NE" : withUnit(value, quantity.unit, digits(page.map.all[shownQuantity], quantity.unit));
}
function showLegend(quantity) {
  const places = digits(quantity.limits.length ? quantity.limits : page.map.all[shownQuantity], quantity.unit);
  const limit = (value) => number(value, quantity.unit, places);
  const items = quantity.colours.map((colour, place) => {
    const low = place ? limit(quantity.limits[place - 1]) : null;
    const high = place < quantity.limits.length ? limit(quantity.limits[place]) : null;
    const text = low === null && high === null ? say("all_alike") : low === null ? "< " + high : high === null ? "≥ " + low : low + " – " + high;
    const swatch = make("i", {});
    swatch.style.background = colour;
    return make("li", {}, swatch, text);
  });
  const missing = Object.values(page.map.zones).some((zone) => zone.classes[shownQuantity] < 0);
  if (missing) {
    const swatch = make("i", {});
    swatch.style.background = "repeating-linear-gradient(45deg,#bbb 0 3px,#fff 3px 7px)";
    items.push(make("li", {}, swatch, "NE " + say("flag_NE")));
  }
  document.getElementById("legend").replaceChildren(make("li", { text: either(quantity.words) + " (" + unitName(quantity.unit) + ")" }), ...items);
}
function startMap() {
  const map = document.getElementById("map");
  if (!map) return;
  const tooltip = document.getElementById("tooltip");
  const select = document.getElementById("map-quantity");
  select.addEventListener("change", () => { shownQuantity = Number(select.value); paintMap(); });
  listeners.push(() => { for (const option of select.options) option.textContent = option.dataset[state.lang]; paintMap(); });
  const show = (link, x, y) => {
    tooltip.hidden = false;
    tooltip.replaceChildren(make("strong", { text: zoneName(link.dataset.zone) }), make("br", {}), mapNumber(link.dataset.zone));
    const box = map.getBoundingClientRect();
    tooltip.style.left = Math.max(0, Math.min(x - box.left + 14, box.width - tooltip.offsetWidth - 4)) + "px";
    tooltip.style.top = Math.max(0, Math.min(y - box.top + 14, box.height - tooltip.offsetHeight - 4)) + "px";
  };
  for (const link of map.querySelectorAll("a[data-zone]")) {
    link.addEventListener("mousemove", (event) => show(link, event.clientX, event.clientY));
    link.addEventListener("mouseleave", () => { tooltip.hidden = true; });
    link.addEventListener("focus", () => { const box = link.getBoundingClientRect(); show(link, box.left + box.width / 2, box.top + box.height / 2); });
    link.addEventListener("blur", () => { tooltip.hidden = true; });
  }
  document.querySelector("#figure-map .controls").append(make("button", { type: "button", "data-say": "save_svg", onclick: saveMap }));
}
function saveMap() {
  const copy = document.getElementById("map").cloneNode(true);
  const box = copy.getAttribute("viewBox").split(" ").map(Number);
  const quantity = page.map.quantities[shownQuantity];
  copy.setAttribute("font-family", "Microsoft YaHei, PingFang SC, Noto Sans CJK SC, sans-serif");
  copy.setAttribute("viewBox", [box[0], box[1] - 40, box[2], box[3] + 90].join(" "));
  const text = (x, y, size, words) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", "text");
    for (const [name, value] of Object.entries({ x, y, "font-size": size })) one.setAttribute(name, value);
    one.textContent = words;
    return one;
  };
  copy.append(text(box[0] + 10, box[1] - 14, 22, either(quantity.words) + " (" + unitName(quantity.unit) + ")"));
  const items = [...document.querySelectorAll("#legend li")].slice(1);
  items.forEach((item, place) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const x = box[0] + 10 + place * (box[2] - 20) / Math.max(items.length, 1);
    for (const [name, value] of Object.entries({ x, y: box[1] + box[3] + 8, width: 24, height: 16, stroke: "#6c7b72" })) rect.setAttribute(name, value);
    rect.setAttribute("fill", place < quantity.colours.length ? quantity.colours[place] : "url(#hatch)");
    copy.append(rect, text(x + 30, box[1] + box[3] + 22, 15, item.textContent));
  });
  copy.append(text(box[0] + 10, box[1] + box[3] + 44, 12, visible(document.querySelector("#figure-map > p.small"))));
  for (const link of copy.querySelectorAll("a")) link.removeAttribute("href");
  download("map_" + quantity.id + ".svg", "image/svg+xml", new XMLSerializer().serializeToString(copy));
}
