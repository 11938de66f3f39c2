import Box from '@mui/material/Box';
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import { ALL, standing, type Machine, type Operation } from '../api/kinds';
import { useGoing } from '../api/queries';
import { Ago, Empty, PageHead, Until } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { AddIcon } from '../parts/icons';
import { useListed } from '../parts/listed';
import { MayIn } from '../parts/May';
import { Going } from '../parts/operations';
import { PageButton, PageLink } from '../parts/RowLink';

export function Machines() {
  const { project } = useParams({ from: '/p/$project/machines' });
  const machines = useListed('machines', project);
  const ends = useMemo(() => machines.items.some((m) => m.status.expiresAt), [machines.items]);
  const going = useGoing(project, 'Machine');
  const columns = useMemo(
    () => [name, ...(project === ALL ? [inProject] : []), state(going), ...(ends ? rest.toSpliced(rest.length - 1, 0, end) : rest)],
    [project, ends, going],
  );
  const make = (
    <MayIn project={project} what="declare Machine">
      {(disabled) => (
        <PageButton to="/p/$project/new-machine" params={{ project }} variant="contained" startIcon={<AddIcon />} disabled={disabled}>
          New machine
        </PageButton>
      )}
    </MayIn>
  );
  return (
    <>
      <PageHead title="Machines">{make}</PageHead>
      <DataTable
        label="Machines"
        of={machines}
        columns={columns}
        id={(m) => m.metadata.uid}
        states={word}
        labels
        empty={
          <Empty title="No machines yet" action={make}>
            Make one from an image and a size; it takes a minute of your time.
          </Empty>
        }
      />
    </>
  );
}

const word = (m: Machine) => standing(m).word;

const name: Column<Machine> = {
  key: 'name',
  title: 'Name',
  width: 'minmax(140px, 1.4fr)',
  value: (m) => m.metadata.name,
  cell: (m) => (
    <PageLink
      to="/p/$project/machines/$name"
      params={{ project: m.metadata.project, name: m.metadata.name }}
      underline="hover"
      sx={{ fontWeight: 600 }}
    >
      {m.metadata.name}
    </PageLink>
  ),
};

const inProject: Column<Machine> = {
  key: 'project',
  title: 'Project',
  width: 'minmax(80px, 0.8fr)',
  value: (m) => m.metadata.project,
  cell: (m) => m.metadata.project,
};

/** Only where one of them has an end. */
const end: Column<Machine> = {
  key: 'ends',
  title: 'Ends',
  width: '80px',
  wide: true,
  value: (m) => (m.status.expiresAt ? Date.parse(m.status.expiresAt) : undefined),
  cell: (m) => (m.status.expiresAt ? <Until when={m.status.expiresAt} /> : ''),
};

const state = (going: Map<string, Operation>): Column<Machine> => ({
  key: 'state',
  title: 'State',
  width: '128px',
  value: word,
  cell: (m) => <Going standing={standing(m)} by={going.get(m.metadata.uid)} />,
});

const rest: Column<Machine>[] = [
  {
    key: 'address',
    title: 'Address',
    width: 'minmax(120px, 1fr)',
    value: (m) => m.status.interfaces?.flatMap((i) => i.addresses ?? []).join(' '),
    cell: (m) => <Box component="code">{m.status.interfaces?.[0]?.addresses?.[0] ?? ''}</Box>,
  },
  { key: 'image', title: 'Image', width: 'minmax(90px, 0.9fr)', wide: true, value: (m) => m.spec.image, cell: (m) => m.spec.image },
  { key: 'size', title: 'Size', width: 'minmax(70px, 0.6fr)', wide: true, value: (m) => m.spec.size, cell: (m) => m.spec.size },
  {
    key: 'hypervisor',
    title: 'Hypervisor',
    width: 'minmax(80px, 0.8fr)',
    wide: true,
    value: (m) => m.status.hypervisor,
    cell: (m) => m.status.hypervisor ?? '',
  },
  {
    key: 'created',
    title: 'Made',
    width: '90px',
    wide: true,
    // The youngest first, when sorted upward.
    value: (m) => -Date.parse(m.metadata.createdAt),
    cell: (m) => <Ago when={m.metadata.createdAt} />,
  },
];
