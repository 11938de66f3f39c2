import Accordion from '@mui/material/Accordion';
import AccordionDetails from '@mui/material/AccordionDetails';
import AccordionSummary from '@mui/material/AccordionSummary';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField, { type TextFieldProps } from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { stringify } from 'yaml';
import { ApiProblem, type Schemas } from '../api/client';
import { standing, type Resource } from '../api/kinds';
import { applyText, createMachine, one, projectOf, rendering, useCollection, useMay, useNameable } from '../api/queries';
import { Asked, Card, Copy, Loading, PageHead, Quiet, Row, Standing, Trouble } from '../parts/basics';
import { Declare } from '../parts/Declare';
import { Folded } from '../parts/Folded';
import { bytes, freeName, mib } from '../parts/format';
import { ExpandMoreIcon } from '../parts/icons';
import { Place, usePlace } from '../parts/Place';
import { PlanView, ToApprove } from '../parts/plan';
import { useSettled } from '../parts/settled';
import { PageButton } from '../parts/RowLink';
import { useSignedIn } from '../api/session';
import { livesOf } from './lives';
import { loginOf, manifestsOf, type Draft } from './manifest';
import { placed } from './placed';
import { Quota } from './Projects';
import { costOf } from './quota';

/** Where the fields of the form stand in the manifest. */
const PLACES: Record<keyof Draft, string[]> = {
  name: ['metadata.name'],
  project: ['metadata.project'],
  image: ['spec.image'],
  size: ['spec.size'],
  network: ['spec.nics'],
  ipv4: ['spec.nics[0].ipv4'],
  profiles: ['spec.profiles'],
  keys: ['spec.users'],
  own: [],
  volumes: ['spec.volumes'],
  hypervisor: ['spec.hypervisor'],
  firmware: ['spec.firmware'],
  labels: ['metadata.labels'],
  ttl: ['spec.expiry'],
};

/** Those that are folded away until somebody wants them, or one of them is wrong. */
const FOLDED: (keyof Draft)[] = ['ipv4', 'profiles', 'volumes', 'hypervisor', 'firmware', 'labels'];

