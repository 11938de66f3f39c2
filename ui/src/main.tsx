import '@fontsource-variable/inter/wght.css';
import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiProblem } from './api/client';
import { credentials } from './api/credentials';
import { SESSION } from './api/session';
import { router } from './router';
import { theme } from './theme';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What the server refused it refuses again; a failure of its own may be over in a moment; and one that does not
      // answer is restarting: what is shown stays, and is asked for again until it does.
      retry: (failed, e) => {
        const status = e instanceof ApiProblem ? e.status : 500;
        return status === 0 || (status >= 500 && failed < 3);
      },
      retryDelay: (failed) => Math.min(5_000, 500 * 2 ** failed),
    },
  },
});

credentials.onLost(() => {
  credentials.useToken(null);
  queries.setQueryData(SESSION, null);
});

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <ThemeProvider theme={theme} defaultMode="system">
      <CssBaseline enableColorScheme />
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </ThemeProvider>
  </StrictMode>,
);
