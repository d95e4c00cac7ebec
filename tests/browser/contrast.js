() => {
  const rgba = (text) => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) =>
    0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const unseen = (element, style) =>
    ["STYLE", "SCRIPT", "TITLE", "OPTION"].includes(element.tagName) ||
    !element.getBoundingClientRect().width ||
    style.visibility === "hidden" ||
    element.closest(":disabled, .modebar, [style*='display: none']");
  const found = [];
  for (const area of document.querySelectorAll(".jp-OutputArea-output")) {
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent.trim();
      const element = walker.currentNode.parentElement;
      const style = getComputedStyle(element);
      if (!text || unseen(element, style)) continue;
      const front = luminance(rgba(element instanceof SVGElement ? style.fill : style.color));
      const back = luminance(behind(element));
      const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.tagName} ${text.slice(0, 40)}`);
    }
  }
  return found;
}