export function NewMachine() {
  const { project: at } = useParams({ from: '/p/$project/new-machine' });
  const place = usePlace(at);
  const { project } = place;
  const images = useNameable('images', project);
  const sizes = useNameable('sizes', project);
  const networks = useNameable('networks', project);
  const profiles = useNameable('profiles', project);
  const hypervisors = useNameable('hypervisors', project);
  const volumes = useCollection('volumes', project);
  const { name: person } = useSignedIn().user;
  const me = loginOf(person);
  // A name is proposed that none of one's own machines has, which are few; whether another has it is asked for by itself.
  const mine = useCollection('machines', project, '', `metadata.owner=${person}`);
  const [others, setOthers] = useState<ReadonlySet<string>>(new Set());
  const limited = useQuery(projectOf(project));
  // What was chosen for another project may be too long in this one.
  const lives = useMemo(() => livesOf(limited.data?.quota.ttl), [limited.data?.quota.ttl]);
  const loading = limited.isPending || images.loading || sizes.loading || networks.loading || profiles.loading || !(mine.complete || mine.error);

  const [typed, setTyped] = useState<Partial<Draft>>({});
  const [more, setMore] = useState(false);
  const set = (field: keyof Draft) => (e: { target: { value: unknown } }) => {
    setTyped((t) => ({ ...t, [field]: e.target.value }));
    create.reset(); // what the server said was about what it was before
  };

  const draft: Draft = useMemo(() => {
    const proposed = images.items.find((i) => standing(i).health === 'good') ?? images.items[0];
    const image = typed.image ?? proposed?.metadata.name ?? '';
    const os = images.items.find((i) => i.metadata.name === image)?.spec.os ?? 'machine';
    const users = profiles.items.filter((p) => (p.spec.users?.length ?? 0) > 0);
    const bySize = sizes.items.toSorted((a, b) => mib(a.spec.memory) - mib(b.spec.memory));
    const taken = new Set([...mine.items.map((m) => m.metadata.name), ...others]);
    return {
      name: typed.name ?? freeName(`${me}-${os}`, taken),
      project,
      image,
      size: typed.size ?? bySize[0]?.metadata.name ?? '',
      network: typed.network ?? networks.items[0]?.metadata.name ?? '',
      ipv4: typed.ipv4 ?? '',
      // One's own before somebody else's; and nobody's beside the keys that one gives.
      profiles: typed.profiles ?? (typed.keys?.trim() ? [] : [users.find((p) => p.metadata.name === me) ?? users[0]].flatMap((p) => p?.metadata.name ?? [])),
      keys: typed.keys ?? '',
      own: freeName(me, new Set(profiles.items.map((p) => p.metadata.name))),
      volumes: typed.volumes ?? [],
      hypervisor: typed.hypervisor ?? '',
      firmware: typed.firmware ?? '',
      labels: typed.labels ?? '',
      ttl: lives.offered.find((l) => l.ttl === typed.ttl)?.ttl ?? lives.preset,
    };
  }, [typed, project, me, lives, images.items, sizes.items, networks.items, profiles.items, mine.items, others]);

  const manifests = useMemo(() => manifestsOf(draft), [draft]);
  const yaml = useMemo(() => manifests.map((m) => stringify(m)).join('---\n'), [manifests]);
  const logins = profiles.items.filter((p) => draft.profiles.includes(p.metadata.name)).flatMap((p) => (p.spec.users ?? []).map((u) => u.name));
  const settled = useSettled(useDeferredValue(yaml), 350);
  const same = useQuery({ ...one('machines', project, draft.name), enabled: !loading && typed.name === undefined, retry: false });
  const complete = !loading && (typed.name !== undefined || (same.errorUpdateCount > 0 && !same.data)) && draft.name !== '' && draft.image !== '' && draft.size !== '';
  // Who may not make it is refused each look at what it would be; where nobody knows, the server says it.
  const may = useMay(project, 'declare Machine');
  const asked = may.allowed ?? !!may.error;
  const plan = useQuery({
    queryKey: ['plan', 'apply', project, settled],
    queryFn: () => applyText(project, settled, true),
    enabled: asked && complete && settled === yaml, // not what the form was before it had its values
    staleTime: 0,
    placeholderData: (before: Schemas['Apply'] | undefined) => before,
  });
  // What is made is what was seen, and not what the form was before.
  const planned = complete && settled === yaml && plan.isSuccess && !plan.isPlaceholderData;
  const cost = useMemo(
    () =>
      costOf(
        sizes.items.find((s) => s.metadata.name === draft.size)?.spec,
        networks.items.find((n) => n.metadata.name === draft.network)?.spec,
        draft.ipv4,
      ),
    [sizes.items, networks.items, draft.size, draft.network, draft.ipv4],
  );
  const exists = plan.data?.items.some((i) => i.kind === 'Machine' && i.name === draft.name && i.action !== 'created') ?? false;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const create = useMutation({
    // Somebody may have been faster with its name; only what goes with a profile cannot be asked for as new.
    mutationFn: async (_: string): Promise<unknown> => (manifests.length === 1 ? createMachine(project, yaml) : applyText(project, yaml, false)),
    onSuccess: (_, name) => {
      void queries.invalidateQueries({ queryKey: ['list', 'machines'] });
      void queries.invalidateQueries({ queryKey: ['operations'] });
      void queries.invalidateQueries({ queryKey: ['project'] });
      void navigate({ to: '/p/$project/machines/$name', params: { project, name } });
    },
  });

  useEffect(() => {
    if (same.data && typed.name === undefined && !create.isPending && !create.isSuccess) {
      setOthers((names) => new Set([...names, same.data.metadata.name]));
    }
  }, [same.data, typed.name, create.isPending, create.isSuccess]);

  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (create.error) {
      form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
    }
  }, [create.error]);
  const problem = [create.error, plan.error].find((e) => e instanceof ApiProblem) as ApiProblem | undefined;
  const wrong = placed(problem?.problem, PLACES);
  const said = (field: keyof Draft): Pick<TextFieldProps, 'error' | 'helperText'> =>
    wrong.at[field] ? { error: true, helperText: wrong.at[field] } : {};
  const hidden = FOLDED.some((field) => wrong.at[field]);
  const elsewhere = problem && (wrong.rest.length > 0 || !problem.problem.errors?.length);

  const lacks = !loading && (images.items.length === 0 || sizes.items.length === 0);
  const lacking = [images, sizes, networks, profiles].find((c) => c.error);
  return (
    <>
      <PageHead
        title="New machine"
        under={lacking ? undefined : lacks ? 'First it needs what it is made of.' : 'Everything here has a sensible value already; change what you like.'}
      >
        <Place of={place} label="Project" {...said('project')} />
      </PageHead>
      {lacking ? (
        <Trouble error={lacking.error} retry={lacking.retry} />
      ) : lacks ? (
        <Needed
          project={project}
          there={{ hypervisors: hypervisors.items, networks: networks.items, images: images.items, sizes: sizes.items }}
        />
      ) : (
        <Box
          component="form"
          ref={form}
          onSubmit={(e) => {
            e.preventDefault();
            if (planned && !exists) {
              create.mutate(draft.name);
            }
          }}
          sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) minmax(0, 1fr)' }, alignItems: 'start' }}
        >
          <Card>
            {loading ? (
              <Loading lines={6} />
            ) : (
              <Stack sx={{ gap: 2.25 }}>
                <TextField
                  label="Name"
                  required
                  value={draft.name}
                  onChange={set('name')}
                  autoComplete="off"
                  {...(exists
                    ? { error: true, helperText: 'There is a machine of this name already.' }
                    : { helperText: 'Under this name it is found in DNS, too.', ...said('name') })}
                />
                <Choice label="Image" items={images.items} value={draft.image} onChange={set('image')} say={imageWords} {...said('image')} />
                <Choice label="Size" items={sizes.items} value={draft.size} onChange={set('size')} say={sizeWords} {...said('size')} />
                <Choice
                  label="Network"
                  items={networks.items}
                  value={draft.network}
                  onChange={set('network')}
                  none="No network"
                  say={(n) => (n.kind === 'Network' ? (n.spec.subnets ?? []).map((s) => s.cidr).join(', ') : '')}
                  {...said('network')}
                />
                <TextField
                  select
                  label="Lives"
                  value={draft.ttl}
                  onChange={set('ttl')}
                  slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
                  {...said('ttl')}
                >
                  {lives.offered.map(({ ttl, words }) => (
                    <MenuItem key={ttl} value={ttl}>
                      {words}
                    </MenuItem>
                  ))}
                </TextField>
                {draft.profiles.includes(me) ? null : (
                  <TextField
                    label="Your public SSH key"
                    placeholder="ssh-ed25519 AAAA…"
                    value={draft.keys}
                    onChange={set('keys')}
                    autoComplete="off"
                    slotProps={{ htmlInput: { spellCheck: false }, inputLabel: { shrink: true } }}
                    helperText={
                      draft.keys.trim()
                        ? `You log in as ${draft.own}; it is kept as Profile ${draft.own} for the next time.`
                        : logins.length > 0
                          ? `Without it, only ${logins.join(', ')} of Profile ${draft.profiles.join(', ')} can log in.`
                          : 'Without it nobody can log in. It is in ~/.ssh/id_ed25519.pub or so.'
                    }
                    {...said('keys')}
                  />
                )}
                <Accordion disableGutters variant="outlined" expanded={more || hidden} onChange={(_, open) => setMore(open)} sx={{ borderRadius: '10px !important', '&::before': { display: 'none' } }}>
                  <AccordionSummary expandIcon={<ExpandMoreIcon />}>
                    <Typography>More</Typography>
                  </AccordionSummary>
                  <AccordionDetails>
                    <Stack sx={{ gap: 2.25 }}>
                      <Choice
                        label="Profiles"
                        multiple
                        items={profiles.items}
                        value={draft.profiles}
                        onChange={set('profiles')}
                        say={(p) => (p.kind === 'Profile' ? (p.spec.users ?? []).map((u) => u.name).join(', ') : '')}
                        helperText="Who else can log in, and what is set up at first boot."
                        {...said('profiles')}
                      />
                      <TextField
                        label="IPv4 address"
                        placeholder="auto"
                        value={draft.ipv4}
                        onChange={set('ipv4')}
                        helperText="An address, auto, dhcp or none."
                        {...said('ipv4')}
                      />
                      <Choice
                        label="Volumes"
                        multiple
                        items={volumes.items}
                        value={draft.volumes}
                        onChange={set('volumes')}
                        say={(v) => (v.kind === 'Volume' ? v.spec.size : '')}
                        {...said('volumes')}
                      />
                      <Choice
                        label="Hypervisor"
                        items={hypervisors.items}
                        value={draft.hypervisor}
                        onChange={set('hypervisor')}
                        none="The one with the most room"
                        say={() => ''}
                        {...said('hypervisor')}
                      />
                      <TextField select label="Firmware" value={draft.firmware} onChange={set('firmware')} slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }} {...said('firmware')}>
                        <MenuItem value="">As the image needs it</MenuItem>
                        <MenuItem value="bios">BIOS</MenuItem>
                        <MenuItem value="uefi">UEFI</MenuItem>
                      </TextField>
                      <TextField label="Labels" placeholder="app=web, tier=front" value={draft.labels} onChange={set('labels')} {...said('labels')} />
                    </Stack>
                  </AccordionDetails>
                </Accordion>
                {elsewhere && <Trouble error={new ApiProblem(problem.status, { ...problem.problem, errors: wrong.rest })} />}
                {create.error && !(create.error instanceof ApiProblem) && <Trouble error={create.error} />}
                {planned && <ToApprove by={plan.data.approval} />}
                <Stack direction="row" sx={{ gap: 1.5, justifyContent: 'flex-end' }}>
                  <PageButton to="/p/$project/machines" params={{ project: at }}>
                    Cancel
                  </PageButton>
                  <Button type="submit" variant="contained" loading={create.isPending} disabled={!planned || exists}>
                    Create machine
                  </Button>
                </Stack>
              </Stack>
            )}
          </Card>
          <Stack sx={{ gap: 2, minWidth: 0 }}>
            <Card title="What will be done">
              {may.allowed === false ? (
                <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                  Not by you: {may.reason}
                </Typography>
              ) : plan.error ? (
                <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                  Not like this: {plan.error.message}
                </Typography>
              ) : plan.data ? (
                <Box sx={{ opacity: planned ? 1 : 0.6, transition: 'opacity .15s' }}>
                  <PlanView items={plan.data.items} />
                </Box>
              ) : (
                <Loading lines={4} />
              )}
            </Card>
            <Card title={`Quota of ${project}`}>
              <Asked of={limited} lines={3}>
                {(of) => <Quota of={of} more={cost} />}
              </Asked>
            </Card>
            <Folded title="What it will be told">
              {may.allowed === false ? <Quiet>Not to you: {may.reason}</Quiet> : <Told project={project} yaml={settled} ready={asked && complete && settled === yaml} />}
            </Folded>
            <Card title="As YAML" action={<Copy text={yaml} what="YAML" />}>
              <Box component="pre" tabIndex={0} aria-label="YAML" sx={{ m: 0, overflow: 'auto', lineHeight: 1.55 }}>
                {yaml}
              </Box>
              <Typography variant="body2" sx={{ mt: 1.5, color: 'text.secondary' }}>
                The same with the command line: <code>millwright apply -f {draft.name}.yaml</code>
              </Typography>
            </Card>
          </Stack>
        </Box>
      )}
    </>
  );
}

