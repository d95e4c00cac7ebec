() => {
  const rgba = (text) => {
    const [r = 0, g = 0, b = 0, a = 1] = (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    return [r, g, b, a];
  };
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) =>
    0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const over = ([r, g, b, a], back) => [r, g, b].map((one, i) => a * one + (1 - a) * back[i]);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const opacity = (element) => (element ? getComputedStyle(element).opacity * opacity(element.parentElement) : 1);
  const unseen = (element) =>
    ["STYLE", "SCRIPT", "TITLE"].includes(element.tagName) ||
    !element.getBoundingClientRect().width ||
    getComputedStyle(element).visibility === "hidden" ||
    element.closest(":disabled, .modebar, [style*='display: none']");
  const found = [];
  const look = (element, said, style = getComputedStyle(element)) => {
    const text = said.replaceAll("\u200b", "").trim(); // an empty placeholder of ipywidgets
    if (!text || unseen(element)) return;
    const [r, g, b, a] = rgba(element instanceof SVGElement ? style.fill : style.color);
    const back = behind(element);
    const [front, ground] = [over([r, g, b, a * opacity(element)], back), back].map(luminance);
    const ratio = (Math.max(front, ground) + 0.05) / (Math.min(front, ground) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.tagName} ${text.slice(0, 40)}`);
  };
  const areas = document.querySelectorAll(".jp-OutputArea-output, nav");
  for (const area of areas) {
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) look(walker.currentNode.parentElement, walker.currentNode.textContent);
    for (const field of area.querySelectorAll("input:not([type=file]), textarea"))
      look(field, field.value || field.placeholder, getComputedStyle(field, field.value ? null : "::placeholder"));
  }
  return areas.length ? found : ["nothing to look at"];
}
