// An editor in place of a text field: colours, completion and mistakes where they are, for QQL and for OData filters.
import { autocompletion, completionKeymap, closeBrackets } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const words = (pattern, strings) => ({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(strings)) return "string";
    if (stream.match(pattern, true, true)) return "keyword";
    if (stream.match(/-?\d+(\.\d+)?/)) return "number";
    if (stream.match(/[A-Za-z_][\w.]*(?=\s*:)/)) return "propertyName";
    if (stream.match(/[A-Za-z_$][\w./$-]*/)) return "variableName";
    stream.next();
    return "operator";
  },
});
const LANGUAGES = {
  qql: StreamLanguage.define(words(/(and|or|not|null|true|false|missing)\b/i, /`[^`]*`?|"(\\.|[^"\\])*"?|'(\\.|[^'\\])*'?/)),
  odata: StreamLanguage.define(words(/(and|or|not|eq|ne|gt|ge|lt|le|in|null|true|false|startswith|endswith|contains|any|all)\b/i, /'([^']|'')*'?/)),
};
const colours = HighlightStyle.define([
  { tag: tags.keyword, class: "qql-word" },
  { tag: tags.string, class: "qql-text" },
  { tag: tags.number, class: "qql-number" },
  { tag: tags.propertyName, class: "qql-token" },
]);
const look = EditorView.theme({
  "&": { fontSize: "inherit", backgroundColor: "transparent", color: "inherit" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--tblr-font-monospace)", padding: ".1rem 0", caretColor: "currentColor" },
  ".cm-cursor": { borderLeftColor: "currentColor" },
  ".cm-line": { padding: "0" },
  ".cm-scroller": { lineHeight: "1.5", overflow: "auto" },
  ".cm-placeholder": { color: "var(--quiet)" },
  ".cm-tooltip": { backgroundColor: "var(--tblr-bg-surface)", color: "var(--tblr-body-color)", border: "1px solid var(--tblr-border-color)", borderRadius: "6px", boxShadow: "0 4px 16px rgb(0 0 0 / .18)", zIndex: 1000 },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--tblr-font-monospace)", maxHeight: "18rem" },
  ".cm-tooltip-autocomplete > ul > li": { padding: ".25rem .5rem" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "#0054a6", color: "#fff" },
  ".cm-completionDetail": { fontStyle: "normal", opacity: ".8", marginLeft: "1rem", fontFamily: "var(--tblr-font-sans-serif)" },
  ".cm-diagnostic": { padding: ".4rem .6rem", maxWidth: "32rem", whiteSpace: "pre-wrap" },
});

const asJson = async (url, options) => {
  const answer = await fetch(url, { headers: { accept: "application/json", ...options?.headers }, ...options });
  return answer.ok || answer.status < 500 ? answer.json() : null;
};

const completing = (field) => async (context) => {
  const text = context.state.doc.toString();
  const asked = new URLSearchParams({ subject: field.dataset.subject, query: text, cursor: context.pos });
  const found = context.explicit || /\S$/.test(text.slice(0, context.pos)) || context.pos === 0
    ? await asJson(`${field.dataset.complete}?${asked}`) : null;
  if (!found?.options?.length) return null;
  return {
    from: found.from,
    to: found.to ?? context.pos,
    options: found.options.map((o) => ({ label: o.label, apply: o.insert ?? o.label, detail: o.detail, type: o.kind })),
    filter: false,
  };
};

const checking = (field) =>
  linter(
    async (view) => {
      const text = view.state.doc.toString();
      const said = document.getElementById(`${field.id}-said`);
      if (!text.trim()) {
        if (said) said.textContent = "";
        return [];
      }
      const found = await asJson(`${field.dataset.check}?${new URLSearchParams({ subject: field.dataset.subject ?? "", query: text })}`);
      const faults = found?.faults ?? [];
      if (said) said.textContent = faults.map((f) => f.message).join(" ");
      return faults.map((f) => {
        const from = Math.min(f.from ?? 0, text.length);
        return { from, to: Math.max(from, Math.min(f.to ?? text.length, text.length)), severity: "error", message: [f.message, f.remedy].filter(Boolean).join("\n") };
      });
    },
    { delay: 400 },
  );

export const mountEditor = (field) => {
  if (field.dataset.mounted) return;
  field.dataset.mounted = "yes";
  const submit = (view) => {
    field.value = view.state.doc.toString();
    field.form.requestSubmit();
    return true;
  };
  const label = document.querySelector(`label[for="${field.id}"]`);
  if (label && !label.id) label.id = `${field.id}-label`;
  const place = document.createElement("div");
  place.className = `${field.className} code-field`;
  const view = new EditorView({
    parent: place,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        EditorState.transactionFilter.of((change) => (change.newDoc.lines > 1 ? [] : change)),
        EditorView.clipboardInputFilter?.of((text) => text.replace(/\s*\n\s*/g, " ")) ?? [],
        history(),
        closeBrackets(),
        bracketMatching(),
        LANGUAGES[field.dataset.editor],
        syntaxHighlighting(colours),
        look,
        EditorView.lineWrapping,
        placeholder(field.placeholder ?? ""),
        field.dataset.complete ? autocompletion({ override: [completing(field)], icons: false, maxRenderedOptions: 40 }) : [],
        field.dataset.check ? checking(field) : [],
        keymap.of([...(field.dataset.complete ? completionKeymap : []), { key: "Enter", run: submit }, ...historyKeymap, ...defaultKeymap]),
        EditorView.contentAttributes.of({
          "aria-labelledby": label?.id ?? "",
          "aria-describedby": [field.getAttribute("aria-describedby"), `${field.id}-said`].filter(Boolean).join(" "),
          role: "textbox",
          "aria-multiline": "false",
          spellcheck: "false",
          autocapitalize: "off",
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          field.value = update.state.doc.toString();
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }),
      ],
    }),
  });
  field.after(place);
  field.hidden = true;
  field.removeAttribute("list");
  label?.addEventListener("click", () => view.focus());
};

const mountAll = (root) => root.querySelectorAll("[data-editor]").forEach(mountEditor);
document.addEventListener("htmx:load", (event) => mountAll(event.target));
mountAll(document);
