// Every place of the page, in a real browser: `node walk.mjs URL TOKEN-FILE [PART...]`, against a server that has
// simulated hypervisors and nothing else yet (e2e/page starts one). The places are those of the page's own router, so a
// new one is walked without being named here; what stands in an address for a name is filled in with something of that kind.
//   walk      nothing is wider than the window, at 1280 pixels, as that is with 200 % and 400 % of zoom, and on a phone;
//             nothing serious for axe, light and dark
//   progress  how far an image and a machine that waits for it are is seen in lists and on the machine's page; so is what an
//             installer says
//   form      what the server finds wrong with a new machine stands at its field, which unfolds; nothing is sent before its
//             plan is there; that somebody has to approve it is said before; who gives their key can log in with it; what has to
//             be there first is told
//   keyboard  somebody signs in, makes a machine, looks at it and deletes it without a mouse
//   drift     what somebody does at a machine's console is shown as a difference from what is declared, and as a number
//             where that is enough; it is gone when it is put right
//   rollout   one is watched from member to member, waits after its canary, is paused and continued, and goes back
//   console   what is pasted arrives, however long; who has no mouse leaves it by its keys; one that is open says
//             that it was cut when its session is ended; who cannot be signed out is told so
//   acts      what is to be copied is; how a volume leaves is declared and shown, and a deleted one is restored; who changes one
//             limit of a quota leaves the others; who approves sees what is made; what was asked for by a
//             token is withdrawn; who may only look is offered nothing else, and asks for nothing that is refused
//   lists     every list is searched, filtered by label, sorted, and the same in another tab by its address; what comes in parts
//             is read on to its end
//   restart   only when it is named: says "server: stop" and "server: start", and whoever reads that does it; what is open
//             says so, keeps what was filled in, and goes on by itself
//   trouble   what is seen when the API answers 500, 503 or 403, when there is no such thing, and when nothing answers
// SHOTS=DIRECTORY keeps pictures of all of them, light and dark.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cut, judge, launch, shoot, VIEW } from './browser.mjs';

const [url, tokenFile, ...parts] = process.argv.slice(2);
if (!tokenFile) {
  console.error('walk: needs URL TOKEN-FILE');
  process.exit(2);
}
const token = readFileSync(tokenFile, 'utf8').trim();
const wanted = (part) => parts.length === 0 || parts.includes(part);

async function call(method, path, body, type = 'application/json') {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': type },
    ...(body === undefined ? {} : { body: type === 'application/json' ? JSON.stringify(body) : body }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}
const declare = (yaml, project = 'default') => call('POST', `/apply?project=${project}`, yaml, 'application/yaml');
async function until(what, is, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; !(await is()); await new Promise((done) => setTimeout(done, 200))) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
  }
}

const browser = await launch();
const troubles = [];
const context = await browser.newContext(VIEW);
const page = await context.newPage();
page.setDefaultTimeout(30_000);
page.on('pageerror', (e) => troubles.push(`${page.url()}: ${e}`));

let failed = 0;
async function step(title, act) {
  try {
    await act();
    console.log(`ok    page: ${title}`);
  } catch (e) {
    failed++;
    console.log(`FAIL  page: ${title}\n      | ${(e.stack ?? '').match(/walk\.mjs:\d+/g)?.join(' ') ?? ''} ${String(e.message ?? e).split('\n').slice(0, 12).join('\n      | ')}`);
  }
}
const heading = page.getByRole('heading', { level: 1 }).first();
async function visit(path) {
  await page.goto(url + path);
  await heading.waitFor();
  await settled();
}
/** Nothing is being loaded any more. */
const settled = () => page.waitForFunction(() => !document.querySelector('[aria-label=Loading]'));

/** Opens everything that is folded; false if nothing is. */
async function unfold() {
  const folded = page.getByRole('main').locator('.MuiAccordionSummary-root[aria-expanded=false]');
  const some = (await folded.count()) > 0;
  while ((await folded.count()) > 0) await folded.first().click();
  await settled();
  return some;
}

/** What cannot be seen whole: wider than the window, or cut off by what it stands in without a sign of that. */
const tooWide = () => page.evaluate(() => {
  const root = document.documentElement;
  const name = (e) => `${e.tagName.toLowerCase()}${e.getAttribute('aria-label') ? `[${e.getAttribute('aria-label')}]` : ''} "${(e.textContent ?? '').trim().slice(0, 40)}"`;
  const all = [...document.body.querySelectorAll('*')];
  const out = [];
  if (root.scrollWidth > root.clientWidth) {
    const past = all.filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && e.scrollWidth > 0);
    out.push(`the page is ${root.scrollWidth} wide, by ${past.slice(-3).map(name).join('; ')}`);
  }
  for (const e of all) {
    const style = getComputedStyle(e);
    const cuts = /hidden|clip/.test(style.overflowX) && style.textOverflow !== 'ellipsis' && style.clipPath === 'none';
    if (cuts && e.textContent && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1 && !e.closest('svg, .xterm') && !e.querySelector('.xterm')) {
      out.push(`${e.scrollWidth - e.clientWidth} pixels are cut off of ${name(e)}`);
    }
  }
  return out;
});
/** A window of 1280 pixels has 640 with 200 % of zoom, and 320 with 400 %, as WCAG asks for (1.4.10); a phone has 390. */
async function fits(widths = [320, 390, 640, 1280]) {
  const found = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    // What depends on the width is drawn anew a moment later, on a busy machine.
    let wide = await tooWide();
    for (const end = Date.now() + 10_000; wide.length > 0 && Date.now() < end; wide = await tooWide()) await new Promise((done) => setTimeout(done, 100));
    found.push(...wide.map((w) => `at ${width}: ${w}`));
  }
  await page.setViewportSize(VIEW.viewport);
  if (found.length > 0) throw new Error(found.join('\n'));
}

// ------------------------------------------------------------------------------------------------------ the world

const ENDS = ['succeeded', 'failed', 'cancelled', 'superseded'];
const mark = Date.now().toString(36); // so that one server can be walked again
const name = `walker-${mark}`;
let password = '';
let routes = [];
await step('somebody signs in for the first time', async () => {
  const first = (await call('POST', '/users', { name, displayName: 'Somebody with a rather long name', role: 'admin' })).password;
  password = `${first}, changed`;
  await page.goto(url);
  await heading.waitFor();
  await fits();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(first);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('Present password').fill(first);
  await fits();
  await page.getByLabel('New password', { exact: false }).first().fill(password);
  await page.getByLabel('New password again').fill(password);
  await page.locator('form button[type=submit]').click();
  await page.getByRole('navigation').first().waitFor();
  // Where the developers' tools of the router find it, too.
  routes = await page.evaluate(() => Object.keys(globalThis.__TSR_ROUTER__.routesByPath).filter((p) => p !== '/'));
});
await step('there is something of every kind', async () => {
  await declare(readFileSync(new URL('world.yaml', import.meta.url), 'utf8'));
  await call('POST', '/tokens', { name: `a-token-whose-name-is-rather-long-for-what-it-does-${mark}`, ttlSeconds: 3600, projects: ['default'], verbs: ['view', 'operate'] });
  await rest();
  // What comes of acts, not of manifests: a deleted volume that is kept, and something that waits for approval.
  await call('DELETE', '/projects/default/volumes/deleted-and-kept-for-some-days-in-which-it-can-be-restored');
  await call('PUT', '/projects/default/approval-rules', { rules: [{ coresAbove: 1 }] });
  await declare(`apiVersion: millwright/v1
kind: Machine
metadata: {name: held-back-until-somebody-else-has-looked-at-what-it-will-take}
spec: {image: debian-12, size: large, nics: [{network: lab}]}
`).then(() => { throw new Error('it was not held back'); }, (e) => { if (!/approval-needed/.test(e.message)) throw e; });
});

