// What the page costs whoever opens it: `node measure.mjs URL TOKEN`. First paint and first view, each time with nothing
// kept from before; then the list of all machines, until all are there and while it is scrolled from end to end.
import { chromium } from 'playwright-core';

const [url, token] = process.argv.slice(2);
if (!token) {
  console.error('measure: needs URL TOKEN');
  process.exit(2);
}
const RUNS = 7;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A browser that was never here, with what signs it in. */
async function fresh() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
  await context.addInitScript((t) => sessionStorage.setItem('millwright.token', t), token);
  return context.newPage();
}

const first = [];
for (let run = 0; run <= RUNS; run++) {
  const page = await fresh();
  await page.goto(`${url}/p/default`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  const seen = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    head: performance.now(),
    script: performance.getEntriesByType('resource').filter((r) => /\.js$/.test(r.name)).reduce((sum, r) => sum + r.encodedBodySize, 0),
    all: performance.getEntriesByType('resource').filter((r) => !r.name.includes('/api/')).reduce((sum, r) => sum + r.encodedBodySize, 0),
  }));
  if (run > 0) first.push(seen); // the server has to get going, too
  await page.context().close();
}
const ms = (n) => `${Math.round(n)} ms`;
console.log(
  `first view: paint ${ms(median(first.map((f) => f.paint)))}, Home ${ms(median(first.map((f) => f.head)))}; ` +
    `${Math.round(median(first.map((f) => f.script)) / 1000)} kB of script, ${Math.round(median(first.map((f) => f.all)) / 1000)} kB in all, as sent`,
);

const page = await fresh();
const begun = performance.now();
await page.goto(`${url}/p/default/machines`);
await page.getByRole('cell').first().waitFor();
const some = performance.now() - begun;
await page.waitForFunction(() => /^\d+$/.test([...document.querySelectorAll('main [role=status]')].at(-1)?.textContent ?? ''), null, { timeout: 120_000 });
const whole = performance.now() - begun;
const { frames, rows, drawn, heap } = await page.evaluate(async () => {
  const frames = [];
  let last = performance.now();
  const height = document.documentElement.scrollHeight;
  for (let step = 0; step <= 300; step++) {
    window.scrollTo(0, (height * step) / 300);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return {
    frames,
    rows: document.querySelector('[role=table]').getAttribute('aria-rowcount') - 1,
    drawn: document.querySelectorAll('[role=table] [role=row]').length - 1,
    heap: performance.memory?.usedJSHeapSize ?? NaN,
  };
});
const last = await page.locator('[role=table] [role=row]').last().getByRole('link').innerText();
const typing = performance.now();
await page.getByLabel('Search').fill(last);
await page.waitForFunction(() => /^\d+ of \d+$/.test([...document.querySelectorAll('main [role=status]')].at(-1)?.textContent ?? ''), null, { timeout: 20_000 });
const found = performance.now() - typing;
console.log(
  `${rows} machines: the first after ${ms(some)}, all after ${ms(whole)}; scrolled from end to end, a frame takes ${ms(median(frames))}, ` +
    `of 100 the slowest ${ms(frames.toSorted((a, b) => a - b)[Math.floor(frames.length * 0.99)])}; ${drawn} rows drawn; ` +
    `one of them found ${ms(found)} after it is typed; heap ${Math.round(heap / 1e6)} MB`,
);
await browser.close();
