import Accordion from '@mui/material/Accordion';
import AccordionDetails from '@mui/material/AccordionDetails';
import AccordionSummary from '@mui/material/AccordionSummary';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import LinearProgress from '@mui/material/LinearProgress';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { running, type Health, type Operation } from '../api/kinds';
import { once, operation as operationQuery, useOperationLog } from '../api/queries';
import { Ago, Loading, Standing, Trouble, useNow } from './basics';
import { lasted } from './format';
import { ExpandMoreIcon } from './icons';
import { MayIn } from './May';
import { reached } from './reached';

const STATES: Record<string, [Health, string]> = {
  pending: ['busy', 'Pending'],
  running: ['busy', 'Running'],
  waiting: ['busy', 'Waiting'],
  undoing: ['busy', 'Undoing'],
  succeeded: ['good', 'Succeeded'],
  failed: ['bad', 'Failed'],
  cancelled: ['off', 'Cancelled'],
  superseded: ['off', 'Superseded'],
};

export function OperationState({ of }: { of: Operation }) {
  const [health, word] = STATES[of.status.state] ?? ['unknown', of.status.state];
  return <Standing health={health} word={word} sentence={of.status.message} />;
}

/** How something stands and, while it is worked on, how far that got. */
export function Going({ standing, by }: { standing: { health: Health; word: string; sentence: string }; by: Operation | undefined }) {
  if (!by || standing.health !== 'busy') {
    return <Standing {...standing} />;
  }
  const { percent, step } = reached(by);
  return <Standing {...standing} word={`${standing.word}${percent && ` ${percent}`}`} sentence={step || standing.sentence} />;
}

const STEPS: Record<string, [Health, string]> = {
  pending: ['off', 'Pending'],
  running: ['busy', 'Running'],
  done: ['good', 'Done'],
  failed: ['bad', 'Failed'],
  skipped: ['off', 'Not needed'],
};

/** An operation, step by step, with what each step said; live as long as it goes on. */
export function Timeline({ uid }: { uid: string }) {
  const found = useQuery({
    ...operationQuery(uid),
    refetchInterval: (q) => (q.state.data && running(q.state.data) ? 1000 : false),
  });
  const of = found.data;
  const log = useOperationLog(of);
  const lines = log.data?.lines ?? [];
  if (found.error) {
    return <Trouble error={found.error} retry={() => void found.refetch()} />;
  }
  if (!of) {
    return <Loading lines={3} />;
  }
  const known = new Set(of.status.steps.map((s) => s.key));
  const other = lines.filter((l) => !known.has(l.step));
  return (
    <Box>
      <Stack direction="row" sx={{ gap: 2, alignItems: 'center', flexWrap: 'wrap', mb: 1 }}>
        <OperationState of={of} />
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          by {of.spec.requestedBy}, <Ago when={of.metadata.createdAt} />
          {of.status.startedAt && (
            <>
              , <Clock from={of.status.startedAt} to={of.status.endedAt} />
            </>
          )}
        </Typography>
        <Box sx={{ flex: 1 }} />
        <CancelButton of={of} />
      </Stack>
      {of.status.message && (
        <Typography variant="body2" sx={{ mb: 1, color: of.status.state === 'failed' ? 'error.main' : 'text.secondary' }}>
          {of.status.message}
        </Typography>
      )}
      {running(of) && (
        <LinearProgress
          variant={of.status.percent > 0 ? 'determinate' : 'indeterminate'}
          value={of.status.percent}
          aria-label="Progress"
          sx={{ mb: 1.5, borderRadius: 2 }}
        />
      )}
      {of.status.steps.map((step) => (
        <StepRow key={step.key} step={step} lines={lines.filter((l) => l.step === step.key)} />
      ))}
      {of.status.steps.length === 0 && (
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          {running(of) ? 'It has no plan yet.' : 'There was nothing to do.'}
        </Typography>
      )}
      {other.length > 0 && <Lines lines={other} />}
    </Box>
  );
}

function Clock({ from, to }: { from: string; to?: string | undefined }) {
  const now = useNow(to ? 60_000 : 500);
  return <span>{to ? lasted(from, to) : lasted(from, undefined, Math.max(now, Date.now()))}</span>;
}