/** Nothing is being done any more. */
async function rest() {
  await until('everything has ended', async () => {
    const { items } = await call('GET', '/operations?limit=100');
    return items.every((o) => ENDS.includes(o.status.state));
  });
}

/** Which collection of the API has what stands at the end of such an address; most are called as in the API. */
const COLLECTIONS = { catalogue: 'offers' };
const samples = new Map();
async function sample(collection) {
  if (!samples.has(collection)) {
    const all = collection === 'operations' ? '/operations' : `/projects/default/${COLLECTIONS[collection] ?? collection}`;
    const [first] = (await call('GET', `${all}?limit=1`)).items;
    if (!first) throw new Error(`there are no ${collection} to look at: add one to world.yaml`);
    samples.set(collection, collection === 'operations' ? first.metadata.uid : first.metadata.name);
  }
  return samples.get(collection);
}
/** The addresses of a route: in a project and, if it names nothing in one, in all and in one that has nothing. */
async function addresses(route) {
  const named = /\/([^/]+)\/\$(?:name|uid)/.exec(route);
  const path = named ? route.replace(/\$(?:name|uid)/, await sample(named[1])) : route;
  return (named ? ['default'] : ['default', '-', 'empty']).map((project) => path.replace('$project', project));
}
/** How a picture of it is called: `machines`, `machine`, `console`. */
function titleOf(route) {
  const [room = 'home', thing, ...more] = route.split('/').slice(3);
  return more.at(-1) ?? (thing ? (COLLECTIONS[room] ?? room).replace(/s$/, '') : room);
}

await step('something is seen before any script has come', async () => {
  const other = await browser.newPage();
  await other.route('**/*.js', () => {}); // none ever does
  await other.goto(url, { waitUntil: 'commit' });
  await other.getByText('Millwright').waitFor();
  await other.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  await other.close();
});

await step('the first view takes at most 350 kB of script, as sent', async () => {
  const fresh = await browser.newContext(VIEW);
  await fresh.addInitScript((t) => sessionStorage.setItem('millwright.token', t), token);
  const other = await fresh.newPage();
  await other.goto(`${url}/p/default`);
  await other.getByRole('heading', { level: 1 }).waitFor();
  const sizes = await other.evaluate(() => performance.getEntriesByType('resource').filter((r) => /\.js$/.test(r.name)).map((r) => r.encodedBodySize));
  const sum = sizes.reduce((a, b) => a + b, 0);
  if (sizes.length < 2 || sum < 100_000 || sum > 350_000) throw new Error(`${sizes.length} scripts, ${sum} bytes`);
  await fresh.close();
});

// ------------------------------------------------------------------------------------------------------- the walk

if (wanted('walk')) {
  for (const route of routes) {
    await step(`${route} fits, and can be used by everybody (axe)`, async () => {
      for (const path of await addresses(route)) {
        await visit(path);
        await fits();
        await judge(page, ['light', 'dark']);
        if (path.startsWith('/p/default')) await shoot(page, titleOf(route));
        const tabs = page.getByRole('main').getByRole('tab');
        for (let i = 1; i < (await tabs.count()); i++) {
          await tabs.nth(i).click();
          await settled();
          await fits();
          await judge(page, ['light', 'dark']);
        }
        if ((await tabs.count()) > 0) await tabs.first().click();
        if (await unfold()) {
          await fits();
          await judge(page, ['light', 'dark']);
        }
      }
    });
  }
  await step('which layer sets what of a machine is told', async () => {
    await visit('/p/default/machines/web');
    await page.getByRole('button', { name: 'Where its customisation comes from' }).click();
    const value = page.locator('dt', { hasText: 'users[admin]' });
    await value.locator('xpath=following-sibling::dd').getByText('Profile me', { exact: true }).waitFor();
  });
  await step('the menu of a narrow window fits, and closes where it led', async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    await visit('/p/default');
    await page.getByRole('button', { name: 'Menu' }).click();
    const menu = page.getByRole('dialog').getByRole('navigation', { name: 'Main' });
    await menu.waitFor();
    await fits([390]);
    await page.setViewportSize({ width: 390, height: 800 });
    await judge(page, ['light', 'dark']);
    await menu.getByRole('link', { name: 'Machines' }).click();
    await menu.waitFor({ state: 'detached' });
    await page.getByRole('heading', { level: 1, name: 'Machines' }).waitFor();
    await page.setViewportSize(VIEW.viewport);
  });
  await step('a place that does not exist fits', async () => {
    await visit('/p/default/nothing-of-this-name');
    await fits();
    await judge(page, ['light', 'dark']);
  });
}

const problem = (status, title, detail, errors) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({ type: 'about:blank', title, status, detail, errors }),
});

// --------------------------------------------------------------------------------------------------------- progress

if (wanted('progress')) {
  // A quarter of it comes, and nothing more.
  const size = 4 << 20;
  let end;
  const slow = createServer((_, answer) => {
    answer.writeHead(200, { 'Content-Length': size });
    for (let part = 0; part < 4; part++) answer.write(Buffer.alloc(size / 16));
    end = () => answer.destroy();
  });
  await new Promise((done) => slow.listen(0, '127.0.0.1', done));
  await step('how far an image is, and what waits for it, is seen', async () => {
    await declare(`apiVersion: millwright/v1
kind: Image
metadata: {name: slow-${mark}}
spec: {os: debian, version: "12", source: {url: "http://127.0.0.1:${slow.address().port}/slow.qcow2", sha256: "${'0'.repeat(64)}"}}
---
apiVersion: millwright/v1
kind: Machine
metadata: {name: waits-${mark}}
spec: {image: slow-${mark}, size: small, nics: [{network: lab}]}
`);
    await page.goto(`${url}/p/default/images?q=slow-${mark}`);
    const row = page.getByRole('row').filter({ hasText: `slow-${mark}` });
    await row.getByText(/Working 2[0-9] %/).waitFor();
    await page.goto(`${url}/p/default/machines?q=waits-${mark}`);
    await page.getByRole('row').filter({ hasText: `waits-${mark}` }).getByText(/Waiting|Working/).waitFor();
    await page.goto(`${url}/p/default`);
    await page.getByRole('link', { name: /^[1-9][0-9]* Working$/ }).click();
    await page.getByRole('row').filter({ hasText: `waits-${mark}` }).waitFor();
    if ((await page.getByRole('row').filter({ hasText: 'Ready' }).count()) > 0) throw new Error('what is ready is shown as what is worked on');
    await page.goto(`${url}/p/default/machines/waits-${mark}`);
    await page.locator('div:has(> h1)').getByText(new RegExp(`slow-${mark}`)).waitFor();
  });
  end?.();
  slow.close();
  await call('DELETE', `/projects/default/machines/waits-${mark}`);
  await until('what used it is gone', () => call('DELETE', `/projects/default/images/slow-${mark}`).then(() => true, () => false));
}

