import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import Tab from '@mui/material/Tab';
import Tabs from '@mui/material/Tabs';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { running, SHARED, standing, type Machine } from '../api/kinds';
import { actions, customisation, drift, once, one, operations, refresh, usage, useCollection } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Ago, Asked, Card, Copyable, Empty, Facts, HIDDEN, Loading, NotThere, PageHead, Quiet, Row, Standing, Trouble, Until } from '../parts/basics';
import { Declare } from '../parts/Declare';
import { AutorenewIcon, DeleteIcon, PowerSettingsNewIcon, RestartAltIcon, TerminalIcon } from '../parts/icons';
import { DeleteDialog } from '../parts/DeleteDialog';
import { EventsOf } from '../parts/EventsOf';
import { Folded } from '../parts/Folded';
import { bytes, exact, perSecond } from '../parts/format';
import { May } from '../parts/May';
import { MachineSnapshots } from './MachineSnapshots';
import { OperationsOf } from '../parts/OperationsOf';
import { Going, Timeline } from '../parts/operations';
import { PlanView } from '../parts/plan';
import { reached } from '../parts/reached';
import { PageButton, PageLink } from '../parts/RowLink';
import { Sparkline } from '../parts/Sparkline';

export function MachinePage() {
  const { project, name } = useParams({ from: '/p/$project/machines/$name' });
  const { tab = 'overview' } = useSearch({ from: '/p/$project/machines/$name' });
  const navigate = useNavigate();
  const found = useQuery(one('machines', project, name));
  const history = useQuery({
    ...operations({ project, kind: 'Machine', name, limit: 20 }),
    refetchInterval: (q) => (q.state.data?.some(running) ? 2000 : false), // steps tell their part without an event
  });
  const machine = found.data;
  const latest = history.data?.[0];
  if (found.error || !machine) {
    return (
      <>
        <NotThere title={name} of={found} />
        {found.error && latest && (
          <Box sx={{ mt: 2 }}>
            <Card title={`The last operation: ${latest.spec.title}`}>
              <Timeline uid={latest.metadata.uid} />
            </Card>
          </Box>
        )}
      </>
    );
  }
  const s = standing(machine);
  const at = latest && running(latest) ? latest : undefined;
  return (
    <>
      <PageHead
        title={name}
        under={
          <Stack direction="row" sx={{ columnGap: 1.5, alignItems: 'center', flexWrap: 'wrap' }}>
            <Going standing={s} by={at} />
            <span>{(s.health === 'busy' && at && reached(at).step) || s.sentence}</span>
          </Stack>
        }
      >
        <Actions machine={machine} />
      </PageHead>
      {/* Whoever does not see it hears when it is ready, and not of each percent. */}
      <Box role="status" sx={HIDDEN}>
        {name}: {s.word}
      </Box>
      <Tabs
        value={tab}
        onChange={(_, next: string) =>
          void navigate({ to: '.', search: next === 'overview' ? {} : { tab: next }, replace: true })
        }
        variant="scrollable"
        sx={{ mb: 2, borderBottom: 1, borderColor: 'divider', minHeight: 42, '& .MuiTab-root': { minHeight: 42 } }}
      >
        <Tab value="overview" label="Overview" />
        <Tab value="operations" label="Operations" />
        <Tab value="events" label="Events" />
        <Tab value="drift" label="Drift" />
      </Tabs>
      {tab === 'overview' && <Overview machine={machine} latest={latest} />}
      {tab === 'operations' && <OperationsOf kind="Machine" project={project} name={name} />}
      {tab === 'events' && <EventsOf kind="Machine" project={project} name={name} />}
      {tab === 'drift' && <MachineDrift machine={machine} />}
    </>
  );
}

