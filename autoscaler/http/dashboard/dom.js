// Making and changing nodes. Data only ever becomes text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("p", {class: "note"}, "text", node)`. Attributes that are null or false are left out. */
export function h(name, attributes = {}, ...children) {
  return furnished(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, name), attributes, children);
}

function furnished(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set a text, if it is another one: what has not changed is not announced again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or remove an attribute. */
export function mark(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** A sentence whose parts in backquotes are code. */
export function sentence(text) {
  return text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

const kept = new WeakMap();

/** Let a parent have one child for each item, in their order; a child stays for as long as its item's key. */
export function each(parent, items, keyOf, make) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const part = before.get(key) ?? make(item);
    after.set(key, part);
    part.update(item);
  }
  for (const [key, part] of before) if (!after.has(key)) part.node.remove();
  let next = parent.firstChild;
  for (const { node } of after.values()) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  kept.set(parent, after);
}

/** A part of `each` that only has a text. */
export function line(name, write) {
  return (item) => {
    const node = h(name);
    let shown = null;
    return {
      node,
      update(now) {
        const key = JSON.stringify(now);
        if (key !== shown) node.replaceChildren(...write(now));
        shown = key;
      },
    };
  };
}
