// Who we are to the daemon, and the token: entered once, tried, and kept for as long as the tab is open.

import { access, token } from "./daemon.js";
import { h } from "./dom.js";
import { field } from "./orders.js";

export class Access {
  /** `changed()` is called when we have become somebody else. */
  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
    this.mayChange = false;
    this.shown = "";
  }

  /** Ask who we are now; a token that is not one any more is forgotten. What is told of an earlier one is no news. */
  async look() {
    const given = token.get();
    try {
      const view = await access(given);
      if (token.get() === given) this.show(view);
    } catch (error) {
      if (error.status !== 401 || token.get() !== given) return;
      token.forget();
      this.show({ may_change: false, token_helps: true, caller: "" });
      if (given !== null) this.changed();
    }
  }

  show(view) {
    this.mayChange = view.may_change;
    const key = JSON.stringify(view);
    if (key === this.shown) return;
    this.shown = key;
    this.place.replaceChildren(...this.parts(view));
  }

  parts({ may_change, token_helps, caller }) {
    if (may_change && token.get() === null) return [h("span", { class: "who" }, caller)];
    if (may_change)
      return [
        h("span", { class: "who" }, caller),
        h("button", { type: "button", onclick: () => this.lock() }, "Lock"),
      ];
    if (token_helps) return [h("button", { type: "button", onclick: () => this.unlock() }, "Unlock changes")];
    return [
      h(
        "span",
        { class: "who", title: "Without console.token in the config, changes need the command line." },
        "Read only",
      ),
    ];
  }

  lock() {
    token.forget();
    this.shown = "";
    this.mayChange = false;
    this.changed();
    this.look();
  }

  unlock() {
    const dialog = h("dialog", { "aria-labelledby": "token-title", onclose: () => dialog.remove() });
    dialog.append(
      h("h2", { id: "token-title" }, "Unlock changes"),
      h(
        "p",
        { class: "told" },
        "Pause, scale and drain from here. The token is ",
        h("code", {}, "console.token"),
        " of the daemon's config. It is kept until this tab is closed, and sent to this daemon alone.",
      ),
      this.form(() => dialog.close(), h("button", { type: "button", onclick: () => dialog.close() }, "Cancel")),
    );
    document.body.append(dialog);
    dialog.showModal();
  }

  /** A form for the token; `done()` is called when it was right. */
  form(done, ...buttons) {
    const input = h("input", {
      id: `token-${buttons.length}`,
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
    });
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const submit = h("button", { type: "submit", class: "primary" }, "Unlock");
    const enter = async (event) => {
      event.preventDefault();
      submit.disabled = true;
      problem.hidden = true;
      try {
        const view = await access(input.value.trim());
        token.set(input.value.trim());
        input.value = ""; // the form may stay in the page
        this.show(view);
        this.changed();
        done();
      } catch (error) {
        problem.textContent = error.status === 401 ? "This is not the token." : error.message;
        problem.hidden = false;
        input.select();
      }
      submit.disabled = false;
    };
    return h(
      "form",
      { onsubmit: enter },
      field(input.id, "Token", input),
      problem,
      h("p", { class: "buttons" }, buttons, submit),
    );
  }
}
