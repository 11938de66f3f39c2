import MenuItem from '@mui/material/MenuItem';
import TextField, { type TextFieldProps } from '@mui/material/TextField';
import { useState } from 'react';
import { ALL, SHARED } from '../api/kinds';
import { useProjects } from '../api/queries';
import { useSignedIn } from '../api/session';
import { placeOf } from '../pages/place';

/** The project of what is declared, and whether it has to be chosen, because one is at no project of their own. */
export function usePlace(at: string) {
  const preset = placeOf(useSignedIn().roles);
  const [chosen, choose] = useState<string>();
  const open = at === ALL || at === SHARED;
  return { project: open ? (chosen ?? preset) : at, open, choose };
}

/** Where that is chosen. */
export function Place({ of, ...field }: { of: ReturnType<typeof usePlace> } & Pick<TextFieldProps, 'label' | 'error' | 'helperText'>) {
  const projects = useProjects();
  const choices = (projects.data ?? []).filter((p) => p !== SHARED);
  return of.open ? (
    <TextField select value={of.project} onChange={(e) => of.choose(e.target.value)} sx={{ minWidth: 150 }} {...field}>
      {[...new Set([...choices, of.project])].sort().map((p) => (
        <MenuItem key={p} value={p}>
          {p}
        </MenuItem>
      ))}
    </TextField>
  ) : null;
}
