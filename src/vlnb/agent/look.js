// Describes the element at a point of the page, or the one that has the focus. A frame or a component hides its
// elements, so it counts as a submit button.
(point) => {
  const element = point ? document.elementFromPoint(...point) : document.activeElement;
  const near = element?.closest("button, input, select, a, summary, label, [role=button], [onclick]");
  const real = near?.control ?? near;
  const hidden = element?.tagName === "IFRAME" || Boolean(element?.shadowRoot);
  const field = ["SELECT", "TEXTAREA"].includes(real?.tagName)
    || (real?.tagName === "INPUT" && !["submit", "image", "button", "reset"].includes(real.type));
  return {
    text: [near?.innerText, field ? "" : real?.value, near?.ariaLabel].filter(Boolean).join(" ").slice(0, 200),
    button: Boolean(real) && !field,
    submits: hidden || (Boolean(real?.form) && ["submit", "image"].includes(real.type)),
    edits: hidden || field || Boolean(element?.isContentEditable),
    options: real?.tagName === "SELECT" ? Array.from(real.options, (one) => one.label.trim()).slice(0, 100) : null,
  };
}
