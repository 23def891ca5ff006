// Builds what the page needs into the package, where it is committed: nobody but who changes it needs npm.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const STATIC = new URL("../src/riskbridge/web/static/", import.meta.url);
const ICONS = {
  home: "home", asset: "device-desktop", finding: "bug", fix: "tool", hold: "hand-stop", connector: "plug-connected",
  run: "player-play", map: "arrows-shuffle", model: "database", rule: "fingerprint", score: "gauge", feed: "rss",
  view: "bookmark", settings: "settings", menu: "menu-2", theme: "moon", logout: "logout", warning: "alert-triangle",
  ok: "circle-check", fail: "circle-x", info: "info-circle", up: "chevron-up", down: "chevron-down", left: "chevron-left",
  right: "chevron-right", grip: "grip-vertical", plus: "plus", trash: "trash", copy: "copy", search: "search", clock: "clock",
  columns: "columns-3", group: "stack-2", filter: "filter", link: "external-link", calendar: "calendar-event", pause: "player-pause",
  stop: "player-stop", edit: "edit", tag: "tag", history: "history", shield: "shield-check", key: "key", upload: "upload",
  user: "user", target: "target-arrow", reset: "restore", list: "list-details", close: "x",
};

// The style sheets of CodeMirror go into the document as constructed sheets, which a strict policy allows, and not as
// `style` elements, which it does not. The library does so by itself within a shadow root only.
const sheetsOnly = {
  name: "constructed style sheets",
  setup(esbuild) {
    esbuild.onLoad({ filter: /style-mod\/src\/style-mod\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const condition = "if (!root.head && root.adoptedStyleSheets";
      if (!text.includes(condition)) throw new Error("style-mod is not what this build knows; look at its StyleSet");
      return { contents: text.replace(condition, "if (root.adoptedStyleSheets"), loader: "js" };
    });
  },
};

await build({
  entryPoints: ["page", "editor", "charts"].map((name) => `src/${name}.js`),
  outdir: STATIC.pathname,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  plugins: [sheetsOnly],
  logLevel: "warning",
});

const css = await readFile("node_modules/@tabler/core/dist/css/tabler.min.css", "utf8");
await writeFile(new URL("tabler.min.css", STATIC), css.replace(/\/\*# sourceMappingURL=.*\*\/\s*$/, ""));

const symbols = await Promise.all(
  Object.entries(ICONS).map(async ([name, file]) => {
    const svg = await readFile(`node_modules/@tabler/icons/icons/outline/${file}.svg`, "utf8");
    const paths = svg.match(/<path [^>]*\/>/g).filter((p) => !p.includes('d="M0 0h24v24H0z"'));
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${paths.join("")}</symbol>`;
  }),
);
await writeFile(new URL("icons.svg", STATIC), `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`);
