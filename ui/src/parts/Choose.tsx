import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useNavigate, useSearch } from '@tanstack/react-router';

/** What the address chooses, if it is one of these words. */
export function useChosen(at: 'state' | 'kind', words: readonly string[]): string | undefined {
  const chosen = (useSearch({ strict: false }) as Record<string, unknown>)[at];
  return words.find((w) => w === chosen);
}

/** One word of several, or none, by which the server chooses from all that there is. */
export function Choose({ label, at, words }: { label: string; at: 'state' | 'kind'; words: readonly string[] }) {
  const navigate = useNavigate();
  return (
    <TextField
      select
      label={label}
      value={useChosen(at, words) ?? ''}
      onChange={(e) =>
        void navigate({ to: '.', search: ((before: object) => ({ ...before, [at]: e.target.value || undefined })) as never, replace: true })
      }
      slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
      sx={{ minWidth: 130 }}
    >
      <MenuItem value="">All</MenuItem>
      {words.map((w) => (
        <MenuItem key={w} value={w}>
          {w}
        </MenuItem>
      ))}
    </TextField>
  );
}
