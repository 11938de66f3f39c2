import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { stringify } from 'yaml';
import { type Schemas } from '../api/client';
import { ALL, pluralOf, type Plural } from '../api/kinds';
import { applyText, readOne } from '../api/queries';
import { useSignedIn } from '../api/session';
import { Card, Loading, PageHead, Trouble } from '../parts/basics';
import { PlanView, ToApprove } from '../parts/plan';
import { PageLink } from '../parts/RowLink';
import { declaredOf } from './manifest';
import { placeOf } from './place';

const START: Record<string, string> = {
  groups:
    'apiVersion: millwright/v1\nkind: Group\nmetadata:\n  name: web\nspec:\n  count: 3\n  machine:\n    image: debian-12\n    size: small\n    nics:\n      - network: lab\n  rollout:\n    canary: 1\n    pause: canary\n    onFailure: rollback\n',
  volumes: 'apiVersion: millwright/v1\nkind: Volume\nmetadata:\n  name: data\nspec:\n  size: 10GiB\n  hypervisor: lab\n  detach: stopped # or live: you promise that it is unmounted before it leaves a running machine\n',
  images:
    'apiVersion: millwright/v1\nkind: Image\nmetadata:\n  name: debian-12\nspec:\n  os: debian\n  version: "12"\n  build:\n    builder: mmdebstrap\n    suite: bookworm\n',
  networks:
    'apiVersion: millwright/v1\nkind: Network\nmetadata:\n  name: office\nspec:\n  domain: office.example\n  subnets:\n    - cidr: 192.0.2.0/24\n      gateway: 192.0.2.1\n  attachments:\n    - hypervisor: lab\n      bridge: br0\n',
  sizes: 'apiVersion: millwright/v1\nkind: Size\nmetadata:\n  name: small\nspec:\n  cores: 1\n  memory: 1GiB\n  disk: 10GiB\n',
  hypervisors:
    'apiVersion: millwright/v1\nkind: Hypervisor\nmetadata:\n  name: kvm-1\n  project: shared\nspec:\n  driver: libvirt\n  settings:\n    uri: qemu:///system\n',
  pools:
    'apiVersion: millwright/v1\nkind: Pool\nmetadata:\n  name: ci\nspec:\n  ready: 2\n  max: 4\n  ttl: 8h\n  machine:\n    image: debian-12\n    size: small\n    nics:\n      - network: lab\n',
  sources:
    'apiVersion: millwright/v1\nkind: Source\nmetadata:\n  name: infra\nspec:\n  url: https://git.example.org/infra.git\n  branch: main\n  path: machines\n  apply: approved\n',
  webhooks:
    'apiVersion: millwright/v1\nkind: Webhook\nmetadata:\n  name: chat\nspec:\n  url: https://ci.example.org/hooks/millwright\n  secret: at least 16 characters, as openssl rand -hex 32 makes them\n  about: [Machine, Operation]\n',
  offers:
    'apiVersion: millwright/v1\nkind: Offer\nmetadata:\n  name: web-server\nspec:\n  title: Web server\n  description: Debian with a network card.\n  parameters:\n    - name: name\n      type: string\n      title: Name\n      pattern: "[a-z][a-z0-9-]{0,30}"\n      example: web-1\n    - name: size\n      type: enum\n      title: Size\n      options: [small, large]\n      preset: small\n  manifests:\n    - apiVersion: millwright/v1\n      kind: Machine\n      metadata:\n        name: ${{ name }}\n      spec:\n        image: debian-12\n        size: ${{ size }}\n        nics:\n          - network: lab\n',
  machines:
    'apiVersion: millwright/v1\nkind: Machine\nmetadata:\n  name: web\nspec:\n  image: debian-12\n  size: small\n  nics:\n    - network: lab\n',
};

