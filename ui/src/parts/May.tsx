import Tooltip from '@mui/material/Tooltip';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { access, type Allowed } from '../api/queries';

/** What one may not do is shown with the reason that the server gives. */
export function May({ all, action, children }: { all: Allowed[] | undefined; action: string; children: (disabled: boolean) => ReactNode }) {
  const said = all?.find((a) => a.action === action);
  const disabled = said?.allowed === false;
  return disabled ? (
    <Tooltip title={said?.reason ?? ''}>
      <span tabIndex={0} role="note" aria-label={said?.reason}>
        {children(true)}
      </span>
    </Tooltip>
  ) : (
    children(false)
  );
}

/** The same for what is not there yet, such as `declare Machine` in a project. */
export function MayIn({ project, what, children }: { project: string; what: string; children: (disabled: boolean) => ReactNode }) {
  const allowed = useQuery(access(project));
  return (
    <May all={allowed.data} action={what}>
      {children}
    </May>
  );
}