function StepRow({ step, lines }: { step: Schemas['OperationStep']; lines: Schemas['OperationLine'][] }) {
  const [health, word] = STEPS[step.state] ?? ['unknown', step.state];
  const row = (
    <Stack direction="row" sx={{ gap: 1.5, alignItems: 'baseline', width: '100%', minWidth: 0 }}>
      <Box sx={{ width: { xs: 76, sm: 104 }, flex: 'none', fontSize: '0.86rem' }}>
        <Standing health={health} word={word} />
      </Box>
      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
        {step.title}
        {step.message && (
          <Box component="span" sx={{ color: step.state === 'failed' ? 'error.main' : 'text.secondary', ml: 1 }}>
            {step.message}
          </Box>
        )}
        {step.attempts > 1 && (
          <Box component="span" sx={{ color: 'text.secondary', ml: 1 }}>
            (attempt {step.attempts})
          </Box>
        )}
      </Box>
      <Box sx={{ color: 'text.secondary', fontSize: '0.84rem', whiteSpace: 'nowrap' }}>
        {step.state === 'running' && step.percent !== undefined && `${step.percent} % · `}
        {step.startedAt && <Clock from={step.startedAt} to={step.endedAt} />}
      </Box>
    </Stack>
  );
  if (lines.length === 0) {
    return <Box sx={{ py: 0.9, pr: 4.5, borderTop: 1, borderColor: 'divider' }}>{row}</Box>;
  }
  return (
    <Accordion
      disableGutters
      defaultExpanded={step.state === 'running' || step.state === 'failed'}
      sx={{
        bgcolor: 'transparent',
        borderTop: 1,
        borderColor: 'divider',
        borderRadius: '0 !important',
        '&::before': { display: 'none' },
      }}
    >
      <AccordionSummary
        expandIcon={<ExpandMoreIcon fontSize="small" />}
        sx={{ px: 0, minHeight: 0, '& .MuiAccordionSummary-content': { my: 0.9 } }}
      >
        {row}
      </AccordionSummary>
      <AccordionDetails sx={{ p: 0, pb: 1.25 }}>
        <Lines lines={lines} />
      </AccordionDetails>
    </Accordion>
  );
}

function Lines({ lines }: { lines: Schemas['OperationLine'][] }) {
  const box = useRef<HTMLPreElement>(null);
  const last = lines.at(-1)?.seq;
  useEffect(() => {
    const at = box.current;
    // Only who reads at the end is taken along.
    if (at && at.scrollHeight - at.scrollTop - at.clientHeight < 120) {
      at.scrollTop = at.scrollHeight;
    }
  }, [last]);
  return (
    <Box
      component="pre"
      ref={box}
      tabIndex={0}
      aria-label="Log"
      sx={{
        m: 0,
        p: 1.5,
        maxHeight: 260,
        overflow: 'auto',
        borderRadius: 2,
        bgcolor: 'action.hover',
        whiteSpace: 'pre-wrap',
        overflowWrap: 'anywhere',
        lineHeight: 1.5,
      }}
    >
      {lines.map((l) => l.line).join('\n')}
    </Box>
  );
}

export function CancelButton({ of }: { of: Operation }) {
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/operations/{uid}:cancel', {
          params: { path: { uid: of.metadata.uid }, header: once() },
        }),
      ),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ['operation', of.metadata.uid] }),
        queries.invalidateQueries({ queryKey: ['operations'] }),
      ]),
  });
  if (!running(of)) {
    return null;
  }
  return (
    <>
      {cancel.error && <Trouble error={cancel.error} />}
      <MayIn project={of.metadata.project} what={`operate ${of.spec.target.kind}`}>
        {(disabled) => (
          <Button
            size="small"
            color="inherit"
            variant="outlined"
            loading={cancel.isPending}
            disabled={disabled || of.spec.cancelRequested || of.spec.verb === 'delete'}
            onClick={() => cancel.mutate()}
          >
            {of.spec.cancelRequested ? 'Stopping' : 'Cancel'}
          </Button>
        )}
      </MayIn>
    </>
  );
}
