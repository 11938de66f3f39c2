import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Divider from '@mui/material/Divider';
import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import ListItemIcon from '@mui/material/ListItemIcon';
import ListItemText from '@mui/material/ListItemText';
import Menu from '@mui/material/Menu';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import { useColorScheme } from '@mui/material/styles';
import TextField from '@mui/material/TextField';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import { Link as RouterLink, Outlet, useNavigate, useParams, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef, useState, type ComponentType } from 'react';
import type { SvgIconProps } from '@mui/material/SvgIcon';
import { useLive, useLiveState } from './api/live';
import { useProjects } from './api/queries';
import { useSession, useSignedIn } from './api/session';
import { ChangePassword, SignIn } from './pages/SignIn';
import { Trouble } from './parts/basics';
import { SignOut } from './parts/SignOut';
import {
  AlbumIcon,
  AutorenewIcon,
  CheckCircleIcon,
  CodeIcon,
  DarkModeIcon,
  DnsIcon,
  EventNoteIcon,
  HistoryIcon,
  HomeIcon,
  HourglassEmptyIcon,
  LanIcon,
  LightModeIcon,
  LogoutIcon,
  MemoryIcon,
  MenuIcon,
  NotificationsIcon,
  PaymentsIcon,
  PeopleIcon,
  PersonIcon,
  ReceiptLongIcon,
  ReportProblemIcon,
  SpeedIcon,
  StorageIcon,
  StorefrontIcon,
  WorkspacesIcon,
} from './parts/icons';
import { rememberProject } from './search';

const WIDTH = 224;

const ROOMS: { to: string; title: string; icon: ComponentType<SvgIconProps>; gap?: boolean }[] = [
  { to: '', title: 'Home', icon: HomeIcon },
  { to: '/catalogue', title: 'Catalogue', icon: StorefrontIcon },
  { to: '/machines', title: 'Machines', icon: DnsIcon },
  { to: '/groups', title: 'Groups', icon: WorkspacesIcon },
  { to: '/pools', title: 'Pools', icon: HourglassEmptyIcon },
  { to: '/volumes', title: 'Volumes', icon: StorageIcon },
  { to: '/images', title: 'Images', icon: AlbumIcon },
  { to: '/networks', title: 'Networks', icon: LanIcon },
  { to: '/hypervisors', title: 'Hypervisors', icon: MemoryIcon },
  { to: '/operations', title: 'Operations', icon: HistoryIcon, gap: true },
  { to: '/approvals', title: 'Approvals', icon: CheckCircleIcon },
  { to: '/findings', title: 'Findings', icon: ReportProblemIcon },
  { to: '/events', title: 'Events', icon: EventNoteIcon },
  { to: '/audit', title: 'Audit', icon: ReceiptLongIcon },
  { to: '/sources', title: 'Sources', icon: AutorenewIcon, gap: true },
  { to: '/webhooks', title: 'Webhooks', icon: NotificationsIcon },
  { to: '/showback', title: 'Showback', icon: PaymentsIcon },
  { to: '/projects', title: 'Projects', icon: SpeedIcon },
  { to: '/people', title: 'People', icon: PeopleIcon },
  { to: '/manifest', title: 'Manifest', icon: CodeIcon },
];

export function Shell() {
  const session = useSession();
  if (session.isPending) {
    // As index.html has it, so that nothing is seen to change.
    return session.failureReason ? (
      <Box sx={{ display: 'grid', placeItems: 'center', height: '100vh' }}>
        <Trouble error={session.failureReason} />
      </Box>
    ) : (
      <div className="coming" role="status" aria-label="Loading">
        <img src="/icon.svg" alt="" width="32" height="32" />
        Millwright
      </div>
    );
  }
  if (session.error) {
    return (
      <Box component="main" sx={{ maxWidth: 560, mx: 'auto', mt: 10, px: 2 }}>
        <Trouble error={session.error} retry={() => void session.refetch()} />
      </Box>
    );
  }
  if (!session.data) {
    return <SignIn />;
  }
  if (session.data.user.mustChangePassword) {
    return <ChangePassword first />;
  }
  return <Inside />;
}

