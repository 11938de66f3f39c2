import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import LinearProgress from '@mui/material/LinearProgress';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import Tab from '@mui/material/Tab';
import Tabs from '@mui/material/Tabs';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { running, standing, type Group } from '../api/kinds';
import { actions, groupDiff, groupMembers, groupRevisions, once, one, operations, refresh, whole } from '../api/queries';
import { Ago, Asked, Card, Empty, Facts, HIDDEN, Loading, NotThere, PageHead, Quiet, Row, Standing, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { DeleteDialog } from '../parts/DeleteDialog';
import { EventsOf } from '../parts/EventsOf';
import { exact } from '../parts/format';
import { May } from '../parts/May';
import { OperationsOf } from '../parts/OperationsOf';
import { Changes, PlanView } from '../parts/plan';
import { PageLink } from '../parts/RowLink';
import { memberStanding, progressOf, wayOf, type Member } from './rollout';

/** A group: its rollout as it goes, its members, and what was ever declared of them. */
export function GroupPage() {
  const { project, name } = useParams({ from: '/p/$project/groups/$name' });
  const { tab = 'overview' } = useSearch({ from: '/p/$project/groups/$name' });
  const navigate = useNavigate();
  const found = useQuery(one('groups', project, name));
  const group = found.data;
  if (found.error || !group) {
    return <NotThere title={name} of={found} />;
  }
  const s = standing(group);
  return (
    <>
      <PageHead
        title={name}
        under={
          <Stack direction="row" sx={{ columnGap: 1.5, alignItems: 'center', flexWrap: 'wrap' }}>
            <Standing health={s.health} word={s.word} />
            <span>{s.sentence}</span>
          </Stack>
        }
      >
        <Actions group={group} />
      </PageHead>
      <Tabs
        value={tab}
        onChange={(_, next: string) => void navigate({ to: '.', search: next === 'overview' ? {} : { tab: next }, replace: true })}
        variant="scrollable"
        sx={{ mb: 2, borderBottom: 1, borderColor: 'divider', minHeight: 42, '& .MuiTab-root': { minHeight: 42 } }}
      >
        <Tab value="overview" label="Overview" />
        <Tab value="revisions" label="Revisions" />
        <Tab value="operations" label="Operations" />
        <Tab value="events" label="Events" />
      </Tabs>
      {tab === 'overview' && <Overview group={group} />}
      {tab === 'revisions' && <Revisions group={group} />}
      {tab === 'operations' && <OperationsOf kind="Group" project={project} name={name} />}
      {tab === 'events' && <EventsOf kind="Group" project={project} name={name} />}
    </>
  );
}

function Overview({ group }: { group: Group }) {
  const { project, name } = group.metadata;
  const members = useQuery(groupMembers(project, name));
  const { machine } = group.spec;
  return (
    <Stack sx={{ gap: 2 }}>
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1.4fr) minmax(0, 1fr)' }, alignItems: 'start' }}>
        <Rollout group={group} members={members.data ?? []} />
        <Card title="What its machines are">
          <Facts
            rows={[
              ['Count', group.spec.count],
              ['Image', machine.image],
              ['Size', machine.size],
              ['Profiles', machine.profiles?.join(', ')],
              ['Networks', machine.nics?.map((n) => n.network).join(', ')],
              ['Volumes', machine.volumes?.map((v) => `${v.name}, ${v.size}`).join('; ')],
              ['Spread', `${group.spec.spread?.hypervisors?.join(', ') || 'over all hypervisors'}${group.spec.spread?.rule === 'hard' ? ', evenly or not at all' : ''}`],
              ['Made', <Ago key="made" when={group.metadata.createdAt} />],
            ]}
          />
        </Card>
      </Box>
      <Box>
        <DataTable
          label="Members"
          of={whole(members)}
          columns={memberColumns(project)}
          id={(m) => m.uid}
          states={(m) => memberStanding(m).word}
          empty={<Empty title="No members">The group is declared with a count of 0.</Empty>}
        />
      </Box>
    </Stack>
  );
}

const memberColumns = (project: string): Column<Member>[] => [
  {
    key: 'ordinal',
    title: 'Machine',
    width: 'minmax(120px, 1fr)',
    value: (m) => m.name,
    cell: (m) => (
      <PageLink to="/p/$project/machines/$name" params={{ project, name: m.name }} underline="hover" sx={{ fontWeight: 600 }}>
        {m.name}
      </PageLink>
    ),
  },
  {
    key: 'state',
    title: 'State',
    width: '120px',
    value: (m) => memberStanding(m).word,
    cell: (m) => <Standing {...memberStanding(m)} sentence={m.message} />,
  },
  { key: 'revision', title: 'Revision', width: '90px', value: (m) => m.revision, cell: (m) => m.revision },
  { key: 'hypervisor', title: 'Hypervisor', width: 'minmax(90px, 0.8fr)', wide: true, value: (m) => m.hypervisor, cell: (m) => m.hypervisor ?? '' },
  { key: 'since', title: 'Since', width: '100px', wide: true, value: (m) => (m.since ? -Date.parse(m.since) : undefined), cell: (m) => (m.since ? <Ago when={m.since} /> : '') },
  { key: 'message', title: 'Says', width: 'minmax(120px, 1.6fr)', wide: true, value: (m) => m.message, cell: (m) => <span title={m.message}>{m.message}</span> },
];

