import { useParams, useSearch } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { ALL, KINDS } from '../api/kinds';
import { useEvents } from '../api/queries';
import { Ago, Empty, PageHead } from '../parts/basics';
import { Choose, useChosen } from '../parts/Choose';
import { DataTable, type Column } from '../parts/DataTable';
import { PageLink } from '../parts/RowLink';
import { whereOf } from './where';

type Event = Schemas['Event'];

export function Events() {
  const { project } = useParams({ from: '/p/$project/events' });
  const { q } = useSearch({ from: '/p/$project/events' });
  const kind = useChosen('kind', KINDS);
  const told = useEvents(project, { kind, q });
  return (
    <>
      <PageHead title="Events" under="What happened, as it happens. Kept for seven days." />
      <DataTable
        label="Events"
        of={told}
        columns={project === ALL ? columns : within}
        id={(e) => e.cursor}
        tools={<Choose label="Kind" at="kind" words={KINDS} />}
        empty={<Empty title={kind ? `Nothing has happened to a ${kind}` : 'Nothing has happened yet'} />}
      />
    </>
  );
}

const columns: Column<Event>[] = [
  { key: 'when', title: 'When', width: '100px', value: (e) => -Date.parse(e.at), cell: (e) => <Ago when={e.at} /> },
  {
    key: 'what',
    title: 'What',
    width: 'minmax(150px, 1fr)',
    value: (e) => `${e.kind ?? ''} ${e.name}`,
    cell: (e) => {
      const where = whereOf(e);
      return where ? (
        <PageLink to={where.to} search={(where.search ?? {}) as never} underline="hover" sx={{ fontWeight: 600 }}>
          {e.kind} {e.name}
        </PageLink>
      ) : (
        `${e.kind ?? ''} ${e.name}`
      );
    },
  },
  { key: 'project', title: 'Project', width: 'minmax(80px, 0.5fr)', wide: true, value: (e) => e.project, cell: (e) => e.project },
  { key: 'reason', title: 'Reason', width: 'minmax(110px, 0.7fr)', wide: true, value: (e) => e.reason, cell: (e) => e.reason },
  { key: 'message', title: 'Message', width: 'minmax(200px, 2.4fr)', value: (e) => e.message, cell: (e) => <span title={e.message}>{e.message}</span> },
];

const within = columns.filter((c) => c.key !== 'project');