if (wanted('progress')) {
  await step('what is tried in vain is told on the first page, with the next action', async () => {
    await declare(`apiVersion: millwright/v1
kind: Image
metadata: {name: far-${mark}}
spec: {os: debian, version: "12", source: {url: "http://127.0.0.1:1/far.qcow2", sha256: "${'0'.repeat(64)}"}}
`);
    await page.goto(`${url}/p/default`);
    const wrong = page.getByRole('region', { name: 'What is wrong' });
    await wrong.getByText(/Tried [0-9]+ times: .*could not be reached/).waitFor();
    await wrong.getByText('The last event was not').waitFor(); // of the webhook, whose host does not exist
    await wrong.getByText('there is no such repository').waitFor();
    // Whatever is done meanwhile.
    const many = Array.from({ length: 65 }, (_, i) => `many-${mark}-${i}`);
    await declare(many.map((v) => `apiVersion: millwright/v1\nkind: Volume\nmetadata: {name: ${v}}\nspec: {size: 1GiB, hypervisor: sim, reclaim: delete}\n`).join('---\n'));
    await until('they are there', async () => (await call('GET', '/operations?kind=Volume&limit=100')).items.every((o) => ENDS.includes(o.status.state)));
    await visit('/p/default');
    await wrong.getByText(/Tried [0-9]+ times: .*could not be reached/).waitFor();
    for (const v of many) await call('DELETE', `/projects/default/volumes/${v}`);
    await page.setViewportSize({ width: 390, height: 600 });
    await page.getByRole('link', { name: /[0-9]+ Need a look/ }).click();
    await page.waitForFunction(() => { const { top } = document.getElementById('wrong').getBoundingClientRect(); return top >= 54 && top < 300; });
    await page.setViewportSize(VIEW.viewport);
    await wrong.getByRole('link', { name: `far-${mark}` }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await rest();
    await call('DELETE', `/projects/default/images/far-${mark}`);
  });
}
/** An installation medium in little: what is started from it, and the menu that says how. */
function medium() {
  const at = mkdtempSync(join(tmpdir(), 'walk-'));
  try {
    mkdirSync(join(at, 'root/install'), { recursive: true });
    mkdirSync(join(at, 'root/boot/grub'), { recursive: true });
    writeFileSync(join(at, 'root/install/vmlinuz'), Buffer.alloc(5000));
    writeFileSync(join(at, 'root/install/initrd.gz'), Buffer.alloc(7000));
    writeFileSync(join(at, 'root/boot/grub/grub.cfg'), "menuentry 'Install' {\n linux /install/vmlinuz --- quiet\n initrd /install/initrd.gz\n}\n");
    execFileSync('xorriso', ['-as', 'mkisofs', '-quiet', '-r', '-V', 'WALK', '-o', join(at, 'medium.iso'), join(at, 'root')], { stdio: 'pipe' });
    return readFileSync(join(at, 'medium.iso'));
  } finally {
    rmSync(at, { recursive: true });
  }
}
if (wanted('progress')) {
  const iso = medium();
  const gives = createServer((_, answer) => answer.end(iso));
  await new Promise((done) => gives.listen(0, '127.0.0.1', done));
  const installs = `installs-${mark}`;
  await step('an installer is followed line by line, in lists and on its page', async () => {
    await declare(`apiVersion: millwright/v1
kind: Image
metadata: {name: vendor-${mark}}
spec: {os: debian, version: "13", installer: {url: "http://127.0.0.1:${gives.address().port}/debian.iso", sha256: ${createHash('sha256').update(iso).digest('hex')}, offline: true}}
---
apiVersion: millwright/v1
kind: Size
metadata: {name: roomy-${mark}}
spec: {cores: 1, memory: 1GiB, disk: 4GiB}
---
apiVersion: millwright/v1
kind: Machine
metadata: {name: ${installs}}
spec: {image: vendor-${mark}, size: roomy-${mark}, hypervisor: sim, nics: [{network: lab}]}
`);
    await page.goto(`${url}/p/default/machines/${installs}`);
    const head = page.locator('div:has(> h1)');
    await head.getByText(/wait until it is installed: (Loading|Partitioning|Installing|Select|Finishing)/).waitFor(); // in its own words
    const log = page.getByLabel('Log').filter({ hasText: 'Partitioning disks' });
    await log.waitFor(); // what it said stays, unfolded, at its step
    await page.getByRole('progressbar').waitFor();
    await fits();
    await judge(page, ['light', 'dark']);
    await shoot(page, 'installing');
    await page.goto(`${url}/p/default/machines?q=${installs}`);
    await page.getByRole('row').filter({ hasText: installs }).getByText(/Working [0-9]+ %/).waitFor();
    await page.goto(`${url}/p/default/machines/${installs}`);
    await head.getByText('Ready', { exact: true }).waitFor();
    await page.getByRole('button', { name: /Wait until .*install/i }).click();
    await log.waitFor();
    await call('DELETE', `/projects/default/machines/${installs}`);
  });
  gives.close();
}

// ---------------------------------------------------------------------------------------- a new machine, by the keyboard

/** What belongs to a field and says what is wrong with it. */
const wrongAt = (label, words) => page.getByRole('textbox', { name: label }).and(page.locator('[aria-invalid=true]')).locator('xpath=ancestor::div[contains(@class, "MuiFormControl")][1]').getByText(words).waitFor();
if (wanted('form')) {
  await step('what is wrong stands at its field, which unfolds', async () => {
    await page.goto(`${url}/p/default/new-machine`);
    const named = page.getByLabel('Name');
    const before = await named.inputValue();
    await named.fill('No Name');
    await wrongAt('Name', /is no name/);
    await named.fill(before);
    const more = page.getByRole('button', { name: 'More' });
    await more.click();
    await page.getByLabel('IPv4 address').fill('192.0.2.1');
    await wrongAt('IPv4 address', /192\.0\.2\.1/);
    await more.click(); // it would fold what is wrong
    await page.getByLabel('IPv4 address').waitFor();
    await page.getByLabel('IPv4 address').fill('');
    await page.getByLabel('Labels').fill('two words=x');
    await wrongAt('Labels', /is no label key/);
    await judge(page, ['light', 'dark']);
  });
  await step('a name is proposed that no machine has, without all of them being looked at', async () => {
    const asked = [];
    const note = (r) => { if (/\/machines\?/.test(r.url())) asked.push(r.url()); };
    const machine = (n) => declare(`apiVersion: millwright/v1\nkind: Machine\nmetadata: {name: ${n}}\nspec: {image: debian-12, size: small, power: "off"}\n`);
    await machine(`${name}-debian`); // by the token of the first start, which is not who fills in the form
    page.on('request', note);
    await page.goto(`${url}/p/default/new-machine`);
    await page.locator('button[type=submit]:enabled').waitFor();
    page.off('request', note);
    const proposed = await page.getByLabel('Name').inputValue();
    if (proposed !== `${name}-debian-2`) throw new Error(`${proposed} is proposed`);
    const all = asked.filter((u) => !decodeURIComponent(u).includes('metadata.owner='));
    if (all.length > 0 || asked.length === 0) throw new Error(`asked for: ${asked}`);
    await rest();
    await call('DELETE', `/projects/default/machines/${name}-debian`);
  });
  await step('what belongs to no field is told beside what does', async () => {
    const told = problem(400, 'The input is not valid', 'Two things are wrong.', [
      { field: 'Machine x: spec.size', message: 'it is too small' }, { field: 'Machine x: spec.bonds', message: 'there is no such card' },
    ]);
    await page.goto(`${url}/p/default/new-machine`);
    await page.locator('button[type=submit]:enabled').waitFor();
    await page.route(/\/api\/v1\/projects\/[^/]+\/machines$/, (route) => route.fulfill(told));
    await page.getByLabel('Name').press('Enter');
    await page.getByText('it is too small').waitFor();
    await page.getByRole('alert').getByText('there is no such card').waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true' && /small|large/.test(document.activeElement.textContent ?? ''));
    await page.unroute(/\/api\/v1\/projects\/[^/]+\/machines$/);
  });
  await step('nothing is made before its plan is seen, and nothing that is there is changed', async () => {
    const machine = `taken-${mark}`;
    const enabled = page.locator('button[type=submit]:enabled');
    const sent = [];
    const note = (r) => { if (r.method() === 'POST' && !/dryRun=true|renderings/.test(r.url())) sent.push(r.url()); };
    await page.goto(`${url}/p/default/new-machine`);
    await enabled.waitFor();
    page.on('request', note);
    await page.route(/dryRun=true/, () => {}); // the plan does not come
    const asked = page.waitForRequest(/dryRun=true/);
    await page.getByLabel('Name').fill('web');
    await page.getByLabel('Name').press('Enter');
    await asked;
    await page.getByLabel('Name').press('Enter');
    if ((await enabled.count()) > 0 || sent.length > 0) throw new Error(`it could be sent without its plan: ${sent}`);
    await page.unroute(/dryRun=true/);
    page.off('request', note);
    await page.getByLabel('Name').fill(machine);
    await enabled.waitFor();
    await declare(`apiVersion: millwright/v1\nkind: Machine\nmetadata: {name: ${machine}}\nspec: {image: debian-12, size: small, power: "off"}\n`);
    await enabled.click(); // somebody was faster
    await page.getByRole('alert').getByText(`there is a Machine ${machine} in project default already`).waitFor();
    const { metadata } = await call('GET', `/projects/default/machines/${machine}`);
    if (metadata.generation !== 1) throw new Error(`it was changed: generation ${metadata.generation}`);
    await rest();
    await call('DELETE', `/projects/default/machines/${machine}`);
  });
}
if (wanted('form')) {
  await step('that somebody has to approve it is said before it is asked for', async () => {
    const told = page.getByRole('alert').getByText(/Somebody else has to approve it before it is done: .*2 cores, more than 1/);
    await page.goto(`${url}/p/default/new-machine`);
    await page.locator('button[type=submit]:enabled').waitFor();
    await page.getByRole('combobox', { name: 'Size' }).click();
    await page.getByRole('option', { name: /^large/ }).click();
    await told.waitFor();
    await fits();
    await page.goto(`${url}/p/default/manifest`);
    await page.getByLabel('YAML').fill(`apiVersion: millwright/v1\nkind: Machine\nmetadata: {name: large-${mark}}\nspec: {image: debian-12, size: large}\n`);
    await page.getByRole('button', { name: 'Plan', exact: true }).click();
    await told.waitFor();
  });
  await step('where a quota ends all that lives, a machine can be made as it is proposed', async () => {
    const before = (await call('GET', '/projects/default')).quota;
    await call('PUT', '/projects/default/quota', { ...before, ttl: '36h' });
    await page.goto(`${url}/p/default/new-machine`);
    await page.locator('button[type=submit]:enabled').waitFor();
    await page.getByLabel('YAML', { exact: true }).filter({ hasText: 'ttl: 36h' }).waitFor();
    await page.getByRole('combobox', { name: 'Lives' }).click();
    const offered = await page.getByRole('option').allTextContents();
    if (offered.join() !== '8 hours,a day,36h, the longest here') throw new Error(String(offered));
    await page.keyboard.press('Escape');
    await call('PUT', '/projects/default/quota', before);
  });
  await step('who gives their key can log in with it, now and the next time', async () => {
    const machine = `with-key-${mark}`;
    const key = page.getByLabel('Your public SSH key');
    await page.goto(`${url}/p/default/new-machine`);
    await page.getByText('only admin of Profile me can log in').waitFor();
    await key.fill('no key');
    await wrongAt('Your public SSH key', /is no public SSH key/);
    await key.fill('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMFyeB7T/sPo2RCHyiVGauXCK+nhef1yF4dfauUiZtY somebody@desk');
    await page.getByText(`You log in as ${name}`).waitFor();
    await page.getByText(`Profile ${name} is created`).waitFor();
    await page.getByLabel('Name').fill(machine);
    await page.locator('button[type=submit]:enabled').waitFor();
    await page.getByRole('button', { name: 'Create machine' }).click();
    await page.waitForURL(`**/machines/${machine}`);
    await page.getByText(new RegExp(`^ssh ${name}@`)).waitFor();
    await page.goto(`${url}/p/default/new-machine`);
    await page.getByLabel('YAML', { exact: true }).filter({ hasText: `profiles:\n    - ${name}\n` }).waitFor();
    if (await key.count() > 0) throw new Error('a key that is known is asked for again');
    await rest();
    await call('DELETE', `/projects/default/machines/${machine}`);
  });
  await step('what there has to be before a first machine is told, and begun with a click', async () => {
    await page.goto(`${url}/p/empty/new-machine`);
    const needed = page.getByRole('region', { name: 'What a machine is made of' });
    await needed.getByText('sim').waitFor(); // the hypervisor is there, for all projects
    for (const kind of ['Network', 'Image', 'Size']) {
      await page.goto(`${url}/p/empty/new-machine`);
      await needed.getByRole('link', { name: `Declare ${kind}` }).click();
      await page.getByLabel('YAML').filter({ hasText: `kind: ${kind}` }).waitFor();
    }
  });
}
/** By the tabulator only, as far as it takes. */
async function tabTo(there, on) {
  await there.waitFor();
  for (let i = 0; i < 80; i++) {
    if (await there.evaluate((e) => e === document.activeElement)) return;
    await on.keyboard.press('Tab');
  }
  throw new Error(`${there} is not reached by the tabulator`);
}
if (wanted('keyboard')) {
  await step('a machine is made, looked at and deleted without a mouse', async () => {
    const machine = `by-keys-${mark}`;
    await call('PUT', '/projects/default/approval-rules', { rules: [] });
    const other = await (await browser.newContext(VIEW)).newPage();
    other.setDefaultTimeout(30_000);
    const button = (title, on = other) => on.getByRole('button', { name: title, exact: true });
    const inMain = () => other.waitForFunction(() => document.getElementById('main')?.contains(document.activeElement));
    await other.goto(url);
    await tabTo(other.getByLabel('Name'), other);
    await other.keyboard.type(name);
    await tabTo(other.getByLabel('Password'), other);
    await other.keyboard.type(password);
    await other.keyboard.press('Enter');
    await tabTo(other.getByRole('link', { name: 'Machines', exact: true }).first(), other);
    await other.keyboard.press('Enter');
    await other.waitForURL('**/machines');
    await inMain();
    await tabTo(other.getByRole('link', { name: 'New machine' }), other);
    await other.keyboard.press('Enter');
    await other.waitForURL('**/new-machine');
    await inMain();
    await tabTo(other.getByLabel('Name'), other);
    await other.keyboard.press('Control+a');
    await other.keyboard.type(machine);
    await tabTo(other.getByRole('combobox', { name: 'Lives' }), other);
    await other.keyboard.press('Enter');
    await other.getByRole('option', { name: '8 hours' }).waitFor();
    await other.keyboard.press('ArrowDown');
    await other.keyboard.press('Enter');
    await other.waitForFunction(() => document.activeElement?.getAttribute('role') === 'combobox');
    await other.getByText(`Machine ${machine}`).waitFor();
    await other.locator('button[type=submit]:enabled').waitFor();
    await tabTo(button('Create machine'), other);
    await other.keyboard.press('Enter');
    await other.waitForURL(`**/machines/${machine}`);
    await inMain();
    await other.locator('div:has(> h1)').getByText('Ready', { exact: true }).waitFor();
    await other.getByRole('status').getByText(`${machine}: Ready`).waitFor(); // it is read out
    await tabTo(button('Delete'), other);
    await other.keyboard.press('Enter');
    await other.getByRole('dialog').waitFor();
    await other.keyboard.press('Escape');
    await other.getByRole('dialog').waitFor({ state: 'detached' });
    if (!(await button('Delete').evaluate((e) => e === document.activeElement))) throw new Error('a closed dialog does not give back where one was');
    await other.keyboard.press('Enter');
    await other.waitForFunction(() => document.activeElement?.closest('[role=dialog] label, [role=dialog] .MuiFormControl-root'));
    await other.keyboard.type(machine);
    await other.keyboard.press('Enter');
    await other.waitForURL('**/machines');
    await inMain();
    await other.getByRole('link', { name: machine }).waitFor({ state: 'detached' });
    await other.context().close();
  });
}

// ------------------------------------------------------------------------------------------- drift, and what is cut

/** By the hand of somebody who has the console of a machine. */
async function typed(machine, line) {
  await visit(`/p/default/machines/${machine}/console`);
  await page.getByText('Connected to its serial port.').waitFor();
  await page.locator('.xterm-helper-textarea').focus();
  await page.keyboard.type(`${line}\n`);
}
if (wanted('drift')) {
  const machine = `drifts-${mark}`;
  const declared = (policy) => declare(`apiVersion: millwright/v1
kind: Machine
metadata: {name: ${machine}}
spec: {image: debian-12, size: small, hypervisor: sim, nics: [{network: lab}], drift: ${policy}}
`);
  await step('a machine that is not as declared is shown with its difference', async () => {
    await call('PUT', '/projects/default/approval-rules', { rules: [] });
    await declared('report');
    await rest();
    await visit(`/p/default/machines/${machine}`);
    await page.getByRole('tab', { name: 'Drift' }).click();
    await page.getByText('It is as declared').waitFor();
    await typed(machine, 'poweroff');
    await page.getByRole('status').getByText('The machine has ended it.').waitFor();
    await visit(`/p/default/machines/${machine}`);
    await page.getByRole('tab', { name: 'Drift' }).click();
    const card = page.getByRole('region', { name: 'What differs' });
    await card.locator('pre').waitFor();
    const diff = await card.locator('pre').innerText();
    if (diff.trim() !== 'power\n+ declared on\n− observed off') throw new Error(diff);
    await card.getByText('power it on').waitFor();
    await fits();
    await judge(page, ['light', 'dark']);
    await shoot(page, 'drift');
  });
  await step('it is a finding, and one of a number at home, where nothing more is asked for', async () => {
    await visit('/p/default/findings');
    await page.getByRole('link', { name: machine }).waitFor();
    await page.locator('pre').getByText('− observed off').waitFor();
    const answer = page.waitForResponse(/\/drift(\?|$)/);
    await visit('/p/default');
    await page.getByText(/^1 machine differs from what is declared/).waitFor();
    const { compared, differing, items } = await (await answer).json();
    if (compared < 2 || differing !== 1 || items.length > 0) throw new Error(`${compared} compared, ${differing} differ, ${items.length} items`);
  });
  await step('what is put right differs no more', async () => {
    await visit(`/p/default/machines/${machine}`);
    await page.getByRole('tab', { name: 'Drift' }).click();
    await page.getByRole('region', { name: 'What differs' }).waitFor();
    await declared('repair');
    await page.getByText('It is as declared').waitFor(); // live
    await rest();
    await call('DELETE', `/projects/default/machines/${machine}`);
  });
}
if (wanted('rollout')) {
  const group = `rolls-${mark}`;
  const declared = (size) => declare(`apiVersion: millwright/v1
kind: Size
metadata: {name: broad}
spec: {cores: 2, memory: 512MiB, disk: 2GiB}
---
apiVersion: millwright/v1
kind: Group
metadata: {name: ${group}}
spec:
  count: 4
  machine: {image: debian-12, size: ${size}, nics: [{network: lab}]}
  rollout: {canary: 1, pause: canary, batchSize: 1, healthGate: {minHealthySeconds: 2}}
`);
  const says = (text) => page.getByRole('status').getByText(text, { exact: true });
  const members = page.getByRole('list', { name: 'Members and their revisions' }).getByRole('listitem');
  const waits = page.getByText('to go on, continue the rollout');
  const paused = page.getByText('It is paused');
  const button = (label, of = page) => of.getByRole('button', { name: label, exact: true });
  await step('a rollout is watched from member to member, and waits after its canary', async () => {
    await call('PUT', '/projects/default/approval-rules', { rules: [] });
    await declared('small');
    await visit(`/p/default/groups/${group}`);
    await says('4 of 4 have revision 1').waitFor();
    await rest();
    await declared('broad');
    // All that follows is told by the server, to a page that nobody loads again.
    await says('1 of 4 have revision 2').waitFor({ timeout: 60_000 });
    await waits.waitFor({ timeout: 60_000 });
    await members.filter({ hasText: 'r2' }).nth(0).waitFor();
    if ((await members.filter({ hasText: 'r1' }).count()) !== 3) throw new Error(await members.allInnerTexts());
    await fits();
    await judge(page, ['light', 'dark']);
    await shoot(page, 'rollout');
  });
  await step('it is continued, paused between two members, and continued to its end', async () => {
    await button('Continue').click();
    await says('2 of 4 have revision 2').waitFor({ timeout: 60_000 });
    await button('Pause').click();
    await paused.waitFor();
    await button('Continue').click();
    await paused.waitFor({ state: 'detached' });
    await says('4 of 4 have revision 2').waitFor({ timeout: 120_000 });
    await page.getByText('4 healthy, 3 must stay so').waitFor({ timeout: 60_000 });
  });
  await step('it goes back to what it was, by a click', async () => {
    await rest();
    await button('Roll back').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(`${group}-0`).first().waitFor(); // the plan
    await button('Roll back', dialog).click();
    await dialog.waitFor({ state: 'detached' });
    await waits.waitFor({ timeout: 60_000 }); // after its canary again
    await button('Continue').click();
    await says('4 of 4 have revision 1').waitFor({ timeout: 120_000 });
    await rest();
    const sizes = (await call('GET', '/projects/default/machines?limit=1000')).items.filter((m) => m.metadata.name.startsWith(`${group}-`)).map((m) => m.spec.size);
    if (String(sizes) !== 'small,small,small,small') throw new Error(String(sizes));
    await call('DELETE', `/projects/default/groups/${group}`);
  });
}

if (wanted('console')) {
  /** Somebody else's browser. */
  async function signedIn(who, secret) {
    const other = await (await browser.newContext({ ...VIEW, userAgent: `Second browser ${mark}` })).newPage();
    other.setDefaultTimeout(30_000);
    await other.goto(url);
    await other.getByLabel('Name').fill(who);
    await other.getByLabel('Password').fill(secret);
    await other.getByRole('button', { name: 'Sign in', exact: true }).click();
    await other.getByRole('navigation').first().waitFor();
    return other;
  }
  await step('what is pasted into a console arrives, however long it is', async () => {
    await visit('/p/default/machines/web/console');
    await page.getByText('Connected to its serial port.').waitFor();
    await page.locator('.xterm-helper-textarea').evaluate((e) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', `${'0123456789'.repeat(2000)}\npasted whole`);
      e.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    });
    await page.waitForFunction(() => /pasted whole/.test(document.querySelector('.xterm-accessibility')?.textContent ?? '')); // the guest says it again
    await page.getByText('Connected to its serial port.').waitFor();
  });
  await step('who has no mouse leaves a console by its keys', async () => {
    await visit('/p/default/machines/web/console');
    await page.getByText('Connected to its serial port.').waitFor();
    const words = await page.getByRole('group', { name: 'Console', exact: true }).evaluate((e) => document.getElementById(e.getAttribute('aria-describedby')).textContent);
    if (!/Ctrl-Alt-G leaves it/.test(words)) throw new Error(words);
    const inside = () => page.evaluate(() => document.activeElement?.classList.contains('xterm-helper-textarea'));
    await until('the console has the keyboard', inside, 15);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Shift+Tab');
    if (!(await inside())) throw new Error('the console does not get the tabulator');
    await page.keyboard.press('Control+Alt+KeyG');
    await page.waitForFunction(() => document.activeElement?.textContent === 'Back to the machine');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/machines/web');
  });
  await step('an open console says that it was cut when its session is ended', async () => {
    const other = await signedIn(name, password);
    await cut(other, url, 'web', async () => {
      const { items } = await call('GET', '/sessions');
      const second = items.find((s) => s.agent === `Second browser ${mark}`);
      await call('DELETE', `/sessions/${second.uid}`);
    });
    await other.context().close();
  });
  await step('who cannot be signed out is told so, and is not shown as if they were', async () => {
    const other = await signedIn(name, password);
    const session = async () => (await call('GET', '/sessions')).items.some((one) => one.agent === `Second browser ${mark}`);
    await other.route(/\/api\/v1\/session$/, (route) => (route.request().method() === 'DELETE' ? route.abort() : route.continue()));
    await other.getByRole('button', { name: 'Somebody with a rather long name' }).click();
    await other.getByRole('menuitem', { name: 'Sign out' }).click();
    const told = other.getByRole('dialog', { name: 'You are still signed in' });
    await told.getByText('The server does not answer').waitFor();
    await judge(other, ['light', 'dark']);
    if (!(await session())) throw new Error('the session has ended');
    await other.unroute(/\/api\/v1\/session$/);
    await told.getByRole('button', { name: 'Try again' }).click();
    await other.getByRole('heading', { name: 'Sign in to Millwright' }).waitFor();
    if (await session()) throw new Error('the session goes on');
    await other.context().close();
  });
}

