import { browser } from '../parts/format';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { globalRoles, sessions, useUsers } from '../api/queries';
import { Ask, ShownOnce } from '../parts/Ask';
import { Ago, Card, Empty, Facts, Loading, PageHead, Quiet, Row, Standing, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { AddIcon } from '../parts/icons';
import { Barred } from '../parts/May';
import { PageLink } from '../parts/RowLink';
import { ROLES, type Role } from './Projects';

type User = Schemas['User'];

/** Everybody who can sign in, and what they may do; for administrators. */
export function People() {
  const { who } = useSearch({ from: '/p/$project/people' });
  const navigate = useNavigate();
  const found = useUsers();
  const there = !found.loading && (!found.error || found.items.length > 0);
  const [making, setMaking] = useState(false);
  const [fresh, setFresh] = useState<Schemas['FreshUser'] | null>(null);
  const chosen = found.items.find((u) => u.name === who);
  return (
    <>
      <PageHead title="People" under="Who can sign in, and with which role in all projects.">
        <Barred reason={there ? undefined : found.error?.message}>
          {(barred) => (
            <Button variant="contained" startIcon={<AddIcon />} disabled={barred || !there} onClick={() => setMaking(true)}>
              New person
            </Button>
          )}
        </Barred>
      </PageHead>
      <DataTable
        label="People"
        of={found}
        columns={columns}
        id={(u) => u.name}
        states={(u) => stateOf(u)[1]}
        empty={<Empty title="Nobody yet">Whoever holds the token of the first start makes the first person.</Empty>}
      />
      {there && (
        <Box sx={{ mt: 3 }}>
          <GroupRoles />
        </Box>
      )}
      {making && <NewPerson onClose={() => setMaking(false)} done={setFresh} />}
      {chosen && <Person of={chosen} fresh={setFresh} onClose={() => void navigate({ to: '.', search: ((s: object) => ({ ...s, who: undefined })) as never, replace: true })} />}
      {fresh && (
        <ShownOnce title={`First password of ${fresh.name}`} secret={fresh.password} what="password" onClose={() => setFresh(null)}>
          It is shown this once. {fresh.name} must change it at the first sign-in.
        </ShownOnce>
      )}
    </>
  );
}

function stateOf(u: User): ['good' | 'off' | 'busy', string] {
  return u.disabled ? ['off', 'Disabled'] : u.mustChangePassword ? ['busy', 'First password'] : ['good', 'Active'];
}

const columns: Column<User>[] = [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(120px, 1fr)',
    value: (u) => `${u.name} ${u.displayName}`,
    cell: (u) => (
      <PageLink to="." search={((s: object) => ({ ...s, who: u.name })) as never} underline="hover" sx={{ fontWeight: 600 }}>
        {u.name}
      </PageLink>
    ),
  },
  { key: 'called', title: 'Called', width: 'minmax(120px, 1fr)', wide: true, value: (u) => u.displayName, cell: (u) => u.displayName },
  { key: 'state', title: 'State', width: '150px', value: (u) => stateOf(u)[1], cell: (u) => <Standing health={stateOf(u)[0] === 'busy' ? 'unknown' : stateOf(u)[0]} word={stateOf(u)[1]} /> },
  { key: 'role', title: 'In all projects', width: '130px', value: (u) => u.roles.global, cell: (u) => u.roles.global ?? <Quiet>none</Quiet> },
  {
    key: 'projects',
    title: 'Projects',
    width: 'minmax(140px, 1.4fr)',
    wide: true,
    value: (u) => rolesIn(u),
    cell: (u) => <span title={rolesIn(u)}>{rolesIn(u)}</span>,
  },
  { key: 'issuer', title: 'Signs in by', width: 'minmax(90px, 0.8fr)', wide: true, value: (u) => u.issuer ?? 'password', cell: (u) => u.issuer ?? 'password' },
  { key: 'made', title: 'Made', width: '90px', wide: true, value: (u) => -Date.parse(u.createdAt), cell: (u) => <Ago when={u.createdAt} /> },
];

