import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, standing, type Health, type Kinds } from '../api/kinds';
import { deliveries, one, whole } from '../api/queries';
import { Ago, Card, Empty, Facts, NotThere, PageHead, Standing, Until } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { useListed } from '../parts/listed';
import { MayIn } from '../parts/May';
import { Name, PageLink } from '../parts/RowLink';

type Webhook = Kinds['webhooks'];
type Delivery = Schemas['Delivery'];

export function Webhooks() {
  const { project } = useParams({ from: '/p/$project/webhooks' });
  const hooks = useListed('webhooks', project);
  const make = (
    <Declare project={project} kind="Webhook">
      New webhook
    </Declare>
  );
  return (
    <>
      <PageHead title="Webhooks" under="Where events are told, as signed CloudEvents.">
        {make}
      </PageHead>
      <DataTable
        label="Webhooks"
        of={hooks}
        columns={columns(project === ALL)}
        id={(h) => h.metadata.uid}
        states={(h) => standing(h).word}
        labels
        empty={
          <Empty title="No webhooks yet" action={make}>
            A webhook has a project&apos;s events sent to a URL: what was made, what failed, what waits for approval.
          </Empty>
        }
      />
    </>
  );
}

const columns = (all: boolean): Column<Webhook>[] => [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(130px, 1fr)',
    value: (h) => h.metadata.name,
    cell: (h) => (
      <PageLink to="/p/$project/webhooks/$name" params={{ project: h.metadata.project, name: h.metadata.name }} underline="hover" sx={{ fontWeight: 600 }}>
        <Name project={all ? h.metadata.project : undefined}>{h.metadata.name}</Name>
      </PageLink>
    ),
  },
  { key: 'state', title: 'State', width: '120px', value: (h) => standing(h).word, cell: (h) => <Standing {...standing(h)} /> },
  { key: 'url', title: 'URL', width: 'minmax(140px, 2fr)', value: (h) => h.spec.url, cell: (h) => <Box sx={{ overflowWrap: 'anywhere' }}>{h.spec.url}</Box> },
  { key: 'about', title: 'About', width: 'minmax(100px, 1fr)', wide: true, value: about, cell: about },
  { key: 'age', title: 'Made', width: '100px', wide: true, value: (h) => h.metadata.createdAt, cell: (h) => <Ago when={h.metadata.createdAt} /> },
];

const about = (h: Webhook) => h.spec.about?.join(', ') || 'everything';

const HEALTH: Record<Delivery['state'], [Health, string]> = {
  pending: ['busy', 'Waiting'],
  delivered: ['good', 'Delivered'],
  failed: ['bad', 'Failed'],
};

/** One of them: what it was told, and has to be told. */
export function WebhookPage() {
  const { project, name } = useParams({ from: '/p/$project/webhooks/$name' });
  const found = useQuery(one('webhooks', project, name));
  const told = useQuery(deliveries(project, name));
  const [open, setOpen] = useState<string>();
  if (found.error || !found.data) {
    return <NotThere title={name} of={found} />;
  }
  const hook = found.data;
  const shown = told.data?.find((d) => d.uid === open);
  return (
    <>
      <PageHead title={name} under={<Standing {...standing(hook)} />}>
        <Declare project={project} kind="Webhook" name={name}>
          Edit
        </Declare>
      </PageHead>
      <Stack sx={{ gap: 2 }}>
        <Card>
          <Facts
            rows={[
              ['URL', hook.spec.url],
              ['About', about(hook)],
              ['Stands', standing(hook).sentence],
            ]}
          />
        </Card>
        {shown && (
          <Card
            title={shown.type}
            action={
              <Button size="small" onClick={() => setOpen(undefined)}>
                Close
              </Button>
            }
          >
            <Facts
              rows={[
                ['Answer', shown.status],
                ['Why', shown.detail],
                ['Attempts', shown.attempts],
                ['Tried', shown.triedAt && <Ago when={shown.triedAt} />],
                ['Next', shown.state === 'pending' && shown.dueAt ? <Until when={shown.dueAt} /> : undefined],
              ]}
            />
            <Box component="pre" tabIndex={0} aria-label="Body" sx={{ m: 0, mt: 1.5, overflow: 'auto', maxHeight: 320 }}>
              {pretty(shown.body)}
            </Box>
          </Card>
        )}
        <DataTable
          label="Deliveries"
          of={whole(told)}
          columns={delivered(setOpen, (d) => <Again project={project} name={name} of={d} />)}
          id={(d) => d.uid}
          states={(d) => HEALTH[d.state][1]}
          empty={<Empty title="Nothing was told yet">It tells what happens from the moment on in which it was declared.</Empty>}
        />
      </Stack>
    </>
  );
}

const delivered = (open: (uid: string) => void, again: (d: Delivery) => React.ReactNode): Column<Delivery>[] => [
  { key: 'when', title: 'When', width: '110px', value: (d) => -Date.parse(d.createdAt), cell: (d) => <Ago when={d.createdAt} /> },
  {
    key: 'type',
    title: 'Event',
    width: 'minmax(160px, 2fr)',
    value: (d) => d.type,
    cell: (d) => (
      <Button size="small" sx={{ p: 0, minWidth: 0, fontWeight: 600, textAlign: 'left', overflowWrap: 'anywhere' }} onClick={() => open(d.uid)}>
        {d.type}
      </Button>
    ),
  },
  { key: 'state', title: 'State', width: '120px', value: (d) => HEALTH[d.state][1], cell: (d) => <Standing health={HEALTH[d.state][0]} word={HEALTH[d.state][1]} sentence={d.detail} /> },
  { key: 'answer', title: 'Answer', width: 'minmax(70px, 1fr)', wide: true, value: (d) => d.status, cell: (d) => d.status ?? '' },
  { key: 'attempts', title: 'Attempts', width: '90px', wide: true, value: (d) => d.attempts, cell: (d) => d.attempts },
  { key: 'again', title: '', width: '120px', value: () => undefined, cell: again },
];

function Again({ project, name, of }: { project: string; name: string; of: Delivery }) {
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () =>
      unwrap(api.POST('/api/v1/projects/{project}/webhooks/{name}/deliveries/{uid}:redeliver', { params: { path: { project, name, uid: of.uid } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['deliveries', project, name] }),
  });
  return (
    <MayIn project={project} what="operate Webhook">
      {(disabled) => (
        <Button size="small" variant="outlined" disabled={disabled} loading={act.isPending} color={act.error ? 'error' : 'primary'} title={act.error?.message} onClick={() => act.mutate()}>
          Tell again
        </Button>
      )}
    </MayIn>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
