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

/** Home with all there is, until nothing more is asked for: what that takes of the server, and of the browser. */
const homes = [];
for (let run = 0; run < 3; run++) {
  const home = await fresh();
  // The stream of changes never ends; what else is asked for does.
  const asking = new Set();
  let quiet = performance.now();
  home.on('request', (r) => r.url().includes('/api/') && !r.url().includes('/events?changes') && asking.add(r));
  for (const ended of ['requestfinished', 'requestfailed']) {
    home.on(ended, (r) => {
      asking.delete(r);
      quiet = performance.now();
    });
  }
  await home.goto(`${url}/p/default`);
  await home.getByRole('heading', { level: 1 }).waitFor();
  while (asking.size > 0 || performance.now() - quiet < 1000) await home.waitForTimeout(50);
  homes.push(await home.evaluate(() => {
    const asked = performance.getEntriesByType('resource').filter((r) => r.name.includes('/api/'));
    const sum = (of) => asked.reduce((n, r) => n + r[of], 0);
    return { requests: asked.length, sent: sum('encodedBodySize'), read: sum('decodedBodySize'), end: Math.max(...asked.map((r) => r.responseEnd)), heap: performance.memory?.usedJSHeapSize ?? NaN };
  }));
  await home.context().close();
}
const of = (what) => median(homes.map((h) => h[what]));
console.log(
  `Home, all of it: ${of('requests')} requests, ${Math.round(of('sent') / 1000)} kB as sent, ${Math.round(of('read') / 1000)} kB to read; ` +
    `the last answer after ${ms(of('end'))}; heap ${Math.round(of('heap') / 1e6)} MB`,
);

const page = await fresh();
const begun = performance.now();
await page.goto(`${url}/p/default/machines`);
await page.getByRole('cell').first().waitFor();
const some = performance.now() - begun;
await page.waitForFunction(() => /^\d+$/.test([...document.querySelectorAll('main [role=status]')].at(-1)?.textContent ?? ''), null, { timeout: 120_000 });
const whole = performance.now() - begun;
/**
 * Scrolls by so many pixels a frame, as long as there is something below. How long frames take depends on who else
 * wants the cores and on the drawing, which nothing helps with here; what the page's own thread works does not.
 */
const cdp = await page.context().newCDPSession(page);
await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
const worked = async () => (await cdp.send('Performance.getMetrics')).metrics.find((m) => m.name === 'TaskDuration').value * 1000;
/**
 * How long each task of the page's own thread took while something was done: of its own time, by Chromium's trace.
 */
async function traced(act) {
  const tasks = [];
  const marks = [];
  const hear = ({ value }) => {
    for (const e of value) {
      if (e.ph === 'X' && e.name.endsWith('RunTask')) tasks.push(e);
      if (e.name === 'traced') marks.push(e);
    }
  };
  cdp.on('Tracing.dataCollected', hear);
  const includedCategories = ['blink.user_timing', 'devtools.timeline', 'disabled-by-default-devtools.timeline'];
  await cdp.send('Tracing.start', { traceConfig: { includedCategories }, transferMode: 'ReportEvents' });
  await page.evaluate(() => performance.mark('traced'));
  const answer = await act();
  const ended = new Promise((done) => cdp.once('Tracing.tracingComplete', done));
  await cdp.send('Tracing.end');
  await ended;
  cdp.off('Tracing.dataCollected', hear);
  const own = tasks.filter((t) => marks.some((m) => m.pid === t.pid && m.tid === t.tid && t.ts >= m.ts)).map((t) => (t.tdur ?? 0) / 1000);
  if (own.length === 0) throw new Error('the trace has no tasks of the page');
  return { answer, longest: Math.max(...own), long: own.filter((t) => t > 50).length };
}
async function scrolled(by, most) {
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.waitForTimeout(500);
  const before = await worked();
  const { answer: { frames, long }, ...cpu } = await traced(() => page.evaluate(async ([by, most]) => {
    const frames = [];
    const long = [];
    const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)));
    observer.observe({ entryTypes: ['longtask'] });
    const end = document.documentElement.scrollHeight - window.innerHeight;
    let last = await new Promise(requestAnimationFrame);
    for (let at = 0; at < end && frames.length < most; ) {
      at += by;
      window.scrollTo(0, at);
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    await new Promise((done) => setTimeout(done, 100));
    observer.disconnect();
    return { frames, long };
  }, [by, most]));
  const own = ((await worked()) - before) / frames.length;
  return `a frame ${ms(median(frames))}, of 100 the slowest ${ms(frames.toSorted((a, b) => a - b)[Math.floor(frames.length * 0.99)])}, ` +
    `${own.toFixed(1)} ms of work each; of ${frames.length} frames' tasks ${cpu.long} worked more than 50 ms, the longest ${ms(cpu.longest)}; ` +
    `${long.length} took so long with what they waited for a core`;
}
const wheel = await scrolled(120, 400);
const jumps = await scrolled((await page.evaluate(() => document.documentElement.scrollHeight)) / 300, 300);
const { rows, drawn, heap } = await page.evaluate(() => ({
  rows: document.querySelector('[role=table]').getAttribute('aria-rowcount') - 1,
  drawn: document.querySelectorAll('[role=table] [role=row]').length - 1,
  heap: performance.memory?.usedJSHeapSize ?? NaN,
}));
const status = (like) => page.waitForFunction((l) => new RegExp(l).test([...document.querySelectorAll('main [role=status]')].at(-1)?.textContent ?? ''), like, { timeout: 20_000 });
const last = await page.locator('[role=table] [role=row]').last().getByRole('link').innerText();
const typing = performance.now();
await page.getByLabel('Search').fill(last);
await page.waitForFunction(() => /^\d+ of \d+$/.test([...document.querySelectorAll('main [role=status]')].at(-1)?.textContent ?? ''), null, { timeout: 20_000 });
const found = performance.now() - typing;
await page.getByLabel('Search').fill('');
await status(`^${rows}$`);
const labelled = performance.now();
await page.getByLabel('Labels').fill('tier=t7');
await page.waitForFunction((n) => { const t = [...document.querySelectorAll('main [role=status]')].at(-1)?.textContent ?? ''; return /^\d+$/.test(t) && Number(t) < n; }, rows, { timeout: 20_000 });
const filtered = performance.now() - labelled;
await page.getByLabel('Labels').fill('');
await status(`^${rows}$`);
const clicked = performance.now();
await page.getByRole('button', { name: 'Name', exact: true }).click();
await page.getByRole('row').nth(1).getByRole('link', { name: last, exact: true }).waitFor();
const sorted = performance.now() - clicked;
console.log(
  `${rows} machines: the first after ${ms(some)}, all after ${ms(whole)}; ${drawn} rows drawn; heap ${Math.round(heap / 1e6)} MB\n` +
    `scrolled as by a wheel: ${wheel}\nscrolled from end to end: ${jumps}\n` +
    `one of them found ${ms(found)} after it is typed, a label's ${ms(filtered)}; sorted the other way after ${ms(sorted)}`,
);
await browser.close();
