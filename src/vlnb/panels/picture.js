// A picture to draw a region on: by mouse or finger, by arrow keys, or by four numbers. Files can be chosen, dropped or
// pasted. The region is in pixels of the original, at any zoom.
const CHUNK = 2_000_000; // bytes of a message: Jupyter's WebSocket accepts 10 MB
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const add = (tag, parent, options = {}) => parent.appendChild(Object.assign(document.createElement(tag), options));

function render({ model, el }) {
  el.classList.add("vlnb-picture");
  const bar = add("div", el, { className: "vlnb-bar" });
  const label = add("label", bar, { textContent: "Add pictures ", className: "vlnb-file" });
  const chooser = add("input", label, { type: "file", multiple: true, accept: "image/*,.heic,.avif,.pdf,video/*" });
  const stage = add("div", el, { className: "vlnb-stage", tabIndex: 0 });
  const sheet = add("div", stage, { className: "vlnb-sheet" });
  const image = add("img", sheet, { draggable: false });
  const box = add("div", sheet, { className: "vlnb-region" });
  add("span", bar, { textContent: "Region, in pixels:" });
  const numbers = ["left", "top", "right", "bottom"].map((name) => {
    const input = add("input", add("label", bar, { textContent: `${name} ` }), { type: "number", min: 0, step: 1 });
    // An incomplete region stays as typed, and is marked, until the four numbers form a region.
    const take = () => {
      const [x1, y1, x2, y2] = numbers.map(({ value }) => (value === "" ? NaN : Number(value)));
      typing = !(x1 < x2 && y1 < y2 && ordered([x1, y1, x2, y2]).length);
      el.classList.toggle("vlnb-unfinished", typing);
      if (!typing) set([x1, y1, x2, y2]);
    };
    input.addEventListener("input", () => (typing = true));
    input.addEventListener("change", take);
    input.addEventListener("keydown", ({ key }) => key === "Enter" && take()); // JupyterLab swallows its change event
    return input;
  });
  const earlier = []; // regions, for undo
  let zoom = 1, typing = false;

  const size = () => model.get("size");
  const region = () => model.get("region");

  // Clips a region to the picture and orders its corners; a region without an area becomes [].
  function ordered([x1, y1, x2, y2]) {
    const [width, height] = size();
    const inside = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
    const xs = [inside(x1, width), inside(x2, width)].sort((a, b) => a - b);
    const ys = [inside(y1, height), inside(y2, height)].sort((a, b) => a - b);
    return xs[0] < xs[1] && ys[0] < ys[1] ? [xs[0], ys[0], xs[1], ys[1]] : [];
  }
  function finish() {
    typing = false;
    el.classList.remove("vlnb-unfinished");
  }
  function set(next, canUndo = true) {
    const value = next.length ? ordered(next) : [];
    finish();
    if (`${value}` === `${region()}`) return draw();
    if (canUndo) earlier.push(region());
    model.set("region", value);
    model.save_changes();
    draw();
  }
  function draw(value = region()) {
    const [width, height] = size();
    const shares = value.map((side, i) => (100 * side) / (i % 2 ? height : width));
    box.style.display = value.length ? "" : "none";
    ["left", "top"].forEach((side, i) => (box.style[side] = `${shares[i]}%`));
    ["width", "height"].forEach((side, i) => (box.style[side] = `${shares[i + 2] - shares[i]}%`));
    numbers.forEach((input, i) => {
      if (!typing) input.value = value.length ? value[i] : "";
    });
    sheet.style.width = `calc(${zoom} * min(100%, 60vh * ${width / height}))`; // at first, all of it is visible
    stage.setAttribute(
      "aria-label",
      `${model.get("alt")}. ${value.length ? `Region ${value.join(", ")}` : "No region"} of ${width} by ${height} pixels.` +
        " Arrow keys move it, with Alt its far corner, with Shift by 10 pixels; Escape removes it.",
    );
  }
  const button = (textContent, title, onclick) =>
    add("button", bar, { textContent, title, onclick, type: "button", className: "jupyter-button" });
  const scale = (by) => { zoom = Math.min(Math.max(zoom * by, 1), 16); draw(); };
  const undo = () => earlier.length && set(earlier.pop(), false);
  button("+", "Zoom in", () => scale(1.5));
  button("−", "Zoom out", () => scale(1 / 1.5));
  const pan = button("Move", "Drag moves the picture", () => (pan.ariaPressed = String(pan.ariaPressed !== "true")));
  pan.ariaPressed = "false";
  button("Undo", "Restore the previous region", undo);
  button("No region", "Send the whole picture", () => set([]));

  const at = ({ clientX, clientY }) => {
    const { left, top, width, height } = sheet.getBoundingClientRect();
    return [((clientX - left) / width) * size()[0], ((clientY - top) / height) * size()[1]];
  };
  stage.addEventListener("pointerdown", (down) => {
    if (down.button !== 0 || !sheet.contains(down.target)) return;
    down.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(down.pointerId);
    const start = at(down), scroll = [stage.scrollLeft, stage.scrollTop];
    const moves = pan.ariaPressed === "true" || down.shiftKey;
    const move = (event) => {
      if (moves) stage.scrollTo(scroll[0] - event.clientX + down.clientX, scroll[1] - event.clientY + down.clientY);
      else draw(ordered([...start, ...at(event)]));
    };
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", (up) => {
      stage.removeEventListener("pointermove", move);
      const drawn = ordered([...start, ...at(up)]);
      if (!moves && drawn.length) set(drawn);
      else draw();
    }, { once: true });
  });
  stage.addEventListener("keydown", (event) => {
    const step = STEPS[event.key], now = region(), [width, height] = size();
    if (event.key === "Escape") set([]);
    else if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
    else if (event.key === "+" || event.key === "-") scale(event.key === "+" ? 1.5 : 1 / 1.5);
    else if (step) {
      const by = step.map((pixels) => pixels * (event.shiftKey ? 10 : 1));
      const from = now.length ? now : [width / 4, height / 4, (3 * width) / 4, (3 * height) / 4].map(Math.round);
      const dx = event.altKey ? by[0] : Math.min(Math.max(by[0], -from[0]), width - from[2]);
      const dy = event.altKey ? by[1] : Math.min(Math.max(by[1], -from[1]), height - from[3]);
      set(event.altKey ? [from[0], from[1], from[2] + dx, from[3] + dy] : [from[0] + dx, from[1] + dy, from[2] + dx, from[3] + dy]);
    } else return;
    event.preventDefault();
  });

  async function send(files) {
    for (const file of [...files]) {  // the chooser empties its list meanwhile
      const data = await file.arrayBuffer(), name = file.name || "pasted.png";
      for (let start = 0; start === 0 || start < data.byteLength; start += CHUNK)
        model.send({ name, start, size: data.byteLength }, undefined, [data.slice(start, start + CHUNK)]);
    }
  }
  const receive = (event, files) => {
    if (!files?.length) return;
    event.preventDefault();
    event.stopPropagation();
    send(files);
  };
  chooser.addEventListener("change", () => { send(chooser.files); chooser.value = ""; });
  el.addEventListener("dragover", (event) => { event.preventDefault(); event.stopPropagation(); });
  el.addEventListener("drop", (event) => receive(event, event.dataTransfer?.files));
  const paste = (event) => { // anywhere in the panel
    if ((el.closest(".vlnb-panel") ?? el).contains(event.target)) receive(event, event.clipboardData?.files);
  };
  document.addEventListener("paste", paste, true);

  const show = () => {
    image.src = model.get("uri");
    image.alt = model.get("alt");
    stage.style.display = model.get("uri") ? "" : "none";
    earlier.length = 0;
    zoom = 1;
    finish();
    draw();
  };
  model.on("change:uri", show);
  model.on("change:region", () => (finish(), draw()));
  show();
  return () => document.removeEventListener("paste", paste, true);
}

export default { render };
