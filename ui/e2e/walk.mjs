// Every place of the page, in a real browser: `node walk.mjs URL TOKEN-FILE [PART...]`, against a server that has
// simulated hypervisors and nothing else yet (e2e/page starts one). The places are those of the page's own router, so a
// new one is walked without being named here; what stands in an address for a name is filled in with something of that kind.
//   walk      nothing is wider than the window, at 390 and 1280 pixels; nothing serious for axe, light and dark
// SHOTS=DIRECTORY keeps pictures of all of them, light and dark.
import { readFileSync } from 'node:fs';
import { judge, launch, shoot, VIEW } from './browser.mjs';

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
    console.log(`FAIL  page: ${title}\n      | ${String(e.message ?? e).split('\n').slice(0, 12).join('\n      | ')}`);
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
    if (cuts && e.textContent && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1 && !e.closest('svg, .xterm')) {
      out.push(`${e.scrollWidth - e.clientWidth} pixels are cut off of ${name(e)}`);
    }
  }
  return out;
});
async function fits(widths = [390, 1280]) {
  const found = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    found.push(...(await tooWide()).map((w) => `at ${width}: ${w}`));
  }
  await page.setViewportSize(VIEW.viewport);
  if (found.length > 0) throw new Error(found.join('\n'));
}

// ------------------------------------------------------------------------------------------------------ the world

const ENDS = ['succeeded', 'failed', 'cancelled', 'superseded'];
const mark = Date.now().toString(36); // so that one server can be walked again
const name = `walker-${mark}`;
let routes = [];
await step('somebody signs in for the first time', async () => {
  const { password } = await call('POST', '/users', { name, displayName: 'Somebody with a rather long name', role: 'admin' });
  await page.goto(url);
  await heading.waitFor();
  await fits();
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('Present password').fill(password);
  await fits();
  await page.getByLabel('New password', { exact: false }).first().fill(`${password}, changed`);
  await page.getByLabel('New password again').fill(`${password}, changed`);
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
const titleOf = (route) => route.replace('/p/$project', '').replace(/[/$]+/g, '-').replace(/^-/, '') || 'home';

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
      }
    });
  }
  await step('a place that does not exist fits', async () => {
    await visit('/p/default/nothing-of-this-name');
    await fits();
    await judge(page, ['light', 'dark']);
  });
}

await step('no script failed', async () => {
  if (troubles.length > 0) throw new Error([...new Set(troubles)].join('\n'));
});
await browser.close();
process.exit(failed > 0 ? 1 : 0);