const PARTS = [
  ['hypervisors', 'Hypervisor', 'where it runs'],
  ['networks', 'Network', 'from which it has its addresses and its name; it can do without'],
  ['images', 'Image', 'what it boots from'],
  ['sizes', 'Size', 'its cores, memory and disk'],
] as const;

/** Before there can be a first machine: what it is made of, what of that is there, and where to declare the rest. */
function Needed({ project, there }: { project: string; there: Record<(typeof PARTS)[number][0], Resource[]> }) {
  return (
    <Card title="What a machine is made of" flush>
      {PARTS.map(([plural, kind, what]) => {
        const some = there[plural];
        return (
          <Row key={kind}>
            <Box sx={{ width: 116, flex: 'none' }}>
              <Standing health={some.length > 0 ? 'good' : 'off'} word={kind} />
            </Box>
            <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
              {some.length > 0 ? some.map((r) => r.metadata.name).join(', ') : <Quiet>{what}</Quiet>}
            </Box>
            {some.length === 0 && (
              <Declare project={project} kind={kind} size="small" aria-label={`Declare ${kind}`}>
                Declare
              </Declare>
            )}
          </Row>
        );
      })}
      <Row>
        <Quiet>
          An operator declares them, in this project or for all of them in <code>shared</code>.
        </Quiet>
      </Row>
    </Card>
  );
}

