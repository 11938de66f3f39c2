import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import Paper from '@mui/material/Paper';
import Skeleton from '@mui/material/Skeleton';
import Stack from '@mui/material/Stack';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import { useEffect, useState, type ReactNode } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { ApiProblem } from '../api/client';
import { ALL, type Health } from '../api/kinds';
import { useLiveState } from '../api/live';
import { ago, exact, until } from './format';
import { CheckIcon, ContentCopyIcon } from './icons';
import { PageLink } from './RowLink';
import { sentence } from './text';

const SHAPES: Record<Health, { color: string; path: string }> = {
  good: { color: 'success-main', path: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm-1 10L3.8 7.8l1.2-1.2L7 8.6l4.2-4.2 1.2 1.2Z' },
  busy: { color: 'info-main', path: 'M8 1a7 7 0 1 0 7 7h-2.2A4.8 4.8 0 1 1 8 3.2Z' },
  bad: { color: 'error-main', path: 'M8 1 .6 14.5h14.8ZM7.2 6h1.6v4.2H7.2Zm0 5.2h1.6v1.6H7.2Z' },
  off: { color: 'text-secondary', path: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2.2A4.8 4.8 0 1 1 8 12.800 4.8 4.8 0 0 1 8 3.2Z' },
  unknown: { color: 'warning-main', path: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm-3 6.200h6v1.600H5Z' },
};

/** How something stands: by shape and word, and only then by colour. */
export function Standing({ health, word, sentence }: { health: Health; word: string; sentence?: string | undefined }) {
  // Nothing of the library's here and in the times below: lists have thousands of them.
  const { color, path } = SHAPES[health];
  return (
    <span title={sentence} style={{ whiteSpace: 'nowrap' }}>
      <svg
        viewBox="0 0 16 16"
        aria-hidden
        className={health === 'busy' ? 'turns' : undefined}
        style={{ width: 14, height: 14, marginRight: 7, verticalAlign: -2, fill: `var(--mui-palette-${color})` }}
      >
        <path d={path} />
      </svg>
      {word}
    </span>
  );
}

/** Read out, but not seen. */
export const HIDDEN = { position: 'absolute', width: '1px', height: '1px', overflow: 'hidden', clipPath: 'inset(50%)' } as const;

let tick = Date.now();

/** The present time, once a second while something shown counts it. */
export function useNow(every = 1000): number {
  const [now, set] = useState(tick);
  useEffect(() => {
    const timer = setInterval(() => set((tick = Date.now())), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

export function Ago({ when }: { when: string }) {
  const now = useNow(10_000);
  return (
    <time dateTime={when} title={exact(when)} style={{ whiteSpace: 'nowrap' }}>
      {ago(when, Math.max(now, Date.now()))}
    </time>
  );
}

export function Until({ when }: { when: string }) {
  const now = useNow(10_000);
  return (
    <time dateTime={when} title={exact(when)} style={{ whiteSpace: 'nowrap' }}>
      {until(when, Math.max(now, Date.now()))}
    </time>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [done, set] = useState(false);
  return (
    <Tooltip title={done ? 'Copied' : `Copy ${what}`}>
      <IconButton
        size="small"
        aria-label={`Copy ${what}`}
        onClick={() => {
          void copy(text).then(() => {
            set(true);
            setTimeout(() => set(false), 1500);
          });
        }}
      >
        {done ? <CheckIcon fontSize="inherit" color="success" /> : <ContentCopyIcon fontSize="inherit" />}
      </IconButton>
    </Tooltip>
  );
}

// The clipboard of browsers is there only over TLS and on loopback.
async function copy(text: string) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** A line to copy, such as an address. */
export function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <Box sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.25, maxWidth: '100%' }}>
      <Box component="code" sx={{ overflowWrap: 'anywhere' }}>
        {text}
      </Box>
      <Copy text={text} what={what} />
    </Box>
  );
}

export function PageHead({ title, under, children }: { title: ReactNode; under?: ReactNode; children?: ReactNode }) {
  return (
    <Stack
      direction={{ xs: 'column', sm: 'row' }}
      sx={{ mb: 2.5, gap: 1.5, alignItems: { sm: 'center' }, justifyContent: 'space-between' }}
    >
      <Box sx={{ minWidth: 0 }}>
        <Typography variant="h1" sx={{ overflowWrap: 'anywhere' }}>
          {title}
        </Typography>
        {under && (
          <Typography variant="body2" component="div" sx={{ color: 'text.secondary', mt: 0.4 }}>
            {under}
          </Typography>
        )}
      </Box>
      <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap', alignItems: 'center' }}>
        {children}
      </Stack>
    </Stack>
  );
}

export function Card({
  id,
  title,
  action,
  children,
  flush,
}: {
  id?: string;
  title?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) {
  return (
    <Paper
      component="section"
      variant="outlined"
      id={id}
      sx={{ overflow: 'hidden', minWidth: 0, borderRadius: 3, scrollMarginTop: 70 /* below the bar */ }}
      aria-label={typeof title === 'string' ? title : undefined}
    >
      {title && (
        <Stack
          direction="row"
          sx={{ px: 2.25, pt: 1.75, pb: flush ? 1.25 : 0, alignItems: 'center', justifyContent: 'space-between', gap: 1 }}
        >
          <Typography variant="h2">{title}</Typography>
          {action}
        </Stack>
      )}
      <Box sx={flush ? {} : { p: 2.25, pt: title ? 1.5 : 2.25 }}>{children}</Box>
    </Paper>
  );
}

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack className="empty" sx={{ alignItems: 'center', textAlign: 'center', gap: 1, px: 3, py: 5 }}>
      <Typography variant="h2" component="p">
        {title}
      </Typography>
      {children && (
        <Typography variant="body2" sx={{ color: 'text.secondary', maxWidth: 460 }}>
          {children}
        </Typography>
      )}
      {action && <Box sx={{ mt: 1 }}>{action}</Box>}
    </Stack>
  );
}

/** What to do about a problem of which the server may have told only what it is. */
function nextOf(status: number): string {
  if (status >= 500) {
    return 'Try again in a moment; if it stays so, tell whoever runs this server.';
  }
  switch (status) {
    case 403:
      return 'Your account shows what you may do; who governs the project can give you more.';
    case 404:
      return 'It may have been deleted, or its name be misspelt; the lists show what there is.';
    default:
      return '';
  }
}

/** To what waits, and what became of it, of the project that is looked at. */
function ToApprovals() {
  const { project } = useParams({ strict: false });
  return (
    <PageLink to="/p/$project/approvals" params={{ project: project ?? ALL }}>
      Approvals
    </PageLink>
  );
}

/** What went wrong and what to do next, as the server says it; what waits for approval did not go wrong. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof ApiProblem ? error.problem : null;
  const approval = error instanceof ApiProblem && error.approval;
  return (
    <Alert
      severity={approval ? 'info' : 'error'}
      variant="outlined"
      sx={{ borderRadius: 3, overflowWrap: 'anywhere' }}
      action={
        retry && (
          <Button color="inherit" size="small" onClick={retry}>
            Try again
          </Button>
        )
      }
    >
      <strong>{problem?.title ?? 'Something went wrong'}.</strong>{' '}
      {sentence(problem?.detail ?? (error instanceof Error ? error.message : String(error)))}{' '}
      {approval ? <ToApprovals /> : problem && nextOf(problem.status)}
      {problem?.errors && problem.errors.length > 0 && (
        <Box component="ul" sx={{ m: 0, mt: 0.5, pl: 2.5 }}>
          {problem.errors.map((e) => (
            <li key={e.field + e.message}>
              {e.field && <code>{e.field}</code>} {e.message}
            </li>
          ))}
        </Box>
      )}
    </Alert>
  );
}

/** Something comes; or, while the server does not answer, that it is asked again. */
export function Loading({ lines = 5 }: { lines?: number }) {
  if (useLiveState() === 'lost') {
    return (
      <Typography variant="body2" role="status" sx={{ p: 2.25, color: 'text.secondary' }}>
        The server does not answer. It is asked again by itself.
      </Typography>
    );
  }
  return (
    <Box role="status" aria-label="Loading" sx={{ p: 2 }}>
      {Array.from({ length: lines }, (_, i) => (
        <Skeleton key={i} height={34} sx={{ opacity: 1 - i / (lines + 1) }} />
      ))}
    </Box>
  );
}

/** What was asked for, once it is there; before that, that it comes or why it does not. */
export function Asked<T>({ of, lines, children }: { of: UseQueryResult<T>; lines?: number; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) {
    return children(of.data);
  }
  return of.error ? <Trouble error={of.error} retry={() => void of.refetch()} /> : <Loading {...(lines ? { lines } : {})} />;
}

/** Stands for the page of one thing until that is there, and when it cannot be had. */
export function NotThere({ title, of }: { title: string; of: { error: unknown; refetch: () => unknown } }) {
  return (
    <>
      <PageHead title={title} />
      {of.error ? <Trouble error={of.error} retry={() => void of.refetch()} /> : <Loading lines={8} />}
    </>
  );
}

/** Names and values, one below the other. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <Box
      component="dl"
      sx={{ m: 0, display: 'grid', gridTemplateColumns: 'fit-content(50%) minmax(0, 1fr)', columnGap: 3, rowGap: 0.9, alignItems: 'baseline' }}
    >
      {rows
        .filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false)
        .map(([name, value]) => (
          <Box key={name} sx={{ display: 'contents' }}>
            <Box component="dt" sx={{ minWidth: 90, overflowWrap: 'anywhere', color: 'text.secondary', fontSize: '0.86rem' }}>
              {name}
            </Box>
            <Box component="dd" sx={{ m: 0, minWidth: 0, overflowWrap: 'anywhere' }}>
              {value}
            </Box>
          </Box>
        ))}
    </Box>
  );
}

/** A line of a card. */
export function Row({ children, wrap }: { children: ReactNode; /** On a phone what is `long` in it stands below the rest. */ wrap?: boolean }) {
  return (
    <Stack
      direction="row"
      sx={{
        columnGap: 1.5, rowGap: 0.25, alignItems: 'baseline', px: 2.25, py: 1.1, borderTop: 1, borderColor: 'divider',
        ...(wrap && { flexWrap: { xs: 'wrap', sm: 'nowrap' }, justifyContent: 'space-between' }),
        '& > .long': { flex: 1, minWidth: 0, overflowWrap: 'anywhere', ...(wrap && { flexBasis: { xs: '100%', sm: 0 }, order: { xs: 1, sm: 0 } }) },
      }}
    >
      {children}
    </Stack>
  );
}

/** What matters less. */
export function Quiet({ children }: { children: ReactNode }) {
  return (
    <Box component="span" sx={{ color: 'text.secondary', fontSize: '0.84rem' }}>
      {children}
    </Box>
  );
}
