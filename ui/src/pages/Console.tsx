import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Stack from '@mui/material/Stack';
import { useTheme } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useParams } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api, unwrap } from '../api/client';
import { PageHead, Trouble } from '../parts/basics';
import { PageButton } from '../parts/RowLink';

type State = 'opening' | 'open' | 'closed';

/** The machine's serial console. The ticket that opens it is asked for at the last moment, and used once. */
export function Console() {
  const { project, name } = useParams({ from: '/p/$project/machines/$name/console' });
  const [state, setState] = useState<State>('opening');
  const [error, setError] = useState<unknown>(null);
  const [why, setWhy] = useState('');
  const [attempt, setAttempt] = useState(0);
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();

  useEffect(() => {
    let socket: WebSocket | null = null;
    let over = false;
    const terminal = new Terminal({
      cursorBlink: true,
      fontSize: 14,
      fontFamily: 'ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace',
      scrollback: 5000,
      theme: { background: '#0f1413', foreground: '#e7ecea', cursor: '#74c9bd', selectionBackground: '#2f5b55' },
      screenReaderMode: true,
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(place.current!);
    fit.fit();
    const resized = new ResizeObserver(() => fit.fit());
    resized.observe(place.current!);
    const bytes = new TextEncoder();
    terminal.onData((text) => {
      if (socket?.readyState === WebSocket.OPEN) {
        socket.send(bytes.encode(text));
      }
    });
    const open = async () => {
      setState('opening');
      setError(null);
      setWhy('');
      try {
        const { ticket } = await unwrap(
          api.POST('/api/v1/projects/{project}/machines/{name}/console-tickets', { params: { path: { project, name } } }),
        );
        if (over) {
          return;
        }
        const url = new URL(`/api/v1/projects/${project}/machines/${name}/console`, location.origin);
        url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
        url.searchParams.set('ticket', ticket);
        socket = new WebSocket(url);
        socket.binaryType = 'arraybuffer';
        let opened = false;
        socket.onopen = () => {
          opened = true;
          setState('open');
          terminal.focus();
        };
        socket.onmessage = (e: MessageEvent<ArrayBuffer>) => terminal.write(new Uint8Array(e.data));
        socket.onclose = (e) => {
          if (!over) {
            setState('closed');
            setWhy(
              !opened
                ? 'It could not be opened: the machine may be off, or somebody else has its console.'
                : e.code === 1000
                  ? 'The machine has ended it.'
                  : 'It was cut.',
            );
          }
        };
      } catch (e) {
        if (!over) {
          setError(e);
          setState('closed');
        }
      }
    };
    void open();
    return () => {
      over = true;
      socket?.close();
      resized.disconnect();
      terminal.dispose();
    };
  }, [project, name, attempt]);

  return (
    <>
      <PageHead
        title={`Console of ${name}`}
        under={
          <span role="status">
            {state === 'opening' ? 'Opening …' : state === 'open' ? 'Connected to its serial port. Press Enter if it is silent.' : why || 'Closed'}
          </span>
        }
      >
        {state === 'closed' && (
          <Button variant="contained" onClick={() => setAttempt(attempt + 1)}>
            Open again
          </Button>
        )}
        <PageButton to="/p/$project/machines/$name" params={{ project, name }} variant="outlined">
          Back to the machine
        </PageButton>
      </PageHead>
      {error !== null && (
        <Box sx={{ mb: 2 }}>
          <Trouble error={error} />
        </Box>
      )}
      <Box
        ref={place}
        data-state={state}
        sx={{
          height: 'calc(100vh - 190px)',
          minHeight: 320,
          p: 1.25,
          borderRadius: 3,
          overflow: 'hidden',
          bgcolor: '#0f1413',
          border: 1,
          borderColor: theme.vars ? 'divider' : undefined,
        }}
      />
      <Stack direction="row" sx={{ mt: 1 }}>
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          The keyboard belongs to the console while it has the focus; leave it with the mouse, or with Ctrl-Shift-Tab.
        </Typography>
      </Stack>
    </>
  );
}