function Told({ project, yaml, ready }: { project: string; yaml: string; ready: boolean }) {
  const [shown, setShown] = useState('');
  const told = useQuery({
    ...rendering(project, yaml),
    enabled: ready,
    placeholderData: (before: Schemas['Rendering'] | undefined) => before,
  });
  if (told.error) {
    return (
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        Not like this: {told.error.message}
      </Typography>
    );
  }
  if (!told.data) {
    return <Loading lines={3} />;
  }
  const { files, proposed, system } = told.data;
  const file = files.find((f) => f.path === shown) ?? files.find((f) => f.main) ?? files[0];
  return (
    <Stack sx={{ gap: 1.5 }}>
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        {system}, as a preview: nothing of it is stored or reserved, and hashes of passwords are masked.
      </Typography>
      {files.length > 1 && (
        <TextField select label="File" value={file?.path ?? ''} onChange={(e) => setShown(e.target.value)}>
          {files.map((f) => (
            <MenuItem key={f.path} value={f.path}>
              {f.path}
            </MenuItem>
          ))}
        </TextField>
      )}
      {file && (
        <Box component="pre" tabIndex={0} aria-label={file.path} sx={{ m: 0, overflow: 'auto', maxHeight: 420, lineHeight: 1.5 }}>
          {file.content}
        </Box>
      )}
      {proposed.length > 0 && (
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          Proposed: {proposed.map((p) => `${p.field} of ${p.of} ${p.value}`).join(', ')}.
        </Typography>
      )}
    </Stack>
  );
}

