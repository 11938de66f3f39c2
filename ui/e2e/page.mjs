// The page in a real browser, against a real server with a real guest: `node page.mjs URL NAME FIRST-PASSWORD MACHINE`.
// Somebody signs in for the first time, looks around, types at the console of MACHINE, makes a machine of their own and
// throws it away. Each page that is seen is judged by axe. SHOTS=DIRECTORY keeps pictures of the main ones.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [url, name, password, machine] = process.argv.slice(2);
if (!machine) {
  console.error('page: needs URL NAME FIRST-PASSWORD MACHINE');
  process.exit(2);
}
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const BOOT = 600_000; // an emulated guest on a busy machine

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // Not as a service of the machine: as root, without a display, and with no calls home.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
const page = await context.newPage();
page.setDefaultTimeout(20_000);
const troubles = [];
page.on('pageerror', (e) => troubles.push(`script: ${e}`));
page.on('console', (m) => {
  if (m.type() === 'error' && /Content Security Policy|Uncaught/.test(m.text())) troubles.push(m.text());
});

let failed = 0;
async function step(title, act) {
  try {
    await act();
    console.log(`ok    page: ${title}`);
  } catch (e) {
    failed++;
    console.log(`FAIL  page: ${title}\n      | ${String(e.message ?? e).split('\n').slice(0, 12).join('\n      | ')}`);
    console.log(`      | ${page.url()}: ${(await page.evaluate(() => document.body.innerText)).slice(0, 600).replace(/\n+/g, ' | ')}`);
  }
}
const heading = (text) => page.getByRole('heading', { name: text, level: 1 }).waitFor();
// What stands beside the name of a machine, not a word somewhere on its page.
const isReady = (options) => page.locator('div:has(> h1)').getByText('Ready', { exact: true }).waitFor(options);
async function judged() {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  if (bad.length > 0) {
    throw new Error(bad.map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' ; ')}`).join('\n'));
  }
}
async function shot(title) {
  if (!process.env.SHOTS) return;
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: `${process.env.SHOTS}/${title}-${scheme}.png` });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

await step('a wrong password is refused', async () => {
  await page.goto(url);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill('not this one');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await judged();
});
await step('the first password is changed at once', async () => {
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  const next = `${password}, changed`;
  await page.getByLabel('Present password').fill(password);
  await page.getByLabel('New password', { exact: false }).first().fill(next);
  await page.getByLabel('New password again').fill(next);
  await page.locator('form button[type=submit]').click();
  await page.getByRole('link', { name: 'Machines', exact: true }).first().waitFor();
});
if (failed > 0) {
  await browser.close();
  process.exit(1); // nothing else can be seen
}
await step(`machine ${machine} is shown as ready, live`, async () => {
  await page.goto(`${url}/p/default/machines/${machine}`);
  await heading(machine);
  await isReady();
  await page.getByText('Live', { exact: true }).waitFor();
  await judged();
  await shot('machine');
});
for (const [path, title] of [['', 'home'], ['/machines', 'machines'], ['/volumes', 'volumes'], ['/images', 'images'],
  ['/networks/lab', 'network'], ['/hypervisors', 'hypervisors'], ['/operations', 'operations'], ['/findings', 'findings'],
  ['/events', 'events'], ['/manifest', 'manifest'], ['/new-machine', 'new-machine']]) {
  await step(`${title} can be used by everybody (axe)`, async () => {
    await page.goto(`${url}/p/default${path}`);
    await page.getByRole('navigation').first().waitFor();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForLoadState('load');
    await page.getByRole('progressbar').first().waitFor({ state: 'detached', timeout: 5000 }).catch(() => {});
    await judged();
    if (['home', 'machines', 'network', 'new-machine'].includes(title)) await shot(title);
  });
}
await step('the console takes what is typed and shows the answer', async () => {
  await page.goto(`${url}/p/default/machines/${machine}/console`);
  const shown = () => page.evaluate(() => document.querySelector('.xterm-accessibility')?.textContent ?? '');
  const typed = async (text, answer) => {
    for (let tries = 0; tries < 20; tries++) {
      await page.locator('.xterm-helper-textarea').press('Enter');
      try {
        await page.waitForFunction((a) => new RegExp(a).test(document.querySelector('.xterm-accessibility')?.textContent ?? ''), answer, { timeout: 5000 });
        return;
      } catch {
        // getty may just be starting
      }
    }
    throw new Error(`no ${answer} after ${text} in: ${await shown()}`);
  };
  await typed('Enter', 'login:');
  await page.keyboard.type('nobody-of-this-name\n');
  await page.waitForFunction(() => /nobody-of-this-name[\s\S]*Password:/.test(document.querySelector('.xterm-accessibility')?.textContent ?? ''), null, { timeout: 30_000 });
  await judged();
});
await step('a ticket is good for once', async () => {
  const closed = await page.evaluate(async (machine) => {
    const session = await (await fetch('/api/v1/session')).json();
    const base = `/api/v1/projects/default/machines/${machine}`;
    const answer = await fetch(`${base}/console-tickets`, { method: 'POST', headers: { 'X-CSRF-Token': session.csrfToken } });
    const { ticket } = await answer.json();
    const open = () => new Promise((done) => {
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}${base}/console?ticket=${ticket}`);
      socket.onopen = () => { socket.close(); done('open'); };
      socket.onerror = () => done('refused');
    });
    return [answer.status, await open(), await open()];
  }, machine);
  if (JSON.stringify(closed.slice(1)) !== '["open","refused"]') throw new Error(JSON.stringify(closed));
});
await step('a machine is made: its plan first', async () => {
  await page.goto(`${url}/p/default/new-machine`);
  await page.getByLabel('Name').fill('by-page');
  await page.getByText('Machine by-page').waitFor();
  await page.getByText('power it on').waitFor();
  await page.getByRole('button', { name: 'Create machine' }).click();
  await page.waitForURL('**/machines/by-page');
  await heading('by-page');
});
await step('it is seen becoming ready', async () => {
  await isReady({ timeout: BOOT });
});
await step('it is deleted by typing its name', async () => {
  await page.getByRole('button', { name: 'Delete' }).click();
  const sure = page.getByRole('dialog').getByRole('button', { name: 'Delete' });
  if (await sure.isEnabled()) throw new Error('it can be deleted without typing its name');
  await page.getByLabel('Type by-page to confirm').fill('by-page');
  await sure.click();
  await page.waitForURL('**/machines');
  await page.getByRole('link', { name: 'by-page' }).waitFor({ state: 'detached', timeout: 120_000 });
});
await step('what ends with the session is the page', async () => {
  await page.evaluate(async () => {
    const { csrfToken } = await (await fetch('/api/v1/session')).json();
    await fetch('/api/v1/session', { method: 'DELETE', headers: { 'X-CSRF-Token': csrfToken } });
  });
  await page.goto(`${url}/p/default/machines`);
  await heading('Sign in to Millwright');
});
await step('no script failed, and none was refused', async () => {
  if (troubles.length > 0) throw new Error(troubles.join('\n'));
});
await browser.close();
process.exit(failed > 0 ? 1 : 0);
