// What those who look at the page in a real browser share: Chromium, the two colour schemes, and axe.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Not as a service of the machine: as root, without a display, and with no calls home. */
export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

/** Who wants things to keep still sees no state between two, so that what is looked at is what stays. */
export const VIEW = { viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' };

/** Puts the page into one colour scheme; what fades has to be done, what turns for ever has not. */
export async function dress(page, scheme) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.evaluate(async () => {
    // Two frames later everything that will fade has begun to; what inherits a colour begins when its parent has ended.
    for (let fading; fading === undefined || fading.length > 0;) {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      fading = document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity);
      await Promise.allSettled(fading.map((a) => a.finished));
    }
  });
}

/** Throws if axe finds something serious in one of the schemes. The page is left in the light one. */
export async function judge(page, schemes) {
  await page.evaluate(AXE);
  const bad = [];
  for (const scheme of schemes) {
    await dress(page, scheme);
    // Only colours differ in the dark.
    const { violations } = await page.evaluate((dark) => globalThis.axe.run(document, {
      resultTypes: ['violations'], ...(dark ? { runOnly: ['color-contrast'] } : {}),
    }), scheme === 'dark');
    bad.push(...violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => ({ ...v, scheme })));
  }
  await dress(page, 'light');
  if (bad.length > 0) {
    throw new Error(bad.map((v) => `${v.id} (${v.impact}, ${v.scheme}): ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)}: ${n.failureSummary}`).join(' ; ')}`).join('\n'));
  }
}

/** Keeps a picture of what is seen, in both schemes, if SHOTS names a directory. */
export async function shoot(page, title) {
  if (!process.env.SHOTS) return;
  for (const scheme of ['light', 'dark']) {
    await dress(page, scheme);
    await page.screenshot({ path: `${process.env.SHOTS}/${title}-${scheme}.png` });
  }
  await dress(page, 'light');
}

/**
 * What a page shows of a machine's console when `end` ends its session: that it was cut; and nothing is opened again. The
 * page is kept from hearing of the end otherwise, for it would close the console by itself and ask who is there.
 */
export async function cut(page, url, machine, end) {
  const others = /\/api\/v1\/(?!session|projects\/[^/]+\/machines\/[^/]+\/console)/;
  await page.goto(`${url}/p/default/machines/${machine}/console`);
  await page.getByText('Connected to its serial port.').waitFor();
  await page.route(others, (route) => route.abort());
  await end();
  await page.getByRole('status').getByText('It was cut.').waitFor();
  await page.locator('[data-state=closed]').waitFor();
  await page.getByRole('button', { name: 'Open again' }).click();
  await page.getByText('Your session has ended.').waitFor();
  await page.unroute(others);
}