const rolesIn = (u: User) =>
  Object.entries(u.roles.projects)
    .map(([p, r]) => `${p} (${r})`)
    .join(', ');

function NewPerson({ onClose, done }: { onClose: () => void; done: (f: Schemas['FreshUser']) => void }) {
  const [name, setName] = useState('');
  const [called, setCalled] = useState('');
  const [role, setRole] = useState<Role | ''>('');
  const queries = useQueryClient();
  return (
    <Ask
      title="New person"
      button="Make it"
      ready={name !== ''}
      act={() =>
        unwrap(api.POST('/api/v1/users', { body: { name, ...(called ? { displayName: called } : {}), ...(role ? { role } : {}) } }))
      }
      done={(f) => {
        void queries.invalidateQueries({ queryKey: ['users'] });
        done(f);
      }}
      onClose={onClose}
    >
      <TextField autoFocus label="Name" value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" />
      <TextField label="Called" value={called} onChange={(e) => setCalled(e.target.value)} autoComplete="off" helperText="How the page addresses them; may be left empty." />
      <GlobalRole value={role} onChange={setRole} />
    </Ask>
  );
}

function GlobalRole({ value, has, onChange, disabled }: { value: Role | ''; has?: Role | undefined; onChange: (r: Role | '') => void; disabled?: boolean }) {
  return (
    <TextField
      select
      label="Role in all projects"
      value={value}
      disabled={disabled ?? false}
      onChange={(e) => onChange(e.target.value as Role | '')}
      helperText={has && has !== value && `By a group of theirs they are ${has}, whatever is chosen here.`}
      slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
    >
      <MenuItem value="">none; only where they are a member</MenuItem>
      {ROLES.map((r) => (
        <MenuItem key={r} value={r}>
          {r}
        </MenuItem>
      ))}
    </TextField>
  );
}

/** Gives a role in all projects, or takes it. */
const govern = (name: string, group: boolean, role: Role | '') =>
  role
    ? unwrap(api.PUT('/api/v1/roles/{name}', { params: { path: { name }, query: { group } }, body: { role } }))
    : unwrap(api.DELETE('/api/v1/roles/{name}', { params: { path: { name }, query: { group } } }));

function Person({ of, fresh, onClose }: { of: User; fresh: (f: Schemas['FreshUser']) => void; onClose: () => void }) {
  const { name } = of;
  const queries = useQueryClient();
  const after = () => Promise.all([queries.invalidateQueries({ queryKey: ['users'] }), queries.invalidateQueries({ queryKey: ['sessions'] })]);
  const open = useQuery(sessions);
  const mine = (open.data ?? []).filter((s) => s.user === name);
  const [asking, setAsking] = useState<'delete' | 'reset' | null>(null);
  const act = useMutation({ mutationFn: (call: () => Promise<unknown>) => call(), onSettled: after });
  const path = { params: { path: { name } } };
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm">
      <DialogTitle>{of.displayName || name}</DialogTitle>
      <DialogContent>
        <Facts
          rows={[
            ['Name', name],
            ['State', stateOf(of)[1]],
            ['Signs in by', of.issuer ?? 'password'],
            ['Groups', of.groups.join(', ')],
            ['Projects', rolesIn(of)],
            ['Made', <Ago key="made" when={of.createdAt} />],
          ]}
        />
        <Box sx={{ mt: 2.5, display: 'grid' }}>
          <GlobalRole value={of.role ?? ''} has={of.roles.global} disabled={act.isPending} onChange={(role) => act.mutate(() => govern(name, false, role))} />
        </Box>
        <Typography variant="h3" sx={{ mt: 2.5, mb: 0.5 }}>
          Open sessions
        </Typography>
        {mine.length === 0 ? <Quiet>None.</Quiet> : mine.map((s) => <SessionRow key={s.uid} of={s} />)}
        {act.error && (
          <Box sx={{ mt: 2 }}>
            <Trouble error={act.error} />
          </Box>
        )}
      </DialogContent>
      <DialogActions sx={{ flexWrap: 'wrap', gap: 0.5 }}>
        <Button color="error" onClick={() => setAsking('delete')}>
          Delete
        </Button>
        {!of.issuer && <Button onClick={() => setAsking('reset')}>Another first password</Button>}
        <Button
          loading={act.isPending}
          onClick={() => act.mutate(() => (of.disabled ? unwrap(api.POST('/api/v1/users/{name}:enable', path)) : unwrap(api.POST('/api/v1/users/{name}:disable', path))))}
        >
          {of.disabled ? 'Enable' : 'Disable'}
        </Button>
        <Button variant="contained" onClick={onClose}>
          Close
        </Button>
      </DialogActions>
      {asking === 'delete' && (
        <Ask
          title={`Delete ${name}?`}
          button="Delete"
          danger
          confirm={name}
          act={() => unwrap(api.DELETE('/api/v1/users/{name}', path))}
          done={() => {
            void after();
            onClose();
          }}
          onClose={() => setAsking(null)}
        >
          <Typography variant="body2">Sessions, tokens and roles go with the person; the machines they made stay.</Typography>
        </Ask>
      )}
      {asking === 'reset' && (
        <Ask
          title={`Another first password for ${name}?`}
          button="Make it"
          act={() => unwrap(api.POST('/api/v1/users/{name}:reset-password', path))}
          done={(f) => {
            void after();
            onClose();
            fresh(f);
          }}
          onClose={() => setAsking(null)}
        >
          <Typography variant="body2">The present password is void at once, and all sessions of {name} end.</Typography>
        </Ask>
      )}
    </Dialog>
  );
}