function Overview({ machine, latest }: { machine: Machine; latest: Schemas['Operation'] | undefined }) {
  const { project, name } = machine.metadata;
  const volumes = useCollection('volumes', project);
  const labels = Object.entries(machine.metadata.labels);
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) minmax(0, 1.15fr)' }, alignItems: 'start' }}>
      <Stack sx={{ gap: 2, minWidth: 0 }}>
        {machine.status.expiresAt && <Ends machine={machine} at={machine.status.expiresAt} />}
        <Card title="Reach it">
          <Facts
            rows={[
              ['SSH', machine.status.interfaces?.some((i) => i.addresses?.length) && <SshLine key="ssh" machine={machine} />],
              ...(machine.status.interfaces ?? []).flatMap((i): [string, ReactNode][] =>
                (i.addresses ?? []).map((a) => [`${i.name} on ${i.network}`, <Copyable key={a} text={a} what="address" />]),
              ),
            ]}
          />
          {!machine.status.interfaces?.some((i) => i.addresses?.length) ? (
            <Typography variant="body2" sx={{ color: 'text.secondary' }}>
              It has no address yet.
            </Typography>
          ) : (
            standing(machine).health === 'busy' && (
              <Typography variant="body2" sx={{ mt: 1, color: 'text.secondary' }}>
                It does not answer there yet; it says Ready here when it does.
              </Typography>
            )
          )}
        </Card>
        <Usage project={project} name={name} />
        <Card title="What it is">
          <Facts
            rows={[
              ['Project', project],
              ['Image', machine.spec.image],
              ['Size', machine.spec.size],
              ['Profiles', machine.spec.profiles?.join(', ')],
              ['Hypervisor', machine.status.hypervisor],
              ['Firmware', machine.status.firmware ?? machine.spec.firmware],
              ['Power', machine.status.power && `${machine.status.power}${machine.spec.power && machine.spec.power !== machine.status.power ? `, declared ${machine.spec.power}` : ''}`],
              ['Ready by', machine.status.readyBy],
              ['MAC', machine.status.interfaces?.map((i) => i.mac).filter(Boolean).join(', ')],
              ['Made', <Ago key="made" when={machine.metadata.createdAt} />],
              [
                'Labels',
                labels.length > 0 && (
                  <Stack key="labels" direction="row" sx={{ gap: 0.5, flexWrap: 'wrap' }}>
                    {labels.map(([k, v]) => (
                      <Chip key={k} size="small" variant="outlined" label={`${k}=${v}`} />
                    ))}
                  </Stack>
                ),
              ],
              ['Generation', machine.metadata.generation],
            ]}
          />
        </Card>
        <Folded title="Where its customisation comes from">
          <Customisation project={project} name={name} />
        </Folded>
        {(machine.spec.volumes?.length ?? 0) > 0 && (
          <Card title="Volumes" flush>
            {machine.spec.volumes!.map((v) => {
              const volume = volumes.items.find((x) => x.metadata.name === v);
              return (
                <Row key={v}>
                  <Box sx={{ flex: 1 }}>{v}</Box>
                  <Quiet>{volume?.spec.size}</Quiet>
                  <Quiet>{volume?.spec.mount}</Quiet>
                  {volume && <Standing {...standing(volume)} />}
                </Row>
              );
            })}
          </Card>
        )}
        <MachineSnapshots machine={machine} />
        <Card title="Conditions" flush>
          {(machine.status.conditions ?? []).map((c) => (
            <Row key={c.type} wrap>
              <Box sx={{ minWidth: 116, flex: 'none' }}>
                <Standing
                  health={
                    c.value === 'unknown' ? 'unknown' : (c.value === 'true') === !['Held', 'Drifted'].includes(c.type) ? 'good' : s0(machine)
                  }
                  word={c.type}
                />
              </Box>
              <Box className="long">{c.message || c.reason}</Box>
              <Quiet>
                <Ago when={c.since} />
              </Quiet>
            </Row>
          ))}
          {!machine.status.conditions?.length && <Row><Quiet>Nothing is known of it yet.</Quiet></Row>}
        </Card>
        {(machine.status.scripts?.length ?? 0) > 0 && (
          <Card title="First boot scripts" flush>
            {machine.status.scripts!.map((r) => (
              <Box key={r.name} sx={{ px: 2.25, py: 1.1, borderTop: 1, borderColor: 'divider' }}>
                <Standing health={r.exitCode === 0 ? 'good' : 'bad'} word={r.name} />{' '}
                <Quiet>exit code {r.exitCode}</Quiet>
                {r.output && (
                  <Box component="pre" sx={{ m: 0, mt: 0.5, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                    {r.output}
                  </Box>
                )}
              </Box>
            ))}
          </Card>
        )}
      </Stack>
      {/* Below one another, what goes on or went wrong is what one has come to see. */}
      <Box sx={{ minWidth: 0, order: { xs: latest && latest.status.state !== 'succeeded' ? -1 : 0, lg: 0 } }}>
        <Card title={latest ? latest.spec.title.replace(` Machine ${name}`, '').replace(/^./, (c) => c.toUpperCase()) : 'Operations'}>
          {latest ? <Timeline key={latest.metadata.uid} uid={latest.metadata.uid} /> : <Quiet>Nothing was done yet.</Quiet>}
        </Card>
      </Box>
    </Box>
  );
}