/** Any declaration as text: what it would do first, and then does. */
export function Manifest() {
  const { project } = useParams({ from: '/p/$project/manifest' });
  const { kind, name } = useSearch({ from: '/p/$project/manifest' });
  const preset = placeOf(useSignedIn().roles, true);
  const present = useQuery({
    queryKey: ['manifest', project, kind, name],
    enabled: !!kind && !!name,
    staleTime: Infinity,
    gcTime: 0,
    queryFn: async () => stringify(declaredOf(await readOne(kind as Plural, project, name!))),
  });
  return (
    <>
      <PageHead
        title={name ? `Edit ${name}` : 'Manifest'}
        under="Declare resources as text, of any kind, as many as you like. The plan tells what would be done."
      />
      {present.error ? (
        <Trouble error={present.error} retry={() => void present.refetch()} />
      ) : name && present.isPending ? (
        <Loading />
      ) : (
        <Editor key={`${project}/${kind}/${name}`} project={project === ALL ? preset : project} start={present.data ?? START[kind ?? 'machines'] ?? ''} />
      )}
    </>
  );
}

function Editor({ project, start }: { project: string; start: string }) {
  const [text, setText] = useState(start);
  const queries = useQueryClient();
  const plan = useMutation({ mutationFn: () => applyText(project, text, true) });
  const apply = useMutation({
    mutationFn: () => applyText(project, text, false),
    onSuccess: (done) => {
      done.items.forEach((i) => void queries.invalidateQueries({ queryKey: ['list', pluralOf(i.kind)] }));
      void queries.invalidateQueries({ queryKey: ['operations'] });
    },
  });
  const planned = plan.data;
  const change = (next: string) => {
    setText(next);
    plan.reset();
    apply.reset();
  };
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1.1fr) minmax(0, 1fr)' }, alignItems: 'start' }}>
      <Card>
        <TextField
          multiline
          fullWidth
          minRows={18}
          maxRows={34}
          label="YAML"
          value={text}
          onChange={(e) => change(e.target.value)}
          slotProps={{ htmlInput: { spellCheck: false, className: 'mono', style: { lineHeight: 1.55 } } }}
        />
        {planned?.approval && !apply.data && (
          <Box sx={{ mt: 2 }}>
            <ToApprove by={planned.approval} />
          </Box>
        )}
        <Stack direction="row" sx={{ mt: 2, gap: 1.5, justifyContent: 'flex-end', alignItems: 'center' }}>
          <Typography variant="body2" sx={{ flex: 1, color: 'text.secondary' }}>
            Goes to project {project} where it names none.
          </Typography>
          <Button variant="outlined" loading={plan.isPending} onClick={() => plan.mutate()}>
            Plan
          </Button>
          <Button variant="contained" disabled={!planned || apply.isSuccess} loading={apply.isPending} onClick={() => apply.mutate()}>
            Apply
          </Button>
        </Stack>
      </Card>
      <Card title={apply.data ? 'Done' : 'What would be done'}>
        {apply.error ? (
          <Trouble error={apply.error} />
        ) : plan.error ? (
          <Trouble error={plan.error} />
        ) : apply.data ? (
          <Applied items={apply.data.items} />
        ) : planned ? (
          <PlanView items={planned.items} />
        ) : (
          <Typography variant="body2" sx={{ color: 'text.secondary' }}>
            Plan shows it here; nothing is changed by that.
          </Typography>
        )}
      </Card>
    </Box>
  );
}

function Applied({ items }: { items: Schemas['ApplyItem'][] }) {
  return (
    <Stack sx={{ gap: 1 }}>
      {items.map((i) => (
        <div key={`${i.kind}/${i.project}/${i.name}`}>
          {i.kind} {i.name}: {i.action}
          {i.operation && (
            <>
              ,{' '}
              <PageLink to="/p/$project/operations/$uid" params={{ project: i.project, uid: i.operation }}>
                follow it
              </PageLink>
            </>
          )}
        </div>
      ))}
    </Stack>
  );
}