/** An open session, which can be ended; consoles and streams in it end too. */
export function SessionRow({ of }: { of: Schemas['OpenSession'] }) {
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () => unwrap(api.DELETE('/api/v1/sessions/{uid}', { params: { path: { uid: of.uid } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['sessions'] }),
  });
  return (
    <Row>
      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
        <span title={of.agent}>{browser(of.agent)}</span>
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          from {of.origin}, since <Ago when={of.createdAt} />, last seen <Ago when={of.seenAt} />
        </Typography>
        {end.error && <Trouble error={end.error} />}
      </Box>
      <Button size="small" variant="outlined" color="error" loading={end.isPending} onClick={() => end.mutate()}>
        End
      </Button>
    </Row>
  );
}

/** Roles that groups of the provider of identities have in all projects. */
function GroupRoles() {
  const found = useQuery(globalRoles);
  const queries = useQueryClient();
  const after = () => queries.invalidateQueries({ queryKey: ['global-roles'] });
  const [adding, setAdding] = useState(false);
  const take = useMutation({ mutationFn: (name: string) => govern(name, true, ''), onSettled: after });
  const groups = (found.data ?? []).filter((m) => m.group);
  return (
    <Card
      title="Groups with a role in all projects"
      flush
      action={
        <Button size="small" variant="outlined" onClick={() => setAdding(true)}>
          Give a role
        </Button>
      }
    >
      {found.error ? (
        <Trouble error={found.error} retry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading lines={1} />
      ) : groups.length === 0 ? (
        <Row>
          <Quiet>No group of the provider of identities has one.</Quiet>
        </Row>
      ) : (
        groups.map((g) => (
          <Row key={g.name}>
            <Box sx={{ flex: 1 }}>{g.name}</Box>
            <span>{g.role}</span>
            <Button size="small" variant="outlined" loading={take.isPending && take.variables === g.name} onClick={() => take.mutate(g.name)}>
              Take it
            </Button>
          </Row>
        ))
      )}
      {take.error && <Trouble error={take.error} />}
      {adding && <GiveRole onClose={() => setAdding(false)} after={after} />}
    </Card>
  );
}

function GiveRole({ onClose, after }: { onClose: () => void; after: () => unknown }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role | ''>('viewer');
  return (
    <Ask title="Give a group a role" button="Give it" ready={name.trim() !== '' && role !== ''} act={() => govern(name.trim(), true, role)} done={after} onClose={onClose}>
      <Stack sx={{ gap: 2 }}>
        <TextField autoFocus label="Group" value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" helperText="As the provider of identities calls it." />
        <GlobalRole value={role} onChange={setRole} />
      </Stack>
    </Ask>
  );
}
