import Button from '@mui/material/Button';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, standing, type Kinds } from '../api/kinds';
import { once, quarantine, useCollection } from '../api/queries';
import { Ago, Asked, Card, Empty, PageHead, Quiet, Row, Standing, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { exact } from '../parts/format';
import { MayIn } from '../parts/May';
import { Name, PageLink } from '../parts/RowLink';

type Volume = Kinds['volumes'];

export function Volumes() {
  const { project } = useParams({ from: '/p/$project/volumes' });
  const { labels } = useSearch({ from: '/p/$project/volumes' });
  const volumes = useCollection('volumes', project, labels);
  const machines = useCollection('machines', project);
  const kept = useQuery(quarantine(project));

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
        rows={volumes.items}
        columns={columns}
        id={(v) => v.metadata.uid}
        loading={volumes.loading}
        complete={volumes.complete}
        error={volumes.error}
        retry={volumes.retry}
        states={(v) => standing(v).word}
        labels
        empty={<Empty title="No volumes">A volume is declared with a size, and attached by naming it in a machine.</Empty>}
      />
      <Box sx={{ mt: 3 }}>
        <Card title="In quarantine" flush>
          <Asked of={kept} lines={1}>
            {(all) =>
              all.length === 0 ? (
                <Row>
                  <Quiet>No deleted volume is kept. One that is deleted can be restored from here for some days.</Quiet>
                </Row>
              ) : (
                all.map((q) => <Quarantined key={q.uid} of={q} />)
              )
            }
          </Asked>
        </Card>
      </Box>
    </>
  );
}

function Quarantined({ of }: { of: Schemas['QuarantinedVolume'] }) {
  const queries = useQueryClient();
  const restore = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/projects/{project}/quarantine/{name}:restore', {
          params: { path: { project: of.project, name: of.uid }, header: once() },
        }),
      ),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ['quarantine'] }),
        queries.invalidateQueries({ queryKey: ['list', 'volumes'] }),
      ]),
  });
  return (
    <Row>
      <Box sx={{ flex: 1, minWidth: 0 }}>
        <strong>{of.name}</strong> <Quiet>{of.project}</Quiet>
        {restore.error && <Trouble error={restore.error} />}
      </Box>
      <span>{of.size}</span>
      <Quiet>
        deleted <Ago when={of.since} />
      </Quiet>
      <Typography variant="body2">{of.emptying ? 'being deleted' : `kept until ${exact(of.until)}`}</Typography>
      <MayIn project={of.project} what="operate Volume">
        {(disabled) => (
          <Button size="small" variant="outlined" disabled={disabled || of.emptying} loading={restore.isPending} aria-label={`Restore ${of.name}`} onClick={() => restore.mutate()}>
            Restore
          </Button>
        )}
      </MayIn>
    </Row>
  );
}
