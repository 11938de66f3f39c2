import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import FormHelperText from '@mui/material/FormHelperText';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { ApiProblem, type Schemas } from '../api/client';
import { ALL, SHARED, pluralOf, type Offer } from '../api/kinds';
import { order, useMay, useNameable } from '../api/queries';
import { Card, Copy, Empty, Loading, NotThere, PageHead, Quiet, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { useLabels } from '../parts/listed';
import { MayIn } from '../parts/May';
import { Place, usePlace } from '../parts/Place';
import { PlanView, ToApprove } from '../parts/plan';
import { PageButton, PageLink } from '../parts/RowLink';
import { useSettled } from '../parts/settled';
import { presetsOf } from './order';

const titleOf = (o: Offer) => o.spec.title ?? o.metadata.name;

const columns: Column<Offer>[] = [
  { key: 'title', title: 'Title', width: '1fr', value: titleOf, cell: titleOf },
  { key: 'name', title: 'Name', width: '1fr', value: (o) => o.metadata.name, cell: (o) => o.metadata.name },
  { key: 'project', title: 'Project', width: '1fr', value: (o) => o.metadata.project, cell: (o) => o.metadata.project },
  { key: 'description', title: 'Description', width: '1fr', value: (o) => o.spec.description, cell: (o) => o.spec.description },
];

/** What can be ordered: a card for each offer of the project, and of the house. */
export function Catalogue() {
  const { project } = useParams({ from: '/p/$project/catalogue' });
  const offers = useNameable('offers', project, useLabels());
  const publish = (
    <Declare project={project} kind="Offer">
      New offer
    </Declare>
  );
  return (
    <>
      <PageHead title="Catalogue" under="Machines that somebody has prepared: fill in a form, see the plan, have them.">
        {publish}
      </PageHead>
      <DataTable
        label="Catalogue"
        of={offers}
        columns={columns}
        id={(o) => o.metadata.uid}
        labels
        card={(o) => (
          <Card
            title={titleOf(o)}
            action={
              <MayIn project={project} what="declare Machine">
                {(disabled) => (
                  <PageButton
                    to="/p/$project/catalogue/$name"
                    params={{ project: project === ALL && o.metadata.project !== SHARED ? o.metadata.project : project, name: o.metadata.name }}
                    variant="contained"
                    size="small"
                    disabled={disabled}
                    aria-label={`Order ${titleOf(o)}`}
                  >
                    Order
                  </PageButton>
                )}
              </MayIn>
            }
          >
            <Typography variant="body2" sx={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere', minHeight: 40 }}>
              {o.spec.description ?? ''}
            </Typography>
            <Quiet>
              <PageLink to="/p/$project/manifest" params={{ project: o.metadata.project }} search={{ kind: 'offers', name: o.metadata.name }} color="inherit">
                {o.metadata.name}
              </PageLink>{' '}
              of {o.metadata.project}
            </Quiet>
          </Card>
        )}
        empty={
          <Empty title="Nothing is offered yet">
            An operator publishes an offer: manifests with holes, and a form that fills them. Those of the project <code>shared</code>{' '}
            are offered to all projects.
          </Empty>
        }
      />
    </>
  );
}

/** The form of one offer; beside it what would be done, and the YAML that it makes. */
export function Order() {
  const { project, name } = useParams({ from: '/p/$project/catalogue/$name' });
  const place = usePlace(project);
  const offers = useNameable('offers', project === ALL ? SHARED : project);
  const offer = offers.items.find((o) => o.metadata.name === name);
  if (offers.error || offers.loading) {
    return <NotThere title={name} of={{ error: offers.error, refetch: offers.retry }} />;
  }
  if (!offer) {
    return (
      <>
        <PageHead title={name} />
        <Card>
          <Empty title={`There is no offer ${name}`}>Neither in the project nor in the project shared.</Empty>
        </Card>
      </>
    );
  }
  return (
    <>
      <PageHead title={titleOf(offer)} under={<Box sx={{ whiteSpace: 'pre-line' }}>{offer.spec.description}</Box>}>
        <Place of={place} label="For project" />
      </PageHead>
      <Form key={`${place.project}/${offer.metadata.uid}/${offer.metadata.generation}`} project={place.project} offer={offer} />
    </>
  );
}

function Form({ project, offer }: { project: string; offer: Offer }) {
  const name = offer.metadata.name;
  const parameters = offer.spec.parameters ?? [];
  const [typed, setTyped] = useState<Record<string, string>>({});
  const values = useMemo(() => ({ ...presetsOf(parameters), ...typed }), [parameters, typed]);
  const settled = useSettled(values, 350);
  const complete = parameters.every((p) => values[p.name] !== undefined && (values[p.name] !== '' || p.preset === ''));
  const may = useMay(project, 'declare Machine'); // which an order does; who may not is refused each look at what it would be
  const plan = useQuery({
    queryKey: ['plan', 'order', project, name, settled],
    queryFn: () => order(project, name, settled, true),
    enabled: (may.allowed ?? !!may.error) && complete && settled === values,
    staleTime: 0,
    placeholderData: (before: Schemas['Order'] | undefined) => before,
  });
  const planned = complete && settled === values && plan.isSuccess && !plan.isPlaceholderData;
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => order(project, name, values, false),
    onSuccess: (done) => {
      done.items.forEach((i) => void queries.invalidateQueries({ queryKey: ['list', pluralOf(i.kind)] }));
      ['operations', 'project', 'approvals'].forEach((k) => void queries.invalidateQueries({ queryKey: [k] }));
    },
  });
  const problem = [act.error, plan.error].find((e) => e instanceof ApiProblem);
  const message = (p: string) => (complete ? problem?.at(`parameters.${p}`) : undefined);
  const placed = problem?.problem.errors?.length && problem.problem.errors.every((e) => e.field.startsWith('parameters.'));
  if (act.data) {
    return <Ordered items={act.data.items} />;
  }
  return (
    <Box
      component="form"
      onSubmit={(e) => {
        e.preventDefault();
        if (planned) {
          act.mutate();
        }
      }}
      sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) minmax(0, 1fr)' }, alignItems: 'start' }}
    >
      <Card>
        <Stack sx={{ gap: 2.25 }}>
          {parameters.length === 0 && <Typography variant="body2">There is nothing to fill in.</Typography>}
          {parameters.map((p) => (
            <Field key={p.name} of={p} value={values[p.name] ?? ''} message={message(p.name)} onChange={(v) => setTyped((t) => ({ ...t, [p.name]: v }))} />
          ))}
          {problem && complete && !placed && <Trouble error={problem} />}
          <Stack direction="row" sx={{ gap: 1.5, justifyContent: 'flex-end' }}>
            <PageButton to="/p/$project/catalogue" params={{ project }}>
              Cancel
            </PageButton>
            <Button type="submit" variant="contained" loading={act.isPending} disabled={!planned}>
              Order
            </Button>
          </Stack>
        </Stack>
      </Card>
      <Stack sx={{ gap: 2, minWidth: 0 }}>
        <Card title="What will be done">
          {may.allowed === false ? (
            <Quiet>Not by you: {may.reason}</Quiet>
          ) : !complete ? (
            <Quiet>Fill in the form, and it is told here.</Quiet>
          ) : plan.error ? (
            <Quiet>Not like this: {plan.error.message}</Quiet>
          ) : plan.data ? (
            <Box sx={{ opacity: planned ? 1 : 0.6, transition: 'opacity .15s' }}>
              <PlanView items={plan.data.items} />
              <Box sx={{ mt: 1.5 }}>
                <ToApprove by={plan.data.approval} />
              </Box>
            </Box>
          ) : (
            <Loading lines={4} />
          )}
        </Card>
        {complete && plan.data && (
          <Card title="As YAML" action={<Copy text={plan.data.manifests} what="YAML" />}>
            <Box component="pre" tabIndex={0} aria-label="YAML" sx={{ m: 0, overflow: 'auto', lineHeight: 1.55 }}>
              {plan.data.manifests}
            </Box>
          </Card>
        )}
      </Stack>
    </Box>
  );
}

