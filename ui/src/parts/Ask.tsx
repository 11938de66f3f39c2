import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import TextField from '@mui/material/TextField';
import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Copyable, Trouble } from './basics';

/**
 * A dialog that does one thing and closes when it is done; what the server says against it is shown in it.
 *
 * @param confirm what must be typed before, for what cannot be taken back
 */
export function Ask<T>(p: {
  title: string;
  button: string;
  danger?: boolean;
  confirm?: string;
  ready?: boolean;
  act: () => Promise<T>;
  done?: (answer: T) => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  const [typed, setTyped] = useState('');
  const act = useMutation({
    mutationFn: p.act,
    onSuccess: (answer) => {
      p.onClose();
      p.done?.(answer);
    },
  });
  const ready = p.ready !== false && (!p.confirm || typed === p.confirm);
  return (
    <Dialog open onClose={p.onClose} fullWidth maxWidth="xs">
      <Box
        component="form"
        onSubmit={(e) => {
          e.preventDefault();
          e.stopPropagation(); // of a form in which this dialog stands
          if (ready) {
            act.mutate();
          }
        }}
      >
        <DialogTitle>{p.title}</DialogTitle>
        <DialogContent>
          <Box sx={{ pt: 1, display: 'grid', gap: 2 }}>
            {p.children}
            {p.confirm && (
              <TextField autoFocus label={`Type ${p.confirm} to confirm`} value={typed} onChange={(e) => setTyped(e.target.value)} autoComplete="off" />
            )}
            {act.error && <Trouble error={act.error} />}
          </Box>
        </DialogContent>
        <DialogActions>
          <Button onClick={p.onClose}>Cancel</Button>
          <Button type="submit" variant="contained" color={p.danger ? 'error' : 'primary'} disabled={!ready} loading={act.isPending}>
            {p.button}
          </Button>
        </DialogActions>
      </Box>
    </Dialog>
  );
}

/** A secret that is in one answer and nowhere else. */
export function ShownOnce({ title, secret, what, onClose, children }: { title: string; secret: string; what: string; onClose: () => void; children: ReactNode }) {
  return (
    <Dialog open fullWidth maxWidth="sm">
      <DialogTitle>{title}</DialogTitle>
      <DialogContent>
        <Box sx={{ mb: 1.5 }}>{children}</Box>
        <Copyable text={secret} what={what} />
      </DialogContent>
      <DialogActions>
        <Button variant="contained" onClick={onClose}>
          I have it
        </Button>
      </DialogActions>
    </Dialog>
  );
}