function Inside() {
  useLive(true);
  const { project = '-' } = useParams({ strict: false }) as { project?: string };
  const [open, setOpen] = useState(false);
  const path = useRouterState({ select: (s) => s.location.pathname });
  useEffect(() => rememberProject(project), [project]);
  useEffect(() => setOpen(false), [path]);
  // Whoever goes on by the keyboard goes on in what has come, not in what is gone.
  const came = useRef(path);
  useEffect(() => {
    if (came.current !== path) {
      came.current = path;
      document.getElementById('main')?.focus({ preventScroll: true });
    }
  }, [path]);
  useEffect(() => {
    const room = ROOMS.findLast((r) => path.startsWith(`/p/${project}${r.to}`));
    const last = decodeURIComponent(path.split('/').filter(Boolean).at(-1) ?? '');
    document.title = `${path.split('/').length > 4 ? `${last} · ` : ''}${room?.title ?? 'Home'} · Millwright`;
  }, [path, project]);
  const nav = <Navigation project={project} path={path} />;
  return (
    <Box sx={{ display: 'flex', minHeight: '100vh' }}>
      <Box
        component="a"
        href="#main"
        sx={{
          position: 'absolute',
          left: -9999,
          '&:focus': { left: 8, top: 8, zIndex: 2000, p: 1, bgcolor: 'background.paper', borderRadius: 1 },
        }}
      >
        Skip to content
      </Box>
      <Box
        component="aside"
        sx={{
          width: WIDTH,
          flex: 'none',
          display: { xs: 'none', md: 'block' },
          position: 'sticky',
          top: 0,
          height: '100vh',
          overflowY: 'auto',
          borderRight: 1,
          borderColor: 'divider',
          bgcolor: 'background.paper',
        }}
      >
        {nav}
      </Box>
      <Drawer open={open} onClose={() => setOpen(false)} slotProps={{ paper: { 'aria-label': 'Menu' } }} sx={{ display: { md: 'none' } }}>
        <Box sx={{ width: WIDTH + 20 }}>{nav}</Box>
      </Drawer>
      <Box sx={{ flex: 1, minWidth: 0 }}>
        <Stack
          component="header"
          direction="row"
          sx={{
            position: 'sticky',
            top: 0,
            zIndex: 10,
            height: 54,
            px: { xs: 1.5, md: 3.5 },
            alignItems: 'center',
            gap: 1.5,
            bgcolor: 'background.default',
            borderBottom: 1,
            borderColor: 'divider',
          }}
        >
          <IconButton aria-label="Menu" onClick={() => setOpen(true)} sx={{ display: { md: 'none' } }}>
            <MenuIcon />
          </IconButton>
          <ProjectSwitch project={project} />
          <Box sx={{ flex: 1 }} />
          <LiveMark />
          <SchemeSwitch />
          <Me />
        </Stack>
        <Box component="main" id="main" tabIndex={-1} sx={{ px: { xs: 1.5, md: 3.5 }, py: 3, maxWidth: 1400, mx: 'auto', outline: 0 }}>
          <Lost />
          <Outlet />
        </Box>
      </Box>
    </Box>
  );
}

function Navigation({ project, path }: { project: string; path: string }) {
  return (
    <Box component="nav" aria-label="Main" sx={{ p: 1.5 }}>
      <Stack direction="row" sx={{ alignItems: 'center', gap: 1.25, px: 1, pt: 0.5, pb: 1.5 }}>
        <img src="/icon.svg" alt="" width={26} height={26} />
        <Typography component="span" sx={{ fontWeight: 680, fontSize: '1.05rem', letterSpacing: '-0.02em' }}>
          Millwright
        </Typography>
      </Stack>
      {ROOMS.map((room) => {
        const to = `/p/${project}${room.to}`;
        const here = room.to === '' ? path === to || path === `${to}/` : path.startsWith(to);
        return (
          <Box key={room.to}>
            {room.gap && <Divider sx={{ my: 1 }} />}
            <Box
              component={RouterLink}
              to={to}
              aria-current={here ? 'page' : undefined}
              sx={{
                display: 'flex',
                alignItems: 'center',
                gap: 1.5,
                px: 1.25,
                py: 0.6,
                mb: 0.125,
                borderRadius: 2,
                textDecoration: 'none',
                fontSize: '0.92rem',
                fontWeight: here ? 620 : 480,
                color: here ? 'primary.main' : 'text.primary',
                bgcolor: here ? 'action.selected' : 'transparent',
                '&:hover': { bgcolor: here ? 'action.selected' : 'action.hover' },
                '&:focus-visible': { outline: '2px solid', outlineColor: 'primary.main' },
              }}
            >
              <room.icon sx={{ fontSize: 20, opacity: here ? 1 : 0.7 }} />
              {room.title}
            </Box>
          </Box>
        );
      })}
    </Box>
  );
}

