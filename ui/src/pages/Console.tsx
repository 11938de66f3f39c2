import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTheme } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { api, unwrap } from '../api/client';
import { Card, Copyable, PageHead, Trouble } from '../parts/basics';
import { PageButton } from '../parts/RowLink';
import { HELD, leaves, slices } from './typed';

type State = 'opening' | 'open' | 'closed';

/** The machine's console: its serial port, or what its screen shows. */
export function Console() {
  const { show } = useSearch({ from: '/p/$project/machines/$name/console' });
  return show === 'screen' ? <Screen /> : <Serial />;
}

const FROM = { from: '/p/$project/machines/$name/console' } as const;

/** The ticket that opens it is asked for at the last moment, and used once. */
function Serial() {
  const { project, name } = useParams(FROM);
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
        slices(bytes.encode(text)).forEach((part) => socket?.send(part));
      }
    });
    // For those who hear what is shown, the terminal lets keys through; this one would leave it, in the middle of a line.
    terminal.attachCustomKeyEventHandler((e) => {
      if (e.key === 'Tab' && socket?.readyState === WebSocket.OPEN) {
        e.preventDefault();
      }
      return true;
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
        const url = socketAt(`/api/v1/projects/${project}/machines/${name}/console?ticket=${ticket}`);
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
    <Frame
      state={state}
      under={state === 'opening' ? 'Opening …' : state === 'open' ? 'Connected to its serial port. Press Enter if it is silent.' : why || 'Closed'}
      error={error}
      again={() => setAttempt(attempt + 1)}
    >
      <Box ref={place} data-state={state} sx={{ ...GLASS, p: 1.25, borderColor: theme.vars ? 'divider' : undefined }} />
    </Frame>
  );
}

/** By noVNC, which is loaded only here. */
function Screen() {
  const { project, name } = useParams(FROM);
  const [state, setState] = useState<State>('opening');
  const [error, setError] = useState<unknown>(null);
  const [elsewhere, setElsewhere] = useState<{ url: string; protocol: string }>();
  const [attempt, setAttempt] = useState(0);
  const place = useRef<HTMLDivElement>(null);
  const viewer = useRef<{ sendCtrlAltDel(): void; sendKey(keysym: number, code: string, down: boolean): void }>(null);

  useEffect(() => {
    let over = false;
    let close = () => {};
    const open = async () => {
      setState('opening');
      setError(null);
      setElsewhere(undefined);
      try {
        const [{ default: RFB }, ticket] = await Promise.all([
          import('@novnc/novnc'),
          unwrap(api.POST('/api/v1/projects/{project}/machines/{name}/screen-tickets', { params: { path: { project, name } } })),
        ]);
        if (over) {
          return;
        }
        if (ticket.protocol !== 'vnc') {
          setElsewhere(ticket);
          setState('closed');
          return;
        }
        const rfb = new RFB(place.current!, socketAt(ticket.url).href, { shared: true });
        rfb.scaleViewport = true;
        rfb.background = '#0f1413';
        viewer.current = rfb;
        close = () => rfb.disconnect();
        rfb.addEventListener('connect', () => {
          setState('open');
          rfb.focus();
        });
        rfb.addEventListener('disconnect', () => {
          viewer.current = null;
          if (!over) {
            setState('closed');
          }
        });
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
      close();
    };
  }, [project, name, attempt]);

  return (
    <Frame
      state={state}
      under={
        state === 'opening'
          ? 'Opening …'
          : state === 'open'
            ? 'Connected to its screen.'
            : elsewhere
              ? 'The hypervisor shows it itself.'
              : 'Closed: it was cut, the machine is off or was started without a screen, or its hypervisor passes none on.'
      }
      error={error}
      again={() => setAttempt(attempt + 1)}
      left={() => HELD.forEach(([keysym, code]) => viewer.current?.sendKey(keysym, code, false))}
      tools={
        state === 'open' && (
          <Button variant="outlined" onClick={() => viewer.current?.sendCtrlAltDel()}>
            Ctrl-Alt-Del
          </Button>
        )
      }
    >
      {elsewhere ? (
        <Card title={`A viewer of ${elsewhere.protocol} opens it, once`}>
          <Copyable text={elsewhere.url} what="address" />
        </Card>
      ) : (
        <Box ref={place} data-state={state} sx={{ ...GLASS, borderColor: 'divider' }} />
      )}
    </Frame>
  );
}

const GLASS = { height: 'calc(100vh - 190px)', minHeight: 320, borderRadius: 3, overflow: 'hidden', bgcolor: '#0f1413', border: 1 };

function socketAt(path: string): URL {
  const url = new URL(path, location.origin);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

function Frame({ state, under, error, again, left, tools, children }: { state: State; under: string; error: unknown; again: () => void; left?: () => void; tools?: ReactNode; children: ReactNode }) {
  const { project, name } = useParams(FROM);
  const { show } = useSearch(FROM);
  const navigate = useNavigate();
  const back = useRef<HTMLElement>(null);
  const help = useId();
  return (
    <>
      <PageHead title={`Console of ${name}`} under={<span role="status">{under}</span>}>
        <ToggleButtonGroup
          exclusive
          size="small"
          aria-label="What is shown"
          sx={{ '& .MuiToggleButton-root': { color: 'text.primary' } }}
          value={show ?? 'serial'}
          onChange={(_, next) => next && void navigate({ to: '.', search: (next === 'screen' ? { show: 'screen' } : {}) as never, replace: true })}
        >
          <ToggleButton value="serial">Serial</ToggleButton>
          <ToggleButton value="screen">Screen</ToggleButton>
        </ToggleButtonGroup>
        {tools}
        {state === 'closed' && (
          <Button variant="contained" onClick={again}>
            Open again
          </Button>
        )}
        <Box ref={back} sx={{ display: 'contents' }}>
          <PageButton to="/p/$project/machines/$name" params={{ project, name }} variant="outlined">
            Back to the machine
          </PageButton>
        </Box>
      </PageHead>
      {error !== null && (
        <Box sx={{ mb: 2 }}>
          <Trouble error={error} />
        </Box>
      )}
      <Box
        role="group"
        aria-label="Console"
        aria-describedby={help}
        onKeyDownCapture={(e) => {
          if (leaves(e.nativeEvent)) {
            e.preventDefault();
            e.stopPropagation();
            left?.();
            back.current?.querySelector('a')?.focus();
          }
        }}
      >
        {children}
      </Box>
      <Typography id={help} variant="body2" sx={{ mt: 1, color: 'text.secondary' }}>
        The keyboard belongs to the console while it has the focus; Ctrl-Alt-G leaves it, and so does a click beside it.
      </Typography>
    </>
  );
}