/** Which layer sets each value that its next system will have. */
function Customisation({ project, name }: { project: string; name: string }) {
  const found = useQuery(customisation(project, name));
  return (
    <Asked of={found} lines={3}>
      {(origins) =>
        origins.length === 0 ? (
          <Quiet>No Network, Profile or Group sets anything, nor does the machine itself.</Quiet>
        ) : (
          <>
            <Facts rows={origins.map((o) => [o.field, o.from])} />
            <Typography variant="body2" sx={{ mt: 1.5, color: 'text.secondary' }}>
              Of Network, Profiles, Group and machine the later wins. A change reaches it when it is rebuilt.
            </Typography>
          </>
        )
      }
    </Asked>
  );
}

/** What it uses of its host, and how that was in the last half hour. */
function Usage({ project, name }: { project: string; name: string }) {
  const { data } = useQuery(usage(project, name));
  const latest = data?.now.latest;
  if (!data || !latest) {
    return null; // it is off, or its hypervisor does not tell
  }
  const figures: { title: string; now: string | undefined; values: (number | undefined)[] }[] = [
    {
      title: 'CPU',
      now: latest.cores === undefined ? undefined : `${latest.cores.toFixed(2)} of ${data.now.cores} cores`,
      values: data.history.map((l) => l.cores),
    },
    {
      // What runs it takes some besides its own, an emulator a lot.
      title: 'Memory of the host',
      now:
        latest.memoryBytes === undefined
          ? undefined
          : `${bytes(Math.round(latest.memoryBytes / 1_048_576))}, it has ${bytes(data.now.memoryBytes / 1_048_576)}`,
      values: data.history.map((l) => l.memoryBytes),
    },
    { title: 'Disk read', now: rate(latest.diskReadBytes), values: data.history.map((l) => l.diskReadBytes) },
    { title: 'Disk written', now: rate(latest.diskWrittenBytes), values: data.history.map((l) => l.diskWrittenBytes) },
    { title: 'Received', now: rate(latest.receivedBytes), values: data.history.map((l) => l.receivedBytes) },
    { title: 'Sent', now: rate(latest.sentBytes), values: data.history.map((l) => l.sentBytes) },
  ];
  return (
    <Card title="What it uses" action={<Quiet><Ago when={latest.at} /></Quiet>}>
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', sm: 'repeat(2, minmax(0, 1fr))' } }}>
        {figures.filter((f) => f.now !== undefined).map((f) => (
          <Box key={f.title}>
            <Box sx={{ display: 'flex', justifyContent: 'space-between', gap: 1, fontSize: '0.86rem' }}>
              <span>{f.title}</span>
              <Quiet>{f.now}</Quiet>
            </Box>
            <Sparkline values={f.values} label={`${f.title} in the last half hour`} />
          </Box>
        ))}
      </Box>
    </Card>
  );
}

const rate = (n: number | undefined) => (n === undefined ? undefined : perSecond(n));

/** When it is deleted by itself, and how to move that. */
function Ends({ machine, at }: { machine: Machine; at: string }) {
  const { project, name } = machine.metadata;
  const allowed = useQuery(actions('machines', project, name));
  const queries = useQueryClient();
  const [ttl, setTtl] = useState<string | null>(null);
  const leash = machine.spec.expiry?.leash;
  return (
    <Card
      title="Its end"
      action={
        <May of={allowed} action="extend">
          {(disabled) => (
            <Button size="small" variant="outlined" disabled={disabled} onClick={() => setTtl('8h')}>
              Extend
            </Button>
          )}
        </May>
      }
    >
      <Typography variant="body2">
        It is deleted <Until when={at} />, on {exact(at)}. Its volumes stay.
        {leash && ` Without a heartbeat for ${leash} it is deleted before.`}
      </Typography>
      {ttl !== null && (
        <Ask
          title={`Extend ${name}`}
          button="Extend"
          ready={ttl !== ''}
          act={() =>
            unwrap(
              api.POST('/api/v1/projects/{project}/machines/{name}:extend', {
                params: { path: { project, name }, query: { ttl }, header: once() },
              }),
            )
          }
          done={() => void refresh(queries, 'machines', project, name)}
          onClose={() => setTtl(null)}
        >
          <TextField
            autoFocus
            label="From now on it has"
            value={ttl}
            onChange={(e) => setTtl(e.target.value.trim())}
            helperText="A number with s, m, h or d, such as 8h or 30d; no less than it has anyway."
            autoComplete="off"
          />
          <Stack direction="row" sx={{ gap: 0.75 }}>
            {['1h', '8h', '1d', '7d', '30d'].map((t) => (
              <Chip key={t} label={t} variant={ttl === t ? 'filled' : 'outlined'} onClick={() => setTtl(t)} />
            ))}
          </Stack>
        </Ask>
      )}
    </Card>
  );
}

