// Drawings by plotly, from numbers of the page; drawn again when language or unit change.
const COLOURS = { forest: "#009e73", grassland: "#e69f00", wetland: "#0072b2", other: "#7f7f7f" };
const POOL_COLOURS = { aboveground_biomass: "#117733", belowground_biomass: "#999933", dead_wood: "#882255", litter: "#ddcc77", soil_organic_carbon: "#6699cc" };
const PART_COLOURS = ["#009e73", "#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#999999", "#d55e00"];
const KIND_COLOURS = { factor: "#0072b2", area: "#e69f00", map: "#009e73", model: "#cc79a7", between_date: "#d55e00" };
const LONGEST_LABEL = 16;
// A name as an axis has room for it.
function label(zone) { const name = zoneName(zone); return plain(name.length > LONGEST_LABEL ? name.slice(0, LONGEST_LABEL - 1) + "…" : name); }
const asked = {};
const PAPER = 690;
let onPaper = false;
function frame(height, more) {
  return Object.assign({ height, margin: { l: 10, r: 16, t: 10, b: 44 }, paper_bgcolor: "#fff", plot_bgcolor: "#fff", hovermode: "closest", separators: ".,",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: "#17211c" }, hoverlabel: { align: "left" }, legend: { orientation: "h", y: -0.18, x: 0 } }, more);
}
function axis(unit, more) { return Object.assign({ title: { text: unit ? unitName(unit) : "" }, automargin: true, gridcolor: "#dde6e0", zerolinecolor: "#56635b", tickformat: ",~f", fixedrange: true }, more); }
function scaled(values, unit) { const factor = shownUnit(unit).factor; return values.map((value) => (value === null || value === undefined ? null : value * factor)); }
function choiceBox(figure, name, options, redraw) {
  const select = make("select", { "data-choice": name });
  options.forEach((option, place) => select.append(make("option", { value: place, text: option() })));
  select.addEventListener("change", () => { asked[figure.id + name] = Number(select.value); redraw(); });
  listeners.push(() => options.forEach((option, place) => { select.options[place].textContent = option(); }));
  figure.controls.append(make("label", {}, make("span", { "data-say": "choose_" + name }), " ", select));
}
function chosen(figure, name) { return asked[figure.id + name] || 0; }
const DRAW = {
  ranking: {
    choices: (data) => ({ quantity: data.series.map((one) => () => either(one.words)) }),
    draw(figure, data) {
      const one = data.series[chosen(figure, "quantity")];
      const known = data.zones.map((zone, place) => place).filter((place) => one.values[place] !== null).sort((a, b) => one.values[a] - one.values[b]);
      const unknown = data.zones.map((zone, place) => place).filter((place) => one.values[place] === null).reverse();
      const order = [...unknown, ...known];
      const places = digits(one.values, one.unit);
      const pick = (list) => scaled(order.map((place) => list[place]), one.unit);
      const values = pick(one.values), low = pick(one.low), high = pick(one.high);
      const hover = order.map((place) => "<b>" + plain(zoneName(data.zones[place])) + "</b><br>" + withUnit(one.values[place], one.unit, places) + (one.low[place] === null ? "" : "<br>95 %: " + number(one.low[place], one.unit, places) + " – " + number(one.high[place], one.unit, places)));
      return [[{ type: "bar", orientation: "h", x: values, y: order.map((place) => "z" + place), marker: { color: values.map((value) => (value < 0 ? "#b35806" : "#1b7e5a")) }, hovertext: hover, hovertemplate: "%{hovertext}<extra></extra>",
        error_x: { type: "data", symmetric: false, array: high.map((value, at) => (value === null ? 0 : value - values[at])), arrayminus: low.map((value, at) => (value === null ? 0 : values[at] - value)), color: "#17211c", thickness: 1.3, width: 3 } }],
        frame(Math.max(180, (onPaper ? 56 + 16 * order.length : 70 + 24 * order.length)), { annotations: unknown.map((place) => ({ x: 0, y: "z" + place, text: "NE " + say("flag_NE"), showarrow: false, xanchor: "left", font: { size: 11, color: "#5d6b63" } })), xaxis: axis(one.unit), yaxis: { type: "category", categoryorder: "array", categoryarray: order.map((place) => "z" + place), tickmode: "array", tickvals: order.map((place) => "z" + place), ticktext: order.map((place) => label(data.zones[place])), automargin: true, fixedrange: true } })];
    },
  },
  pools: {
    choices: () => ({}),
    draw(figure, data) {
      const labels = [[], []];
      for (const ecosystem of page.ecosystems) for (const year of data.years) { labels[0].push(say("ecosystem_" + ecosystem)); labels[1].push(String(year)); }
      const traces = data.pools.map((pool, at) => {
        const values = [];
        page.ecosystems.forEach((ecosystem, row) => data.years.forEach((year, column) => values.push(data.values[column][row][at])));
        return { type: "bar", name: say("pool_" + pool), x: labels, y: scaled(values, "tC"), marker: { color: POOL_COLOURS[pool], line: { color: "#fff", width: 1 } },
          hovertext: values.map((value) => say("pool_" + pool) + ": " + withUnit(value, "tC")), hovertemplate: "%{hovertext}<extra></extra>" };
      });
      return [traces, frame(430, { barmode: "stack", yaxis: axis("tC"), xaxis: { automargin: true, fixedrange: true, type: "multicategory" }, margin: { l: 10, r: 16, t: 10, b: 20 }, legend: { orientation: "h", y: -0.28, x: 0 } })];
    },
  },
  flows: {
    choices: (data) => ({ interval: data.intervals.map((one) => () => one[0] + "–" + one[1]).reverse(), zone: data.zones.map((zone) => () => zoneName(zone)) }),
    draw(figure, data) {
      const interval = data.intervals.length - 1 - chosen(figure, "interval"), zone = chosen(figure, "zone");
      const flows = data.flows.filter((flow) => flow[0] === zone && flow[1] === interval);
      const all = flows.reduce((sum, flow) => sum + flow[4], 0);
      const large = flows.filter((flow) => flow[4] >= data.least * all), rest = flows.filter((flow) => flow[4] < data.least * all);
      const count = data.classes.length, labels = [], colours = [], places = new Map();
      const node = (key, label, colour) => { if (!places.has(key)) { places.set(key, labels.length); labels.push(label); colours.push(colour); } return places.get(key); };
      const sums = (side, at) => flows.filter((flow) => flow[side] === at).reduce((sum, flow) => sum + flow[4], 0);
      const link = { source: [], target: [], value: [], color: [], customdata: [] };
      const factor = shownUnit("ha").factor, area = (value) => withUnit(value, "ha", digits([value], "ha"));
      const add = (from, to, value, colour, words) => { link.source.push(from); link.target.push(to); link.value.push(value * factor); link.color.push(colour); link.customdata.push(words); };
      const sorted = [...large].sort((a, b) => a[2] - b[2] || a[3] - b[3]);
      for (const flow of sorted) {
        const from = data.classes[flow[2]], to = data.classes[flow[3]];
        add(node("a" + flow[2], either(from.name) + " " + area(sums(2, flow[2])), COLOURS[from.ecosystem]), node("b" + flow[3], either(to.name) + " " + area(sums(3, flow[3])), COLOURS[to.ecosystem]), flow[4], COLOURS[from.ecosystem] + "66", either(from.name) + " → " + either(to.name) + "<br>" + area(flow[4]));
      }
      if (rest.length) add(node("ar", say("other_changes"), "#999999"), node("br", say("other_changes"), "#999999"), rest.reduce((sum, flow) => sum + flow[4], 0), "#99999966", say("other_changes"));
      if (!flows.length) return [[], frame(160, { annotations: [{ text: say("no_change_here"), showarrow: false, font: { size: 15 } }], xaxis: { visible: false }, yaxis: { visible: false } })];
      return [[{ type: "sankey", orientation: "h", arrangement: "fixed", node: { label: labels, color: colours, pad: 14, thickness: 16, hovertemplate: "%{label}<extra></extra>" }, link: Object.assign(link, { hovertemplate: "%{customdata}<extra></extra>" }) }],
        frame(Math.max(300, 36 * Math.max(...[0, 1].map((side) => new Set(sorted.map((flow) => flow[2 + side])).size)) + 60), { margin: { l: 6, r: 6, t: 26, b: 8 }, annotations: [0, 1].map((side) => ({ text: "<b>" + data.intervals[interval][side] + "</b>", x: side, y: 1.0, yshift: 18, showarrow: false, xref: "paper", yref: "paper", xanchor: side ? "right" : "left" })) })];
    },
  },
  bridge: {
    choices: (data) => ({ zone: data.zones.map((zone) => () => zoneName(zone)) }),
    draw(figure, data) {
      const unit = "tCO2e_per_year", rows = data.values[chosen(figure, "zone")];
      const start = rows.reduce((sum, row) => sum + (row[0] || 0), 0), end = rows.reduce((sum, row) => sum + (row[1] || 0), 0);
      const steps = data.steps.map((step, at) => ({ name: either(step.words), gap: (rows[at][1] || 0) - (rows[at][0] || 0), row: rows[at] })).filter((step) => step.gap !== 0);
      const names = [say("approach_stock_difference"), ...steps.map((step) => step.name), say("approach_gain_loss")];
      const hover = [withUnit(start, unit), ...steps.map((step) => (step.gap > 0 ? "+" : "") + withUnit(step.gap, unit) + "<br>" + say("approach_stock_difference") + ": " + withUnit(step.row[0], unit) + "<br>" + say("approach_gain_loss") + ": " + withUnit(step.row[1], unit)), withUnit(end, unit)];
      return [[{ type: "waterfall", orientation: "h", measure: ["absolute", ...steps.map(() => "relative"), "total"], y: names.map((name, at) => "s" + at), x: scaled([start, ...steps.map((step) => step.gap), end], unit), connector: { line: { color: "#9aa8a0", width: 1 } },
        increasing: { marker: { color: "#0072b2" } }, decreasing: { marker: { color: "#d55e00" } }, totals: { marker: { color: "#4a5a51" } }, hovertext: names.map((name, at) => "<b>" + name + "</b><br>" + hover[at]), hovertemplate: "%{hovertext}<extra></extra>" }],
        frame(90 + 34 * names.length, { showlegend: false, xaxis: axis(unit), yaxis: { type: "category", autorange: "reversed", tickmode: "array", tickvals: names.map((name, at) => "s" + at), ticktext: names, automargin: true, fixedrange: true } })];
    },
  },
  shares: {
    choices: () => ({}),
    draw(figure, data) {
      const rows = data.bars.length, labels = data.bars.map((bar) => either(bar.words)), seen = new Set(), traces = [];
      data.bars.forEach((bar, at) => bar.parts.forEach((part) => {
        const kind = data.kinds.find((one) => one.id === part.kind), name = part.source || say("others_of_kind");
        traces.push({ type: "bar", orientation: "h", y: [labels[at]], x: [100 * part.share], name: either(kind.words), legendgroup: part.kind, showlegend: !seen.has(part.kind), marker: { color: KIND_COLOURS[part.kind], line: { color: "#fff", width: 1.5 } },
          hovertemplate: "<b>" + either(kind.words) + "</b><br>" + plain(name) + "<br>" + (100 * part.share).toFixed(1) + " %<extra></extra>", text: part.share > 0.08 ? [plain(name)] : [""], textposition: "inside", insidetextanchor: "middle", insidetextfont: { color: "#fff" } });
        seen.add(part.kind);
      }));
      return [traces, frame(140 + 56 * rows, { barmode: "stack", xaxis: axis("", { title: { text: say("share_of_variance") }, range: [0, 100] }), yaxis: { automargin: true, autorange: "reversed", fixedrange: true }, legend: { orientation: "h", y: -0.42, x: 0 } })];
    },
  },
  identity: {
    choices: (data) => ({ year: data.years.map((year) => () => String(year)).reverse() }),
    draw(figure, data) {
      const values = data.values[data.years.length - 1 - chosen(figure, "year")], unit = "tCO2e";
      const traces = data.parts.map((part, at) => ({ type: "bar", orientation: "h", name: either(part.words), y: data.zones.map((zone, place) => "z" + place), x: scaled(values[at], unit), marker: { color: PART_COLOURS[at], line: { color: "#fff", width: 1 } },
        hovertext: values[at].map((value, place) => "<b>" + plain(zoneName(data.zones[place])) + "</b><br>" + either(part.words) + ": " + withUnit(value, unit)), hovertemplate: "%{hovertext}<extra></extra>" }));
      return [traces, frame(150 + 26 * data.zones.length, { barmode: "relative", xaxis: axis(unit), yaxis: { type: "category", autorange: "reversed", tickmode: "array", tickvals: data.zones.map((zone, place) => "z" + place), ticktext: data.zones.map((zone) => label(zone)), automargin: true, fixedrange: true }, legend: { orientation: "h", y: -0.2, x: 0 } })];
    },
  },
};
function startFigure(element) {
  const spec = page.figures[element.dataset.figure], kind = DRAW[spec.kind], plot = element.querySelector(".plot");
  const figure = { id: element.dataset.figure, controls: element.querySelector(".controls") };
  const redraw = () => {
    const [traces, layout] = kind.draw(figure, spec.data);
    if (plot.clientWidth < 480) { layout.font.size = 11; layout.margin.r = 6; }
    // A legend below the plot keeps a distance in pixels, whatever the height of the plot.
    if (layout.legend && layout.legend.orientation === "h") layout.legend = Object.assign({}, layout.legend, { yref: "container", y: 0, yanchor: "bottom" });
    const options = { displayModeBar: false, responsive: true, displaylogo: false };
    // A drawing that moves to its new place would be caught on its way by the printer: on paper it is drawn afresh.
    if (onPaper) Plotly.newPlot(plot, traces, Object.assign(layout, { width: PAPER, autosize: false }), options);
    else if (plot.dataset.paper) Plotly.newPlot(plot, traces, layout, options);
    else Plotly.react(plot, traces, layout, options);
    if (onPaper) plot.dataset.paper = "1";
    else delete plot.dataset.paper;
  };
  const choices = kind.choices(spec.data);
  for (const [name, options] of Object.entries(choices)) if (options.length > 1) choiceBox(figure, name, options, redraw);
  figure.controls.append(make("button", { type: "button", "data-say": "save_svg", onclick: () => saveFigure(figure.id, plot) }));
  listeners.push(redraw);
}
function saveFigure(id, plot) {
  Plotly.toImage(plot, { format: "svg", width: plot.clientWidth, height: plot.clientHeight }).then((address) => download(id + ".svg", "image/svg+xml", decodeURIComponent(address.slice(address.indexOf(",") + 1))));
}
