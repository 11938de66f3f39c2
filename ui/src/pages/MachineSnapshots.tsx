import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { standing, type Kinds, type Machine } from '../api/kinds';
import { actions, once, refresh, useCollection } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Ago, Card, Loading, Quiet, Row, Standing, Trouble } from '../parts/basics';
import { May, type Said } from '../parts/May';
import { PlanView } from '../parts/plan';

type Snapshot = Kinds['snapshots'];

/** What its system disk was: to be taken, to be gone back to, and to be deleted. */
export function MachineSnapshots({ machine }: { machine: Machine }) {
  const { project, name } = machine.metadata;
  const all = useCollection('snapshots', project);
  const allowed = useQuery(actions('machines', project, name));
  const [dialog, setDialog] = useState<{ act: 'take' } | { act: 'revert' | 'delete'; of: Snapshot } | null>(null);
  const own = all.items.filter((s) => s.spec.machine === name);
  const close = () => setDialog(null);
  return (
    <Card
      title="Snapshots"
      flush
      action={
        <May of={allowed} action="snapshot">
          {(disabled) => (
            <Button size="small" variant="outlined" disabled={disabled} onClick={() => setDialog({ act: 'take' })}>
              Take one
            </Button>
          )}
        </May>
      }
    >
      {all.error && (
        <Row>
          <Trouble error={all.error} retry={all.retry} />
        </Row>
      )}
      {own.map((s) => (
        <One key={s.metadata.uid} of={s} may={allowed} ask={(act) => setDialog({ act, of: s })} />
      ))}
      {own.length === 0 && !all.error && (
        <Row>
          <Quiet>{all.loading ? 'Looking for them.' : 'None. One is taken of the system disk while the machine is off.'}</Quiet>
        </Row>
      )}
      {dialog?.act === 'take' && <Take machine={machine} onClose={close} />}
      {dialog?.act === 'revert' && <Revert machine={machine} of={dialog.of} onClose={close} />}
      {dialog?.act === 'delete' && <Remove of={dialog.of} onClose={close} />}
    </Card>
  );
}

function One({ of, may, ask }: { of: Snapshot; may: Said; ask: (act: 'revert' | 'delete') => void }) {
  const { project, name, createdAt, deletedAt } = of.metadata;
  const own = useQuery(actions('snapshots', project, name));
  return (
    <Row>
      <Stack direction="row" sx={{ flex: 1, minWidth: 0, columnGap: 1.5, rowGap: 0.5, flexWrap: 'wrap', alignItems: 'center' }}>
        <Box sx={{ flex: '1 1 220px', minWidth: 0, overflowWrap: 'anywhere' }}>
          <strong>{name}</strong>
          <Quiet>
            <div>{of.spec.description}</div>
            {of.status.size ?? ''}
            {of.status.size && ', '}
            <Ago when={of.status.takenAt ?? createdAt} />
          </Quiet>
        </Box>
        <Standing {...standing(of)} />
        <Stack direction="row" sx={{ gap: 0.5 }}>
          <May of={may} action="revert">
            {(disabled) => (
              <Button
                size="small"
                variant="outlined"
                aria-label={`Revert to ${name}`}
                disabled={disabled || of.status.stage !== 'taken'}
                onClick={() => ask('revert')}
              >
                Revert
              </Button>
            )}
          </May>
          <May of={own} action="delete">
            {(disabled) => (
              <Button size="small" color="error" aria-label={`Delete ${name}`} disabled={disabled || !!deletedAt} onClick={() => ask('delete')}>
                Delete
              </Button>
            )}
          </May>
        </Stack>
      </Stack>
    </Row>
  );
}

/** Puts what was changed into the lists that show it. */
function useAfter(project: string) {
  const queries = useQueryClient();
  return (machine: string, snapshot?: string) =>
    void Promise.all([
      refresh(queries, 'machines', project, machine),
      ...(snapshot ? [refresh(queries, 'snapshots', project, snapshot)] : []),
      queries.invalidateQueries({ queryKey: ['operations'] }),
      queries.invalidateQueries({ queryKey: ['actions', 'machines', project, machine] }),
    ]);
}

function Take({ machine, onClose }: { machine: Machine; onClose: () => void }) {
  const { project, name: of } = machine.metadata;
  const after = useAfter(project);
  const [name, setName] = useState(`${of}-${new Date().toISOString().slice(0, 16).replace(/[-:]/g, '').replace('T', '-')}`);
  const [description, setDescription] = useState('');
  return (
    <Ask
      title={`Take a snapshot of ${of}`}
      button="Take it"
      ready={name !== ''}
      act={() =>
        unwrap(
          api.POST('/api/v1/projects/{project}/snapshots', {
            params: { path: { project }, header: once() },
            body: {
              apiVersion: 'millwright/v1',
              kind: 'Snapshot',
              metadata: { name },
              spec: { machine: of, ...(description ? { description } : {}) },
            },
          }),
        )
      }
      done={() => after(of, name)}
      onClose={onClose}
    >
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        Its system disk is kept as it is now; its volumes are not in it. The machine stays off until that is done.
      </Typography>
      <TextField autoFocus label="Name" value={name} onChange={(e) => setName(e.target.value.trim())} autoComplete="off" />
      <TextField label="What for" value={description} onChange={(e) => setDescription(e.target.value)} autoComplete="off" />
    </Ask>
  );
}

function Revert({ machine, of, onClose }: { machine: Machine; of: Snapshot; onClose: () => void }) {
  const { project, name } = machine.metadata;
  const snapshot = of.metadata.name;
  const after = useAfter(project);
  const plan = useQuery({
    queryKey: ['plan', 'revert', project, name, snapshot, machine.metadata.revision],
    staleTime: 0,
    queryFn: async () =>
      (await unwrap(
        api.POST('/api/v1/projects/{project}/machines/{name}:revert', {
          params: { path: { project, name }, query: { snapshot, dryRun: true } },
        }),
      )) as Schemas['Apply'],
  });
  return (
    <Ask
      title={`Revert ${name} to ${snapshot}`}
      button="Revert"
      danger
      confirm={name}
      ready={!!plan.data}
      act={() =>
        unwrap(
          api.POST('/api/v1/projects/{project}/machines/{name}:revert', {
            params: { path: { project, name }, query: { snapshot }, header: once() },
          }),
        )
      }
      done={() => after(name)}
      onClose={onClose}
    >
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        What was written to its system disk since then is lost. Its name, addresses and volumes stay. If it does not come up,
        it goes back to the disk that it has now.
      </Typography>
      {plan.isPending ? <Loading lines={3} /> : plan.error ? <Trouble error={plan.error} /> : <PlanView items={plan.data.items} />}
    </Ask>
  );
}

function Remove({ of, onClose }: { of: Snapshot; onClose: () => void }) {
  const { project, name } = of.metadata;
  const after = useAfter(project);
  return (
    <Ask
      title={`Delete ${name}?`}
      button="Delete"
      danger
      act={() =>
        unwrap(api.DELETE('/api/v1/projects/{project}/snapshots/{name}', { params: { path: { project, name } } }))
      }
      done={() => after(of.spec.machine, name)}
      onClose={onClose}
    >
      <Typography variant="body2">
        What {of.spec.machine} was then cannot be had back. The machine itself stays as it is.
      </Typography>
    </Ask>
  );
}
