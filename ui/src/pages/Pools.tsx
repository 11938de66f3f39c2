import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap } from '../api/client';
import { ALL, standing, type Kinds } from '../api/kinds';
import { once } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Ago, Empty, PageHead, Standing } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { useListed } from '../parts/listed';
import { MayIn } from '../parts/May';
import { Name, PageLink } from '../parts/RowLink';

type Pool = Kinds['pools'];

/** Machines that are ready before anybody asks, to be taken. */
export function Pools() {
  const { project } = useParams({ from: '/p/$project/pools' });
  const pools = useListed('pools', project);
  const [claiming, setClaiming] = useState<Pool>();
  const make = (
    <Declare project={project} kind="Pool">
      New pool
    </Declare>
  );
  return (
    <>
      <PageHead title="Pools" under="Machines that are ready before anybody asks.">
        {make}
      </PageHead>
      <DataTable
        label="Pools"
        of={pools}
        columns={columns(project === ALL, setClaiming)}
        id={(p) => p.metadata.uid}
        states={(p) => standing(p).word}
        labels
        empty={
          <Empty title="No pools yet" action={make}>
            A pool keeps so many machines ready; whoever claims one has it at once.
          </Empty>
        }
      />
      {claiming && <Claim of={claiming} onClose={() => setClaiming(undefined)} />}
    </>
  );
}

const columns = (all: boolean, claim: (p: Pool) => void): Column<Pool>[] => [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(130px, 1.2fr)',
    value: (p) => p.metadata.name,
    cell: (p) => (
      <PageLink to="/p/$project/manifest" params={{ project: p.metadata.project }} search={{ kind: 'pools', name: p.metadata.name }} underline="hover" sx={{ fontWeight: 600 }}>
        <Name project={all ? p.metadata.project : undefined}>{p.metadata.name}</Name>
      </PageLink>
    ),
  },
  { key: 'state', title: 'State', width: '120px', value: (p) => standing(p).word, cell: (p) => <Standing {...standing(p)} /> },
  { key: 'ready', title: 'Ready', width: '100px', value: (p) => p.status.ready, cell: (p) => `${p.status.ready} of ${p.spec.ready}` },
  { key: 'claimed', title: 'Claimed', width: '90px', wide: true, value: (p) => p.status.claimed, cell: (p) => p.status.claimed },
  { key: 'outdated', title: 'Outdated', width: '90px', wide: true, value: (p) => p.status.outdated, cell: (p) => p.status.outdated },
  { key: 'image', title: 'Image', width: 'minmax(90px, 1fr)', wide: true, value: (p) => p.spec.machine.image, cell: (p) => p.spec.machine.image },
  { key: 'size', title: 'Size', width: '90px', wide: true, value: (p) => p.spec.machine.size, cell: (p) => p.spec.machine.size },
  { key: 'age', title: 'Made', width: '100px', wide: true, value: (p) => p.metadata.createdAt, cell: (p) => <Ago when={p.metadata.createdAt} /> },
  {
    key: 'claim',
    title: '',
    width: '90px',
    value: () => undefined,
    cell: (p) => (
      <MayIn project={p.metadata.project} what="declare Machine">
        {(disabled) => (
          <Button size="small" variant="outlined" disabled={disabled || p.status.ready === 0} aria-label={`Claim from ${p.metadata.name}`} onClick={() => claim(p)}>
            Claim
          </Button>
        )}
      </MayIn>
    ),
  },
];

function Claim({ of, onClose }: { of: Pool; onClose: () => void }) {
  const [ttl, setTtl] = useState('');
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { project, name } = of.metadata;
  return (
    <Ask
      title={`Claim from ${name}`}
      button="Claim"
      act={() =>
        unwrap(api.POST('/api/v1/projects/{project}/pools/{name}:claim', { params: { path: { project, name }, query: ttl ? { ttl } : {}, header: once() } }))
      }
      done={(machine) => {
        void queries.invalidateQueries({ queryKey: ['list'] });
        void navigate({ to: '/p/$project/machines/$name', params: { project, name: machine.metadata.name } });
      }}
      onClose={onClose}
    >
      <TextField
        autoFocus
        label="It lives for"
        value={ttl}
        onChange={(e) => setTtl(e.target.value)}
        placeholder={of.spec.ttl ?? '8h'}
        helperText={`Such as 2h or 3d${of.spec.ttl ? `; ${of.spec.ttl} if you say nothing` : ''}. Then it is deleted.`}
        slotProps={{ inputLabel: { shrink: true } }}
        autoComplete="off"
      />
    </Ask>
  );
}
