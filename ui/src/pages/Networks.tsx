import Box from '@mui/material/Box';
import Stack from '@mui/material/Stack';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { ALL, standing, type Kinds } from '../api/kinds';
import { addresses, one } from '../api/queries';
import { Ago, Asked, Card, Empty, Facts, NotThere, PageHead, Quiet, Standing, Until } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { useListed } from '../parts/listed';
import { Name, PageLink } from '../parts/RowLink';
import { cellsOf, orderOf } from './addressMap';

type Network = Kinds['networks'];

export function Networks() {
  const { project } = useParams({ from: '/p/$project/networks' });
  const networks = useListed('networks', project);
  const all = project === ALL;
  const columns: Column<Network>[] = [
    {
      key: 'name',
      title: 'Name',
      width: 'minmax(130px, 1fr)',
      value: (n) => n.metadata.name,
      cell: (n) => (
        <PageLink to="/p/$project/networks/$name" params={{ project: n.metadata.project, name: n.metadata.name }} underline="hover" sx={{ fontWeight: 600 }}>
          <Name project={all ? n.metadata.project : undefined}>{n.metadata.name}</Name>
        </PageLink>
      ),
    },
    {
      key: 'subnets',
      title: 'Subnets',
      width: 'minmax(160px, 1.5fr)',
      value: (n) => n.spec.subnets?.map((s) => s.cidr).join(' '),
      cell: (n) => <code>{n.spec.subnets?.map((s) => s.cidr).join(', ')}</code>,
    },
    { key: 'vlan', title: 'VLAN', width: '80px', value: (n) => n.spec.vlan, cell: (n) => n.spec.vlan ?? '' },
    { key: 'domain', title: 'Domain', width: 'minmax(100px, 1fr)', wide: true, value: (n) => n.spec.domain, cell: (n) => n.spec.domain ?? '' },
    {
      key: 'services',
      title: 'DHCP and DNS',
      width: 'minmax(90px, 0.7fr)',
      wide: true,
      value: (n) => n.spec.services?.driver,
      cell: (n) => (standing(n).health === 'bad' ? <Standing {...standing(n)} /> : (n.spec.services?.driver ?? <Quiet>nobody</Quiet>)),
    },
  ];
  return (
    <>
      <PageHead title="Networks">
        <Declare project={project} kind="Network">
          New network
        </Declare>
      </PageHead>
      <DataTable
        label="Networks"
        of={networks}
        columns={columns}
        id={(n) => n.metadata.uid}
        labels
        empty={<Empty title="No networks">A network is declared with its address ranges and with what carries it.</Empty>}
      />
    </>
  );
}

/** One network: who has which of its addresses, and what is free. */
export function NetworkPage() {
  const { project, name } = useParams({ from: '/p/$project/networks/$name' });
  const network = useQuery(one('networks', project, name));
  const subnets = useQuery(addresses(project, name));
  if (network.error || !network.data) {
    return <NotThere title={name} of={network} />;
  }
  const { spec } = network.data;
  const { health, sentence } = standing(network.data);
  return (
    <>
      <PageHead title={name} under={project}>
        <Declare project={project} kind="Network" name={name}>
          Edit
        </Declare>
      </PageHead>
      <Stack sx={{ gap: 2 }}>
        <Card title="What it is">
          <Facts
            rows={[
              ['Domain', spec.domain],
              ['DNS servers', spec.dns?.join(', ')],
              ['VLAN', spec.vlan],
              ['MTU', spec.mtu],
              ['Carried by', spec.attachments?.map((a) => `${a.bridge ?? a.network} of ${a.hypervisor}`).join(', ')],
              ['DHCP and DNS', spec.services && health === 'bad' ? `${spec.services.driver}: ${sentence}` : spec.services?.driver],
            ]}
          />
        </Card>
        <Asked of={subnets}>{(all) => all.map((s, i) => <Subnet key={s.cidr} of={s} at={`a${i}`} />)}</Asked>
      </Stack>
    </>
  );
}

