// The picture of a graph: nodes stay where they are, a tap picks, a double tap opens, dragged places are told.

const MANY = 600; // nodes from which on edges are drawn more cheaply

function readTheme(box) {
  const read = (name, other) => getComputedStyle(box).getPropertyValue(name).trim() || other;
  return {
    text: read("--st-text-color", "#1b2530"), line: read("--st-border-color", "#c5ccd3"),
    back: read("--st-background-color", "#ffffff"), primary: read("--st-primary-color", "#1f5f8b"),
    font: read("--st-font", "sans-serif"),
  };
}

function makeStyle(theme, isLarge) {
  return [
    { selector: "node", style: {
      "background-color": "data(colour)", "border-color": "data(colour)", "border-width": 2, label: "data(label)", color: theme.text,
      "font-family": theme.font, "font-size": 11.5, "text-valign": "bottom", "text-margin-y": 5, "text-wrap": "wrap",
      "text-max-width": 122, width: "data(size)", height: "data(size)", "min-zoomed-font-size": 7,
      "text-background-color": theme.back, "text-background-opacity": 0.75, "text-background-padding": 2 } },
    { selector: "node[kind = 'entity']", style: { shape: "round-rectangle" } },
    { selector: "node[kind = 'others']", style: {
      shape: "round-hexagon", "background-opacity": 0.15, "border-style": "dashed" } },
    { selector: "node[standing = 'probable'], node[standing = 'unknown']", style: {
      "border-style": "dashed", "background-opacity": 0.35 } },
    { selector: "node[?opened]", style: { "border-width": 5, "border-color": theme.primary, "border-style": "double" } },
    { selector: "edge", style: {
      width: "data(width)", "line-color": theme.text, "target-arrow-color": theme.text, "line-opacity": 0.32,
      "target-arrow-shape": "triangle", "arrow-scale": 0.9, "curve-style": isLarge ? "straight" : "bezier",
      "control-point-step-size": 34, label: isLarge ? "" : "data(label)", color: theme.text, "font-size": 10,
      "font-family": theme.font, "text-rotation": "autorotate", "min-zoomed-font-size": 8,
      "text-background-color": theme.back, "text-background-opacity": 0.85, "text-background-padding": 2 } },
    { selector: ":selected", style: {
      "border-color": theme.primary, "border-width": 5, "line-color": theme.primary, "line-opacity": 1,
      "target-arrow-color": theme.primary, "overlay-color": theme.primary, "overlay-opacity": 0.12 } },
  ];
}

function makePicture(box, theme, isLarge) {
  const cy = globalThis.cytoscape({
    container: box, style: makeStyle(theme, isLarge), minZoom: 0.05, maxZoom: 4, boxSelectionEnabled: false,
    textureOnViewport: isLarge, hideEdgesOnViewport: isLarge, pixelRatio: isLarge ? 1 : "auto",
  });
  // Cytoscape remembers where it stands until an ancestor scrolls, and cannot see past the shadow root of our component.
  box.addEventListener("pointerdown", () => cy.renderer().invalidateContainerClientCoordsCache(), true);
  let waiting;
  cy.on("dragfree", "node", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => box.tell.places(Object.fromEntries(
      cy.nodes().map((node) => [node.id(), [Math.round(node.position("x")), Math.round(node.position("y"))]]))), 400);
  });
  cy.on("onetap", "node, edge", (event) => box.tell.pick({ id: event.target.id(), is: event.target.group() }));
  cy.on("dbltap", "node", (event) => box.tell.open({ id: event.target.id() }));
  return cy;
}

function showElements(cy, elements, isNew) {
  const wanted = new Set(elements.map((element) => element.data.id));
  cy.batch(() => {
    cy.elements().filter((element) => !wanted.has(element.id())).remove();
    for (const element of elements) {
      const known = cy.getElementById(element.data.id);
      if (known.empty()) {
        cy.add(element);
      } else {
        known.data(element.data);
        if (isNew && element.position) known.position(element.position);
      }
    }
  });
}

function savePicture(cy, theme, name) {
  const link = document.createElement("a");
  link.href = cy.png({ full: true, scale: 2, bg: theme.back, maxWidth: 8000, maxHeight: 8000 });
  link.download = `${name}.png`;
  link.click();
}

export default function show({ parentElement, data, setStateValue, setTriggerValue }) {
  const box = parentElement.querySelector(".canvas");
  if (!globalThis.cytoscape) { // its own script has not arrived yet
    const again = setTimeout(() => show({ parentElement, data, setStateValue, setTriggerValue }), 50);
    return () => clearTimeout(again);
  }
  const nodes = data.elements.filter((element) => element.position).length;
  const isLarge = nodes > MANY, theme = readTheme(box);
  box.tell = {
    pick: (what) => setTriggerValue("picked", what), open: (what) => setTriggerValue("opened", what),
    places: (places) => setStateValue("places", { epoch: data.epoch, places }),
  };
  box.cy = box.cy || makePicture(box, theme, isLarge);
  const before = box.nodes || 0, isNew = box.epoch !== data.epoch;
  showElements(box.cy, data.elements, isNew);
  box.cy.style(makeStyle(theme, isLarge));
  if (isNew || nodes > before) box.cy.animate({ fit: { padding: 24 }, duration: isNew ? 0 : 250 });
  Object.assign(box, { epoch: data.epoch, nodes });
  parentElement.querySelector(".fit").onclick = () => box.cy.animate({ fit: { padding: 24 }, duration: 200 });
  parentElement.querySelector(".png").onclick = () => savePicture(box.cy, theme, data.name);
  globalThis.intelGraph = box.cy; // for the tests, and whoever looks with the browser's tools
}
