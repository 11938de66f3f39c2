import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, type Health } from '../api/kinds';
import { useApprovals, waiting } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Ago, Asked, Card, Empty, PageHead, Standing } from '../parts/basics';
import { Choose, useChosen } from '../parts/Choose';
import { DataTable, type Column } from '../parts/DataTable';
import { exact } from '../parts/format';
import { May } from '../parts/May';
import { PlanView } from '../parts/plan';
import { need } from './need';
import { Rules } from './Rules';

type Approval = Schemas['Approval'];

const HEALTH: Record<Approval['state'], Health> = {
  waiting: 'busy',
  approved: 'busy',
  done: 'good',
  rejected: 'bad',
  withdrawn: 'off',
  lapsed: 'off',
  expired: 'off',
};

const STATES = Object.keys(HEALTH);

/** So many that wait are drawn at once: each with all of its plan. */
const FEW = 20;

/** What others have to approve before it is done, each with its plan; and what became of the rest. */
export function Approvals() {
  const { project } = useParams({ from: '/p/$project/approvals' });
  const asked = useQuery(waiting(project));
  const [drawn, setDrawn] = useState(FEW);
  const { q } = useSearch({ from: '/p/$project/approvals' });
  const state = useChosen('state', STATES);
  const all = useApprovals(project, { state, q });
  return (
    <>
      <PageHead title="Approvals" under="What is done only when somebody else has agreed to its plan." />
      <Stack sx={{ gap: 2.5 }}>
        {!asked.data && <Asked of={asked}>{() => null}</Asked>}
        {asked.data?.slice(0, drawn).map((r) => (
          <Waiting key={r.uid} of={r} named={project === ALL} />
        ))}
        {asked.data && asked.data.length > drawn && (
          <Button variant="outlined" onClick={() => setDrawn(drawn + FEW)} sx={{ alignSelf: 'center' }}>
            Show more of the {asked.data.length} that wait
          </Button>
        )}
        {asked.data?.length === 0 && (
          <Card>
            <Empty title="Nothing waits for approval">
              What a project&apos;s rules hold back is shown here, to whoever asked for it and to those who may approve it.
            </Empty>
          </Card>
        )}
        <section>
          <Typography variant="h2" sx={{ mb: 2 }}>
            All that was asked for
          </Typography>
          <DataTable
            label="Approvals"
            of={all}
            columns={project === ALL ? columns : within}
            id={(r) => r.uid}
            tools={<Choose label="State" at="state" words={STATES} />}
            empty={<Empty title={state ? `None is ${state}` : 'Nothing had to be approved yet'} />}
          />
        </section>
        {project !== ALL && <Rules project={project} />}
      </Stack>
    </>
  );
}

const columns: Column<Approval>[] = [
  { key: 'when', title: 'When', width: '100px', value: (r) => -Date.parse(r.createdAt), cell: (r) => <Ago when={r.createdAt} /> },
  { key: 'what', title: 'What', width: 'minmax(140px, 1.2fr)', value: (r) => `${r.kind} ${r.name}`, cell: (r) => <strong>{`${r.kind} ${r.name}`}</strong> },
  { key: 'project', title: 'Project', width: 'minmax(80px, 0.6fr)', wide: true, value: (r) => r.project, cell: (r) => r.project },
  { key: 'state', title: 'State', width: '120px', value: (r) => r.state, cell: (r) => <Standing health={HEALTH[r.state]} word={r.state} sentence={r.detail} /> },
  { key: 'for', title: 'For', width: 'minmax(80px, 0.7fr)', wide: true, value: (r) => r.requester, cell: (r) => r.requester },
  { key: 'detail', title: 'Says', width: 'minmax(120px, 1.5fr)', wide: true, value: (r) => r.detail, cell: (r) => <span title={r.detail}>{r.detail}</span> },
];

const within = columns.filter((c) => c.key !== 'project');

type Verdict = 'approve' | 'reject' | 'withdraw';

function Waiting({ of, named }: { of: Approval; named: boolean }) {
  const [asking, setAsking] = useState<Verdict>();
  // As the server says it: whoever asked, or has approved already, or has not the role, cannot.
  const may = { data: [{ action: 'decide', allowed: of.hindrance === '', reason: of.hindrance }], error: null };
  return (
    <Card
      title={`${of.kind} ${of.name}${named ? ` in ${of.project}` : ''}`}
      action={
        <Stack direction="row" sx={{ gap: 1 }}>
          {of.withdrawable && (
            <Button size="small" variant="outlined" onClick={() => setAsking('withdraw')}>
              Withdraw
            </Button>
          )}
          <May of={may} action="decide">
            {(disabled) => (
              <Button size="small" variant="outlined" color="error" disabled={disabled} onClick={() => setAsking('reject')}>
                Reject
              </Button>
            )}
          </May>
          <May of={may} action="decide">
            {(disabled) => (
              <Button size="small" variant="contained" disabled={disabled} onClick={() => setAsking('approve')}>
                Approve
              </Button>
            )}
          </May>
        </Stack>
      }
    >
      <Typography variant="body2" sx={{ mb: 1.5 }}>
        {of.requester} has asked for it <Ago when={of.createdAt} />. {need(of)} It waits until {exact(of.expiresAt)}.
      </Typography>
      <PlanView items={of.plan} whole />
      {asking && <Decide of={of} verdict={asking} onClose={() => setAsking(undefined)} />}
    </Card>
  );
}

const TITLES: Record<Verdict, string> = { approve: 'Approve', reject: 'Reject', withdraw: 'Withdraw' };

function Decide({ of, verdict, onClose }: { of: Approval; verdict: Verdict; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const path = { project: of.project, uid: of.uid };
  const query = reason ? { reason } : {};
  return (
    <Ask
      title={`${TITLES[verdict]}: ${of.kind} ${of.name}`}
      button={TITLES[verdict]}
      danger={verdict === 'reject'}
      act={() =>
        unwrap(
          verdict === 'approve'
            ? api.POST('/api/v1/projects/{project}/approvals/{uid}:approve', { params: { path, query } })
            : verdict === 'reject'
              ? api.POST('/api/v1/projects/{project}/approvals/{uid}:reject', { params: { path, query } })
              : api.POST('/api/v1/projects/{project}/approvals/{uid}:withdraw', { params: { path } }),
        ).finally(() => void queries.invalidateQueries({ queryKey: ['approvals'] }))
      }
      onClose={onClose}
    >
      {verdict === 'withdraw' ? (
        <span>Nothing of it is done. It can be asked for again.</span>
      ) : (
        <TextField
          autoFocus
          label="Reason"
          value={reason}
          onChange={(e) => setReason(e.target.value)}
          helperText={`For ${of.requester}, and for the audit`}
          slotProps={{ htmlInput: { maxLength: 500 } }}
        />
      )}
    </Ask>
  );
}
