import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, standing, type Kinds } from '../api/kinds';
import { actions, once, one } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Ago, Card, Empty, Facts, NotThere, PageHead, Quiet, Row, Standing, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { EventsOf } from '../parts/EventsOf';
import { RefreshIcon } from '../parts/icons';
import { useListed } from '../parts/listed';
import { May } from '../parts/May';
import { Name, PageLink } from '../parts/RowLink';

type Source = Kinds['sources'];

const brief = (commit: string | undefined) => commit?.slice(0, 10) ?? '';

/** Repositories in which declarations are kept. */
export function Sources() {
  const { project } = useParams({ from: '/p/$project/sources' });
  const sources = useListed('sources', project);
  const make = (
    <Declare project={project} kind="Source">
      New source
    </Declare>
  );
  return (
    <>
      <PageHead title="Sources" under="Repositories in which declarations are kept.">
        {make}
      </PageHead>
      <DataTable
        label="Sources"
        of={sources}
        columns={columns(project === ALL)}
        id={(s) => s.metadata.uid}
        states={word}
        labels
        empty={
          <Empty title="No sources yet" action={make}>
            A source is a Git repository: what its manifests say is declared, by itself or when somebody has approved the plan.
          </Empty>
        }
      />
    </>
  );
}

const waits = (s: Source) => s.status.plan !== undefined;
const word = (s: Source) => (waits(s) ? 'Waits' : standing(s).word);

const columns = (all: boolean): Column<Source>[] => [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(130px, 1fr)',
    value: (s) => s.metadata.name,
    cell: (s) => (
      <PageLink to="/p/$project/sources/$name" params={{ project: s.metadata.project, name: s.metadata.name }} underline="hover" sx={{ fontWeight: 600 }}>
        <Name project={all ? s.metadata.project : undefined}>{s.metadata.name}</Name>
      </PageLink>
    ),
  },
  { key: 'state', title: 'State', width: '120px', value: word, cell: (s) => <State of={s} /> },
  { key: 'url', title: 'Repository', width: 'minmax(140px, 2fr)', value: (s) => s.spec.url, cell: (s) => <Box sx={{ overflowWrap: 'anywhere' }}>{s.spec.url}</Box> },
  { key: 'branch', title: 'Branch', width: '100px', wide: true, value: (s) => s.spec.branch, cell: (s) => s.spec.branch },
  { key: 'applied', title: 'Applied', width: '110px', wide: true, value: (s) => s.status.appliedAt, cell: (s) => (s.status.appliedAt ? <Ago when={s.status.appliedAt} /> : <Quiet>never</Quiet>) },
];

function State({ of }: { of: Source }) {
  const s = standing(of);
  return waits(of) ? <Standing health="busy" word="Waits" sentence={s.sentence} /> : <Standing {...s} />;
}

/** One of them: what it has applied, and what waits to be approved. */
export function SourcePage() {
  const { project, name } = useParams({ from: '/p/$project/sources/$name' });
  const found = useQuery(one('sources', project, name));
  const may = useQuery(actions('sources', project, name));
  const queries = useQueryClient();
  const [approving, setApproving] = useState(false);
  const again = () => {
    void queries.invalidateQueries({ queryKey: ['one', 'sources', project, name] });
    void queries.invalidateQueries({ queryKey: ['actions', 'sources', project, name] });
  };
  const sync = useMutation({
    mutationFn: () => unwrap(api.POST('/api/v1/projects/{project}/sources/{name}:sync', { params: { path: { project, name }, header: once() } })),
    onSettled: again,
  });
  if (found.error || !found.data) {
    return <NotThere title={name} of={found} />;
  }
  const { spec, status } = found.data;
  const plan = status.plan;
  return (
    <>
      <PageHead title={name} under={<State of={found.data} />}>
        <May of={may} action="sync">
          {(disabled) => (
            <Button variant="outlined" startIcon={<RefreshIcon />} disabled={disabled} loading={sync.isPending} onClick={() => sync.mutate()}>
              Read now
            </Button>
          )}
        </May>
        <Declare project={project} kind="Source" name={name}>
          Edit
        </Declare>
      </PageHead>
      <Stack sx={{ gap: 2 }}>
        {sync.error && <Trouble error={sync.error} />}
        {plan && (
          <Card
            title={`Commit ${brief(plan.commit)} waits`}
            action={
              <May of={may} action="approve">
                {(disabled) => (
                  <Button variant="contained" size="small" disabled={disabled} onClick={() => setApproving(true)}>
                    Approve
                  </Button>
                )}
              </May>
            }
            flush
          >
            {(plan.items ?? []).map((i) => (
              <Item key={`${i.kind}/${i.name}`} of={i} />
            ))}
            {plan.more > 0 && (
              <Row>
                <Quiet>and {plan.more} more</Quiet>
              </Row>
            )}
          </Card>
        )}
        <Card title="How it stands">
          <Facts
            rows={[
              ['Repository', spec.url],
              ['Branch', spec.branch],
              ['Path', spec.path],
              ['New commits', spec.apply === 'auto' ? 'are applied by themselves' : 'wait until somebody approves their plan'],
              ['What is taken out', spec.prune ? 'is deleted' : 'stays'],
              ['Newest commit', brief(status.seen)],
              ['Applied', status.applied && (<>{brief(status.applied)} {status.appliedAt && <Ago when={status.appliedAt} />}</>)],
              ['Stands', standing(found.data).sentence],
            ]}
          />
        </Card>
        <section>
          <Typography variant="h2" sx={{ mb: 1 }}>
            Events
          </Typography>
          <EventsOf kind="Source" project={project} name={name} />
        </section>
      </Stack>
      {approving && plan && (
        <Ask
          title={`Approve commit ${brief(plan.commit)}`}
          button="Approve"
          danger={(plan.items ?? []).some((i) => i.destroys)}
          act={() =>
            unwrap(
              api.POST('/api/v1/projects/{project}/sources/{name}:approve', { params: { path: { project, name }, query: { commit: plan.commit }, header: once() } }),
            ).finally(again)
          }
          onClose={() => setApproving(false)}
        >
          <span>What this commit declares is applied as its plan says. If the repository has moved on meanwhile, nothing is done.</span>
        </Ask>
      )}
    </>
  );
}

function Item({ of }: { of: Schemas['SourceStatusItem'] }) {
  return (
    <Row>
      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
        {of.kind} <strong>{of.name}</strong> is {of.action}
        {of.impact && <Quiet> ({of.impact})</Quiet>}
        {(of.changes ?? []).length > 0 && (
          <Typography variant="body2" sx={{ color: 'text.secondary' }}>
            {of.changes!.join(', ')}
          </Typography>
        )}
      </Box>
      {of.destroys && <Standing health="bad" word="destroys" />}
    </Row>
  );
}
