import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, SHARED } from '../api/kinds';
import { drift, once, useOperations, useOrphans } from '../api/queries';
import { Ago, Card, Empty, Loading, PageHead, Row, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { MayIn } from '../parts/May';
import { PageLink } from '../parts/RowLink';
import { sentence } from '../parts/text';
import { searchOf } from '../search';
import { DriftCard } from './MachinePage';
import { operationColumns } from './Operations';

/** It has come when its list is drawn. */
const DONE = { loading: false, complete: true, error: null, retry: () => undefined };

/** Machines by what is noted of them, in the order in which it comes first. */
function alike(machines: Schemas['DriftedMachine'][]) {
  const out = new Map<string, Schemas['DriftedMachine'][]>();
  for (const d of machines) {
    const others = out.get(d.note ?? '');
    if (others) {
      others.push(d);
    } else {
      out.set(d.note ?? '', [d]);
    }
  }
  return [...out];
}

/** What the sweep found and does not own up to, and what failed. */
export function Findings() {
  const { project } = useParams({ from: '/p/$project/findings' });
  const found = useOrphans();
  const drifted = useQuery(drift(project));
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const failed = useOperations({ project, state: 'failed', q: searchOf(search, 'failed').q });
  const compared = (d: Schemas['DriftedMachine']) => d.differences.length > 0 || d.repair.length > 0;
  const differing = (drifted.data?.items ?? []).filter(compared);
  // With the reason, which a hypervisor that is away has in common with all its machines.
  const uncompared = alike((drifted.data?.items ?? []).filter((d) => !compared(d)));
  return (
    <>
      <PageHead title="Findings" under="What differs from what is declared, what belongs to nothing declared, and what failed." />
      <Stack sx={{ gap: 3 }}>
        <section>
          <Typography variant="h2" sx={{ mb: 1 }}>
            Drift
          </Typography>
          {drifted.error ? (
            <Trouble error={drifted.error} retry={() => void drifted.refetch()} />
          ) : drifted.isPending ? (
            <Loading lines={2} />
          ) : (
            <Stack sx={{ gap: 2 }}>
              {differing.length === 0 ? (
                <Card>
                  <Typography variant="body2">
                    {drifted.data.compared === 0
                      ? uncompared.length > 0
                        ? 'No machine could be compared with what is declared, so nobody knows whether one differs.'
                        : 'There is no machine to compare with what is declared.'
                      : `None of ${drifted.data.compared} compared ${drifted.data.compared === 1 ? 'machine differs' : 'machines differ'} from what is declared.`}
                  </Typography>
                </Card>
              ) : (
                <div>
                  <DataTable
                    label="Drift"
                    at="drift"
                    of={{ ...DONE, items: differing }}
                    columns={driftColumns}
                    id={(d) => `${d.project}/${d.name}`}
                    card={(d) => <DriftCard of={d} link />}
                    empty={null}
                  />
                </div>
              )}
              {uncompared.length > 0 && (
                <Card title="Not compared now" flush>
                  {uncompared.map(([note, machines]) => (
                    <Row key={note}>
                      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
                        {machines.slice(0, 4).map((d, i) => (
                          <span key={`${d.project}/${d.name}`}>
                            {i > 0 && ', '}
                            <PageLink to="/p/$project/machines/$name" params={{ project: d.project, name: d.name }} underline="always">
                              {d.name}
                            </PageLink>
                          </span>
                        ))}
                        {machines.length > 4 && ` and ${machines.length - 4} more`}
                        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                          {note && sentence(note)}
                        </Typography>
                      </Box>
                    </Row>
                  ))}
                </Card>
              )}
            </Stack>
          )}
        </section>
        <section>
          <Typography variant="h2" sx={{ mb: 2 }}>
            Orphans
          </Typography>
          <DataTable
            label="Orphans"
            at="orphans"
            of={found}
            columns={orphanColumns(project)}
            id={(o) => o.hypervisor + o.object}
            states={kindOf}
            empty={<Empty title="No object with our mark belongs to nothing declared" />}
          />
        </section>
        <section>
          <Typography variant="h2" sx={{ mb: 2 }}>
            Failed operations
          </Typography>
          <DataTable
            label="Failed operations"
            at="failed"
            of={failed}
            columns={operationColumns(project)}
            id={(o) => o.metadata.uid}
            empty={<Empty title="Nothing has failed" />}
          />
        </section>
      </Stack>
    </>
  );
}

const WORDS: Record<string, string> = {
  machine: 'Machine',
  'system-disk': 'System disk',
  'data-disk': 'Data disk',
  medium: 'Medium',
};

const kindOf = (o: Schemas['Orphan']) => WORDS[o.what] ?? o.what;

const driftColumns: Column<Schemas['DriftedMachine']>[] = [
  { key: 'name', title: 'Name', width: '1fr', value: (d) => d.name, cell: (d) => d.name },
  { key: 'project', title: 'Project', width: '1fr', value: (d) => d.project, cell: (d) => d.project },
  { key: 'differs', title: 'Differences', width: '1fr', value: (d) => -d.differences.length, cell: (d) => d.differences.length },
  {
    key: 'fields',
    title: 'Field',
    width: '1fr',
    value: (d) => d.differences.map((f) => `${f.field} ${f.declared} ${f.observed}`).join(' '),
    cell: (d) => d.differences[0]?.field,
  },
];

const orphanColumns = (project: string): Column<Schemas['Orphan']>[] => [
  { key: 'found', title: 'Found', width: '100px', value: (o) => -Date.parse(o.foundAt), cell: (o) => <Ago when={o.foundAt} /> },
  { key: 'what', title: 'What', width: '120px', wide: true, value: kindOf, cell: kindOf },
  { key: 'object', title: 'Object', width: 'minmax(160px, 1.6fr)', value: (o) => o.object, cell: (o) => <code title={o.object}>{o.object}</code> },
  { key: 'hypervisor', title: 'Hypervisor', width: 'minmax(90px, 0.7fr)', wide: true, value: (o) => o.hypervisor, cell: (o) => o.hypervisor },
  { key: 'size', title: 'Size', width: '80px', wide: true, value: (o) => o.size, cell: (o) => o.size ?? '' },
  { key: 'objection', title: 'Says', width: 'minmax(100px, 1.2fr)', wide: true, value: (o) => o.objection, cell: (o) => <span title={o.objection}>{o.objection}</span> },
  { key: 'acts', title: '', width: '180px', value: () => undefined, cell: (o) => <OrphanActs of={o} project={project} /> },
];

function OrphanActs({ of, project }: { of: Schemas['Orphan']; project: string }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState<'adopt' | 'purge' | null>(null);
  const [text, setText] = useState('');
  const act = useMutation({
    mutationFn: async () => {
      if (asking === 'adopt') {
        await unwrap(
          api.POST('/api/v1/orphans/{name}:adopt', {
            params: { path: { name: of.object }, query: { as: text, project: project === ALL ? 'default' : project }, header: once() },
          }),
        );
      } else {
        await unwrap(api.POST('/api/v1/orphans/{name}:purge', { params: { path: { name: of.object } } }));
      }
    },
    onSuccess: () => {
      setAsking(null);
      void queries.invalidateQueries({ queryKey: ['orphans'] });
      void queries.invalidateQueries({ queryKey: ['list', 'volumes'] });
    },
  });
  return (
    <Stack direction="row" sx={{ gap: 0.5, justifyContent: 'flex-end' }}>
      {of.what === 'data-disk' && (
        <MayIn project={SHARED} what="tend">
          {(disabled) => (
            <Button size="small" variant="outlined" disabled={disabled} onClick={() => { setText(''); setAsking('adopt'); }}>
              Adopt
            </Button>
          )}
        </MayIn>
      )}
      <MayIn project={SHARED} what="tend">
        {(disabled) => (
          <Button size="small" variant="outlined" color="error" disabled={disabled || !!of.objection} title={of.objection} onClick={() => { setText(''); setAsking('purge'); }}>
            Purge
          </Button>
        )}
      </MayIn>
      {asking && (
        <Dialog open onClose={() => setAsking(null)} fullWidth maxWidth="xs">
          <DialogTitle>{asking === 'adopt' ? 'Adopt as a volume' : 'Purge for good?'}</DialogTitle>
          <DialogContent>
            <Typography variant="body2" sx={{ mb: 2, overflowWrap: 'anywhere' }}>
              {asking === 'adopt' ? 'It becomes a volume with this name.' : <>It is deleted, and cannot be restored. Type <code>{of.object}</code> to confirm.</>}
            </Typography>
            <TextField fullWidth autoFocus label={asking === 'adopt' ? 'Name' : 'Its name'} value={text} onChange={(e) => setText(e.target.value)} />
            {act.error && <Box sx={{ mt: 2 }}><Trouble error={act.error} /></Box>}
          </DialogContent>
          <DialogActions>
            <Button onClick={() => setAsking(null)}>Cancel</Button>
            <Button
              variant="contained"
              color={asking === 'adopt' ? 'primary' : 'error'}
              disabled={asking === 'adopt' ? !text : text !== of.object}
              loading={act.isPending}
              onClick={() => act.mutate()}
            >
              {asking === 'adopt' ? 'Adopt' : 'Purge'}
            </Button>
          </DialogActions>
        </Dialog>
      )}
    </Stack>
  );
}
