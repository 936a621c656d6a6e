"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const projects = all("tbody[data-name]");
  const search = document.getElementById("search");
  const filters = all("button[data-filter]");
  const shown = document.getElementById("shown");
  // The parts of the graph and the timeline that stand for each project.
  const parts = new Map(projects.map((project) => [project.id, []]));
  for (const part of all("[data-p]")) parts.get(`p-${part.dataset.p}`).push(part);
  const texts = projects.map((project) =>
    (project.dataset.name + " " + (project.querySelector(".why")?.textContent ?? "")).toLowerCase());

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = filters.filter((button) => button.getAttribute("aria-pressed") === "true")
      .map((button) => button.dataset.filter);
    let count = 0;
    projects.forEach((project, at) => {
      const fits = (outcomes.length === 0 || outcomes.includes(project.dataset.outcome)) &&
        words.every((word) => texts[at].includes(word));
      project.hidden = !fits;
      for (const part of parts.get(project.id)) part.classList.toggle("dim", !fits);
      count += fits;
    });
    shown.textContent = count === projects.length
      ? `${count} projects`
      : `${count} of ${projects.length} projects`;
  };
  search.addEventListener("input", filter);
  for (const button of filters) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      filter();
    });
  }

  const open = (project, isOpen) => {
    const button = project.querySelector(".open");
    if (!button) return;
    button.setAttribute("aria-expanded", String(isOpen));
    document.getElementById(button.getAttribute("aria-controls")).hidden = !isOpen;
  };
  for (const button of all(".open")) {
    button.addEventListener("click", () =>
      open(button.closest("tbody"), button.getAttribute("aria-expanded") !== "true"));
  }
  // A link to a project opens it, also where a filter hides it.
  const follow = () => {
    const project = document.getElementById(location.hash.slice(1));
    if (!project?.matches("tbody[data-name]")) return;
    if (project.hidden) {
      search.value = "";
      for (const button of filters) button.setAttribute("aria-pressed", "false");
      filter();
    }
    open(project, true);
    project.scrollIntoView();
    project.querySelector(".open")?.focus({ preventScroll: true });
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#p-']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });

  for (const button of all("button[data-sort]")) {
    button.addEventListener("click", () => {
      const key = button.dataset.sort;
      const head = button.closest("th");
      const isNumber = head.classList.contains("number");
      const first = isNumber ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first && isNumber ? "ascending"
        : head.getAttribute("aria-sort") === first ? "descending" : first;
      for (const other of all("th[aria-sort]")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", order);
      const compare = isNumber
        ? (one, other) => one.dataset[key] - other.dataset[key]
        : (one, other) => one.dataset[key].localeCompare(other.dataset[key]);
      const sign = order === "ascending" ? 1 : -1;
      const sorted = [...projects].sort((one, other) => sign * compare(one, other));
      document.getElementById("table").append(...sorted);
    });
  }

  // The arrows go from node to node, so that Tab leaves a drawing at once.
  for (const drawing of all("svg.graph, svg.timeline")) {
    const links = all("a[data-p]", drawing);
    drawing.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const at = links.indexOf(event.target.closest("a[data-p]"));
      const next = step && links[at + step];
      if (!next) return;
      event.preventDefault();
      links[at].setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  }

  // What a node needs, and what needs it, is marked.
  const edges = all("path[data-e]").map((path) => [path, path.dataset.e.split(" ")]);
  const near = (at) => {
    for (const [path, ends] of edges) path.classList.toggle("near", ends.includes(at));
  };
  for (const node of all("svg.graph a[data-p]")) {
    for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => near(node.dataset.p));
    for (const event of ["mouseleave", "blur"]) node.addEventListener(event, () => near(""));
  }

  const theme = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : dark.matches;
  };
  const label = () => {
    theme.textContent = isDark() ? "Light theme" : "Dark theme";
  };
  // A page that is opened as a file may have no storage.
  const remembered = (write) => {
    try {
      if (write) localStorage.setItem("chinampa-theme", write);
      return localStorage.getItem("chinampa-theme");
    } catch {
      return null;
    }
  };
  const before = remembered();
  if (before === "dark" || before === "light") document.documentElement.dataset.theme = before;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remembered(document.documentElement.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);

  addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== search && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
    if (event.key === "Escape" && event.target === search) {
      search.value = "";
      filter();
    }
  });

  label();
  filter();
  if (location.hash) follow();
})();
