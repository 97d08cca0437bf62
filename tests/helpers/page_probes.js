// What a test asks a whole page; both answer with the elements that fail.
({
  /** Texts whose contrast to what is behind them is below 4.5. */
  poorContrast() {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const light = (colour) => {
      const [red, green, blue] = rgba(colour).map((part) => linear(part / 255));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (rgba(colour)[3] === 255) return colour;
      }
      return "white";
    };
    const ratio = (element) => {
      const [high, low] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
      return (high + 0.05) / (low + 0.05);
    };
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const isOff = (element) => getComputedStyle(element).opacity !== "1" || element.closest(".spoken");
    return [...document.querySelectorAll("body *")]
      .filter((element) => hasText(element) && element.checkVisibility() && !isOff(element) && ratio(element) < 4.5)
      .map((element) => `${element.tagName} ${element.className} ${element.textContent.slice(0, 20)} ${ratio(element)}`);
  },
  /** Controls and pictures that a screen reader has no name for. */
  unnamed() {
    return [...document.querySelectorAll("input, select, textarea, button, a, progress, svg[role=img]")]
      .filter((one) => one.checkVisibility())
      .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
      .map((one) => one.outerHTML);
  },
})
