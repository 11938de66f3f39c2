import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap } from '../api/client';
import type { Plural } from '../api/kinds';
import { refresh } from '../api/queries';
import { Trouble } from './basics';

/** Deletes what is named by typing its name; before that it tells what goes and what stays. */
export function DeleteDialog(p: { plural: Plural; project: string; name: string; goes: string; stays: string; onClose: () => void }) {
  const { plural, project, name } = p;
  const [typed, setTyped] = useState('');
  const queries = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(
        api.DELETE(`/api/v1/projects/{project}/${plural}/{name}` as '/api/v1/projects/{project}/machines/{name}', {
          params: { path: { project, name } },
        }),
      ),
    onSuccess: async () => {
      await Promise.all([refresh(queries, plural, project, name), queries.invalidateQueries({ queryKey: ['operations'] })]);
      p.onClose(); // as long as it is open it holds the focus, which is to be where one goes
      void navigate({ to: `/p/${project}/${plural}` });
    },
  });
  return (
    <Dialog open onClose={p.onClose} fullWidth maxWidth="xs">
      <DialogTitle>Delete {name}?</DialogTitle>
      <DialogContent>
        <Typography sx={{ mb: 0.5 }}>
          <strong>Goes:</strong> {p.goes}
        </Typography>
        <Typography sx={{ mb: 2 }}>
          <strong>Stays:</strong> {p.stays}
        </Typography>
        <TextField
          fullWidth
          autoFocus
          label={`Type ${name} to confirm`}
          value={typed}
          onChange={(e) => setTyped(e.target.value)}
          onKeyDown={(e) => {
            if (e.key === 'Enter' && typed === name) {
              remove.mutate();
            }
          }}
          autoComplete="off"
        />
        {remove.error && (
          <Box sx={{ mt: 2 }}>
            <Trouble error={remove.error} />
          </Box>
        )}
      </DialogContent>
      <DialogActions>
        <Button onClick={p.onClose}>Keep it</Button>
        <Button variant="contained" color="error" disabled={typed !== name} loading={remove.isPending} onClick={() => remove.mutate()}>
          Delete
        </Button>
      </DialogActions>
    </Dialog>
  );
}
