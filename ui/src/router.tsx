import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { Missing } from './pages/Missing';
import { Loading } from './parts/basics';
import { lastProject, listSearch, text, type ListSearch } from './search';
import { Shell } from './Shell';

/**
 * A place, loaded when somebody goes there. The library takes one that does not come for one that an update has
 * replaced, and loads the whole page anew; while the server restarts there is nothing that could give that, so it waits.
 */
function place<T extends Record<string, unknown>, K extends keyof T & string>(load: () => Promise<T>, name: K) {
  const waiting = async () => {
    await givingThePage();
    return load();
  };
  return lazyRouteComponent(() => load().catch(waiting), name);
}

async function givingThePage() {
  while (!(await fetch('/', { cache: 'no-store', headers: { Accept: 'text/html' } }).catch(() => null))?.ok) {
    await new Promise((then) => setTimeout(then, 1000));
  }
}

const root = createRootRoute({ component: Shell, notFoundComponent: Missing });

const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/p/$project', params: { project: lastProject() ?? '-' } });
  },
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/p/$project',
  component: place(() => import('./pages/Home'), 'Home'),
});

const machines = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/machines',
  validateSearch: listSearch,
  component: place(() => import('./pages/Machines'), 'Machines'),
});
const newMachine = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/new-machine',
  component: place(() => import('./pages/NewMachine'), 'NewMachine'),
});
const machine = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/machines/$name',
  validateSearch: (raw: Record<string, unknown>): { tab?: string } => {
    const tab = text(raw.tab);
    return tab ? { tab } : {};
  },
  component: place(() => import('./pages/MachinePage'), 'MachinePage'),
});
const machineConsole = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/machines/$name/console',
  validateSearch: (raw: Record<string, unknown>): { show?: 'screen' } => (raw.show === 'screen' ? { show: 'screen' } : {}),
  component: place(() => import('./pages/Console'), 'Console'),
});
const catalogue = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/catalogue',
  validateSearch: listSearch,
  component: place(() => import('./pages/Catalogue'), 'Catalogue'),
});
const order = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/catalogue/$name',
  component: place(() => import('./pages/Catalogue'), 'Order'),
});
const pools = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/pools',
  validateSearch: listSearch,
  component: place(() => import('./pages/Pools'), 'Pools'),
});
const sources = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/sources',
  validateSearch: listSearch,
  component: place(() => import('./pages/Sources'), 'Sources'),
});
const source = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/sources/$name',
  component: place(() => import('./pages/Sources'), 'SourcePage'),
});
const webhooks = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/webhooks',
  validateSearch: listSearch,
  component: place(() => import('./pages/Webhooks'), 'Webhooks'),
});
const webhook = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/webhooks/$name',
  validateSearch: listSearch,
  component: place(() => import('./pages/Webhooks'), 'WebhookPage'),
});
const showback = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/showback',
  validateSearch: (raw: Record<string, unknown>): ListSearch & { month?: string } => {
    const month = text(raw.month);
    return { ...listSearch(raw), ...(month ? { month } : {}) };
  },
  component: place(() => import('./pages/Showback'), 'Showback'),
});
const groups = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/groups',
  validateSearch: listSearch,
  component: place(() => import('./pages/Groups'), 'Groups'),
});
const group = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/groups/$name',
  validateSearch: (raw: Record<string, unknown>): ListSearch & { tab?: string; from?: number; to?: number } => {
    const tab = text(raw.tab);
    return {
      ...listSearch(raw),
      ...(tab ? { tab } : {}),
      ...(typeof raw.from === 'number' ? { from: raw.from } : {}),
      ...(typeof raw.to === 'number' ? { to: raw.to } : {}),
    };
  },
  component: place(() => import('./pages/GroupPage'), 'GroupPage'),
});
const volumes = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/volumes',
  validateSearch: listSearch,
  component: place(() => import('./pages/Volumes'), 'Volumes'),
});
const images = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/images',
  validateSearch: listSearch,
  component: place(() => import('./pages/Images'), 'Images'),
});
const networks = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/networks',
  validateSearch: listSearch,
  component: place(() => import('./pages/Networks'), 'Networks'),
});
const network = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/networks/$name',
  validateSearch: listSearch,
  component: place(() => import('./pages/Networks'), 'NetworkPage'),
});
const hypervisors = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/hypervisors',
  validateSearch: listSearch,
  component: place(() => import('./pages/Hypervisors'), 'Hypervisors'),
});
const operations = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/operations',
  validateSearch: listSearch,
  component: place(() => import('./pages/Operations'), 'Operations'),
});
const operation = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/operations/$uid',
  component: place(() => import('./pages/Operations'), 'OperationPage'),
});
const findings = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/findings',
  validateSearch: listSearch,
  component: place(() => import('./pages/Findings'), 'Findings'),
});
const events = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/events',
  validateSearch: listSearch,
  component: place(() => import('./pages/Events'), 'Events'),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/audit',
  validateSearch: (raw: Record<string, unknown>): ListSearch & { who?: string } => {
    const who = text(raw.who);
    return { ...listSearch(raw), ...(who ? { who } : {}) };
  },
  component: place(() => import('./pages/Audit'), 'Audit'),
});
const approvals = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/approvals',
  validateSearch: listSearch,
  component: place(() => import('./pages/Approvals'), 'Approvals'),
});
const projects = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/projects',
  validateSearch: listSearch,
  component: place(() => import('./pages/Projects'), 'Projects'),
});
const people = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/people',
  validateSearch: (raw: Record<string, unknown>): ListSearch & { who?: string } => {
    const who = text(raw.who);
    return { ...listSearch(raw), ...(who ? { who } : {}) };
  },
  component: place(() => import('./pages/People'), 'People'),
});
const account = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/account',
  validateSearch: listSearch,
  component: place(() => import('./pages/Account'), 'Account'),
});
const manifest = createRoute({
  getParentRoute: () => root,
  path: '/p/$project/manifest',
  validateSearch: (raw: Record<string, unknown>): { kind?: string; name?: string } => {
    const kind = text(raw.kind);
    const name = text(raw.name);
    return { ...(kind ? { kind } : {}), ...(name ? { name } : {}) };
  },
  component: place(() => import('./pages/Manifest'), 'Manifest'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    start,
    home,
    machines,
    newMachine,
    machine,
    machineConsole,
    catalogue,
    order,
    pools,
    sources,
    source,
    webhooks,
    webhook,
    showback,
    groups,
    group,
    volumes,
    images,
    networks,
    network,
    hypervisors,
    operations,
    operation,
    findings,
    events,
    approvals,
    audit,
    projects,
    people,
    account,
    manifest,
  ]),
  defaultPreload: 'intent',
  defaultPendingComponent: Loading,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
