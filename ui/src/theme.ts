import { createTheme } from '@mui/material/styles';

/** Light and dark by CSS variables, so that the choice of the system holds before any script has run. */
export const theme = createTheme({
  cssVariables: { colorSchemeSelector: 'data-scheme' },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#1c6b63', dark: '#12504a', contrastText: '#ffffff' },
        secondary: { main: '#5b5f97' },
        success: { main: '#2b7a3d' },
        warning: { main: '#9a5b00' },
        error: { main: '#b3261e' },
        info: { main: '#2a5f93' },
        background: { default: '#f6f7f5', paper: '#ffffff' },
        text: { primary: '#1b1f1e', secondary: '#56605d' },
        divider: '#e2e6e3',
      },
    },
    dark: {
      palette: {
        primary: { main: '#74c9bd', dark: '#4fa99d', contrastText: '#06201d' },
        secondary: { main: '#b3b6e8' },
        success: { main: '#7fcf92' },
        warning: { main: '#e8b266' },
        error: { main: '#f2918a' },
        info: { main: '#8bbbe8' },
        background: { default: '#121615', paper: '#1a1f1e' },
        text: { primary: '#e7ecea', secondary: '#a3afab' },
        divider: '#2c3432',
      },
    },
  },
  shape: { borderRadius: 4 }, // a step, as spacing has one: what is large takes three of them
  typography: {
    fontFamily: '"Inter Variable", system-ui, sans-serif',
    fontSize: 14,
    body1: { fontSize: '0.93rem', lineHeight: 1.5 },
    h1: { fontSize: '1.5rem', fontWeight: 650, letterSpacing: '-0.015em' },
    h2: { fontSize: '1.05rem', fontWeight: 620, letterSpacing: '-0.005em' },
    h3: { fontSize: '0.9rem', fontWeight: 620 },
    button: { textTransform: 'none', fontWeight: 560 },
  },
  components: {
    MuiPaper: { defaultProps: { elevation: 0 } },
    MuiButton: { defaultProps: { disableElevation: true }, styleOverrides: { root: { borderRadius: 8 } } },
    MuiOutlinedInput: { styleOverrides: { root: { borderRadius: 8 } } },
    MuiDialog: { styleOverrides: { paper: { borderRadius: 12 } } },
    MuiAlert: { styleOverrides: { root: { borderRadius: 12 } } },
    MuiMenu: { styleOverrides: { paper: { borderRadius: 8 } } },
    // A button by its element, which has letters of its own.
    MuiAccordionSummary: { styleOverrides: { root: { font: 'inherit', textAlign: 'left' } } },
    MuiTextField: { defaultProps: { size: 'small' } },
    // It describes what it belongs to, and does not stand for its name.
    MuiTooltip: { defaultProps: { arrow: true, describeChild: true } },
    MuiTableCell: {
      styleOverrides: {
        root: { padding: '10px 16px' },
        head: ({ theme: t }) => ({
          fontSize: '0.78rem',
          fontWeight: 600,
          color: (t.vars ?? t).palette.text.secondary,
          whiteSpace: 'nowrap',
        }),
      },
    },
    MuiCssBaseline: {
      styleOverrides: {
        // Who wants things to keep still sees no state between two: a button that may be pressed looks so at once.
        '@media (prefers-reduced-motion: reduce)': {
          '*': { transitionDuration: '0.01ms !important', transitionDelay: '0s !important' },
        },
        '@keyframes turn': { to: { transform: 'rotate(360deg)' } },
        '.turns': { animation: 'turn 1.2s linear infinite', '@media (prefers-reduced-motion: reduce)': { animation: 'none' } },
        body: { fontFeatureSettings: '"cv11", "ss03"' },
        'code, pre, .mono': {
          fontFamily: 'ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace',
          fontSize: '0.86em',
        },
      },
    },
  },
});
