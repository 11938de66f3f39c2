import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import type { Schemas } from '../api/client';

/**
 * What an apply would do to each resource.
 *
 * @param whole what is created is shown, too, for who has not written it
 */
export function PlanView({ items, whole }: { items: Schemas['ApplyItem'][]; whole?: boolean }) {
  return (
    <Stack sx={{ gap: 2 }}>
      {items.map((item) => (
        <Box key={`${item.kind}/${item.project}/${item.name}`}>
          <Typography sx={{ fontWeight: 600 }}>
            {item.kind} {item.name}{' '}
            <Box component="span" sx={{ fontWeight: 400, color: item.destroys ? 'error.main' : 'text.secondary' }}>
              {item.action === 'created'
                ? 'is created'
                : item.action === 'changed'
                  ? `is changed${item.impact ? ` (${item.impact})` : ''}`
                  : item.steps.length > 0
                    ? item.impact || 'is worked on'
                    : 'stays as it is'}
            </Box>
          </Typography>
          {item.action === 'changed' && item.changes.length > 0 && <Changes changes={item.changes} />}
          {item.action === 'created' && whole && item.changes.length > 0 && <Changes changes={item.changes.flatMap((c) => fields(c.path, c.after))} />}
          {item.note && (
            <Alert severity="warning" variant="outlined" sx={{ mt: 0.75 }}>
              {item.note}
            </Alert>
          )}
          {item.steps.length > 0 && (
            <Box component="ol" sx={{ m: 0, mt: 0.75, pl: 3, '& li': { py: 0.25 } }}>
              {item.steps.map((s, i) => (
                <Box component="li" key={i} sx={s.destroys ? { color: 'error.main', fontWeight: 560 } : {}}>
                  {s.title}
                  {s.destroys && ' (this cannot be undone)'}
                </Box>
              ))}
            </Box>
          )}
          {item.keeps.length > 0 && (
            <Typography variant="body2" sx={{ mt: 0.75, color: 'text.secondary' }}>
              Stays as it is: {item.keeps.join(', ')}
            </Typography>
          )}
        </Box>
      ))}
    </Stack>
  );
}

/** That nothing is done before others have agreed, and why. */
export function ToApprove({ by }: { by: Schemas['ApplyNeed'] | undefined }) {
  return (
    by && (
      <Alert severity="info" variant="outlined">
        {by.people === 1 ? 'Somebody else has' : 'Two other people have'} to approve it before it is done: {by.because.join('; ')}.
      </Alert>
    )
  );
}

/** What is new comes in one piece; it is told field by field, and what is empty not at all. */
export function fields(path: string, value: unknown): Schemas['ApplyChange'][] {
  if (typeof value !== 'object' || value === null || (Array.isArray(value) && value.some((v) => typeof v !== 'object'))) {
    return [{ path, after: value as never }];
  }
  return Object.entries(value).flatMap(([key, v]) => fields(Array.isArray(value) ? `${path}[${v?.name ?? key}]` : `${path}.${key}`, v));
}

function said(value: unknown): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

export function Changes({ changes }: { changes: Schemas['ApplyChange'][] }) {
  return (
    <Box component="pre" sx={{ m: 0, mt: 0.75, p: 1.25, borderRadius: 2, bgcolor: 'action.hover', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
      {changes.map((c) => (
        <Box key={c.path} component="span" sx={{ display: 'block' }}>
          {c.path}
          {c.before !== undefined && (
            <Box component="span" sx={{ display: 'block', color: 'error.main' }}>
              − {said(c.before)}
            </Box>
          )}
          {c.after !== undefined && (
            <Box component="span" sx={{ display: 'block', color: 'success.main' }}>
              + {said(c.after)}
            </Box>
          )}
        </Box>
      ))}
    </Box>
  );
}