/** One box for each member, so that one sees at a glance where the change has come to. */
function Rollout({ group, members }: { group: Group; members: Member[] }) {
  const p = progressOf(group);
  const last = useQuery(operations({ project: group.metadata.project, kind: 'Group', name: group.metadata.name, limit: 1 })).data?.[0];
  return (
    <Card
      title="Rollout"
      action={
        last && running(last) ? (
          <PageLink to="/p/$project/operations/$uid" params={{ project: last.metadata.project, uid: last.metadata.uid }} variant="body2">
            Its operation
          </PageLink>
        ) : undefined
      }
    >
      <Stack direction="row" sx={{ justifyContent: 'space-between', flexWrap: 'wrap', gap: 1, mb: 0.75 }}>
        <Typography role="status">
          {p.updated} of {p.count} have revision {p.revision}
        </Typography>
        <Quiet>
          {p.healthy} healthy, {p.least} must stay so
        </Quiet>
      </Stack>
      <LinearProgress
        variant="determinate"
        value={p.percent}
        color={group.status.failed === undefined ? 'primary' : 'error'}
        aria-label="Rollout"
        sx={{ height: 8, borderRadius: 4, mb: 2 }}
      />
      {group.status.paused && (
        <Typography variant="body2" sx={{ mb: 1.5 }}>
          It is paused: members that are being changed are, and no others until it is continued.
        </Typography>
      )}
      <Stack
        direction="row"
        component="ul"
        aria-label="Members and their revisions"
        sx={{
          flexWrap: 'wrap',
          gap: 0.75,
          p: 0,
          m: 0,
          listStyle: 'none',
          '& > li': { position: 'relative', border: '1px dashed', borderColor: 'divider', borderRadius: 2, px: 1, py: 0.4, fontSize: '0.84rem' },
          '& > li.fresh': { borderStyle: 'solid', borderColor: 'primary.main' },
          '& small': { color: 'text.secondary', fontSize: '0.84rem' },
        }}
      >
        {members.map((m) => (
          <MemberBox key={m.uid} of={m} fresh={m.revision === p.revision} />
        ))}
      </Stack>
      <Box component="ul" sx={{ m: 0, mt: 2, pl: 2.5, color: 'text.secondary', fontSize: '0.86rem' }}>
        {wayOf(group).map((w) => (
          <li key={w}>{w}</li>
        ))}
      </Box>
    </Card>
  );
}

function MemberBox({ of, fresh }: { of: Member; fresh: boolean }) {
  const { health, word } = memberStanding(of);
  const told = `${of.name}: ${word.toLowerCase()}, revision ${of.revision}${of.message ? `. ${of.message}` : ''}`;
  return (
    // Nothing of the library's: a group may have a thousand of them, and each changes as a rollout goes.
    <li className={fresh ? 'fresh' : undefined} title={told}>
      <span style={HIDDEN}>{told}</span>
      <span aria-hidden>
        <Standing health={health} word={`${of.ordinal}`} />
        <small> r{of.revision}</small>
      </span>
    </li>
  );
}

function useAfter(group: Group) {
  const { project, name } = group.metadata;
  const queries = useQueryClient();
  return () =>
    Promise.all([
      refresh(queries, 'groups', project, name),
      ...['operations', 'group-members', 'group-revisions'].map((k) => queries.invalidateQueries({ queryKey: [k] })),
      queries.invalidateQueries({ queryKey: ['actions', 'groups', project, name] }),
    ]);
}