function imageWords(r: Resource): string {
  if (r.kind !== 'Image') {
    return '';
  }
  const s = standing(r);
  return `${r.spec.os} ${r.spec.version}${s.health === 'good' ? '' : `, ${s.word.toLowerCase()}`}`;
}

function sizeWords(r: Resource): string {
  return r.kind === 'Size'
    ? `${r.spec.cores} ${r.spec.cores === 1 ? 'core' : 'cores'}, ${bytes(mib(r.spec.memory))} memory, ${bytes(mib(r.spec.disk))} disk`
    : '';
}

function Worded({ name, words }: { name: string; words: string }) {
  return (
    <Box component="span" sx={{ whiteSpace: 'normal' }}>
      {name}{' '}
      <Typography variant="body2" component="span" sx={{ color: 'text.secondary', ml: 0.5 }}>
        {words}
      </Typography>
    </Box>
  );
}

function Choice({
  items,
  say,
  none,
  multiple,
  ...field
}: {
  label: string;
  items: Resource[];
  value: string | string[];
  onChange: (e: { target: { value: unknown } }) => void;
  say: (r: Resource) => string;
  none?: string;
  multiple?: boolean;
} & Pick<TextFieldProps, 'error' | 'helperText'>) {
  return (
    <TextField
      select
      {...field}
      slotProps={{
        select: {
          multiple: multiple ?? false,
          displayEmpty: none !== undefined,
          renderValue: (v: unknown) => {
            const chosen = items.find((r) => r.metadata.name === v);
            return Array.isArray(v) ? v.join(', ') : chosen ? <Worded name={chosen.metadata.name} words={say(chosen)} /> : String(v) || none;
          },
        },
        inputLabel: none !== undefined ? { shrink: true } : {},
      }}
    >
      {none !== undefined && <MenuItem value="">{none}</MenuItem>}
      {multiple && items.length === 0 && <MenuItem disabled>There are none</MenuItem>}
      {items.map((r) => (
        <MenuItem key={r.metadata.uid} value={r.metadata.name}>
          <Worded name={r.metadata.name} words={say(r)} />
        </MenuItem>
      ))}
    </TextField>
  );
}
