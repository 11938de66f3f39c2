import Box from '@mui/material/Box';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Schemas } from '../api/client';
import { ALL, BUSY, running, standingOf } from '../api/kinds';
import { drift, events, operations, projectOf, quarantine, summary, useOrphans } from '../api/queries';
import { useSession } from '../api/session';
import { Ago, Asked, Card, Empty, PageHead, Quiet, Row, Standing, Until, useNow } from '../parts/basics';
import { AddIcon } from '../parts/icons';
import { MayIn } from '../parts/May';
import { OperationState } from '../parts/operations';
import { PageButton, PageLink } from '../parts/RowLink';
import { runsOut } from './soon';
import { causes } from './wrong';

/** So many operations of all that go on, or were the last. */
const SHOWN = 6;

/** What one has, what is wrong with it and what is going on. */
export function Home() {
  const { project } = useParams({ from: '/p/$project' });
  const stands = useQuery(summary(project));
  const open = useQuery(operations({ project, state: 'open', limit: 1000 })); // also what has been for days
  const last = useQuery(operations({ project, limit: SHOWN }));
  const told = useQuery(events(project, undefined, undefined, 12));
  const found = useOrphans();
  const drifted = useQuery(drift(project, { limit: 0 }));
  const kept = useQuery(quarantine(project));
  const limited = useQuery({ ...projectOf(project), enabled: project !== ALL });
  const me = useSession().data?.user.name ?? '';
  const now = useNow(60_000);
  const { data } = stands;
  const ending = useMemo(
    () => runsOut(data?.ending ?? [], kept.data ?? [], limited.data, now),
    [data, kept.data, limited.data, now],
  );
  const endings = ending.length + (data ? data.endingSoon - data.ending.length : 0);

  const counts = useMemo(() => {
    const out = { good: 0, busy: 0, bad: 0, off: 0, unknown: 0, all: 0 };
    for (const alike of data?.standings.filter((a) => a.kind === 'Machine') ?? []) {
      out[standingOf(alike).health] += alike.count;
      out.all += alike.count;
    }
    return out;
  }, [data]);

  const wrong = useMemo(() => causes(data?.standings ?? [], open.data ?? [], project), [data, open.data, project]);
  const ill = wrong.reduce((n, c) => n + c.count, 0);

  const differ = drifted.data?.differing ?? 0;
  const left = found.items.length;
  const going = open.data ?? [];
  const done = open.data?.length === 0 ? last : open;

  return (
    <>
      <PageHead
        title={project === ALL ? 'All projects' : project}
        under={data ? inShort(counts.all, ill, going.length) : ' '}
      >
        <MayIn project={project} what="declare Machine">
          {(disabled) => (
            <PageButton to="/p/$project/new-machine" params={{ project }} variant="contained" startIcon={<AddIcon />} disabled={disabled}>
              New machine
            </PageButton>
          )}
        </MayIn>
      </PageHead>
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: '1fr 1fr', md: 'repeat(4, 1fr)' }, mb: 2 }}>
        <Figure title="Ready" n={counts.good} to={`/p/${project}/machines`} state="Ready" />
        <Figure title="Working" n={counts.busy} to={`/p/${project}/machines`} state={BUSY.join()} />
        <Figure title="Off" n={counts.off} to={`/p/${project}/machines`} state="Off" />
        <Figure title="Need a look" n={ill} to={`/p/${project}`} hash="wrong" bad />
      </Box>
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: '1fr', lg: '1.25fr 1fr' }, alignItems: 'start' }}>
        <Stack sx={{ gap: 2, minWidth: 0 }}>
          {wrong.length > 0 && (
            <Card id="wrong" title="What is wrong" flush>
              {wrong.slice(0, 12).map((w) => (
                <Row key={w.key}>
                  <Standing health="bad" word="" />
                  <Box sx={{ flex: 1, minWidth: 0 }}>
                    <Box sx={{ fontWeight: 600 }}>
                      {w.kind}{' '}
                      {w.what.slice(0, 4).map((r, i) => (
                        <span key={r.to}>
                          {i > 0 && ', '}
                          <PageLink to={r.to} underline="always">
                            {r.name}
                          </PageLink>
                        </span>
                      ))}
                      {w.count > 4 && (
                        <>
                          {' and '}
                          <PageLink to={w.to} underline="always">
                            {w.count - 4} more
                          </PageLink>
                        </>
                      )}
                    </Box>
                    <Typography variant="body2">{w.why}</Typography>
                    <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                      {w.next}
                    </Typography>
                  </Box>
                  {w.since && <Quiet><Ago when={w.since} /></Quiet>}
                </Row>
              ))}
              {wrong.length > 12 && <Row><Quiet>and {wrong.length - 12} more</Quiet></Row>}
            </Card>
          )}
          {ending.length > 0 && (
            <Card title="What runs out soon" flush>
              {ending.slice(0, 8).map((e) => (
                <Row key={e.key}>
                  <Box sx={{ flex: 1, minWidth: 0 }}>
                    <PageLink to={e.to} underline="hover" sx={{ fontWeight: 600 }}>
                      {e.what}
                    </PageLink>
                    <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                      {e.why}
                    </Typography>
                  </Box>
                  {e.when && <Quiet><Until when={e.when} /></Quiet>}
                </Row>
              ))}
              {endings > 8 && <Row><Quiet>and {endings - 8} more</Quiet></Row>}
            </Card>
          )}
          {data?.owned !== undefined && (
            <Card
              title="My machines"
              flush
              action={
                <PageLink to="/p/$project/machines" params={{ project }} search={{ owner: me }} variant="body2">
                  All {data.owned || ''}
                </PageLink>
              }
            >
              {data.mine.length === 0 ? (
                <Empty title="You have asked for no machine here" action={<First project={project} />}>
                  What you make, what you claim from a pool and what your groups have is shown here.
                </Empty>
              ) : (
                data.mine.map((m) => <Newest key={`${m.project}/${m.name}`} of={m} all={project === ALL} />)
              )}
            </Card>
          )}
          {/* Who has only what is shown above need not see it twice. */}
          {!(data?.owned !== undefined && data.owned >= counts.all) && (
            <Card
              title={data?.owned === undefined ? 'Machines' : 'Newest machines of all'}
              flush
              action={
                <PageLink to="/p/$project/machines" params={{ project }} variant="body2">
                  All {counts.all || ''}
                </PageLink>
              }
            >
              {data === undefined ? (
                <Asked of={stands} lines={4}>{() => null}</Asked>
              ) : data.newest.length === 0 ? (
                <Empty title="No machines yet" action={<First project={project} />}>
                  A machine is made from an image and a size, and gets its addresses and its name by itself.
                </Empty>
              ) : (
                data.newest.map((m) => <Newest key={`${m.project}/${m.name}`} of={m} all={project === ALL} />)
              )}
            </Card>
          )}
        </Stack>
        <Stack sx={{ gap: 2, minWidth: 0 }}>
          <Card title={going.length > 0 ? 'Going on' : 'Last operations'} flush
            action={<PageLink to="/p/$project/operations" params={{ project }} variant="body2">All</PageLink>}>
            {done.data === undefined ? (
              <Asked of={done} lines={3}>{() => null}</Asked>
            ) : done.data.length === 0 ? (
              <Empty title="Nothing was done yet" />
            ) : (
              done.data.slice(0, SHOWN).map((o) => (
                <Row key={o.metadata.uid}>
                  <Box sx={{ width: 104, flex: 'none' }}>
                    <OperationState of={o} />
                  </Box>
                  <Box sx={{ flex: 1, minWidth: 0 }}>
                    <PageLink
                      to="/p/$project/operations/$uid"
                      params={{ project: o.metadata.project, uid: o.metadata.uid }}
                      underline="hover"
                    >
                      {o.spec.title}
                    </PageLink>
                  </Box>
                  <Quiet>{running(o) ? `${o.status.percent} %` : <Ago when={o.metadata.createdAt} />}</Quiet>
                </Row>
              ))
            )}
          </Card>
          {(left > 0 || differ > 0) && (
            <Card title="Findings" flush
              action={<PageLink to="/p/$project/findings" params={{ project }} variant="body2">Look</PageLink>}>
              <Row>
                <Typography variant="body2">
                  {differ} {differ === 1 ? 'machine differs' : 'machines differ'} from what is declared, {left}{' '}
                  {left === 1 ? 'object belongs' : 'objects belong'} to nothing declared.
                </Typography>
              </Row>
            </Card>
          )}
          <Card title="Events" flush
            action={<PageLink to="/p/$project/events" params={{ project }} variant="body2">All</PageLink>}>
            {told.data === undefined ? (
              <Asked of={told} lines={3}>{() => null}</Asked>
            ) : (told.data ?? []).length === 0 ? (
              <Empty title="Nothing has happened yet" />
            ) : (
              (told.data ?? []).slice(0, 8).map((e) => (
                <Row key={e.cursor}>
                  <Box sx={{ flex: 1, minWidth: 0 }}>
                    <Typography variant="body2">
                      <strong>
                        {e.kind} {e.name}
                      </strong>{' '}
                      {e.message}
                    </Typography>
                  </Box>
                  <Quiet>
                    <Ago when={e.at} />
                  </Quiet>
                </Row>
              ))
            )}
          </Card>
        </Stack>
      </Box>
    </>
  );
}