function Actions({ group }: { group: Group }) {
  const { project, name } = group.metadata;
  const after = useAfter(group);
  const allowed = useQuery(actions('groups', project, name));
  const [dialog, setDialog] = useState<'scale' | 'rollback' | 'delete' | null>(null);
  const act = useMutation({
    mutationFn: (verb: 'pause' | 'continue') =>
      unwrap(
        api.POST(`/api/v1/projects/{project}/groups/{name}:${verb}` as '/api/v1/projects/{project}/groups/{name}:pause', {
          params: { path: { project, name }, header: once() },
        }),
      ),
    onSettled: after,
  });
  const stands = allowed.data?.find((a) => a.action === 'continue')?.allowed;
  return (
    <>
      {stands ? (
        <Button variant="contained" loading={act.isPending} onClick={() => act.mutate('continue')}>
          Continue
        </Button>
      ) : (
        <May of={allowed} action="pause">
          {(disabled) => (
            <Button variant="outlined" disabled={disabled} loading={act.isPending} onClick={() => act.mutate('pause')}>
              Pause
            </Button>
          )}
        </May>
      )}
      <May of={allowed} action="rollback">
        {(disabled) => (
          <Button variant="outlined" disabled={disabled} onClick={() => setDialog('rollback')}>
            Roll back
          </Button>
        )}
      </May>
      <May of={allowed} action="scale">
        {(disabled) => (
          <Button variant="outlined" disabled={disabled} onClick={() => setDialog('scale')}>
            Scale
          </Button>
        )}
      </May>
      <Declare project={project} kind="Group" name={name}>
        Edit
      </Declare>
      <May of={allowed} action="delete">
        {(disabled) => (
          <Button variant="outlined" color="error" disabled={disabled} onClick={() => setDialog('delete')}>
            Delete
          </Button>
        )}
      </May>
      {act.error && (
        <Box sx={{ flexBasis: '100%' }}>
          <Trouble error={act.error} />
        </Box>
      )}
      {dialog === 'scale' && <Scale group={group} onClose={() => setDialog(null)} />}
      {dialog === 'rollback' && <RollBack group={group} onClose={() => setDialog(null)} />}
      {dialog === 'delete' && (
        <DeleteDialog
          plural="groups"
          project={project}
          name={name}
          goes={`the group and its ${group.status.members} ${group.status.members === 1 ? 'machine' : 'machines'}, with their system disks, addresses and names.`}
          stays={
            (group.spec.machine.volumes?.length ?? 0) > 0
              ? 'volumes of the members, or they go into quarantine where their reclaim is delete.'
              : 'nothing; its members have no volumes.'
          }
          onClose={() => setDialog(null)}
        />
      )}
    </>
  );
}