if (wanted('acts')) {
  await step('what is to be copied is', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
    await visit('/p/default/machines/web');
    await page.getByRole('button', { name: 'Copy SSH line' }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    if (!/^ssh admin@10\.0\.0\.[0-9]+$/.test(copied)) throw new Error(copied);
  });
  await step('how a volume leaves is declared and shown; a deleted one is restored', async () => {
    const volume = `leaves-${mark}`;
    await visit('/p/default/manifest?kind=volumes');
    const yaml = page.getByLabel('YAML');
    await yaml.fill((await yaml.inputValue()).replace('name: data', `name: ${volume}`).replace('hypervisor: lab', 'hypervisor: sim\n  reclaim: delete').replace('detach: stopped', 'detach: live'));
    await page.getByRole('button', { name: 'Plan', exact: true }).click();
    await page.getByRole('button', { name: 'Apply', exact: true }).click();
    await page.getByRole('heading', { name: 'Done' }).waitFor();
    await visit(`/p/default/volumes?q=${volume}`);
    const row = page.getByRole('row').filter({ hasText: volume });
    await row.getByText('while it runs').waitFor();
    await rest();
    await call('DELETE', `/projects/default/volumes/${volume}`);
    await page.getByRole('button', { name: `Restore ${volume}` }).click();
    await page.getByRole('button', { name: `Restore ${volume}` }).waitFor({ state: 'detached' });
    await row.getByText('Ready').waitFor();
    await rest();
    await call('DELETE', `/projects/default/volumes/${volume}`);
  });
  await step('who approves sees what is made', async () => {
    await visit('/p/default/approvals');
    const card = page.getByRole('region', { name: /held-back-until-somebody-else/ });
    await card.locator('pre').getByText(/^spec\.size\s*\+ large$/).waitFor();
    await card.locator('pre').getByText(/^spec\.nics\[0\]\.network\s*\+ lab$/).waitFor();
  });
  await step('who has asked by a token withdraws it in the page', async () => {
    await call('PUT', '/projects/default/approval-rules', { rules: [{ coresAbove: 1 }] });
    await visit('/p/default/approvals');
    const secret = await page.evaluate(async (title) => {
      const { csrfToken } = await (await fetch('/api/v1/session')).json();
      const made = await fetch('/api/v1/tokens', { method: 'POST', headers: { 'X-CSRF-Token': csrfToken, 'Content-Type': 'application/json' }, body: JSON.stringify({ name: title, ttlSeconds: 3600 }) });
      return (await made.json()).secret;
    }, `asks-${mark}`);
    const answer = await fetch(`${url}/api/v1/apply?project=default`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/yaml' },
      body: `apiVersion: millwright/v1\nkind: Machine\nmetadata: {name: asked-${mark}}\nspec: {image: debian-12, size: large, nics: [{network: lab}]}\n`,
    });
    if (!/approval-needed/.test(await answer.text())) throw new Error(`it was not held back: ${answer.status}`);
    const card = page.getByRole('region', { name: `Machine asked-${mark}` });
    await card.getByText(`${name}/asks-${mark} has asked for it`).waitFor(); // live
    await card.getByRole('button', { name: 'Withdraw' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Withdraw' }).click();
    await card.waitFor({ state: 'detached' });
    const others = page.getByRole('region', { name: /held-back-until/ });
    await others.waitFor();
    if ((await others.getByRole('button', { name: 'Withdraw' }).count()) > 0) throw new Error('what somebody else has asked for can be withdrawn');
    await call('DELETE', `/tokens/asks-${mark}`);
  });
  await step('who may only look is offered nothing else of a machine, and hears why', async () => {
    const { secret } = await call('POST', '/tokens', { name: `looks-${mark}`, ttlSeconds: 3600, projects: ['default'], verbs: ['view'] });
    const other = await (await browser.newContext(VIEW)).newPage();
    other.setDefaultTimeout(30_000);
    await other.addInitScript((t) => sessionStorage.setItem('millwright.token', t), secret);
    await other.goto(`${url}/p/default/machines/web`);
    for (const act of ['Console', 'Power off', 'Reset', 'Rebuild', 'Edit', 'Delete']) {
      await other.getByRole('note', { name: /token/ }).filter({ hasText: act }).waitFor();
    }
    await other.context().close();
    await call('DELETE', `/tokens/looks-${mark}`);
  });
  await step('who may only look and goes everywhere is refused nothing, which would be written down for ever', async () => {
    const { secret } = await call('POST', '/tokens', { name: `wanders-${mark}`, ttlSeconds: 3600, projects: ['default'], verbs: ['view'] });
    const other = await (await browser.newContext(VIEW)).newPage();
    other.setDefaultTimeout(30_000);
    await other.addInitScript((t) => sessionStorage.setItem('millwright.token', t), secret);
    // A console asks for a ticket; what is one's own, for which there is no role, a token that is narrowed may not see.
    for (const route of routes.filter((r) => !/\/(console|account)$/.test(r))) {
      for (const path of (await addresses(route)).filter((p) => !p.startsWith('/p/empty'))) {
        await other.goto(url + path);
        await other.getByRole('heading', { level: 1 }).first().waitFor();
        await other.waitForFunction(() => !document.querySelector('[aria-label=Loading]'));
      }
    }
    // What happens leads to no question either that is not allowed.
    await other.goto(`${url}/p/default`);
    await other.getByText('Live', { exact: true }).waitFor();
    const again = other.waitForResponse(/\/summary$/);
    await declare(`apiVersion: millwright/v1\nkind: Size\nmetadata: {name: wanders-${mark}}\nspec: {cores: 1, memory: 1GiB, disk: 1GiB}\n`);
    await again;
    await other.context().close();
    const { items } = await call('GET', '/audit?limit=1000');
    const refused = items.filter((a) => a.who.includes(`wanders-${mark}`) && a.result !== 'done').map((a) => `${a.call}: ${a.detail}`);
    if (refused.length > 0) throw new Error([...new Set(refused)].join('\n'));
    await call('DELETE', `/tokens/wanders-${mark}`);
  });
  await step('who changes one limit of a quota leaves the others, how long a machine may live too', async () => {
    const project = `limited-${mark}`;
    await call('PUT', `/projects/${project}/quota`, { machines: 3, memory: '4GiB', ttl: '8h' });
    await visit(`/p/${project}/projects`);
    await page.getByText('Each machine lives for 8h at most.').waitFor();
    await page.getByRole('button', { name: 'Change quota' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Machines', { exact: true }).fill('5');
    await fits();
    await judge(page, ['light', 'dark']);
    await dialog.getByRole('button', { name: 'Set quota' }).click();
    await dialog.waitFor({ state: 'detached' });
    const { quota } = await call('GET', `/projects/${project}`);
    if (quota.machines !== 5 || quota.memory !== '4GiB' || quota.ttl !== '8h') throw new Error(JSON.stringify(quota));
  });
  await step('what a quota counts is live', async () => {
    const project = `limited-${mark}`;
    await visit(`/p/${project}/projects`);
    await page.getByText('0 MiB, no limit').waitFor(); // of disk
    await page.getByText('Live', { exact: true }).waitFor();
    await declare(`apiVersion: millwright/v1\nkind: Volume\nmetadata: {name: counted}\nspec: {size: 3GiB, hypervisor: sim, reclaim: delete}\n`, project);
    await page.getByText('3 GiB, no limit').waitFor();
    await rest();
    await call('DELETE', `/projects/${project}/volumes/counted`);
    await page.getByText('0 MiB, no limit').waitFor();
  });
}

// ------------------------------------------------------------------------------------------------------------ lists

/** Lists that have nothing in them here, or may: nothing is lost on simulated hypervisors, and nothing has to fail. */
const MAY_BE_EMPTY = ['Orphans', 'Drift', 'Failed operations', 'Members', 'Costs'];

if (wanted('lists')) {
  const labelled = `z-${mark}`; // behind all others, for the first of them are samples
  await step('there are two of what has labels, one of them with a label', async () => {
    const one = (kind, spec) => `apiVersion: millwright/v1\nkind: ${kind}\nmetadata: {name: ${labelled}, labels: {walk: ${labelled}}}\nspec: ${spec}\n`;
    const machine = '{image: debian-12, size: small, nics: [{network: lab}]}';
    await declare(`apiVersion: millwright/v1\nkind: Hypervisor\nmetadata: {name: ${labelled}, project: shared, labels: {walk: ${labelled}}}\nspec: {driver: simulated, cordoned: true, settings: {world: page-${labelled}}}\n`);
    await declare([
      one('Network', '{subnets: [{cidr: 10.9.0.0/24}], attachments: [{hypervisor: sim, bridge: br9}], services: {driver: simulated, settings: {world: page}}}'),
      one('Image', '{os: debian, version: "12", build: {builder: simulated, suite: bookworm}}'),
      one('Volume', '{size: 1GiB, hypervisor: sim}'),
      one('Machine', machine.replace('}]}', '}], power: "off"}')),
      one('Group', `{count: 0, machine: ${machine}}`),
      one('Pool', `{ready: 0, ttl: 4h, machine: ${machine}}`),
      one('Webhook', '{url: "https://receiver.invalid/lists", secret: not-a-secret-of-anybody}'),
      one('Source', '{driver: simulated, url: "file:///simulated/lists"}'),
      one('Offer', `{title: ${labelled}, parameters: [], manifests: []}`.replace('manifests: []', `manifests: [{apiVersion: millwright/v1, kind: Group, metadata: {name: ordered}, spec: {count: 0, machine: ${machine}}}]`)),
    ].join('---\n'));
    await rest();
  });
  const seen = new Set();
  /** What a list shows, from its head to as far as it is drawn; and how many it says that it has. */
  const shows = (list) => list.evaluate((e) => ({
    rows: [...e.querySelectorAll('[role=rowgroup] ~ * [role=row], ul[aria-label] > li')]
      .map((r) => ({ at: Number(r.getAttribute('aria-rowindex') ?? 0), cells: [...(r.matches('li') ? r.querySelectorAll('h2, h3') : r.children)].map((c) => c.textContent ?? '') }))
      .sort((a, b) => a.at - b.at)
      .map((r) => r.cells),
    said: [...e.querySelectorAll('[role=status]')].map((s) => s.textContent ?? '').find((t) => /\d/.test(t)) ?? '',
  }));
  const count = async (list) => Number(/^(?:the newest )?(\d+)/.exec((await shows(list)).said)?.[1] ?? NaN);
  const becomes = (what, list, is) => until(what, async () => is(await count(list)), 15);
  for (const route of routes) {
    const [path] = await addresses(route);
    const at = /\/projects$/.test(route) ? path.replace('/p/default', '/p/-') : path;
    await visit(at);
    const titles = await page.locator('[data-list]').evaluateAll((all) => all.map((e) => e.dataset.list));
    for (const title of titles) {
      await step(`the list ${title} of ${route} is searched, filtered, sorted and shared`, async () => {
        seen.add(title);
        await visit(at);
        const list = page.locator(`[data-list="${title}"]`);
        if (MAY_BE_EMPTY.includes(title) && (await list.locator('[role=row], li').count()) === 0) return;
        await until('it has come', async () => (await count(list)) >= 0, 15);
        const all = await count(list);
        if (all === 0) throw new Error('there is nothing in it to look for');
        const search = list.getByLabel('Search');
        const [first] = (await shows(list)).rows;
        const word = first.slice(0, 2).find((c) => c && !/ ago$|^(just )?now$|^in /.test(c)).split(/\s+/).at(-1);
        // What comes in parts is sorted by time alone while there is more, for the server searches it and does not sort it.
        const parted = (await shows(list)).said.startsWith('the newest');
        await search.fill(`${word} and-nothing-else`);
        await becomes('nothing matches', list, (n) => n === 0);
        await search.fill(word);
        await becomes('what matches is shown', list, (n) => n >= 1 && n <= all);
        const other = await context.newPage();
        try {
          await other.goto(page.url());
          const same = other.locator(`[data-list="${title}"]`);
          const here = (await shows(list)).said.replace(/ of .*/, '');
          await until('another tab shows as many', async () => (await shows(same)).said.replace(/ of .*/, '') === here, 15);
          await search.fill('');
          await becomes('all are there again', list, (n) => n >= all);
          const labels = list.getByLabel('Labels');
          if (await labels.count()) {
            await labels.fill(`walk=${labelled}`);
            await becomes('one has the label', list, (n) => n === 1);
            await labels.fill('');
            await becomes('all are there again', list, (n) => n >= all);
          }
          if (parted) {
            const buttons = await list.getByRole('columnheader').getByRole('button').allTextContents();
            if (buttons.join() !== 'When') throw new Error(`parts are sorted by ${buttons}`);
            return;
          }
          // By what it shows as it is: the other way round, it is the other way round.
          const heads = list.getByRole('columnheader');
          const names = (await heads.allTextContents()).findIndex((t) => /^(Name|What|Event|Machine|Object)$/.test(t));
          const cards = (await heads.count()) === 0;
          const rows = (await shows(list)).rows;
          const by = cards ? 0 : Math.max(names, 0);
          if (new Set(rows.map((r) => r[by])).size < 2) return;
          const column = async () => (await shows(list)).rows.map((r) => r[by]);
          const turn = cards ? list.getByRole('button', { name: 'The other way round' }) : heads.nth(by).getByRole('button');
          if (!cards && (await heads.nth(by).getAttribute('aria-sort')) === 'none') {
            await turn.click();
            await page.waitForURL(/sort=/);
          }
          const up = await column();
          await turn.click();
          await page.waitForURL(/desc=true/);
          const down = await column();
          // But for what has none of it, which is last both ways.
          const there = (cells) => cells.filter((c) => c !== '');
          if (all <= 12 && there(down).join() !== there(up).toReversed().join()) throw new Error(`up ${up}; down ${down}`);
          if ([up, down].some((cells) => cells.slice(0, there(cells).length).includes(''))) throw new Error(`what is missing is not last: up ${up}; down ${down}`);
          if (up[0] === down[0]) throw new Error(`${up[0]} comes first both ways`);
          await other.goto(page.url());
          await until('another tab has the same order', async () => (await shows(same)).rows[0]?.[by] === down[0], 15);
        } finally {
          await other.close();
        }
      });
    }
  }
  await step('every list of the house was looked at', async () => {
    const expected = ['Machines', 'Groups', 'Members', 'Volumes', 'In quarantine', 'Images', 'Networks', 'Hypervisors', 'Operations', 'Orphans', 'Failed operations', 'Events', 'Audit', 'Approvals', 'Projects', 'People', 'API tokens', 'Pools', 'Sources', 'Webhooks', 'Deliveries', 'Catalogue', 'Costs', 'Addresses of 10.0.0.0/24'];
    const missing = expected.filter((e) => !seen.has(e));
    if (missing.length > 0) throw new Error(`not seen: ${missing.join(', ')}`);
  });
  await step('who types a filter by labels goes on typing while it is half written, and is told so', async () => {
    await visit('/p/default/machines');
    const list = page.locator('[data-list=Machines]');
    const labels = list.getByLabel('Labels');
    const told = list.getByRole('status').getByText('is no requirement; write key=value');
    await labels.focus();
    for (const [half, rest] of [['walk=x,', 'y'], ['!', 'old'], ['walk in', ` (${labelled})`]]) {
      await labels.fill('');
      await labels.pressSequentially(half);
      await told.waitFor();
      await list.locator('[aria-invalid=true]').waitFor();
      await page.keyboard.type(rest); // where one is
      if ((await labels.inputValue()) !== half + rest) throw new Error(`of ${half + rest} there is ${await labels.inputValue()}`);
      await told.waitFor({ state: 'detached' });
    }
    await becomes('one has the label', list, (n) => n === 1);
  });
  await step('who scrolls to the end of what comes in parts sees all of it', async () => {
    const sought = `sought-${mark}`;
    await call('PUT', `/projects/default/sizes/${sought}`, `apiVersion: millwright/v1\nkind: Size\nmetadata: {name: ${sought}}\nspec: {cores: 1, memory: 1GiB, disk: 1GiB}\n`, 'application/yaml');
    // A part is a hundred: that much is soon written.
    for (let n = 0; n < 110; n += 10) await Promise.all(Array.from({ length: 10 }, () => call('PUT', '/projects/default/approval-rules', { rules: [{ coresAbove: 1 }] })));
    const written = (await call('GET', '/audit?limit=1000')).items.length;
    if (written <= 100) throw new Error(`${written} acts, which are no more than a part`);
    await visit('/p/-/audit');
    const list = page.locator('[data-list=Audit]');
    await until('the first part is said to be one', async () => (await shows(list)).said === 'the newest 100, newest first', 15);
    // The part is late, and meanwhile something happens for which the list is read anew: it is asked for once more.
    let asked = 0;
    await page.route(/audit\?.*before=/, async (route) => {
      if (asked++ === 0) {
        await declare(`apiVersion: millwright/v1\nkind: Size\nmetadata: {name: ${labelled}}\nspec: {cores: 1, memory: 1GiB, disk: 1GiB}\n`);
        await new Promise((done) => setTimeout(done, 1000));
      }
      await route.continue().catch(() => {}); // it may have been given up
    });
    // What came before them is in no part that has come, and is found.
    await list.getByLabel('Search').fill(sought);
    await until('what is sought is found among all', async () => (await shows(list)).said === '1', 15);
    await list.getByLabel('Search').fill('');
    await until('the first part is there again', async () => (await shows(list)).said === 'the newest 100, newest first', 15);
    await page.mouse.wheel(0, 100_000);
    await until('all have come', async () => /^\d+$/.test((await shows(list)).said) && (await count(list)) >= written, 15);
  });
}

// ---------------------------------------------------------------------------------------------------------- restart

if (parts.includes('restart')) {
  await step('what is open while the server stops says so, and goes on by itself when it starts', async () => {
    const form = await context.newPage();
    await form.goto(`${url}/p/default/new-machine`);
    await form.getByLabel('Name').fill(`kept-${mark}`);
    await visit('/p/default/machines/web');
    await page.getByText('Live', { exact: true }).waitFor();
    console.log('server: stop');
    for (const each of [page, form]) await each.getByText('What you see is as it was last. This page goes on by itself.').waitFor();
    await page.getByText('Reach it').waitFor(); // what was there stays
    await fits();
    await judge(page, ['light', 'dark']);
    await shoot(page, 'restarting');
    await page.getByRole('link', { name: 'Volumes', exact: true }).first().click();
    await page.getByText('The server does not answer. It is asked again by itself.').waitFor(); // nothing was there yet
    console.log('server: start');
    for (const each of [page, form]) await each.getByText('Live', { exact: true }).waitFor({ timeout: 120_000 });
    await page.getByText('orders-of-the-shop-and-everything-else-that-belongs-to-it').first().waitFor();
    await form.getByText(`Machine kept-${mark}`).waitFor(); // its plan
    await declare(`apiVersion: millwright/v1
kind: Volume
metadata: {name: after-${mark}}
spec: {size: 1GiB, hypervisor: sim, reclaim: delete}
`);
    await page.getByText(`after-${mark}`).first().waitFor(); // live again
    await rest();
    await call('DELETE', `/projects/default/volumes/after-${mark}`);
    await form.close();
  });
}

// ---------------------------------------------------------------------------------------------------------- trouble

/** Answers whatever is asked of the API but who is signed in; the stream of changes goes on as long as something answers. */
async function answering(answer, act) {
  const api = /\/api\/v1\/(?!session$)/;
  await page.route(api, (route) => {
    if (!answer) return route.abort();
    return route.request().url().includes('changes=true') ? route.continue() : route.fulfill(answer);
  });
  try {
    await act();
  } finally {
    await page.unroute(api);
  }
}
/** It has its name, says what is wrong and what to do, waits for nothing more, and does not say that there is nothing. */
async function tells(path, words) {
  await page.goto(url + path);
  await heading.waitFor();
  const main = page.getByRole('main');
  for (const word of words) await main.getByRole('alert').filter({ hasText: word }).first().waitFor();
  await settled();
  const nothing = await main.locator('.empty').allTextContents();
  if (nothing.length > 0) throw new Error(`it says "${nothing[0]}", although nobody knows`);
}

/** Places that ask the API for nothing at first: they need no answer to be of use. */
const ASKS_NOTHING = ['/p/$project/manifest'];

if (wanted('trouble')) {
  const asking = routes.filter((r) => !ASKS_NOTHING.includes(r));
  for (const [what, answer, words] of [
    ['the API fails', problem(500, 'Something failed', 'It was written down under 4711.'), ['Something failed', '4711', 'Try again']],
    ['something before the server is at a loss', { status: 503, contentType: 'text/html', body: '<h1>Oh no</h1>' }, ['503', 'Try again']],
    ['one may not see it', problem(403, 'Not allowed', 'It takes the role viewer.'), ['Not allowed', 'role viewer', 'Your account shows']],
  ]) {
    for (const route of asking) {
      await step(`${route} says so when ${what}`, async () => {
        const [path] = await addresses(route);
        await answering(answer, () => tells(path, words));
      });
    }
  }
  for (const route of asking.filter((r) => r.includes('$name') || r.includes('$uid'))) {
    await step(`${route} says so when there is no such thing`, async () => {
      const path = route.replace('$project', 'default').replace('$name', 'nothing-of-this-name').replace('$uid', '01a226a4-6ba0-7749-9b7b-000000000000');
      await page.goto(url + path);
      await heading.waitFor();
      await page.getByRole('main').getByText(/nothing-of-this-name|000000000000/).nth(1).waitFor();
      await settled();
    });
  }
  for (const route of routes) {
    await step(`${route} says so when nothing answers, and goes on when something does`, async () => {
      const [path] = await addresses(route);
      await answering(null, async () => {
        await page.goto(url + path);
        await page.getByText('The server does not answer').first().waitFor();
        await heading.waitFor();
        await settled();
      });
      await page.getByText('This page goes on by itself').first().waitFor({ state: 'detached' });
      await settled();
    });
  }
}

await step('no script failed', async () => {
  if (troubles.length > 0) throw new Error([...new Set(troubles)].join('\n'));
});
await browser.close();
process.exit(failed > 0 ? 1 : 0);
