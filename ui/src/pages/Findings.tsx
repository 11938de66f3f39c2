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
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, SHARED } from '../api/kinds';
import { drift, once, operations, orphans } from '../api/queries';
import { Ago, Card, Empty, Loading, PageHead, Quiet, Row, Trouble } from '../parts/basics';
import { MayIn } from '../parts/May';
import { OperationState } from '../parts/operations';
import { PageLink } from '../parts/RowLink';
import { sentence } from '../parts/text';
import { DriftCard } from './MachinePage';

/** So many machines are shown with all in which they differ; thousands would take the browser half a minute. */
const SEEN = 60;

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
  const found = useQuery(orphans);
  const drifted = useQuery(drift(project));
  const failed = useQuery(operations({ project, state: 'failed', limit: 20 }));
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
                <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 420px), 1fr))' }}>
                  {differing.slice(0, SEEN).map((d) => (
                    <DriftCard key={`${d.project}/${d.name}`} of={d} link />
                  ))}
                </Box>
              )}
              {differing.length > SEEN && (
                <Quiet>
                  and {differing.length - SEEN} more machines; <code>millwright drift</code> lists all of them.
                </Quiet>
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
          <Typography variant="h2" sx={{ mb: 1 }}>
            Orphans
          </Typography>
          {found.error ? (
            <Trouble error={found.error} retry={() => void found.refetch()} />
          ) : found.isPending ? (
            <Loading lines={2} />
          ) : found.data.length === 0 ? (
            <Card>
              <Typography variant="body2">No object with our mark belongs to nothing declared.</Typography>
            </Card>
          ) : (
            <Card flush>
              {found.data.map((o) => (
                <OrphanRow key={o.hypervisor + o.object} of={o} project={project} />
              ))}
            </Card>
          )}
        </section>
        <section>
          <Typography variant="h2" sx={{ mb: 1 }}>
            Failed operations
          </Typography>
          {failed.error ? (
            <Trouble error={failed.error} retry={() => void failed.refetch()} />
          ) : failed.isPending ? (
            <Loading lines={2} />
          ) : failed.data.length === 0 ? (
            <Card>
              <Empty title="Nothing has failed" />
            </Card>
          ) : (
            <Card flush>
              {failed.data.map((o) => (
                <Row key={o.metadata.uid}>
                  <Box sx={{ width: 104, flex: 'none' }}>
                    <OperationState of={o} />
                  </Box>
                  <Box sx={{ flex: 1, minWidth: 0 }}>
                    <PageLink to="/p/$project/operations/$uid" params={{ project: o.metadata.project, uid: o.metadata.uid }} underline="hover">
                      {o.spec.title}
                    </PageLink>
                    <Typography variant="body2" sx={{ color: 'text.secondary', overflowWrap: 'anywhere' }}>
                      {o.status.message}
                    </Typography>
                  </Box>
                  <Quiet>
                    <Ago when={o.metadata.createdAt} />
                  </Quiet>
                </Row>
              ))}
            </Card>
          )}
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

function OrphanRow({ of, project }: { of: Schemas['Orphan']; project: string }) {
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
    <Row>
      <Box sx={{ width: 110, flex: 'none' }}>{WORDS[of.what] ?? of.what}</Box>
      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
        <code>{of.object}</code> <Quiet>on {of.hypervisor}{of.size ? `, ${of.size}` : ''}</Quiet>
        {of.objection && (
          <Typography variant="body2" sx={{ color: 'text.secondary' }}>
            {of.objection}
          </Typography>
        )}
      </Box>
      <Quiet>
        found <Ago when={of.foundAt} />
      </Quiet>
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
    </Row>
  );
}
