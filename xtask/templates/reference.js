
"use strict";
(() => {
  const filter = document.getElementById("filter");
  const found = document.getElementById("found");
  const operations = [...document.querySelectorAll("article.operation")];
  const links = new Map(
    [...document.querySelectorAll("nav li a")].map((link) => [link.hash.slice(1), link]),
  );
  const words = new Map(
    operations.map((operation) => {
      const heads = operation.querySelectorAll("h4, .route, .access");
      const text = [operation.id, ...[...heads].map((head) => head.textContent)].join(" ");
      return [operation, text.toLowerCase()];
    }),
  );
  const hideIfEmpty = (element, inner) => {
    element.hidden = !element.querySelector(inner);
  };

  const apply = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const operation of operations) {
      const matches = wanted.every((word) => words.get(operation).includes(word));
      operation.hidden = !matches;
      links.get(operation.id).parentElement.hidden = !matches;
      count += matches;
    }
    document.body.classList.toggle("filtered", wanted.length > 0);
    for (const list of document.querySelectorAll("nav details ul")) {
      hideIfEmpty(list, "li:not([hidden])");
      list.previousElementSibling.hidden = list.hidden;
    }
    for (const service of document.querySelectorAll("nav details")) {
      hideIfEmpty(service, "li:not([hidden])");
    }
    for (const section of document.querySelectorAll("section.group, section.service")) {
      hideIfEmpty(section, "article.operation:not([hidden])");
    }
    found.textContent = wanted.length ? `${count} of ${operations.length}` : "";
  };

  document.querySelector(".filter").hidden = false;
  filter.addEventListener("input", apply);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && event.target !== filter) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "Escape" && event.target === filter) {
      filter.value = "";
      apply();
      filter.blur();
    }
  });

  // On a narrow screen the contents lie over the page until something is chosen.
  const menu = document.getElementById("menu");
  document.body.classList.add("scripted");
  document.querySelector("nav").addEventListener("click", (event) => {
    if (event.target.closest("a")) menu.checked = false;
  });

  // A link to what the filter hides shows all again.
  window.addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && !target.checkVisibility()) {
      filter.value = "";
      apply();
      target.scrollIntoView();
    }
  });

  for (const code of document.querySelectorAll(".samples pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    code.parentElement.querySelector("figcaption").append(button);
  }

  // Marks in the contents where the reader is.
  let current;
  const seen = new IntersectionObserver(
    (entries) => {
      const entry = entries.find((entry) => entry.isIntersecting);
      const link = entry && links.get(entry.target.id);
      if (!link || link === current) return;
      current?.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
      const bounds = link.getBoundingClientRect();
      if (bounds.top < 60 || bounds.bottom > innerHeight - 20) {
        link.scrollIntoView({ block: "center", inline: "nearest" });
      }
      current = link;
    },
    { rootMargin: "-10% 0px -80% 0px" },
  );
  for (const target of document.querySelectorAll("article.operation, main > section[id].prose")) {
    seen.observe(target);
  }
})();