function Field({ of, value, message, onChange }: { of: Schemas['OfferParameter']; value: string; message: string | undefined; onChange: (v: string) => void }) {
  const label = of.title ?? of.name;
  const help = message ?? of.description;
  if (of.type === 'boolean') {
    return (
      <Box>
        <FormControlLabel control={<Checkbox checked={value === 'true'} onChange={(e) => onChange(String(e.target.checked))} />} label={label} />
        {help && <FormHelperText error={!!message}>{help}</FormHelperText>}
      </Box>
    );
  }
  return (
    <TextField
      label={label}
      required={of.preset === undefined}
      select={of.type === 'enum'}
      multiline={of.type === 'string' && (of.maxLength ?? 200) > 1000}
      {...(of.type === 'integer' ? { type: 'number' } : {})}
      value={value}
      onChange={(e) => onChange(e.target.value)}
      error={!!message}
      helperText={help}
      placeholder={of.example}
      autoComplete="off"
      slotProps={{
        htmlInput: of.type === 'integer' ? { min: of.min, max: of.max, step: 1 } : of.type === 'string' ? { maxLength: of.maxLength ?? 200 } : {},
        inputLabel: of.example ? { shrink: true } : {},
      }}
    >
      {of.type === 'enum' &&
        (of.options ?? []).map((o) => (
          <MenuItem key={o} value={o}>
            {o}
          </MenuItem>
        ))}
    </TextField>
  );
}

function Ordered({ items }: { items: Schemas['ApplyItem'][] }) {
  return (
    <Card title="It is ordered">
      <Stack sx={{ gap: 1 }}>
        {items.map((i) => (
          <div key={`${i.kind}/${i.name}`}>
            {i.kind}{' '}
            {i.kind === 'Machine' ? (
              <PageLink to="/p/$project/machines/$name" params={{ project: i.project, name: i.name }} sx={{ fontWeight: 600 }}>
                {i.name}
              </PageLink>
            ) : (
              <strong>{i.name}</strong>
            )}
            : {i.action}
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
    </Card>
  );
}
