// How the pages look and behave as a whole: one type scale, keys everywhere, words while one waits.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { project, TestStore } from "./store.mjs";

const store = new TestStore();
const base = `/p/${project}`;
let browser, page;

before(async () => {
  store.fill();
  await store.serve();
  browser = await launch();
  page = await openPage(browser, store);
});
after(async () => {
  await browser?.close();
  await store.close();
});

const pages = ["", "/graph", "/graph?form=exploded&focus=net:v1", "/artifacts", "/artifacts/digits", "/artifacts/digits/v0?file=tables/a.csv",
  "/artifacts/net/compare?from=v0&to=v1&file=seed", "/runs?group=job_type&columns=summary.accuracy,config.rate", "/runs/train-1", "/runs/report-1", "/runs/broken-1",
  "/compare?runs=train-1,train-2"];
// Shown, and nothing in it still waited for.
async function open(path) {
  await page.goto(store.origin + base + path);
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => document.querySelector(".waiting") === null);
}

test("all text is of one scale", async () => {
  for (const path of pages) {
    await open(path);
    const sizes = await page.evaluate(() => {
      const found = {};
      for (const element of document.querySelectorAll("body *"))
        if ([...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "") && element.checkVisibility?.() !== false)
          found[getComputedStyle(element).fontSize] ??= element.outerHTML.slice(0, 80);
      return found;
    });
    const scale = ["12px", "13px", "14px", "16px", "20px", "26px"];
    assert.deepEqual(Object.entries(sizes).filter(([size]) => !scale.includes(size)), [], path);
  }
});

test("the tab key reaches whatever can be used, shows where it is, and is caught nowhere", async () => {
  for (const path of pages) {
    await open(path);
    const all = await page.evaluate(() => {
      const can = [...document.querySelectorAll("a[href], button:not(:disabled), input, select, textarea, [tabindex='0']")].filter((one) => one.checkVisibility());
      can.forEach((one, i) => one.setAttribute("data-stop", String(i)));
      document.activeElement?.blur();
      return can.length;
    });
    const reached = new Set(), unseen = [];
    for (let i = 0; i <= 2 * all; ++i) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const of = document.activeElement;
        if (of === null || of === document.body) return null;
        const style = getComputedStyle(of), body = of.querySelector(".body");
        const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
        return { stop: of.dataset.stop ?? of.outerHTML, seen: ring || (body !== null && parseFloat(getComputedStyle(body).strokeWidth) >= 3), what: of.outerHTML.slice(0, 100) };
      });
      if (at === null || reached.has(at.stop)) break;
      reached.add(at.stop);
      if (!at.seen) unseen.push(at.what);
    }
    const missed = await page.evaluate((known) => [...document.querySelectorAll("[data-stop]")].filter((one) => !known.includes(one.getAttribute("data-stop"))).map((one) => one.outerHTML.slice(0, 100)), [...reached]);
    assert.deepEqual([missed, unseen], [[], []], path);
  }
});

test("whatever is waited for on whichever page is said in words", async () => {
  const late = async (route) => { await new Promise((done) => setTimeout(done, 1200)); await route.continue().catch(() => {}); };
  await page.route((url) => url.pathname.startsWith("/api/projects/"), late);
  for (const path of pages) {
    await page.goto(store.origin + base + path, { waitUntil: "commit" });
    await page.getByRole("status").filter({ hasText: /^(Loading|Drawing|Counting) .+…$/ }).first().waitFor();
  }
  await page.unrouteAll({ behavior: "ignoreErrors" });
});
