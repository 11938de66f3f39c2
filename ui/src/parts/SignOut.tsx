import Typography from '@mui/material/Typography';
import { useState, type ReactNode } from 'react';
import { useSigning } from '../api/session';
import { Ask } from './Ask';
import { sentence } from './text';

/** Signs out; where the session could not be ended, it is said that one is still signed in. */
export function SignOut({ children }: { children: (out: () => void) => ReactNode }) {
  const signing = useSigning();
  const [why, setWhy] = useState<string>();
  return (
    <>
      {children(() => void signing.out().catch((e: unknown) => setWhy(e instanceof Error ? e.message : String(e))))}
      {why !== undefined && (
        <Ask title="You are still signed in" button="Try again" act={signing.out} onClose={() => setWhy(undefined)}>
          <Typography variant="body2">Your session could not be ended. {sentence(why)}</Typography>
        </Ask>
      )}
    </>
  );
}