const s0 = (machine: Machine) => {
  const health = standing(machine).health;
  return health === 'busy' || health === 'off' ? health : 'bad';
};

/** With the user of its profiles, as the command line does it. */
function SshLine({ machine }: { machine: Machine }) {
  const { project } = machine.metadata;
  const profiles = useQueries({
    queries: (machine.spec.profiles ?? []).flatMap((p) => [one('profiles', project, p), one('profiles', SHARED, p)]).map((q) => ({ ...q, staleTime: 60_000 })),
  });
  const user = profiles.flatMap((p) => p.data?.spec.users ?? [])[0]?.name;
  const address = machine.status.interfaces?.flatMap((i) => i.addresses ?? [])[0];
  return address ? <Copyable text={`ssh ${user ? `${user}@` : ''}${address}`} what="SSH line" /> : null;
}

function Actions({ machine }: { machine: Machine }) {
  const { project, name } = machine.metadata;
  const queries = useQueryClient();
  const allowed = useQuery(actions('machines', project, name));
  const [dialog, setDialog] = useState<'rebuild' | 'delete' | 'off' | null>(null);
  const after = () =>
    Promise.all([
      refresh(queries, 'machines', project, name),
      queries.invalidateQueries({ queryKey: ['operations'] }),
      queries.invalidateQueries({ queryKey: ['actions', 'machines', project, name] }),
    ]);
  const act = useMutation({
    mutationFn: (verb: 'power-on' | 'power-off' | 'reset') =>
      unwrap(
        api.POST(`/api/v1/projects/{project}/machines/{name}:${verb}` as '/api/v1/projects/{project}/machines/{name}:reset', {
          params: { path: { project, name }, header: once() },
        }),
      ),
    onSettled: after,
  });
  const off = machine.spec.power === 'off';
  const volumes = machine.spec.volumes ?? [];
  return (
    <>
      <May of={allowed} action="console">
        {(disabled) => (
          <PageButton to="/p/$project/machines/$name/console" params={{ project, name }} variant={off ? 'outlined' : 'contained'} startIcon={<TerminalIcon />} disabled={disabled}>
            Console
          </PageButton>
        )}
      </May>
      <May of={allowed} action={off ? 'power-on' : 'power-off'}>
        {(disabled) => (
          <Button
            variant={off ? 'contained' : 'outlined'}
            startIcon={<PowerSettingsNewIcon />}
            disabled={disabled}
            loading={act.isPending && act.variables !== 'reset'}
            onClick={() => (off ? act.mutate('power-on') : setDialog('off'))}
          >
            {off ? 'Power on' : 'Power off'}
          </Button>
        )}
      </May>
      <May of={allowed} action="reset">
        {(disabled) => (
          <Button
            variant="outlined"
            startIcon={<RestartAltIcon />}
            disabled={disabled || off}
            loading={act.isPending && act.variables === 'reset'}
            onClick={() => act.mutate('reset')}
          >
            Reset
          </Button>
        )}
      </May>
      <May of={allowed} action="rebuild">
        {(disabled) => (
          <Button variant="outlined" startIcon={<AutorenewIcon />} disabled={disabled} onClick={() => setDialog('rebuild')}>
            Rebuild
          </Button>
        )}
      </May>
      <Declare project={project} kind="Machine" name={name}>
        Edit
      </Declare>
      <May of={allowed} action="delete">
        {(disabled) => (
          <Button variant="outlined" color="error" startIcon={<DeleteIcon />} disabled={disabled} onClick={() => setDialog('delete')}>
            Delete
          </Button>
        )}
      </May>
      {act.error && (
        <Box sx={{ flexBasis: '100%' }}>
          <Trouble error={act.error} />
        </Box>
      )}
      {dialog === 'rebuild' && <Rebuild machine={machine} onClose={() => setDialog(null)} after={after} />}
      {dialog === 'delete' && (
        <DeleteDialog
          plural="machines"
          project={project}
          name={name}
          goes="the machine, its system disk with all that is on it, its snapshots, its addresses and its names."
          stays={volumes.length > 0 ? `volume${volumes.length > 1 ? 's' : ''} ${volumes.join(', ')}.` : 'nothing; it has no volumes.'}
          onClose={() => setDialog(null)}
        />
      )}
      {dialog === 'off' && (
        <Dialog open onClose={() => setDialog(null)}>
          <DialogTitle>Power off {name}?</DialogTitle>
          <DialogContent>
            The guest is asked to shut down; when it does not, its power is cut. It stays off until it is powered on again.
          </DialogContent>
          <DialogActions>
            <Button onClick={() => setDialog(null)}>Keep running</Button>
            <Button
              variant="contained"
              onClick={() => {
                setDialog(null);
                act.mutate('power-off');
              }}
            >
              Power off
            </Button>
          </DialogActions>
        </Dialog>
      )}
    </>
  );
}

