import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { sessions, tokens, useProjects, whole } from '../api/queries';
import { useSignedIn } from '../api/session';
import { Ask, ShownOnce } from '../parts/Ask';
import { Ago, Card, Empty, Facts, Loading, PageHead, Quiet, Row, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { exact } from '../parts/format';
import { AddIcon } from '../parts/icons';
import { SessionRow } from './People';
import { ROLES, type Role } from './Projects';

type Token = Schemas['Token'];
type Verb = Schemas['Verb'];

const VERBS: Verb[] = ['view', 'declare', 'delete', 'operate', 'console', 'approve', 'tend', 'govern', 'limit', 'audit'];
const HOURS = 3600;
const SPANS: [string, number][] = [
  ['an hour', HOURS],
  ['a day', 24 * HOURS],
  ['30 days', 30 * 24 * HOURS],
  ['90 days', 90 * 24 * HOURS],
  ['a year', 365 * 24 * HOURS],
];

/** One's own roles, tokens and sessions. */
export function Account() {
  const me = useSignedIn();
  const found = useQuery(tokens);
  const open = useQuery(sessions);
  const [making, setMaking] = useState(false);
  const [fresh, setFresh] = useState<Schemas['FreshToken'] | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const queries = useQueryClient();
  const mine = (open.data ?? []).filter((s) => s.user === me.user.name);
  return (
    <>
      <PageHead title="Your account" under={me.user.displayName || me.user.name} />
      <Stack sx={{ gap: 3 }}>
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) minmax(0, 1.4fr)' }, alignItems: 'start' }}>
          <Card title="What you may do">
            <Facts
              rows={[
                ['Name', me.user.name],
                ['In all projects', me.roles.global ?? <Quiet key="none">no role</Quiet>],
                ...Object.entries(me.roles.projects).map(([p, r]): [string, string] => [p, r]),
              ]}
            />
          </Card>
          <Card title="Open sessions" flush>
            {open.error ? (
              <Trouble error={open.error} retry={() => void open.refetch()} />
            ) : open.isPending ? (
              <Loading lines={2} />
            ) : mine.length === 0 ? (
              <Row>
                <Quiet>You came with a token.</Quiet>
              </Row>
            ) : (
              mine.map((s) => <SessionRow key={s.uid} of={s} />)
            )}
          </Card>
        </Box>
        <section>
          <Stack direction="row" sx={{ justifyContent: 'space-between', alignItems: 'center', mb: 1.5 }}>
            <Typography variant="h2">API tokens</Typography>
            <Button size="small" variant="contained" startIcon={<AddIcon />} onClick={() => setMaking(true)}>
              New token
            </Button>
          </Stack>
          <DataTable
            label="API tokens"
            of={whole(found)}
            columns={columns(setRevoking)}
            id={(t) => t.name}
            empty={<Empty title="No tokens">A token lets a script do what you may do, or less; it ends with your own rights.</Empty>}
          />
        </section>
      </Stack>
      {making && <NewToken onClose={() => setMaking(false)} done={setFresh} />}
      {fresh && (
        <ShownOnce title={`Token ${fresh.name}`} secret={fresh.secret} what="token" onClose={() => setFresh(null)}>
          It is shown this once, and kept as a hash only. {fresh.expiresAt ? `It is good until ${exact(fresh.expiresAt)}.` : 'It does not expire.'}
        </ShownOnce>
      )}
      {revoking && (
        <Ask
          title={`Revoke token ${revoking.name}?`}
          button="Revoke"
          danger
          act={() => unwrap(api.DELETE('/api/v1/tokens/{name}', { params: { path: { name: revoking.name } } }))}
          done={() => void queries.invalidateQueries({ queryKey: ['tokens'] })}
          onClose={() => setRevoking(null)}
        >
          <Typography variant="body2">Whatever uses it is refused from now on; its consoles and streams end.</Typography>
        </Ask>
      )}
    </>
  );
}