/** A change of the group, with its plan before it is made. */
function Planned(p: {
  title: string;
  button: string;
  group: Group;
  ready: boolean;
  ask: string[];
  call: (dryRun: boolean) => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}) {
  const after = useAfter(p.group);
  const plan = useQuery({
    queryKey: ['plan', p.title, ...p.ask, p.group.metadata.revision],
    enabled: p.ready,
    staleTime: 0,
    queryFn: async () => (await p.call(true)) as Schemas['Apply'],
  });
  const act = useMutation({
    mutationFn: () => p.call(false),
    onSuccess: async () => {
      await after();
      p.onClose();
    },
  });
  return (
    <Dialog open onClose={p.onClose} fullWidth maxWidth="sm">
      <DialogTitle>{p.title}</DialogTitle>
      <DialogContent>
        <Box sx={{ pt: 1, mb: 2 }}>{p.children}</Box>
        {!p.ready ? null : plan.isPending ? <Loading lines={3} /> : plan.error ? <Trouble error={plan.error} /> : <PlanView items={plan.data.items} />}
        {act.error && (
          <Box sx={{ mt: 2 }}>
            <Trouble error={act.error} />
          </Box>
        )}
      </DialogContent>
      <DialogActions>
        <Button onClick={p.onClose}>Cancel</Button>
        <Button variant="contained" disabled={!p.ready || !plan.data} loading={act.isPending} onClick={() => act.mutate()}>
          {p.button}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function Scale({ group, onClose }: { group: Group; onClose: () => void }) {
  const { project, name } = group.metadata;
  const [text, setText] = useState(String(group.spec.count));
  const count = /^\d+$/.test(text) ? Number(text) : null;
  return (
    <Planned
      title={`Scale ${name}`}
      button="Scale"
      group={group}
      ready={count !== null && count !== group.spec.count}
      ask={[project, name, text]}
      call={(dryRun) =>
        unwrap(
          api.POST('/api/v1/projects/{project}/groups/{name}:scale', {
            params: { path: { project, name }, query: { count: count!, dryRun }, header: dryRun ? {} : once() },
          }),
        )
      }
      onClose={onClose}
    >
      <TextField
        fullWidth
        autoFocus
        label="Count"
        value={text}
        onChange={(e) => setText(e.target.value)}
        error={count === null}
        helperText={count === null ? 'A number of machines, 0 or more.' : `There are to be ${group.spec.count} now.`}
        slotProps={{ htmlInput: { inputMode: 'numeric' } }}
      />
    </Planned>
  );
}

function RollBack({ group, to, onClose }: { group: Group; to?: number; onClose: () => void }) {
  const { project, name } = group.metadata;
  const revisions = useQuery(groupRevisions(project, name));
  const { stable, previous, revision } = group.status;
  const [chosen, choose] = useState(to ?? (stable !== undefined && stable !== revision ? stable : previous));
  const others = (revisions.data ?? []).filter((r) => !r.declared);
  return (
    <Planned
      title={`Roll ${name} back`}
      button="Roll back"
      group={group}
      ready={chosen !== undefined}
      ask={[project, name, String(chosen)]}
      call={(dryRun) =>
        unwrap(
          api.POST('/api/v1/projects/{project}/groups/{name}:rollback', {
            params: { path: { project, name }, query: { ...(chosen === undefined ? {} : { to: chosen }), dryRun }, header: dryRun ? {} : once() },
          }),
        )
      }
      onClose={onClose}
    >
      <Typography variant="body2" sx={{ mb: 2, color: 'text.secondary' }}>
        What is declared of its machines becomes what it was then, and is rolled out like any other change.
      </Typography>
      {revisions.error ? (
        <Trouble error={revisions.error} retry={() => void revisions.refetch()} />
      ) : revisions.isPending ? (
        <Loading lines={1} />
      ) : (
        <TextField select fullWidth label="Revision" value={chosen ?? ''} onChange={(e) => choose(Number(e.target.value))}>
          {others.map((r) => (
            <MenuItem key={r.number} value={r.number}>
              {r.number}, {r.machine.image}, {r.machine.size}, by {r.by}, {exact(r.at)}
              {r.stable ? ' (all had it last)' : ''}
            </MenuItem>
          ))}
        </TextField>
      )}
    </Planned>
  );
}

function Revisions({ group }: { group: Group }) {
  const { project, name } = group.metadata;
  const search = useSearch({ from: '/p/$project/groups/$name' });
  const navigate = useNavigate();
  const found = useQuery(groupRevisions(project, name));
  const allowed = useQuery(actions('groups', project, name));
  const [back, setBack] = useState<number | null>(null);
  if (found.error) {
    return <Trouble error={found.error} retry={() => void found.refetch()} />;
  }
  if (found.isPending) {
    return <Loading />;
  }
  const all = found.data;
  const to = search.to ?? all[0]?.number;
  const from = search.from ?? all.find((r) => r.number !== to)?.number;
  const choose = (next: { from?: number; to?: number }) =>
    void navigate({ to: '.', search: { tab: 'revisions', ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), ...next }, replace: true });
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) minmax(0, 1fr)' }, alignItems: 'start' }}>
      <Card title="What was declared of its machines" flush>
        {all.map((r) => (
          <Row key={r.number}>
            <Box sx={{ width: 34, flex: 'none', fontWeight: 600 }}>{r.number}</Box>
            <Box sx={{ flex: 1, minWidth: 0 }}>
              {r.machine.image}, {r.machine.size}{' '}
              {r.declared && <Chip size="small" color="primary" variant="outlined" label="declared" />}{' '}
              {r.stable && <Chip size="small" variant="outlined" label="all had it last" />}{' '}
              {group.status.failed === r.number && <Chip size="small" color="error" variant="outlined" label="failed" />}
              <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                by {r.by}, <Ago when={r.at} />
              </Typography>
            </Box>
            {!r.declared && (
              <May of={allowed} action="rollback">
                {(disabled) => (
                  <Button size="small" variant="outlined" disabled={disabled} onClick={() => setBack(r.number)}>
                    Roll back to {r.number}
                  </Button>
                )}
              </May>
            )}
          </Row>
        ))}
      </Card>
      <Card title="What differs">
        {all.length < 2 || from === undefined || to === undefined ? (
          <Quiet>There is one revision only.</Quiet>
        ) : (
          <>
            <Stack direction="row" sx={{ gap: 1.5, mb: 1 }}>
              {(['from', 'to'] as const).map((end) => (
                <TextField
                  key={end}
                  select
                  label={end === 'from' ? 'From' : 'To'}
                  value={end === 'from' ? from : to}
                  onChange={(e) => choose({ [end]: Number(e.target.value) })}
                  sx={{ minWidth: 110 }}
                >
                  {all.map((r) => (
                    <MenuItem key={r.number} value={r.number}>
                      {r.number}
                    </MenuItem>
                  ))}
                </TextField>
              ))}
            </Stack>
            <Diff project={project} name={name} from={from} to={to} />
          </>
        )}
      </Card>
      {back !== null && <RollBack group={group} to={back} onClose={() => setBack(null)} />}
    </Box>
  );
}

function Diff({ project, name, from, to }: { project: string; name: string; from: number; to: number }) {
  const found = useQuery(groupDiff(project, name, from, to));
  return (
    <Asked of={found} lines={2}>
      {(changes) => (changes.length === 0 ? <Quiet>Nothing.</Quiet> : <Changes changes={changes} />)}
    </Asked>
  );
}
