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
  if (!context.explicit && text && !/\S$/.test(text.slice(0, context.pos))) return null;
  const asked = new URLSearchParams({ subject: field.dataset.subject, query: text, cursor: context.pos });
  const found = await asJson(`${field.dataset.complete}?${asked}`);
  if (!found?.suggestions?.length) return null;
  return {
    from: found.start,
    to: Math.max(found.end, found.start),
    filter: false,
    options: found.suggestions.map((s) => ({
      label: s.text,
      type: s.kind,
      detail: [s.description, s.count == null ? "" : s.count.toLocaleString("en")].filter(Boolean).join(" · "),
    })),
  };
};

const ask = (field, text) => {
  if (field.dataset.editor === "qql") return asJson(`${field.dataset.check}?${new URLSearchParams({ subject: field.dataset.subject, query: text })}`);
  const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
  return asJson(field.dataset.check, {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify({ [field.name]: text }),
  });
};

const checking = (field) =>
  linter(
    async (view) => {
      const text = view.state.doc.toString();
      const said = document.getElementById(`${field.id}-said`);
      const found = text.trim() ? await ask(field, text) : null;
      const fault = found?.fault ?? (found?.remedy ? found : null);
      const words = fault ? [fault.message ?? fault.detail ?? fault.title, fault.remedy].filter(Boolean).join("\n") : "";
      if (said) said.textContent = words;
      if (!fault) return [];
      const from = Math.max(0, Math.min((fault.column ?? fault.position ?? 1) - 1, text.length - 1));
      const word = /^[\w.]+|^\S/.exec(text.slice(from));
      return [{ from, to: Math.min(text.length, from + (fault.length || (word?.[0].length ?? 1))), severity: "error", message: words }];
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
  field.type = "hidden";
  field.removeAttribute("list");
  label?.removeAttribute("for");
  label?.addEventListener("click", () => view.focus());
};

const mountAll = (root) => root.querySelectorAll("[data-editor]").forEach(mountEditor);
document.addEventListener("htmx:load", (event) => mountAll(event.target));
mountAll(document);