const columns = (revoke: (t: Token) => void): Column<Token>[] => [
  { key: 'name', title: 'Name', width: 'minmax(110px, 1fr)', value: (t) => t.name, cell: (t) => <strong>{t.name}</strong> },
  { key: 'owner', title: 'Whose', width: 'minmax(80px, 0.7fr)', wide: true, value: (t) => t.owner, cell: (t) => t.owner ?? <Quiet>nobody&apos;s</Quiet> },
  {
    key: 'good',
    title: 'Good for',
    width: 'minmax(140px, 1.6fr)',
    wide: true,
    value: goodFor,
    cell: (t) => <span title={goodFor(t)}>{goodFor(t)}</span>,
  },
  {
    key: 'expires',
    title: 'Until',
    width: 'minmax(130px, 1fr)',
    value: (t) => (t.expiresAt ? Date.parse(t.expiresAt) : undefined),
    cell: (t) => (t.expiresAt ? exact(t.expiresAt) : <Quiet>no end</Quiet>),
  },
  { key: 'made', title: 'Made', width: '90px', wide: true, value: (t) => -Date.parse(t.createdAt), cell: (t) => <Ago when={t.createdAt} /> },
  {
    key: 'revoke',
    title: '',
    width: '90px',
    value: () => undefined,
    cell: (t) => (
      <Button size="small" color="error" aria-label={`Revoke ${t.name}`} onClick={() => revoke(t)}>
        Revoke
      </Button>
    ),
  },
];

function goodFor(t: Token): string {
  const parts = [
    t.role && `at most ${t.role}`,
    t.projects.length > 0 && `in ${t.projects.join(', ')}`,
    t.verbs.length > 0 && `to ${t.verbs.join(', ')}`,
  ].filter(Boolean);
  return parts.length > 0 ? parts.join('; ') : 'all that its owner may do';
}

function NewToken({ onClose, done }: { onClose: () => void; done: (f: Schemas['FreshToken']) => void }) {
  const projects = useProjects();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [ttl, setTtl] = useState(SPANS[3]![1]);
  const [role, setRole] = useState<Role | ''>('');
  const [among, setAmong] = useState<string[]>([]);
  const [verbs, setVerbs] = useState<Verb[]>([]);
  return (
    <Ask
      title="New token"
      button="Make it"
      ready={name !== ''}
      act={() =>
        unwrap(
          api.POST('/api/v1/tokens', {
            body: {
              name,
              ...(ttl > 0 ? { ttlSeconds: ttl } : {}),
              ...(role ? { role } : {}),
              ...(among.length > 0 ? { projects: among } : {}),
              ...(verbs.length > 0 ? { verbs } : {}),
            },
          }),
        )
      }
      done={(f) => {
        void queries.invalidateQueries({ queryKey: ['tokens'] });
        done(f);
      }}
      onClose={onClose}
    >
      <TextField autoFocus label="Name" value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" helperText="What it is for, such as ci." />
      <TextField select label="Good for" value={ttl} onChange={(e) => setTtl(Number(e.target.value))}>
        {SPANS.map(([word, seconds]) => (
          <MenuItem key={seconds} value={seconds}>
            {word}
          </MenuItem>
        ))}
        <MenuItem value={0}>ever, until it is revoked</MenuItem>
      </TextField>
      <TextField
        select
        label="Role at most"
        value={role}
        onChange={(e) => setRole(e.target.value as Role | '')}
        slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
      >
        <MenuItem value="">yours, whatever it is then</MenuItem>
        {ROLES.map((r) => (
          <MenuItem key={r} value={r}>
            {r}
          </MenuItem>
        ))}
      </TextField>
      <Several label="Only in projects" none="all of yours" of={projects.data ?? []} value={among} onChange={setAmong} />
      <Several label="Only to" none="anything" of={VERBS} value={verbs} onChange={(v) => setVerbs(v as Verb[])} />
    </Ask>
  );
}

function Several(p: { label: string; none: string; of: string[]; value: string[]; onChange: (v: string[]) => void }) {
  return (
    <TextField
      select
      label={p.label}
      value={p.value}
      onChange={(e) => p.onChange(e.target.value as unknown as string[])}
      slotProps={{
        select: { multiple: true, displayEmpty: true, renderValue: (v: unknown) => (v as string[]).join(', ') || p.none },
        inputLabel: { shrink: true },
      }}
    >
      {p.of.map((o) => (
        <MenuItem key={o} value={o}>
          {o}
        </MenuItem>
      ))}
    </TextField>
  );
}
