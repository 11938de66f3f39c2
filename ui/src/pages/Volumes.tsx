import Button from '@mui/material/Button';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, standing, type Kinds } from '../api/kinds';
import { once, quarantine, useCollection, whole } from '../api/queries';
import { Ago, Empty, PageHead, Quiet, Standing, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { exact } from '../parts/format';
import { useListed } from '../parts/listed';
import { MayIn } from '../parts/May';
import { Name, PageLink } from '../parts/RowLink';

type Volume = Kinds['volumes'];

export function Volumes() {
  const { project } = useParams({ from: '/p/$project/volumes' });
  const volumes = useListed('volumes', project);
  const machines = useCollection('machines', project);

  const holder = useMemo(() => {
    const out = new Map<string, string>();
    for (const m of machines.items) {
      m.spec.volumes?.forEach((v) => out.set(`${m.metadata.project}/${v}`, m.metadata.name));
    }
    return (v: Volume) => out.get(`${v.metadata.project}/${v.metadata.name}`);
  }, [machines.items]);

  const columns: Column<Volume>[] = [
    {
      key: 'name',
      title: 'Name',
      width: 'minmax(140px, 1.3fr)',
      value: (v) => v.metadata.name,
      cell: (v) => (
        <PageLink to="/p/$project/manifest" params={{ project: v.metadata.project }} search={{ kind: 'volumes', name: v.metadata.name }} underline="hover" sx={{ fontWeight: 600 }}>
          <Name project={project === ALL ? v.metadata.project : undefined}>{v.metadata.name}</Name>
        </PageLink>
      ),
    },
    { key: 'state', title: 'State', width: '120px', value: (v) => standing(v).word, cell: (v) => <Standing {...standing(v)} /> },
    { key: 'size', title: 'Size', width: '90px', wide: true, value: (v) => v.spec.size, cell: (v) => v.spec.size },
    {
      key: 'machine',
      title: 'Attached to',
      width: 'minmax(110px, 1fr)',
      value: holder,
      cell: (v) =>
        holder(v) ? (
          <PageLink to="/p/$project/machines/$name" params={{ project: v.metadata.project, name: holder(v)! }} underline="hover">
            {holder(v)}
          </PageLink>
        ) : (
          <Quiet>nobody</Quiet>
        ),
    },
    { key: 'hypervisor', title: 'Hypervisor', width: 'minmax(90px, 0.8fr)', wide: true, value: (v) => v.spec.hypervisor, cell: (v) => v.spec.hypervisor },
    { key: 'mount', title: 'Mounted at', width: 'minmax(90px, 0.8fr)', wide: true, value: (v) => v.spec.mount, cell: (v) => v.spec.mount ?? '' },
    {
      key: 'detach',
      title: 'Leaves a machine',
      width: '140px',
      wide: true,
      value: (v) => v.spec.detach ?? 'stopped',
      cell: (v) => (v.spec.detach === 'live' ? 'while it runs' : 'when it stops'),
    },
    {
      key: 'reclaim',
      title: 'When deleted',
      width: '130px',
      wide: true,
      value: (v) => v.spec.reclaim,
      cell: (v) => (v.spec.reclaim === 'delete' ? `kept ${v.spec.quarantineDays ?? 7} days` : 'refused'),
    },
  ];
  return (
    <>
      <PageHead title="Volumes" under="Data disks that outlive the machines they are attached to.">
        <Declare project={project} kind="Volume">
          New volume
        </Declare>
      </PageHead>
      <DataTable
        label="Volumes"
        of={volumes}
        columns={columns}
        id={(v) => v.metadata.uid}
        states={(v) => standing(v).word}
        labels
        empty={<Empty title="No volumes">A volume is declared with a size, and attached by naming it in a machine.</Empty>}
      />
      <Quarantine project={project} />
    </>
  );
}

type Kept = Schemas['QuarantinedVolume'];

const quarantined: Column<Kept>[] = [
  { key: 'name', title: 'Name', width: 'minmax(120px, 1.3fr)', value: (q) => q.name, cell: (q) => <strong>{q.name}</strong> },
  { key: 'project', title: 'Project', width: 'minmax(80px, 0.8fr)', wide: true, value: (q) => q.project, cell: (q) => q.project },
  { key: 'size', title: 'Size', width: '90px', wide: true, value: (q) => q.size, cell: (q) => q.size },
  { key: 'since', title: 'Deleted', width: '100px', wide: true, value: (q) => -Date.parse(q.since), cell: (q) => <Ago when={q.since} /> },
  {
    key: 'until',
    title: 'Kept until',
    width: 'minmax(110px, 1fr)',
    value: (q) => Date.parse(q.until),
    cell: (q) => (q.emptying ? 'being deleted' : exact(q.until)),
  },
];

function Quarantine({ project }: { project: string }) {
  const kept = useQuery(quarantine(project));
  const queries = useQueryClient();
  const restore = useMutation({
    mutationFn: (of: Kept) =>
      unwrap(
        api.POST('/api/v1/projects/{project}/quarantine/{name}:restore', {
          params: { path: { project: of.project, name: of.uid }, header: once() },
        }),
      ),
    onSettled: () =>
      Promise.all([['quarantine'], ['list', 'volumes'], ['approvals']].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
  const { mutate } = restore;
  const going = restore.isPending ? restore.variables.uid : undefined;
  const columns = useMemo<Column<Kept>[]>(
    () => [
      ...quarantined.filter((c) => project === ALL || c.key !== 'project'),
      {
        key: 'restore',
        title: '',
        width: '110px',
        value: () => undefined,
        cell: (q) => <Restore of={q} going={q.uid === going} onClick={() => mutate(q)} />,
      },
    ],
    [project, going, mutate],
  );
  return (
    <Box component="section" sx={{ mt: 3 }}>
      <Typography variant="h2" sx={{ mb: 2 }}>
        In quarantine
      </Typography>
      {restore.error && (
        <Box sx={{ mb: 2 }}>
          <Trouble error={restore.error} />
        </Box>
      )}
      <DataTable
        label="In quarantine"
        at="quarantine"
        of={whole(kept)}
        columns={columns}
        id={(q) => q.uid}
        empty={<Empty title="No deleted volume is kept">One that is deleted can be restored from here for some days.</Empty>}
      />
    </Box>
  );
}

function Restore({ of, going, onClick }: { of: Kept; going: boolean; onClick: () => void }) {
  return (
    <MayIn project={of.project} what="operate Volume">
      {(disabled) => (
        <Button
          size="small"
          variant="outlined"
          disabled={disabled || of.emptying}
          loading={going}
          aria-label={`Restore ${of.name}`}
          onClick={onClick}
        >
          Restore
        </Button>
      )}
    </MayIn>
  );
}
