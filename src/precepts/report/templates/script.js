"use strict";
// Filters and pages of the transcripts. It reads tags and never a text; without it every item is simply there.
const PAGE = 8;
const tagsOf = element => (element.dataset.tags || "").split(" ");
const fits = (tags, wanted) => wanted.every(tag => tags.includes(tag));

for (const list of document.querySelectorAll(".paged")) {
  const controls = list.querySelector(".controls");
  const items = [...list.querySelectorAll(":scope > details")];
  const selects = [...controls.querySelectorAll("select")];
  const [back, on] = controls.querySelectorAll("button");
  const told = controls.querySelector("output");
  let page = 0;

  const chosen = wanted => items.filter(item => {
    const own = tagsOf(item), parts = [...item.querySelectorAll("[data-tags]")];
    for (const part of parts) part.hidden = !fits([...own, ...tagsOf(part)], wanted);
    return parts.length ? parts.some(part => !part.hidden) : fits(own, wanted);
  });

  const show = () => {
    const found = chosen(selects.map(select => select.value).filter(Boolean));
    page = Math.max(0, Math.min(page, Math.ceil(found.length / PAGE) - 1));
    const here = new Set(found.slice(page * PAGE, (page + 1) * PAGE));
    for (const item of items) item.hidden = !here.has(item);
    const first = page * PAGE + 1;
    told.value = found.length ? `${first}–${first + here.size - 1} of ${found.length}` : "none";
    back.disabled = page === 0;
    on.disabled = first + here.size > found.length;
  };

  const turn = by => () => {
    page += by;
    show();
    list.scrollIntoView({ block: "start" });
  };
  back.addEventListener("click", turn(-1));
  on.addEventListener("click", turn(1));
  for (const select of selects) select.addEventListener("change", () => { page = 0; show(); });
  controls.hidden = false;
  show();
}
