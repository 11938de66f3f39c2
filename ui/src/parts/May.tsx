import Tooltip from '@mui/material/Tooltip';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { access, type Allowed } from '../api/queries';

/** What the server said of what one may do, or why it did not. */
export interface Said {
  data: Allowed[] | undefined;
  error: Error | null;
}

/** What cannot be done is shown with the reason. */
export function Barred({ reason, children }: { reason: string | undefined; children: (disabled: boolean) => ReactNode }) {
  return reason === undefined ? (
    children(false)
  ) : (
    <Tooltip title={reason}>
      <span tabIndex={0} role="note" aria-label={reason}>
        {children(true)}
      </span>
    </Tooltip>
  );
}

/** What one may not do is shown with the reason that the server gives; until it has said so nothing is begun. */
export function May({ of, action, children }: { of: Said; action: string; children: (disabled: boolean) => ReactNode }) {
  const said = of.data?.find((a) => a.action === action);
  const reason = of.data ? (said?.allowed === false ? (said.reason ?? '') : undefined) : of.error?.message;
  return <Barred reason={reason}>{(barred) => children(barred || !of.data)}</Barred>;
}

/** The same for what is not there yet, such as `declare Machine` in a project, or in any. */
export function MayIn({ project, what, children }: { project: string; what: string; children: (disabled: boolean) => ReactNode }) {
  return (
    <May of={useQuery(access(project))} action={what}>
      {children}
    </May>
  );
}
