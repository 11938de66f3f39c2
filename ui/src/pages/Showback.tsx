import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ApiProblem, asProblem, send, unwrap, type Schemas } from '../api/client';
import { SHARED } from '../api/kinds';
import { prices, showback, whole } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Card, Empty, Facts, Loading, PageHead, Quiet, Trouble } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { MayIn } from '../parts/May';
import { lastMonths, money, pricesOf, pricesText } from './prices';

type Line = Schemas['Line'];

/** What the machines of a month cost, and what an hour costs. */
export function Showback() {
  const { project } = useParams({ from: '/p/$project/showback' });
  const { month } = useSearch({ from: '/p/$project/showback' });
  const navigate = useNavigate();
  const found = useQuery(showback(project, month));
  const lines = useQuery({ ...showback(project, month), select: (of) => of.items });
  const list = useQuery(prices);
  const [pricing, setPricing] = useState(false);
  const csv = useMutation({ mutationFn: () => download(project, found.data?.month) });
  const months = lastMonths(new Date(), 12);
  return (
    <>
      <PageHead title="Showback" under="What the machines of a month cost, by the prices of their hours.">
        <TextField
          select
          label="Month"
          value={month ?? months[0]}
          onChange={(e) => void navigate({ to: '.', search: ((s: object) => ({ ...s, month: e.target.value })) as never, replace: true })}
          sx={{ minWidth: 130 }}
        >
          {[...new Set([...months, ...(month ? [month] : [])])].map((m) => (
            <MenuItem key={m} value={m}>
              {m}
            </MenuItem>
          ))}
        </TextField>
        <Button variant="outlined" loading={csv.isPending} disabled={!found.data} onClick={() => csv.mutate()}>
          As CSV
        </Button>
      </PageHead>
      <Stack sx={{ gap: 2 }}>
        {csv.error && <Trouble error={csv.error} />}
        {found.data && found.data.items.length > 0 && (
          <Typography sx={{ fontSize: '1.3rem', fontWeight: 640 }}>
            {money(found.data.total)} {found.data.currency} <Quiet>in {found.data.month}</Quiet>
          </Typography>
        )}
        <div>
          <DataTable
            label="Costs"
            of={whole(lines)}
            columns={columns}
            id={(l) => `${l.project}/${l.size}/${l.cost === undefined}`}
            empty={<Empty title="No machine in this month">A machine counts from the moment in which it is declared until it is gone.</Empty>}
          />
        </div>
        <Card
          title="Prices of an hour"
          action={
            <MayIn project={SHARED} what="limit">
              {(disabled) => (
                <Button size="small" variant="outlined" disabled={disabled || !list.data} onClick={() => setPricing(true)}>
                  Change prices
                </Button>
              )}
            </MayIn>
          }
        >
          {list.error ? (
            <Trouble error={list.error} retry={() => void list.refetch()} />
          ) : list.isPending ? (
            <Loading lines={2} />
          ) : Object.keys(list.data.sizes).length === 0 ? (
            <Quiet>
              Nothing has a price yet, so nothing costs anything. Sizes of the project <code>shared</code> can have one.
            </Quiet>
          ) : (
            <Facts rows={Object.entries(list.data.sizes).map(([size, price]) => [size, `${price} ${list.data.currency}`])} />
          )}
        </Card>
      </Stack>
      {pricing && list.data && <Change of={list.data} onClose={() => setPricing(false)} />}
    </>
  );
}

const columns: Column<Line>[] = [
  { key: 'project', title: 'Project', width: 'minmax(110px, 1fr)', value: (l) => l.project, cell: (l) => l.project },
  { key: 'size', title: 'Size', width: 'minmax(90px, 1fr)', value: (l) => l.size, cell: (l) => l.size },
  { key: 'machines', title: 'Machines', width: '80px', value: (l) => l.machines, cell: (l) => l.machines },
  { key: 'hours', title: 'Hours', width: '110px', wide: true, value: (l) => Number(l.hours), cell: (l) => l.hours },
  { key: 'cost', title: 'Cost', width: '110px', value: (l) => (l.cost === undefined ? undefined : Number(l.cost)), cell: (l) => (l.cost === undefined ? <Quiet>without price</Quiet> : money(l.cost)) },
];

function Change({ of, onClose }: { of: Schemas['Prices']; onClose: () => void }) {
  const queries = useQueryClient();
  const [currency, setCurrency] = useState(of.currency);
  const [text, setText] = useState(pricesText(of.sizes));
  return (
    <Ask
      title="Prices of an hour"
      button="Set prices"
      ready={currency !== ''}
      act={() => unwrap(api.PUT('/api/v1/prices', { body: { currency, sizes: pricesOf(text) } }))}
      done={() => {
        void queries.invalidateQueries({ queryKey: ['prices'] });
        void queries.invalidateQueries({ queryKey: ['showback'] });
      }}
      onClose={onClose}
    >
      <TextField autoFocus label="Currency" value={currency} onChange={(e) => setCurrency(e.target.value.toUpperCase())} slotProps={{ htmlInput: { maxLength: 3 } }} helperText="It stays once there was a price." />
      <TextField
        label="Sizes"
        multiline
        minRows={3}
        value={text}
        onChange={(e) => setText(e.target.value)}
        placeholder={'small 0.02\nlarge 0.08'}
        helperText="A Size of the project shared and its price in each line. They count from now on; hours that have passed cost what they did."
        slotProps={{ inputLabel: { shrink: true } }}
      />
    </Ask>
  );
}

/** By the page and not by an address: a link would not send a token. */
async function download(project: string, month: string | undefined) {
  const url = new URL(`/api/v1/projects/${project}/showback`, location.origin);
  if (month) {
    url.searchParams.set('month', month);
  }
  const answer = await send(new Request(url, { headers: { Accept: 'text/csv' } }));
  if (!answer.ok) {
    throw new ApiProblem(answer.status, asProblem(await answer.json(), answer));
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `showback-${month ?? 'now'}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}
