import Box from '@mui/material/Box';
import LinearProgress from '@mui/material/LinearProgress';

/**
 * How much of something is used.
 *
 * @param more that would come to it
 * @param of the limit; without one there is no bar
 * @param over true where more than there is may be promised
 */
export function Meter({
  title,
  used,
  more = 0,
  of,
  say,
  over,
}: {
  title: string;
  used: number;
  more?: number;
  of: number | undefined;
  say: (n: number) => string;
  over?: boolean;
}) {
  // Rounded, for it is read out, and what is read out may not be written as 2e-7.
  const percent = (n: number) => (of ? Math.min(100, Math.round((n / of) * 1000) / 10) : n > 0 ? 100 : 0);
  const tooMuch = of !== undefined && used + more > of;
  return (
    <Box sx={{ mb: 1.25 }}>
      <Box sx={{ display: 'flex', justifyContent: 'space-between', gap: 1, fontSize: '0.86rem', mb: 0.5 }}>
        <span>{title}</span>
        <Box component="span" sx={{ color: tooMuch && !over ? 'error.main' : 'text.secondary', textAlign: 'right' }}>
          {say(used)}
          {more > 0 && ` + ${say(more)}`}
          {of === undefined ? ', no limit' : ` of ${say(of)}`}
          {tooMuch && !over && (more > 0 ? ': too much' : ': more than allowed')}
        </Box>
      </Box>
      {of !== undefined && (
        <LinearProgress
          variant="buffer"
          value={percent(used)}
          valueBuffer={percent(used + more)}
          color={tooMuch && !over ? 'error' : percent(used + more) > 90 && !over ? 'warning' : 'primary'}
          aria-label={title}
          sx={{ height: 6, borderRadius: 3, '& .MuiLinearProgress-dashed': { display: 'none' }, bgcolor: 'action.hover' }}
        />
      )}
    </Box>
  );
}
