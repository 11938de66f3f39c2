import Box from '@mui/material/Box';
import { sparkline } from './format';

/** How a figure went, without axes: the text beside it says how much it is now. */
export function Sparkline({ values, label }: { values: (number | undefined)[]; label: string }) {
  return (
    <Box
      component="svg"
      role="img"
      aria-label={label}
      viewBox="0 0 100 24"
      preserveAspectRatio="none"
      sx={{ width: '100%', height: 28, display: 'block', color: 'primary.main' }}
    >
      {sparkline(values).map((points) => (
        <polyline
          key={points}
          points={points}
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
          vectorEffect="non-scaling-stroke"
        />
      ))}
    </Box>
  );
}
