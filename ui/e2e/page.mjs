// The page in a real browser, against a real server with a real guest: `node page.mjs URL NAME FIRST-PASSWORD MACHINE`.
// Somebody signs in for the first time, looks around, types at the console of MACHINE, makes a machine of their own,
// rebuilds it and throws it away; lets another one in, and ends what is open. Each page that is seen is judged by axe,
// the main ones in the dark as well.
// REPOSITORY=URL is a Git repository that the server may read, which declares a Group from-git.
// LOGIN=USER:PASSWORD is who can log in at the serial console of MACHINE.
// SHOTS=DIRECTORY keeps pictures of the main ones.
import { readFileSync } from 'node:fs';
import { cut, judge, launch, shoot, VIEW } from './browser.mjs';

const [url, name, password, machine] = process.argv.slice(2);
if (!machine) {
  console.error('page: needs URL NAME FIRST-PASSWORD MACHINE');
  process.exit(2);
}
const login = process.env.LOGIN;
if (!login) {
  console.error('page: LOGIN is to be USER:PASSWORD of who can log in at the console');
  process.exit(2);
}
const BOOT = 600_000; // an emulated guest on a busy machine

const browser = await launch();
const context = await browser.newContext(VIEW);
const troubles = [];
const changed = `${password}, changed`;
/** What nothing that comes from the server may show, nor what is kept in the browser, in any of these forms. */
const HOOK = 'pl4nted/secret+of "the page"';
const forms = (secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(0, -4)];
const secrets = [password, changed, HOOK].flatMap(forms);
const tells = (text) => secrets.find((s) => text.includes(s));
let looked = 0;
async function opened(context) {
  const page = await context.newPage();
  page.on('response', async (r) => {
    if (/event-stream|font|image/.test(r.headers()['content-type'] ?? '')) return;
    const text = await r.text().catch(() => ''); // the page went on meanwhile
    if (text) looked++;
    if (tells(text)) troubles.push(`a secret is in the answer of ${r.request().method()} ${r.url()}`);
  });
  page.setDefaultTimeout(60_000); // a busy machine
  page.on('pageerror', (e) => troubles.push(`script: ${e}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && /Content Security Policy|Uncaught/.test(m.text())) troubles.push(m.text());
  });
  return page;
}
const page = await opened(context);

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
const heading = (text, on = page) => on.getByRole('heading', { name: text, level: 1 }).waitFor();
const button = (name, on = page) => on.getByRole('button', { name, exact: true });
const dialog = () => page.getByRole('dialog').last();
/** Somebody else's browser, or one's own second one. */
async function another(agent, who, secret) {
  const other = await opened(await browser.newContext({ ...VIEW, userAgent: agent }));
  await other.goto(url);
  await other.getByLabel('Name').fill(who);
  await other.getByLabel('Password').fill(secret);
  await button('Sign in', other).click();
  return other;
}
/** By the manifest page, as a person would do it. */
async function declare(yaml) {
  await page.goto(`${url}/p/default/manifest`);
  await page.getByLabel('YAML').fill(yaml);
  await button('Plan').click();
  await button('Apply').click();
  await page.getByRole('heading', { name: 'Done' }).waitFor();
}
async function limitMachines(most) {
  await page.goto(`${url}/p/default/projects`);
  await button('Change quota').click();
  await dialog().getByLabel('Machines').fill(most);
  await button('Set quota', dialog()).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}
// What stands beside the name of a machine, not a word somewhere on its page.
const isReady = (options) => page.locator('div:has(> h1)').getByText('Ready', { exact: true }).waitFor(options);
async function judged(schemes = ['light']) {
  const kept = await page.evaluate(() => document.documentElement.outerHTML + JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  if (tells(kept)) throw new Error('a secret is in the page');
  await judge(page, schemes);
}
const shot = (title) => shoot(page, title);

/** As the page does what it has no form for. */
const api = (method, path, body) => page.evaluate(async ([method, path, body]) => {
  const { csrfToken } = await (await fetch('/api/v1/session')).json();
  const headers = { 'X-CSRF-Token': csrfToken, 'Content-Type': 'application/json' };
  const answer = await fetch(`/api/v1/projects/default/${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}, [method, path, body]);
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
  await page.getByLabel('Present password').fill(password);
  await page.getByLabel('New password', { exact: false }).first().fill(changed);
  await page.getByLabel('New password again').fill(changed);
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
  await judged(['light', 'dark']);
  await shot('machine');
});
for (const [path, title] of [['', 'home'], ['/machines', 'machines'], ['/volumes', 'volumes'], ['/images', 'images'],
  ['/networks/lab', 'network'], ['/hypervisors', 'hypervisors'], ['/operations', 'operations'], ['/findings', 'findings'],
  ['/events', 'events'], ['/manifest', 'manifest'], ['/new-machine', 'new-machine'], ['/groups', 'groups'],
  ['/catalogue', 'catalogue'], ['/pools', 'pools'], ['/sources', 'sources'], ['/webhooks', 'webhooks'], ['/showback', 'showback'],
  ['/approvals', 'approvals'], ['/projects', 'project'], ['/people', 'people'], ['/audit', 'audit'], ['/account', 'account']]) {
  await step(`${title} can be used by everybody (axe)`, async () => {
    await page.goto(`${url}/p/default${path}`);
    await page.getByRole('navigation').first().waitFor();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForLoadState('load');
    await page.getByLabel('Loading').first().waitFor({ state: 'detached' });
    await judged(['light', 'dark']);
    await shot(title);
  });
}
await step('what a new machine will be told is shown before it is made', async () => {
  await page.goto(`${url}/p/default/new-machine`);
  await button('What it will be told').click();
  await page.getByText('as a preview').waitFor();
  await page.locator('pre', { hasText: '#cloud-config' }).waitFor();
  await judged(['light', 'dark']);
});
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
  const seen = (pattern) => page.waitForFunction((p) => new RegExp(p).test(document.querySelector('.xterm-accessibility')?.textContent ?? ''), pattern, { timeout: 120_000 });
  const [who, secret] = login.split(':');
  await typed('Enter', 'login:');
  await page.keyboard.type(`${who}\n`);
  await seen(`${who}[^]*Password:`);
  await page.keyboard.type(`${secret}\n`);
  await seen(`${who}@${machine}`);
  await page.keyboard.type('echo the answer is $((6*7))\n');
  await seen('the answer is 42');
  await page.keyboard.type('exit\n');
  await seen('login:[^]*$');
  await judged();
});
await step('the screen is shown, and takes keys', async () => {
  await page.goto(`${url}/p/default/machines/${machine}/console`);
  await page.getByRole('button', { name: 'Screen', exact: true }).click();
  await page.getByText('Connected to its screen.').waitFor();
  const colours = () => page.evaluate(() => {
    const canvas = document.querySelector('[data-state] canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  for (let tries = 0; (await colours()) < 2; tries++) {
    if (tries > 60) throw new Error('there is nothing on the screen');
    await page.locator('[data-state] canvas').press('Enter');
    await page.waitForTimeout(1000);
  }
  await judged();
  await shot('screen');
});
await step('an offer is published, filled in and ordered', async () => {
  await declare(`apiVersion: millwright/v1
kind: Offer
metadata: {name: page-offer}
spec:
  title: Machines of one shape
  description: So many as you like, all alike.
  parameters:
    - {name: name, type: string, title: Name, pattern: "[a-z-]+", example: web}
    - {name: count, type: integer, title: How many, min: 0, max: 3, preset: 0}
  manifests:
    - apiVersion: millwright/v1
      kind: Group
      metadata: {name: "\${{ name }}"}
      spec: {count: "\${{ count }}", machine: {image: debian-12, size: small, nics: [{network: lab}]}}
`);
  await page.goto(`${url}/p/default/catalogue`);
  await judged();
  await shot('catalogue');
  await page.getByRole('link', { name: 'Order Machines of one shape' }).click();
  await heading('Machines of one shape');
  await page.getByLabel('Name').fill('No: "name"');
  await page.getByText(/does not match/).first().waitFor();
  if (await button('Order').isEnabled()) throw new Error('what is wrong can be ordered');
  await page.getByLabel('Name').fill('by-offer');
  await page.getByLabel('How many').fill('7');
  await page.getByText(/must be 0 to 3/).first().waitFor();
  await page.getByLabel('How many').fill('0');
  await page.getByText('Group by-offer is created').waitFor();
  await page.getByText('millwright.io/ordered-from').waitFor();
  await judged();
  await shot('order');
  await button('Order').click();
  await page.getByText('It is ordered').waitFor();
  await page.goto(`${url}/p/default/groups`);
  await page.getByRole('link', { name: 'by-offer' }).waitFor();
  await api('DELETE', 'groups/by-offer');
  await api('DELETE', 'offers/page-offer');
});
await step('an hour has a price, and the month costs', async () => {
  await page.goto(`${url}/p/default/showback`);
  await button('Change prices').click();
  await dialog().getByLabel('Sizes').fill('small 1.25');
  await button('Set prices', dialog()).click();
  await page.getByText('1.25 EUR').waitFor();
  await page.getByRole('cell', { name: 'small' }).first().waitFor();
  const csv = page.waitForEvent('download');
  await button('As CSV').click();
  const text = readFileSync(await (await csv).path(), 'utf8');
  if (!/^month,project,size,machines,hours,cost,currency\r\n[-0-9]+,default,small,/.test(text)) throw new Error(text);
  await judged();
  await shot('showback');
});
await step('a webhook shows what it told, and tells it again', async () => {
  await declare(`apiVersion: millwright/v1
kind: Webhook
metadata: {name: page-hook}
spec: {url: "https://receiver.invalid/hook", secret: ${JSON.stringify(HOOK)}}
`);
  await declare(`apiVersion: millwright/v1
kind: Group
metadata: {name: page-told}
spec: {count: 0, machine: {image: debian-12, size: small}}
`);
  await page.goto(`${url}/p/default/webhooks`);
  await page.getByRole('link', { name: 'page-hook' }).click();
  await heading('page-hook');
  await page.getByRole('button', { name: /^io\.millwright\./ }).first().click();
  await page.getByLabel('Body').getByText('page-told').waitFor();
  await button('Tell again').first().click();
  await judged();
  await shot('webhook');
  await api('DELETE', 'webhooks/page-hook');
  await api('DELETE', 'groups/page-told');
});
await step('a source that cannot be read says so', async () => {
  await declare(`apiVersion: millwright/v1
kind: Source
metadata: {name: page-source}
spec: {url: "https://git.invalid/machines", branch: main}
`);
  await page.goto(`${url}/p/default/sources`);
  await page.getByRole('link', { name: 'page-source' }).click();
  await heading('page-source');
  await button('Read now').click();
  await page.getByText('wait until somebody approves their plan').waitFor();
  await judged();
  await api('DELETE', 'sources/page-source');
});
await step('a commit is approved: its plan first', async () => {
  const repository = process.env.REPOSITORY;
  if (!repository) throw new Error('REPOSITORY is to be a Git repository that the server may read, with a Group from-git in it');
  await declare(`apiVersion: millwright/v1
kind: Source
metadata: {name: page-git}
spec: {url: "${repository}", branch: main}
`);
  await page.goto(`${url}/p/default/sources/page-git`);
  await heading('page-git');
  const waits = page.getByRole('region', { name: /^Commit [0-9a-f]{10} waits$/ });
  await waits.getByText('from-git').waitFor(); // live
  await judged(['light', 'dark']);
  await shot('source');
  await button('Approve', waits).click();
  await judged();
  await button('Approve', dialog()).click();
  await waits.waitFor({ state: 'detached' });
  await page.getByText('Applied', { exact: true }).first().waitFor();
  await page.goto(`${url}/p/default/groups`);
  await page.getByRole('link', { name: 'from-git' }).waitFor();
  await api('DELETE', 'sources/page-git');
  await api('DELETE', 'groups/from-git');
});
await step('a pool is there to be claimed from', async () => {
  await declare(`apiVersion: millwright/v1
kind: Pool
metadata: {name: page-pool}
spec: {ready: 0, ttl: 1h, machine: {image: debian-12, size: small, nics: [{network: lab}]}}
`);
  await page.goto(`${url}/p/default/pools`);
  await page.getByRole('link', { name: 'page-pool' }).waitFor();
  if (await button('Claim from page-pool').isEnabled()) throw new Error('one can claim from an empty pool');
  await judged();
  await api('DELETE', 'pools/page-pool');
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
await step('a quota that is reached refuses before anything is done', async () => {
  await limitMachines('1');
  await page.getByText(/Machines.*more than allowed|1 of 1|of 1/).first().waitFor();
  await page.goto(`${url}/p/default/new-machine`);
  await page.getByLabel('Name').fill('one-too-many');
  await page.getByText(/\+ 1 of 1: too much/).waitFor();
  await page.getByText(/may have 1/).first().waitFor();
  if (await button('Create machine').isEnabled()) throw new Error('it can be created over the quota');
  await judged();
  await limitMachines('');
});
await step('a machine is made: its plan first', async () => {
  await page.goto(`${url}/p/default/new-machine`);
  await page.getByLabel('Name').fill('by-page');
  await page.getByLabel('Lives').click();
  await page.getByRole('option', { name: '8 hours' }).click();
  await page.getByText('Machine by-page').waitFor();
  await page.getByText('power it on').waitFor();
  await page.getByRole('button', { name: 'What it will be told' }).click();
  await page.getByText(/hashes of passwords are masked/).waitFor();
  await page.locator('pre').getByText(/by-page|cloud-config/).first().waitFor();
  await judged();
  await button('Create machine').click();
  await page.waitForURL('**/machines/by-page');
  await heading('by-page');
});
await step('its end is shown and moved', async () => {
  const end = page.getByRole('region', { name: 'Its end' });
  await end.getByText('in 7 h').waitFor();
  await button('Extend', end).click();
  await dialog().getByLabel('From now on it has').fill('1h');
  await button('Extend', dialog()).click();
  await dialog().getByRole('alert').waitFor(); // no less than it has
  await dialog().getByLabel('From now on it has').fill('30h');
  await button('Extend', dialog()).click();
  await end.getByText('in 29 h').waitFor();
  await page.goto(`${url}/p/default`);
  await page.getByRole('region', { name: 'What runs out soon' }).getByRole('link', { name: 'Machine by-page' }).click();
  await heading('by-page');
});
await step('a group is declared, changed, and goes back', async () => {
  const group = (seconds) => `apiVersion: millwright/v1
kind: Group
metadata: {name: page-group}
spec:
  count: 0
  machine: {image: debian-12, size: small, nics: [{network: lab}], readyTimeoutSeconds: ${seconds}}
`;
  await declare(group(700));
  await declare(group(800));
  await page.goto(`${url}/p/default/groups`);
  await page.getByRole('link', { name: 'page-group' }).click();
  await heading('page-group');
  await page.getByText('0 of 0 have revision 2').waitFor();
  await judged();
  await button('Scale').click();
  await dialog().getByLabel('Count').fill('1');
  await dialog().getByText('Machine page-group-0').waitFor(); // the plan; nothing is made
  await button('Cancel', dialog()).click();
  await button('Pause').click();
  await page.getByText('It is paused').waitFor();
  await button('Continue').click();
  await page.getByText('It is paused').waitFor({ state: 'detached' });
  await page.getByRole('tab', { name: 'Revisions' }).click();
  await page.getByText('+ 800').waitFor();
  await judged();
  await button('Roll back to 1').click();
  await button('Roll back', dialog()).click();
  await button('Roll back to 2').waitFor();
  await button('Delete').click();
  await dialog().getByLabel('Type page-group to confirm').fill('page-group');
  await button('Delete', dialog()).click();
  await page.waitForURL('**/groups');
  await page.getByRole('link', { name: 'page-group' }).waitFor({ state: 'detached', timeout: 60_000 });
});
await step('a token is shown once and revoked', async () => {
  await page.goto(`${url}/p/default/account`);
  await button('New token').click();
  await dialog().getByLabel('Name').fill('page-token');
  await button('Make it', dialog()).click();
  await dialog().getByText(/^mwt_/).waitFor();
  await judged();
  await button('I have it', dialog()).click();
  await button('Revoke page-token').click();
  await button('Revoke', dialog()).click();
  await button('Revoke page-token').waitFor({ state: 'detached' });
});
let vera;
await step('a viewer sees what they may not do, and why', async () => {
  await page.goto(`${url}/p/default/people`);
  await button('New person').click();
  await dialog().getByLabel('Name').fill('vera');
  await button('Make it', dialog()).click();
  await page.getByText('It is shown this once.').waitFor();
  const first = await dialog().locator('code').innerText();
  await button('I have it', dialog()).click();
  await page.goto(`${url}/p/default/projects`);
  await button('Add member').click();
  await dialog().getByLabel('Name').fill('vera');
  await dialog().getByLabel('Role').click();
  await page.getByRole('option', { name: 'viewer' }).click();
  await button('Add', dialog()).click();
  await page.getByRole('cell', { name: 'vera', exact: true }).waitFor();
  vera = await another('Vera', 'vera', first);
  await vera.getByLabel('Present password').fill(first);
  await vera.getByLabel('New password', { exact: false }).first().fill(`${first}, changed`);
  await vera.getByLabel('New password again').fill(`${first}, changed`);
  await vera.locator('form button[type=submit]').click();
  await vera.getByRole('navigation').first().waitFor();
  await vera.goto(`${url}/p/default/machines/${machine}`);
  await heading(machine, vera);
  await vera.getByRole('note', { name: /role user in project default/ }).first().waitFor();
  if (await button('Delete', vera).isEnabled()) throw new Error('a viewer can press Delete');
  const held = [];
  for (const place of ['', '/machines', '/networks', '/networks/lab', '/images', '/volumes', '/groups', '/pools', '/sources', '/webhooks', '/catalogue', '/hypervisors']) {
    await vera.goto(`${url}/p/default${place}`);
    const begins = vera.getByRole('main').getByRole('button', { name: /^(New|Edit)/ }).or(vera.getByRole('main').getByRole('link', { name: /^(New|Edit)/ })).first();
    await begins.waitFor();
    await vera.getByRole('note', { name: /this needs the role/ }).first().waitFor({ timeout: 20_000 }).catch(() => held.push(place));
  }
  if (held.length > 0) throw new Error(`a viewer is offered more than they may do at ${held.join(', ')}`);
  await vera.goto(`${url}/p/default/people`);
  await vera.getByRole('alert').getByText(/role admin/).waitFor();
});
await step('what a rule holds back is approved by a second person', async () => {
  await page.goto(`${url}/p/default/approvals`);
  await page.getByText('Nothing waits for approval').waitFor();
  await api('PUT', 'members/vera', { role: 'operator' });
  await button('Change rules').click();
  await dialog().getByLabel('Cores above').fill('0');
  await judged();
  await button('Set rules', dialog()).click();
  await page.getByText('Somebody else has to approve a machine with more than 0 cores.').waitFor();
  try {
    await page.goto(`${url}/p/default/manifest`);
    await page.getByLabel('YAML').fill(`apiVersion: millwright/v1
kind: Group
metadata: {name: page-held}
spec: {count: 0, machine: {image: debian-12, size: small, nics: [{network: lab}]}}
`);
    await button('Plan').click();
    await button('Apply').click();
    await page.getByText(/Nothing is done yet/).waitFor();
    await page.goto(`${url}/p/default/approvals`);
    await page.getByText('Group page-held is created').waitFor(); // the plan
    await page.getByRole('note', { name: /you asked for it yourself/ }).first().waitFor();
    if (await button('Approve').isEnabled()) throw new Error('one can approve what one has asked for');
    await judged();
    await shot('approvals');
    await vera.goto(`${url}/p/default/approvals`);
    await vera.getByText('Group page-held is created').waitFor();
    await button('Approve', vera).click();
    await vera.getByLabel('Reason').fill('fine with me');
    await button('Approve', vera.getByRole('dialog').last()).click();
    await page.getByText('Nothing waits for approval').waitFor(); // live, at whoever asked
    await page.goto(`${url}/p/default/groups`);
    await page.getByRole('link', { name: 'page-held' }).waitFor();
  } finally {
    await api('PUT', 'approval-rules', { rules: [] });
  }
  await api('DELETE', 'groups/page-held');
});
await step('a person is deleted', async () => {
  await vera.context().close();
  await page.goto(`${url}/p/default/people?who=vera`);
  await button('Delete', dialog()).click();
  await dialog().getByLabel('Type vera to confirm').fill('vera');
  await button('Delete', dialog()).click();
  await page.getByRole('link', { name: 'vera' }).waitFor({ state: 'detached' });
});
await step('a console is cut when its session is ended', async () => {
  const second = await another('Second browser', name, changed);
  await second.getByRole('navigation').first().waitFor();
  await cut(second, url, machine, async () => {
    await page.goto(`${url}/p/default/account`);
    const row = page.locator('section', { hasText: 'Open sessions' }).locator('div', { hasText: 'Second browser' }).last().locator('..');
    await button('End', row).click();
  });
  await heading('Sign in to Millwright', second);
  await second.context().close();
});
await step('the audit has it all, and is whole', async () => {
  await page.goto(`${url}/p/-/audit?who=${name}&q=by-page`);
  await page.getByRole('cell', { name: /by-page/ }).first().waitFor();
  await button('Verify').click();
  await page.getByText(/rows are as they were written/).waitFor();
  await judged();
});
await step('it is seen becoming ready', async () => {
  await page.goto(`${url}/p/default/machines/by-page`);
  await isReady({ timeout: BOOT });
});
await step('it is rebuilt: its plan first', async () => {
  await button('Rebuild').click();
  await dialog().locator('ol li').first().waitFor();
  await judged();
  await button('Rebuild', dialog()).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await isReady({ state: 'detached' });
  await isReady({ timeout: BOOT });
});
await step('a snapshot is taken, gone back to and deleted', async () => {
  const card = page.getByRole('region', { name: 'Snapshots' });
  await card.getByRole('note', { name: /it is on/ }).first().waitFor(); // why not while it runs
  await button('Power off').click();
  await button('Power off', dialog()).click();
  const stands = (word) => page.locator('div:has(> h1)').getByText(word, { exact: true }).waitFor({ timeout: BOOT });
  await stands('Off');
  await page.locator('section[aria-label=Snapshots] button:enabled', { hasText: 'Take one' }).click({ timeout: BOOT });
  await dialog().getByLabel('Name').fill('page-before');
  await dialog().getByLabel('What for').fill('before the upgrade');
  await judged();
  await button('Take it', dialog()).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.locator('button:enabled[aria-label="Revert to page-before"]').click({ timeout: BOOT });
  await dialog().locator('ol li').first().waitFor(); // the plan
  await judged();
  await dialog().getByLabel('Type by-page to confirm').fill('by-page');
  await button('Revert', dialog()).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await card.scrollIntoViewIfNeeded();
  await shot('snapshot');
  // Until it was up it may have to go back to it.
  await page.locator('button:enabled', { hasText: 'Power on' }).click({ timeout: BOOT });
  await isReady({ timeout: BOOT });
  await page.locator('button:enabled[aria-label="Delete page-before"]').click({ timeout: BOOT });
  await button('Delete', dialog()).click();
  await card.getByText('None.').waitFor();
});
await step('it is deleted by typing its name', async () => {
  await page.getByRole('button', { name: 'Delete' }).click();
  const sure = page.getByRole('dialog').getByRole('button', { name: 'Delete' });
  if (await sure.isEnabled()) throw new Error('it can be deleted without typing its name');
  await dialog().getByText('Goes: the machine, its system disk with all that is on it').waitFor();
  await dialog().getByText('Stays: nothing; it has no volumes.').waitFor();
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
await step('no script failed, none was refused, and no answer told a secret', async () => {
  if (looked < 100) throw new Error(`only ${looked} answers were looked at`);
  if (troubles.length > 0) throw new Error(troubles.join('\n'));
});
await browser.close();
process.exit(failed > 0 ? 1 : 0);
