import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, type Health } from '../api/kinds';
import { approvals } from '../api/queries';
import { useSession } from '../api/session';
import { Ask } from '../parts/Ask';
import { Ago, Asked, Card, Empty, PageHead, Quiet, Row, Standing } from '../parts/basics';
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

/** What others have to approve before it is done, each with its plan; and what became of the rest. */
export function Approvals() {
  const { project } = useParams({ from: '/p/$project/approvals' });
  const all = useQuery(approvals(project));
  const waiting = all.data?.filter((r) => r.state === 'waiting') ?? [];
  const over = all.data?.filter((r) => r.state !== 'waiting') ?? [];
  return (
    <>
      <PageHead title="Approvals" under="What is done only when somebody else has agreed to its plan." />
      <Stack sx={{ gap: 2.5 }}>
        {!all.data && <Asked of={all}>{() => null}</Asked>}
        {waiting.map((r) => (
          <Waiting key={r.uid} of={r} named={project === ALL} />
        ))}
        {all.data && waiting.length === 0 && (
          <Card>
            <Empty title="Nothing waits for approval">
              What a project&apos;s rules hold back is shown here, to whoever asked for it and to those who may approve it.
            </Empty>
          </Card>
        )}
        {over.length > 0 && (
          <Card title="What became of the others" flush>
            {over.map((r) => (
              <Row key={r.uid}>
                <Box sx={{ width: 110, flex: 'none' }}>
                  <Standing health={HEALTH[r.state]} word={r.state} />
                </Box>
                <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
                  {r.kind} <strong>{r.name}</strong> {project === ALL && <Quiet>{r.project} </Quiet>}
                  <Quiet>
                    for {r.requester}
                    {r.detail && `; ${r.detail}`}
                  </Quiet>
                </Box>
                <Ago when={r.createdAt} />
              </Row>
            ))}
          </Card>
        )}
        {project !== ALL && <Rules project={project} />}
      </Stack>
    </>
  );
}

type Verdict = 'approve' | 'reject' | 'withdraw';

function Waiting({ of, named }: { of: Approval; named: boolean }) {
  const me = useSession().data?.user.name;
  const [asking, setAsking] = useState<Verdict>();
  // As the server says it: whoever asked, or has approved already, or has not the role, cannot.
  const may = [{ action: 'decide', allowed: of.hindrance === '', reason: of.hindrance }];
  return (
    <Card
      title={`${of.kind} ${of.name}${named ? ` in ${of.project}` : ''}`}
      action={
        <Stack direction="row" sx={{ gap: 1 }}>
          {of.requester === me && (
            <Button size="small" variant="outlined" onClick={() => setAsking('withdraw')}>
              Withdraw
            </Button>
          )}
          <May all={may} action="decide">
            {(disabled) => (
              <Button size="small" variant="outlined" color="error" disabled={disabled} onClick={() => setAsking('reject')}>
                Reject
              </Button>
            )}
          </May>
          <May all={may} action="decide">
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
      <PlanView items={of.plan} />
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
