// Charts drawn from the tables beside them, which stay there for who reads rather than looks.
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, LineChart, ScatterChart, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const SERIES = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5"];
const numberIn = (cell) => (cell.dataset.value === undefined ? Number(cell.textContent.replace(/[^\d.-]/g, "")) : cell.dataset.value === "" ? null : Number(cell.dataset.value));

const read = (table) => {
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells]);
  return {
    labels: rows.map((cells) => cells[0].textContent.trim()),
    links: rows.map((cells) => cells.map((cell) => cell.querySelector("a")?.href ?? null)),
    colours: rows.map((cells) => cells[0].dataset.colour ?? null),
    series: heads.slice(1).filter((head) => head.dataset.skip === undefined).map((head) => {
      const at = heads.indexOf(head);
      return { name: head.textContent.trim(), at, colour: head.dataset.colour, values: rows.map((cells) => numberIn(cells[at])) };
    }),
  };
};

const base = (data) => ({
  animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  animationDuration: 350,
  textStyle: { color: css("--text"), fontFamily: css("--tblr-font-sans-serif") || "sans-serif" },
  grid: { left: 4, right: 12, top: data.series.length > 1 ? 34 : 12, bottom: 4, containLabel: true },
  legend: data.series.length > 1 ? { top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 8, textStyle: { color: css("--text") } } : undefined,
  // Drawn on the canvas: a tooltip of HTML would carry inline styles, which the policy forbids.
  tooltip: { renderMode: "richText", trigger: "axis", confine: true, backgroundColor: css("--frame"), borderColor: css("--line"), textStyle: { color: css("--text") } },
});
const axis = () => ({ axisLine: { lineStyle: { color: css("--line") } }, axisTick: { show: false }, axisLabel: { color: css("--quiet"), hideOverlap: true }, splitLine: { lineStyle: { color: css("--line"), opacity: 0.6 } } });
const colourOf = (series, index) => css(series.colour ? `--chart-${series.colour}` : SERIES[index % SERIES.length]);

const KINDS = {
  line: (data, figure) => ({
    ...base(data),
    xAxis: { type: "category", data: data.labels, boundaryGap: data.labels.length === 1, ...axis(), splitLine: { show: false } },
    yAxis: { type: "value", minInterval: 1, max: figure.dataset.max ? Number(figure.dataset.max) : undefined, ...axis() },
    series: data.series.map((s, i) => ({ type: "line", name: s.name, data: s.values, smooth: 0.2, showSymbol: s.values.length < 3, symbolSize: 8, lineStyle: { width: 2.5 }, areaStyle: data.series.length === 1 ? { opacity: 0.14 } : undefined, color: colourOf(s, i) })),
  }),
  bar: (data, figure) => ({
    ...base(data),
    xAxis: { type: "category", data: data.labels, ...axis(), splitLine: { show: false } },
    yAxis: { type: "value", minInterval: 1, ...axis() },
    series: data.series.map((s, i) => ({ type: "bar", name: s.name, stack: figure.dataset.stack, barMaxWidth: 36, itemStyle: { borderRadius: figure.dataset.stack ? 0 : [3, 3, 0, 0] }, color: colourOf(s, i), data: s.values.map((value, row) => (data.colours[row] ? { value, itemStyle: { color: css(`--chart-${data.colours[row]}`) } } : value)) })),
  }),
  across: (data) => ({
    ...base(data),
    xAxis: { type: "value", minInterval: 1, ...axis() },
    yAxis: { type: "category", inverse: true, data: data.labels, ...axis(), axisLabel: { color: css("--text"), width: 170, overflow: "truncate" }, splitLine: { show: false } },
    series: data.series.map((s, i) => ({ type: "bar", name: s.name, barMaxWidth: 22, itemStyle: { borderRadius: [0, 3, 3, 0] }, color: colourOf(s, i), label: { show: data.series.length === 1, position: "right", color: css("--text"), formatter: ({ value }) => (typeof value === "object" ? value.value : value).toLocaleString("en") }, data: s.values.map((value, row) => (data.colours[row] ? { value, itemStyle: { color: css(`--chart-${data.colours[row]}`) } } : value)) })),
    grid: { ...base(data).grid, right: 52 },
  }),
  scatter: (data, figure) => ({
    ...base(data),
    tooltip: { ...base(data).tooltip, trigger: "item", formatter: ({ dataIndex }) => data.labels[dataIndex] },
    legend: undefined,
    grid: { left: 8, right: 16, top: 12, bottom: 26, containLabel: true },
    xAxis: { type: "value", name: figure.dataset.x, nameLocation: "middle", nameGap: 26, min: 0, max: Number(figure.dataset.xMax), ...axis() },
    yAxis: { type: "value", name: figure.dataset.y, min: 0, max: Number(figure.dataset.yMax), ...axis() },
    series: [{ type: "scatter", data: data.labels.map((_, row) => [data.series[0].values[row], data.series[1].values[row]]), symbolSize: (_, { dataIndex }) => 8 + 3 * Math.log2(1 + (data.series[2]?.values[dataIndex] ?? 1)), itemStyle: { opacity: 0.75, color: css("--chart-1") } }],
  }),
};

const draw = (figure) => {
  const table = figure.querySelector("table");
  const place = figure.querySelector("[data-canvas]");
  if (!table?.tBodies[0]?.rows.length || !place) return;
  place.hidden = false;
  const data = read(table);
  const chart = init(place, null, { renderer: "canvas" });
  const show = () => chart.setOption(KINDS[figure.dataset.chart](data, figure), true);
  chart.on("click", ({ dataIndex, seriesIndex }) => {
    const links = data.links[dataIndex];
    const address = links[data.series[seriesIndex]?.at] ?? links.find((link) => link);
    if (address) location.assign(address);
  });
  show();
  new ResizeObserver(() => chart.resize()).observe(place);
  document.addEventListener("theme-changed", show);
  const details = figure.querySelector("details");
  if (details) details.open = false;
};

document.querySelectorAll("[data-chart]").forEach(draw);
