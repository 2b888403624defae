// Tables that scroll in themselves where there is room, and are read line by line where there is none. The roles are
// written out, since a table that is laid out otherwise would lose them.

import { h } from "./dom.js";

/** `columns` has a class for each name, or null; returns the node, its body, and the cells of its head by name. */
export function table(label, columns) {
  const heads = Object.entries(columns).map(([name, kind]) => [
    name,
    h("th", { scope: "col", role: "columnheader", class: kind }, name),
  ]);
  const body = h("tbody", { role: "rowgroup" });
  const node = h(
    "div",
    { class: "scroll", role: "region", tabindex: 0, "aria-label": label },
    h(
      "table",
      { role: "table" },
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          heads.map(([, cell]) => cell),
        ),
      ),
      body,
    ),
  );
  return { node, body, heads: Object.fromEntries(heads) };
}

/** A row, whose first cell is its head. */
export function row(...cells) {
  return h("tr", { role: "row" }, cells);
}

export function head(kind, ...content) {
  return h("th", { scope: "row", role: "rowheader", class: kind }, content);
}

/** A cell; `label` stands before it where the table is read line by line. */
export function cell(kind, label, ...content) {
  return h("td", { role: "cell", class: kind, "data-label": label }, content);
}
