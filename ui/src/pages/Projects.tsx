import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, SHARED } from '../api/kinds';
import { access, members, projectOf, useProjects, whole } from '../api/queries';
import { useSignedIn } from '../api/session';
import { Ask } from '../parts/Ask';
import { Asked, Card, Empty, NotThere, PageHead, Quiet, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { AddIcon } from '../parts/icons';
import { May, MayIn } from '../parts/May';
import { Meter } from '../parts/Meter';
import { PageLink } from '../parts/RowLink';
import { LIMITED, limitsOf, quotaOf, typedOf, usedOf, type Limited } from './quota';

export type Role = Schemas['Role'];
export const ROLES: Role[] = ['viewer', 'user', 'operator', 'admin'];

/** All projects, or one of them: who belongs to it, and how much it may have. */
export function Projects() {
  const { project } = useParams({ from: '/p/$project/projects' });
  return project === ALL ? <Every /> : <One key={project} project={project} />;
}

function Every() {
  const projects = useProjects();
  const session = useSignedIn();
  const [making, setMaking] = useState(false);
  const columns: Column<string>[] = [
    {
      key: 'name',
      title: 'Name',
      width: 'minmax(140px, 1fr)',
      value: (p) => p,
      cell: (p) => (
        <PageLink to="/p/$project/projects" params={{ project: p }} underline="hover" sx={{ fontWeight: 600 }}>
          {p}
        </PageLink>
      ),
    },
    {
      key: 'role',
      title: 'Your role',
      width: '110px',
      value: (p) => session.roles.projects[p] ?? session.roles.global ?? undefined,
      cell: (p) => session.roles.projects[p] ?? session.roles.global ?? <Quiet>none</Quiet>,
    },
    ...LIMITED.map(
      (l): Column<string> => ({ key: l.key, title: l.title, width: 'minmax(90px, 0.7fr)', wide: l.key !== 'machines', late: true, value: () => undefined, cell: (p) => <Use project={p} of={l.key} /> }),
    ),
  ];
  return (
    <>
      <PageHead title="Projects" under="Who owns machines, and how much each may have.">
        <MayIn project={SHARED} what="limit">
          {(disabled) => (
            <Button variant="contained" startIcon={<AddIcon />} disabled={disabled} onClick={() => setMaking(true)}>
              New project
            </Button>
          )}
        </MayIn>
      </PageHead>
      <DataTable
        label="Projects"
        of={whole(projects)}
        columns={columns}
        id={(p) => p}
        empty={<Empty title="No projects">You have a role in none. Ask an administrator for one.</Empty>}
      />
      {making && <NewProject onClose={() => setMaking(false)} />}
    </>
  );
}

/** Asked for each row that is seen, not for all that there are. */
function Use({ project, of }: { project: string; of: Limited }) {
  const found = useQuery(projectOf(project));
  if (!found.data) {
    return null;
  }
  const { say } = LIMITED.find((l) => l.key === of)!;
  const limit = limitsOf(found.data.quota)[of];
  return (
    <>
      {say(usedOf(found.data.used)[of])}
      {limit !== undefined && <Quiet> of {say(limit)}</Quiet>}
    </>
  );
}

function NewProject({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const queries = useQueryClient();
  const navigate = useNavigate();
  return (
    <Ask
      title="New project"
      button="Make it"
      ready={name !== ''}
      act={() => unwrap(api.POST('/api/v1/projects', { body: { name } }))}
      done={() => {
        void queries.invalidateQueries({ queryKey: ['projects'] });
        void navigate({ to: '/p/$project/projects', params: { project: name } });
      }}
      onClose={onClose}
    >
      <TextField autoFocus label="Name" value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" helperText="Small letters, digits and hyphens. Its members and its quota come next." />
    </Ask>
  );
}

function One({ project }: { project: string }) {
  const found = useQuery(projectOf(project));
  const [limiting, setLimiting] = useState(false);
  if (found.error) {
    return <NotThere title={project} of={found} />;
  }
  return (
    <>
      <PageHead title={project} under="Who belongs to this project, and how much it may have." />
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) minmax(0, 1.6fr)' }, alignItems: 'start' }}>
        <Card
          title="Quota"
          action={
            <MayIn project={project} what="limit">
              {(disabled) => (
                <Button size="small" variant="outlined" disabled={disabled || !found.data} onClick={() => setLimiting(true)}>
                  Change quota
                </Button>
              )}
            </MayIn>
          }
        >
          <Asked of={found} lines={4}>{(one) => <Quota of={one} />}</Asked>
        </Card>
        <Box sx={{ minWidth: 0 }}>
          <Members project={project} />
        </Box>
      </Box>
      {limiting && found.data && <Limit of={found.data} onClose={() => setLimiting(false)} />}
    </>
  );
}

/** What a project has of what it may have, and what one more machine would take. */
export function Quota({ of, more }: { of: Schemas['Project']; more?: Partial<Record<Limited, number>> }) {
  const limits = limitsOf(of.quota);
  const used = usedOf(of.used);
  return (
    <>
      {LIMITED.map((l) => (
        <Meter key={l.key} title={l.title} used={used[l.key]} more={more?.[l.key] ?? 0} of={limits[l.key]} say={l.say} />
      ))}
      {of.quota.ttl && (
        <Typography variant="body2" sx={{ mt: 1.5 }}>
          Each machine lives for {of.quota.ttl} at most.
        </Typography>
      )}
    </>
  );
}

function Limit({ of, onClose }: { of: Schemas['Project']; onClose: () => void }) {
  const [typed, setTyped] = useState(() => typedOf(of.quota));
  const queries = useQueryClient();
  return (
    <Ask
      title={`Quota of ${of.name}`}
      button="Set quota"
      act={() => unwrap(api.PUT('/api/v1/projects/{project}/quota', { params: { path: { project: of.name } }, body: quotaOf(typed, of.quota) }))}
      done={() => void queries.invalidateQueries({ queryKey: ['project'] })}
      onClose={onClose}
    >
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        What is left empty has no limit. What the project has already stays, though it be more.
      </Typography>
      {LIMITED.map(({ key, title, example }) => (
        <TextField
          key={key}
          label={title}
          placeholder={example}
          value={typed[key]}
          onChange={(e) => setTyped((t) => ({ ...t, [key]: e.target.value }))}
          autoComplete="off"
        />
      ))}
      <TextField
        label="Lifetime of a machine"
        placeholder="30d"
        value={typed.ttl}
        onChange={(e) => setTyped((t) => ({ ...t, ttl: e.target.value }))}
        helperText="A number with s, m, h or d, such as 8h or 30d. With it, each machine needs an end."
        autoComplete="off"
      />
    </Ask>
  );
}

type Member = Schemas['Member'];

function Members({ project }: { project: string }) {
  const found = useQuery(members(project));
  const allowed = useQuery(access(project));
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<Member | null>(null);
  const queries = useQueryClient();
  const after = () => queries.invalidateQueries({ queryKey: ['members', project] });
  const give = useMutation({
    mutationFn: (m: Member) =>
      unwrap(
        api.PUT('/api/v1/projects/{project}/members/{name}', {
          params: { path: { project, name: m.name }, query: { group: m.group } },
          body: { role: m.role },
        }),
      ),
    onSettled: after,
  });
  const columns: Column<Member>[] = [
    { key: 'name', title: 'Name', width: 'minmax(120px, 1fr)', value: (m) => m.name, cell: (m) => <strong>{m.name}</strong> },
    { key: 'what', title: 'What', width: '80px', wide: true, value: (m) => (m.group ? 'group' : 'person'), cell: (m) => (m.group ? 'group' : 'person') },
    {
      key: 'role',
      title: 'Role',
      width: '130px',
      value: (m) => ROLES.indexOf(m.role),
      cell: (m) => (
        <May of={allowed} action="govern">
          {(disabled) => (
            <RoleSelect label={`Role of ${m.name}`} value={m.role} disabled={disabled || give.isPending} onChange={(role) => give.mutate({ ...m, role })} bare />
          )}
        </May>
      ),
    },
    {
      key: 'leave',
      title: '',
      width: '90px',
      value: () => undefined,
      cell: (m) => (
        <May of={allowed} action="govern">
          {(disabled) => (
            <Button size="small" color="inherit" disabled={disabled} aria-label={`Remove ${m.name}`} onClick={() => setLeaving(m)}>
              Remove
            </Button>
          )}
        </May>
      ),
    },
  ];
  return (
    <>
      <Stack direction="row" sx={{ justifyContent: 'space-between', alignItems: 'center', mb: 1.5 }}>
        <Typography variant="h2">Members</Typography>
        <May of={allowed} action="govern">
          {(disabled) => (
            <Button size="small" variant="outlined" startIcon={<AddIcon />} disabled={disabled} onClick={() => setAdding(true)}>
              Add member
            </Button>
          )}
        </May>
      </Stack>
      {give.error && (
        <Box sx={{ mb: 1.5 }}>
          <Trouble error={give.error} />
        </Box>
      )}
      <DataTable
        label="Members"
        of={whole(found)}
        columns={columns}
        id={(m) => `${m.group}/${m.name}`}
        empty={<Empty title="No members">Only those with a role in all projects come in here.</Empty>}
      />
      {adding && <AddMember project={project} onClose={() => setAdding(false)} after={after} />}
      {leaving && (
        <Ask
          title={`Remove ${leaving.name} from ${project}?`}
          button="Remove"
          danger
          act={() =>
            unwrap(
              api.DELETE('/api/v1/projects/{project}/members/{name}', {
                params: { path: { project, name: leaving.name }, query: { group: leaving.group } },
              }),
            )
          }
          done={after}
          onClose={() => setLeaving(null)}
        >
          <Typography variant="body2">
            Open pages, streams and consoles of this project end for {leaving.group ? 'those of this group' : leaving.name} at once. What was made stays.
          </Typography>
        </Ask>
      )}
    </>
  );
}

export function RoleSelect(p: { label: string; value: Role; disabled?: boolean; onChange: (role: Role) => void; bare?: boolean }) {
  return (
    <TextField
      select
      value={p.value}
      disabled={p.disabled ?? false}
      onChange={(e) => p.onChange(e.target.value as Role)}
      {...(p.bare ? { variant: 'standard', slotProps: { htmlInput: { 'aria-label': p.label }, select: { disableUnderline: true } } } : { label: p.label })}
      sx={p.bare ? { minWidth: 96 } : {}}
    >
      {ROLES.map((r) => (
        <MenuItem key={r} value={r}>
          {r}
        </MenuItem>
      ))}
    </TextField>
  );
}

function AddMember({ project, onClose, after }: { project: string; onClose: () => void; after: () => unknown }) {
  const [name, setName] = useState('');
  const [what, setWhat] = useState<'person' | 'group'>('person');
  const [role, setRole] = useState<Role>('user');
  return (
    <Ask
      title={`Add a member to ${project}`}
      button="Add"
      ready={name.trim() !== ''}
      act={() =>
        unwrap(
          api.PUT('/api/v1/projects/{project}/members/{name}', {
            params: { path: { project, name: name.trim() }, query: { group: what === 'group' } },
            body: { role },
          }),
        )
      }
      done={after}
      onClose={onClose}
    >
      <TextField autoFocus label="Name" value={name} onChange={(e) => setName(e.target.value)} autoComplete="off" />
      <TextField
        select
        label="It is"
        value={what}
        onChange={(e) => setWhat(e.target.value as 'person' | 'group')}
        helperText={what === 'group' ? 'All whom the provider of identities puts into this group.' : ' '}
      >
        <MenuItem value="person">a person</MenuItem>
        <MenuItem value="group">a group</MenuItem>
      </TextField>
      <RoleSelect label="Role" value={role} onChange={setRole} />
    </Ask>
  );
}
