import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import { createLink } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import Button from '@mui/material/Button';

/** A material link and button that go to an address of the page without loading it anew. */
export const PageLink = createLink(Link);
export const PageButton = createLink(Button);

export function Name({ children, project }: { children: ReactNode; project?: string | undefined }) {
  return (
    <>
      {children}
      {project && (
        <Box component="span" sx={{ color: 'text.secondary', ml: 1, fontSize: '0.84rem' }}>
          {project}
        </Box>
      )}
    </>
  );
}