function First({ project }: { project: string }) {
  return (
    <MayIn project={project} what="declare Machine">
      {(disabled) => (
        <PageButton to="/p/$project/new-machine" params={{ project }} variant="outlined" startIcon={<AddIcon />} disabled={disabled}>
          Make the first one
        </PageButton>
      )}
    </MayIn>
  );
}

function Newest({ of: m, all }: { of: Schemas['Newest']; all: boolean }) {
  const s = standingOf({ ...m, kind: 'Machine' });
  return (
    <Row>
      <Box sx={{ width: 104, flex: 'none' }}>
        <Standing health={s.health} word={s.word} sentence={s.sentence} />
      </Box>
      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
        <PageLink to="/p/$project/machines/$name" params={{ project: m.project, name: m.name }} underline="hover" sx={{ fontWeight: 600 }}>
          {m.name}
        </PageLink>
        {all && <Quiet> {m.project}</Quiet>}
      </Box>
      <Box sx={{ display: { xs: 'none', sm: 'block' }, maxWidth: '40%', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}>
        <Quiet>
          {m.image} · {m.size}
        </Quiet>
      </Box>
      <Box component="code" sx={{ minWidth: { sm: 104 }, textAlign: 'right' }}>
        {m.address ?? ''}
      </Box>
    </Row>
  );
}

function inShort(machines: number, wrong: number, going: number): string {
  const parts = [`${machines} ${machines === 1 ? 'machine' : 'machines'}`];
  parts.push(wrong === 0 ? 'all is well' : `${wrong} ${wrong === 1 ? 'thing needs' : 'things need'} a look`);
  if (going > 0) {
    parts.push(`${going} ${going === 1 ? 'operation goes' : 'operations go'} on`);
  }
  return parts.join(', ');
}

function Figure({ title, n, to, hash, state, bad }: { title: string; n: number; to: string; hash?: string; state?: string; bad?: boolean }) {
  return (
    <Box
      sx={{ border: 1, borderColor: 'divider', borderRadius: 3, px: 2.25, py: 1.5, bgcolor: 'background.paper' }}
    >
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        {title}
      </Typography>
      <PageLink
        to={to}
        {...(hash ? { hash } : {})}
        search={(state ? { state } : {}) as never}
        underline="hover"
        aria-label={`${n} ${title}`}
        sx={{
          fontSize: '1.7rem',
          fontWeight: 620,
          letterSpacing: '-0.02em',
          lineHeight: 1.25,
          color: bad && n > 0 ? 'error.main' : 'text.primary',
          fontVariantNumeric: 'tabular-nums',
        }}
      >
        {n}
      </PageLink>
    </Box>
  );
}
