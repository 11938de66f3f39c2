import Chip from '@mui/material/Chip';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ALL, pluralOf, running, type Operation } from '../api/kinds';
import { operation, useOperations } from '../api/queries';
import { Ago, Card, Empty, PageHead } from '../parts/basics';
import { Choose, useChosen } from '../parts/Choose';
import { DataTable, type Column } from '../parts/DataTable';
import { lasted } from '../parts/format';
import { CancelButton, OperationState, Timeline } from '../parts/operations';
import { PageButton, PageLink } from '../parts/RowLink';

const WORDS = ['running', 'waiting', 'pending', 'undoing', 'failed', 'succeeded', 'cancelled', 'superseded'];

export function Operations() {
  const { project } = useParams({ from: '/p/$project/operations' });
  const { q, kind, name } = useSearch({ from: '/p/$project/operations' });
  const navigate = useNavigate();
  const state = useChosen('state', WORDS);
  const list = useOperations({ project, state, kind, name, q });
  const ofAll = () => void navigate({ to: '.', search: ((before: object) => ({ ...before, kind: undefined, name: undefined })) as never, replace: true });
  return (
    <>
      <PageHead title="Operations" under="What was asked for, by whom, and how it went. Kept for 90 days." />
      <DataTable
        label="Operations"
        of={list}
        columns={operationColumns(project)}
        id={(o) => o.metadata.uid}
        tools={
          <>
            {(kind || name) && <Chip label={`Of ${[kind, name].filter(Boolean).join(' ')}`} color="primary" onDelete={ofAll} />}
            <Choose label="State" at="state" words={WORDS} />
          </>
        }
        empty={<Empty title={state ? `None is ${state}` : 'Nothing was done yet'} />}
      />
    </>
  );
}

const inProject: Column<Operation> = {
  key: 'project',
  title: 'Project',
  width: 'minmax(80px, 0.6fr)',
  wide: true,
  value: (o) => o.metadata.project,
  cell: (o) => o.metadata.project,
};

export const operationColumns = (project: string) => (project === ALL ? everywhere : columns);

const columns: Column<Operation>[] = [
  {
    key: 'when',
    title: 'When',
    width: '100px',
    value: (o) => -Date.parse(o.metadata.createdAt),
    cell: (o) => <Ago when={o.metadata.createdAt} />,
  },
  {
    key: 'what',
    title: 'What',
    width: 'minmax(180px, 1.8fr)',
    value: (o) => o.spec.title,
    cell: (o) => (
      <PageLink to="/p/$project/operations/$uid" params={{ project: o.metadata.project, uid: o.metadata.uid }} underline="hover" sx={{ fontWeight: 600 }}>
        {o.spec.title}
      </PageLink>
    ),
  },
  { key: 'state', title: 'State', width: '120px', value: (o) => o.status.state, cell: (o) => <OperationState of={o} /> },
  { key: 'by', title: 'By', width: 'minmax(80px, 0.7fr)', wide: true, value: (o) => o.spec.requestedBy, cell: (o) => o.spec.requestedBy },
  {
    key: 'took',
    title: 'Took',
    width: '90px',
    wide: true,
    value: (o) => (o.status.startedAt ? Date.parse(o.status.endedAt ?? new Date().toISOString()) - Date.parse(o.status.startedAt) : undefined),
    cell: (o) => lasted(o.status.startedAt, o.status.endedAt),
  },
  {
    key: 'message',
    title: 'Says',
    width: 'minmax(120px, 1.5fr)',
    wide: true,
    value: (o) => o.status.message,
    cell: (o) => (running(o) ? <CancelButton of={o} /> : <span title={o.status.message}>{o.status.message}</span>),
  },
];

const everywhere = [columns[0]!, columns[1]!, inProject, ...columns.slice(2)];

export function OperationPage() {
  const { project, uid } = useParams({ from: '/p/$project/operations/$uid' });
  const found = useQuery(operation(uid));
  const target = found.data?.spec.target;
  return (
    <>
      <PageHead title={found.data?.spec.title ?? 'Operation'} under={<code>{uid}</code>}>
        {(target?.kind === 'Machine' || target?.kind === 'Group') && (
          <PageButton to={`/p/${project}/${pluralOf(target.kind)}/${target.name}` as string} variant="outlined">
            {target.kind} {target.name}
          </PageButton>
        )}
      </PageHead>
      <Card>
        <Timeline uid={uid} />
      </Card>
    </>
  );
}