function Rebuild({ machine, onClose, after }: { machine: Machine; onClose: () => void; after: () => Promise<unknown> }) {
  const { project, name } = machine.metadata;
  const [image, setImage] = useState(machine.spec.image);
  const own = useCollection('images', project);
  const shared = useCollection('images', SHARED);
  const names = [...new Set([machine.spec.image, ...own.items.map((i) => i.metadata.name), ...shared.items.map((i) => i.metadata.name)])].sort();
  const query = image === machine.spec.image ? {} : { image };
  const plan = useQuery({
    queryKey: ['plan', 'rebuild', project, name, image, machine.metadata.revision],
    staleTime: 0,
    queryFn: async () =>
      (await unwrap(
        api.POST('/api/v1/projects/{project}/machines/{name}:rebuild', {
          params: { path: { project, name }, query: { ...query, dryRun: true } },
        }),
      )) as Schemas['Apply'],
  });
  const rebuild = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/projects/{project}/machines/{name}:rebuild', {
          params: { path: { project, name }, query, header: once() },
        }),
      ),
    onSuccess: async () => {
      await after();
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm">
      <DialogTitle>Rebuild {name}</DialogTitle>
      <DialogContent>
        <Typography variant="body2" sx={{ mb: 2, color: 'text.secondary' }}>
          It gets a new system disk. Its name, addresses and volumes stay. If the new system does not come up, it goes back to
          the old one.
        </Typography>
        <TextField select fullWidth label="Image" value={image} onChange={(e) => setImage(e.target.value)} sx={{ mb: 2 }}>
          {names.map((i) => (
            <MenuItem key={i} value={i}>
              {i}
            </MenuItem>
          ))}
        </TextField>
        {plan.isPending ? <Loading lines={3} /> : plan.error ? <Trouble error={plan.error} /> : <PlanView items={plan.data.items} />}
        {rebuild.error && <Trouble error={rebuild.error} />}
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          variant="contained"
          color="error"
          disabled={!plan.data}
          loading={rebuild.isPending}
          onClick={() => rebuild.mutate()}
        >
          Rebuild
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function MachineDrift({ machine }: { machine: Machine }) {
  const { project, name } = machine.metadata;
  const found = useQuery(drift(project, { machine: name }));
  return (
    <Asked of={found}>
      {({ items: [mine] }) =>
        mine ? (
          <DriftCard of={mine} />
        ) : (
          <Card>
            <Empty title="It is as declared">
              Running machines are compared with what is declared; a difference is put right unless the machine is held.
            </Empty>
          </Card>
        )
      }
    </Asked>
  );
}

/** What differs, as a diff, and what would put it right. */
export function DriftCard({ of, link }: { of: Schemas['DriftedMachine']; link?: boolean }) {
  return (
    <Card
      title={
        link ? (
          <PageLink to="/p/$project/machines/$name" params={{ project: of.project, name: of.name }} underline="hover">
            {of.name}
          </PageLink>
        ) : (
          'What differs'
        )
      }
    >
      {of.note && (
        <Alert severity="info" variant="outlined" sx={{ mb: 1 }}>
          {of.note}
        </Alert>
      )}
      {of.differences.length > 0 && (
        <Box component="pre" sx={{ m: 0, p: 1.5, borderRadius: 2, bgcolor: 'action.hover', whiteSpace: 'pre-wrap' }}>
          {of.differences.map((d) => (
            <span key={d.field}>
              {d.field}
              {'\n'}
              <Box component="span" sx={{ color: 'success.main' }}>
                + declared {d.declared}
                {'\n'}
              </Box>
              <Box component="span" sx={{ color: 'error.main' }}>
                − observed {d.observed}
                {'\n'}
              </Box>
            </span>
          ))}
        </Box>
      )}
      {of.repair.length > 0 && (
        <>
          <Typography variant="h3" sx={{ mt: 1.5 }}>
            Would be put right by
          </Typography>
          <Box component="ol" sx={{ m: 0, pl: 3 }}>
            {of.repair.map((r) => (
              <li key={r}>{r}</li>
            ))}
          </Box>
        </>
      )}
    </Card>
  );
}

