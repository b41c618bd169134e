// Optional: highlight the current section in the contents.
const links = new Map(
  [...document.querySelectorAll("nav.contents a")].map((a) => [a.hash.slice(1), a]),
);
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = links.get(target.id);
      if (isIntersecting && link) {
        links.forEach((other) => other.removeAttribute("aria-current"));
        link.setAttribute("aria-current", "true");
        const nav = link.parentElement;
        nav.scrollTo({ left: link.offsetLeft - nav.clientWidth / 2 + link.clientWidth / 2 });
      }
    }
  },
  { rootMargin: "-20% 0px -75% 0px" },
);
document.querySelectorAll("#top, main > section[id]").forEach((part) => observer.observe(part));