const LOOK = {
  free: { bgcolor: 'transparent', border: 1, borderColor: 'divider', word: 'free' },
  bound: { bgcolor: 'primary.main', border: 1, borderColor: 'primary.main', word: 'taken' },
  cooling: { bgcolor: 'action.disabled', border: 1, borderColor: 'text.disabled', word: 'cooling down' },
  gateway: { bgcolor: 'info.main', border: 1, borderColor: 'info.main', word: 'gateway' },
  reserved: { bgcolor: 'action.hover', border: 1, borderColor: 'transparent', word: 'not given by itself' },
} as const;

function Subnet({ of, at }: { of: Schemas['SubnetAddresses']; at: string }) {
  const cells = cellsOf(of);
  const taken = { items: of.taken, loading: false, complete: true, error: null, retry: () => undefined }; // it has come with the rest
  return (
    <Card title={of.cidr} action={<Quiet>{of.free.toLocaleString()} free, {of.taken.length} taken</Quiet>}>
      {cells && (
        <Box sx={{ mb: 2.5 }}>
          <Box
            role="img"
            aria-label={`Map of ${of.cidr}: ${of.free} free, ${of.taken.length} taken; the list below has each`}
            sx={{ display: 'grid', gridTemplateColumns: 'repeat(auto-fill, 14px)', gap: '4px' }}
          >
            {cells.map((c) => (
              <Box
                key={c.address}
                title={`${c.address} ${c.who ?? LOOK[c.state].word}`}
                sx={{ width: 14, height: 14, borderRadius: 1, bgcolor: LOOK[c.state].bgcolor, border: LOOK[c.state].border, borderColor: LOOK[c.state].borderColor }}
              />
            ))}
          </Box>
          <Stack direction="row" sx={{ gap: 2.5, mt: 1.5, flexWrap: 'wrap' }} aria-hidden>
            {Object.entries(LOOK).map(([state, look]) => (
              <Stack key={state} direction="row" sx={{ gap: 0.75, alignItems: 'center', fontSize: '0.82rem', color: 'text.secondary' }}>
                <Box sx={{ width: 11, height: 11, borderRadius: 0.75, bgcolor: look.bgcolor, border: look.border, borderColor: look.borderColor }} />
                {look.word}
              </Stack>
            ))}
          </Stack>
        </Box>
      )}
      <DataTable
        label={`Addresses of ${of.cidr}`}
        at={at}
        of={taken}
        columns={columns}
        id={(a) => a.address}
        empty={<Empty title="None of its addresses is taken" />}
      />
    </Card>
  );
}

type Taken = Schemas['SubnetAddresses']['taken'][number];

const whoHas = (a: Taken) => a.machine ?? (a.state === 'cooling' ? 'a machine that is gone' : 'a machine of another project');

const columns: Column<Taken>[] = [
  {
    key: 'address',
    title: 'Address',
    width: 'minmax(130px, 1fr)',
    value: (a) => a.address,
    order: (a) => orderOf(a.address),
    cell: (a) => <Box component="code">{a.address}</Box>,
  },
  {
    key: 'machine',
    title: 'Machine',
    width: 'minmax(130px, 1.6fr)',
    value: whoHas,
    cell: (a) =>
      a.machine ? (
        <PageLink to="/p/$project/machines/$name" params={{ project: a.project!, name: a.machine }} underline="hover" sx={{ fontWeight: 600 }}>
          {a.machine}
        </PageLink>
      ) : (
        <Quiet>{whoHas(a)}</Quiet>
      ),
  },
  { key: 'iface', title: 'Interface', width: 'minmax(80px, 0.6fr)', wide: true, value: (a) => a.iface, cell: (a) => a.iface },
  {
    key: 'free',
    title: 'Free again',
    width: '120px',
    value: (a) => (a.coolingUntil ? Date.parse(a.coolingUntil) : undefined),
    cell: (a) => a.coolingUntil && (Date.parse(a.coolingUntil) > Date.now() ? <Until when={a.coolingUntil} /> : <Ago when={a.coolingUntil} />),
  },
];
