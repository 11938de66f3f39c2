import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Link from '@mui/material/Link';
import Paper from '@mui/material/Paper';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { credentials } from '../api/credentials';
import { useProvider, useSigning } from '../api/session';
import { Trouble } from '../parts/basics';
import { SignOut } from '../parts/SignOut';

function Gate({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Millwright`;
  }, [title]);
  return (
    <Box component="main" sx={{ minHeight: '100vh', display: 'grid', placeItems: 'center', p: 2 }}>
      <Box sx={{ width: '100%', maxWidth: 400 }}>
        <Stack sx={{ alignItems: 'center', mb: 3, gap: 1.25 }}>
          <img src="/icon.svg" alt="" width={48} height={48} />
          <Typography variant="h1">{title}</Typography>
        </Stack>
        <Paper variant="outlined" sx={{ p: 3, borderRadius: 4 }}>
          {children}
        </Paper>
      </Box>
    </Box>
  );
}

export function SignIn() {
  const signing = useSigning();
  const provider = useProvider();
  const [byToken, setByToken] = useState(false);
  const [name, setName] = useState('');
  const [secret, setSecret] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await (byToken ? signing.withToken(secret.trim()) : signing.withPassword(name.trim(), secret));
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Gate title="Sign in to Millwright">
      <Stack component="form" sx={{ gap: 2 }} onSubmit={(e) => void submit(e)}>
        {credentials.ended() && (
          <Alert severity="info" variant="outlined">
            Your session has ended. Sign in to go on where you were.
          </Alert>
        )}
        {!byToken && (
          <TextField
            label="Name"
            autoComplete="username"
            autoFocus
            required
            value={name}
            onChange={(e) => setName(e.target.value)}
          />
        )}
        <TextField
          key={byToken ? 'token' : 'password'}
          label={byToken ? 'API token' : 'Password'}
          type="password"
          autoComplete={byToken ? 'off' : 'current-password'}
          autoFocus={byToken}
          required
          value={secret}
          onChange={(e) => setSecret(e.target.value)}
          helperText={byToken ? 'It is kept until this tab is closed, and sent to this server only.' : undefined}
        />
        {error !== null && <Trouble error={error} />}
        <Button type="submit" variant="contained" size="large" loading={busy}>
          Sign in
        </Button>
        {provider && (
          <Button href={`${provider.path}?returnTo=${encodeURIComponent(location.pathname + location.search)}`} variant="outlined" size="large">
            Sign in with {provider.name}
          </Button>
        )}
        <Link
          component="button"
          type="button"
          variant="body2"
          sx={{ alignSelf: 'center' }}
          onClick={() => {
            setByToken(!byToken);
            setSecret('');
            setError(null);
          }}
        >
          {byToken ? 'Sign in with name and password' : 'Sign in with an API token'}
        </Link>
      </Stack>
    </Gate>
  );
}

export function ChangePassword({ first, onClose }: { first?: boolean; onClose?: () => void }) {
  const signing = useSigning();
  const [before, setBefore] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const differs = again !== '' && again !== next;
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signing.changePassword(before, next);
      onClose?.();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  const form = (
    <Stack component="form" sx={{ gap: 2, pt: 1 }} onSubmit={(e) => void submit(e)}>
      {first && (
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          The password you signed in with is for the first time only. Choose one that nobody else knows.
        </Typography>
      )}
      <TextField
        label="Present password"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
        value={before}
        onChange={(e) => setBefore(e.target.value)}
      />
      <TextField
        label="New password"
        type="password"
        autoComplete="new-password"
        required
        value={next}
        onChange={(e) => setNext(e.target.value)}
      />
      <TextField
        label="New password again"
        type="password"
        autoComplete="new-password"
        required
        value={again}
        error={differs}
        helperText={differs ? 'This is not the same.' : undefined}
        onChange={(e) => setAgain(e.target.value)}
      />
      {error !== null && <Trouble error={error} />}
      <Stack direction="row" sx={{ gap: 1, justifyContent: 'flex-end' }}>
        {first ? (
          <SignOut>{(out) => <Button onClick={out}>Sign out</Button>}</SignOut>
        ) : (
          <Button onClick={onClose}>Cancel</Button>
        )}
        <Button type="submit" variant="contained" loading={busy} disabled={!before || !next || again !== next}>
          Change password
        </Button>
      </Stack>
    </Stack>
  );
  return first ? (
    <Gate title="Choose a password">{form}</Gate>
  ) : (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs">
      <DialogTitle>Change password</DialogTitle>
      <DialogContent>{form}</DialogContent>
    </Dialog>
  );
}