function ProjectSwitch({ project }: { project: string }) {
  const projects = useProjects();
  const navigate = useNavigate();
  const names = new Set(projects.data ?? []);
  if (project !== '-') {
    names.add(project);
  }
  return (
    <TextField
      select
      value={project}
      onChange={(e) => {
        const room = location.pathname.split('/')[3];
        void navigate({ to: `/p/${e.target.value}${room && room !== 'new-machine' ? `/${room}` : room ? `/${room}` : ''}` });
      }}
      slotProps={{ htmlInput: { 'aria-label': 'Project' } }}
      sx={{ minWidth: { xs: 0, sm: 150 }, '& .MuiSelect-select': { py: 0.7 } }}
    >
      <MenuItem value="-">All projects</MenuItem>
      {[...names].sort().map((n) => (
        <MenuItem key={n} value={n}>
          {n}
        </MenuItem>
      ))}
    </TextField>
  );
}

/** Said where one looks, while what is shown may be old. */
function Lost() {
  return (
    useLiveState() === 'lost' && (
      <Alert severity="warning" variant="outlined" sx={{ mb: 2, borderRadius: 3 }}>
        The server does not answer; it may be restarting. What you see is as it was last. This page goes on by itself.
      </Alert>
    )
  );
}

function LiveMark() {
  const state = useLiveState();
  const said = { connecting: 'Connecting', live: 'Live', lost: 'Not connected, trying again' }[state];
  return (
    <Tooltip title={state === 'live' ? 'What you see follows what happens' : said}>
      <Stack direction="row" role="status" sx={{ minWidth: 0, alignItems: 'center', gap: 0.75, color: 'text.secondary', fontSize: '0.84rem' }}>
        <Box
          sx={{
            width: 8,
            height: 8,
            flex: 'none',
            borderRadius: '50%',
            bgcolor: state === 'live' ? 'success.main' : state === 'lost' ? 'error.main' : 'text.disabled',
          }}
        />
        <Box component="span" sx={{ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', display: { xs: state === 'live' ? 'none' : 'block', sm: 'block' } }}>
          {said}
        </Box>
      </Stack>
    </Tooltip>
  );
}

function SchemeSwitch() {
  const { mode, systemMode, setMode } = useColorScheme();
  const dark = (mode === 'system' ? systemMode : mode) === 'dark';
  return (
    <Tooltip title={dark ? 'Light colours' : 'Dark colours'}>
      <IconButton aria-label={dark ? 'Light colours' : 'Dark colours'} onClick={() => setMode(dark ? 'light' : 'dark')}>
        {dark ? <LightModeIcon fontSize="small" /> : <DarkModeIcon fontSize="small" />}
      </IconButton>
    </Tooltip>
  );
}

function Me() {
  const session = useSignedIn();
  const navigate = useNavigate();
  const { project = '-' } = useParams({ strict: false }) as { project?: string };
  const [at, setAt] = useState<HTMLElement | null>(null);
  const [changing, setChanging] = useState(false);
  return (
    <SignOut>
      {(out) => (
        <>
          <Button
            color="inherit"
            startIcon={<PersonIcon />}
            onClick={(e) => setAt(e.currentTarget)}
            aria-haspopup="menu"
            aria-expanded={!!at}
          >
            {session.user.displayName || session.user.name}
          </Button>
          <Menu anchorEl={at} open={!!at} onClose={() => setAt(null)}>
            {session.roles.global && (
              <MenuItem disabled>
                <ListItemText primary={`Role: ${session.roles.global}`} />
              </MenuItem>
            )}
            <MenuItem
              onClick={() => {
                setAt(null);
                void navigate({ to: '/p/$project/account', params: { project } });
              }}
            >
              Your account
            </MenuItem>
            {session.csrfToken && (
              <MenuItem
                onClick={() => {
                  setAt(null);
                  setChanging(true);
                }}
              >
                Change password
              </MenuItem>
            )}
            <MenuItem
              onClick={() => {
                setAt(null);
                out();
              }}
            >
              <ListItemIcon>
                <LogoutIcon fontSize="small" />
              </ListItemIcon>
              Sign out
            </MenuItem>
          </Menu>
          {changing && <ChangePassword onClose={() => setChanging(false)} />}
        </>
      )}
    </SignOut>
  );
}

