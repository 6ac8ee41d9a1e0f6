// Debian's Chromium, driven by playwright-core from the pages' own node_modules.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const modules = process.env.ARTFS_NODE_MODULES ?? fileURLToPath(new URL("../../build/tools/ui/web/node_modules", import.meta.url));
export const load = createRequire(`${modules}/`);
export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export function launch() {
  const { chromium } = load("playwright-core");
  // A closed network makes Chromium's own look-ups slow and loud.
  return chromium.launch({
    executablePath: chromiumPath,
    timeout: 120000,  // on a busy machine the half minute of playwright is too short
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

// A page of the size that the pages must be readable at, on what `art ui` printed for the store.
export async function openPage(browser, store, patience = 60000) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(Number(process.env.ARTFS_UI_PATIENCE ?? patience));
  await page.goto(store.address);
  return page;
}
