import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import IconButton from '@mui/material/IconButton';
import InputAdornment from '@mui/material/InputAdornment';
import MenuItem from '@mui/material/MenuItem';
import Paper from '@mui/material/Paper';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { ApiProblem } from '../api/client';
import type { Listing } from '../api/queries';
import { searchOf, type ListSearch } from '../search';
import { Empty, HIDDEN, Loading, Trouble } from './basics';
import { ArrowDownwardIcon, ArrowUpwardIcon, SearchIcon } from './icons';
import { compare, matches, sentence, sorted, textOf } from './text';

export interface Column<R> {
  key: string;
  /** Empty over a column of buttons, by which nobody sorts. */
  title: string;
  /** As in `grid-template-columns`. */
  width: string;
  cell: (row: R) => ReactNode;
  /** By what it is found, and sorted. */
  value: (row: R) => string | number | undefined;
  /** By what it is sorted where that is not its text. */
  order?: (row: R) => string | number | undefined;
  /** Left out on narrow screens. */
  wide?: boolean;
  /** Known only of the rows that are seen, so that nobody can sort by it. */
  late?: boolean;
}

interface Props<R> {
  label: string;
  of: Listing<R>;
  columns: Column<R>[];
  id: (row: R) => string;
  empty: ReactNode;
  /** What the address calls it, where a page has several. */
  at?: string;
  /** Drawn in place of a row, where a line is too little for it. */
  card?: (row: R) => ReactNode;
  /** States to choose from, with the number of rows of each. */
  states?: (row: R) => string;
  /** Offered if the API filters this list by labels. */
  labels?: boolean;
  tools?: ReactNode;
}

const ROW = 46;

/** More than this the server does not search for. */
const LONGEST = 200;

/** So many cards are drawn at once, and as many again for whoever scrolls on. */
const CARDS = 60;

/** How many there are, and how many of them are shown. */
function said<R>(shown: number, { items, complete, more }: Listing<R>, oldest: boolean): string {
  const all = more ? `the newest ${items.length}${oldest ? '' : ', newest first'}` : `${items.length}${complete ? '' : ' …'}`;
  return shown === items.length ? all : `${shown} of ${all}`;
}

/**
 * A list: searched, filtered and sorted as its address says, and drawn only where it is seen, so that ten thousand
 * rows scroll as well as ten. What the server gives in parts is read on by whoever scrolls to the end; searched by the
 * server, among all that there is, and not sorted by anything but time as long as there is more.
 */
export function DataTable<R>({ of, ...p }: Props<R>) {
  const all = useSearch({ strict: false }) as Record<string, unknown>;
  const search = useMemo(() => searchOf(all, p.at), [all, p.at]);
  const navigate = useNavigate();
  const change = (next: Partial<Record<keyof ListSearch, string | boolean | undefined>>) =>
    void navigate({
      to: '.',
      search: ((before: Record<string, unknown>) => {
        const named = Object.fromEntries(Object.entries(next).map(([k, v]) => [p.at ? `${p.at}.${k}` : k, v]));
        const all = { ...before, ...named };
        return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined && v !== '' && v !== false));
      }) as never,
      replace: true,
    });

  const chosen = useMemo(() => search.state?.split(',') ?? [], [search.state]);
  const counts = useMemo(() => {
    const out = new Map<string, number>();
    if (p.states) {
      // What is chosen can be taken off again although nothing is in that state any more.
      chosen.forEach((state) => out.set(state, 0));
      for (const row of of.items) {
        const s = p.states(row);
        out.set(s, (out.get(s) ?? 0) + 1);
      }
    }
    return [...out].sort(([a], [b]) => compare(a, b));
  }, [of.items, p.states, chosen]);

  // The first of a part, by whatever else than time, need not be the first of all.
  const first = p.columns[0]?.key;
  const order = of.more ? first : (search.sort ?? first);
  const desc = (search.desc ?? false) && order === (search.sort ?? first);

  const shown = useMemo(() => {
    const stateOf = p.states;
    const rows = of.items.filter(
      (r) =>
        (!search.q || of.searched || matches(search.q, textOf(r, p.columns))) &&
        (chosen.length === 0 || !stateOf || chosen.includes(stateOf(r))),
    );
    const by = p.columns.find((c) => c.key === order);
    return by ? sorted(rows, by.order ?? by.value, desc) : rows;
  }, [of.items, of.searched, p.columns, p.states, search.q, chosen, order, desc]);

  const wide = p.columns.map((c) => c.width).join(' ');
  // Narrow, a column gives way down to nothing, with an ellipsis: past the edge nobody would see that there is more.
  const yielding = (columns: Column<R>[]) => columns.map((c) => c.width.replace(/minmax\(\d+px/, 'minmax(0')).join(' ');
  // On a phone all of them do, by what each wants at least; those of one width a little only, for a state is one word.
  const sharing = (columns: Column<R>[]) =>
    columns
      .map((c) => {
        const least = Number(/\d+/.exec(c.width));
        return `minmax(${c.width.startsWith('minmax') ? 0 : Math.round(least * 0.75)}px, ${least}fr)`;
      })
      .join(' ');
  const grid = {
    display: 'grid',
    gridTemplateColumns: { xs: sharing(p.columns.filter((c) => !c.wide)), md: yielding(p.columns), xl: wide },
    columnGap: { xs: 0.75, sm: 2 },
    px: { xs: 1.5, sm: 2.25 },
    alignItems: 'center',
  };

  const failed = of.items.length === 0 ? of.error : null;
  // What is half typed is wrong for a moment: whoever types on has the field all the time.
  const mistyped = p.labels && failed instanceof ApiProblem ? failed.at('labelSelector') : undefined;
  return (
    <div data-list={p.label}>
      <Stack direction="row" sx={{ gap: 1.25, mb: 1.5, flexWrap: 'wrap', alignItems: 'center' }}>
        <Typing
          label="Search"
          value={search.q ?? ''}
          onChange={(q) => change({ q })}
          longest={LONGEST}
          width={260}
          adornment={<SearchIcon fontSize="small" />}
        />
        {p.labels && (
          <Typing
            label="Labels"
            placeholder="app=web, !old"
            value={search.labels ?? ''}
            onChange={(labels) => change({ labels })}
            width={190}
            wrong={mistyped !== undefined}
          />
        )}
        {search.owner && <Chip label={`Asked for by ${search.owner}`} color="primary" onDelete={() => change({ owner: undefined })} />}
        {counts.length > (chosen.length > 0 ? 0 : 1) && (
          <Stack direction="row" role="group" aria-label="State" sx={{ gap: 0.75, flexWrap: 'wrap' }}>
            {counts.map(([state, n]) => (
              <Chip
                key={state}
                label={`${state} ${n}`}
                aria-pressed={chosen.includes(state)}
                variant={chosen.includes(state) ? 'filled' : 'outlined'}
                color={chosen.includes(state) ? 'primary' : 'default'}
                onClick={() => change({ state: (chosen.includes(state) ? chosen.filter((c) => c !== state) : [state]).join(',') || undefined })}
              />
            ))}
          </Stack>
        )}
        <Box sx={{ flex: 1 }} />
        {p.tools}
        {p.card && (
          <Order
            columns={p.columns}
            by={search.sort ?? p.columns[0]?.key ?? ''}
            desc={search.desc ?? false}
            change={(sort, desc) => change({ sort, desc: desc || undefined })}
          />
        )}
        <Typography variant="body2" role="status" sx={{ color: 'text.secondary' }}>
          {of.loading || failed ? '' : said(shown.length, of, desc)}
        </Typography>
      </Stack>
      {failed && !mistyped ? (
        <Trouble error={failed} retry={of.retry} />
      ) : p.card && of.items.length > 0 ? (
        <Cards label={p.label} rows={shown} id={p.id} card={p.card} />
      ) : (
        <Paper variant="outlined" sx={{ borderRadius: 3, overflow: 'hidden' }}>
          {of.loading ? (
            <Loading lines={7} />
          ) : mistyped ? (
            <Typography variant="body2" role="status" sx={{ color: 'text.secondary', p: 3, textAlign: 'center', overflowWrap: 'anywhere' }}>
              Of the labels above, {sentence(mistyped)}
            </Typography>
          ) : of.items.length === 0 ? (
            search.labels || search.owner ? (
              <Empty title={search.labels ? 'Nothing has such labels' : `${search.owner} has asked for nothing here`}>Change or clear the filter above.</Empty>
            ) : search.q ? (
              NOTHING
            ) : (
              p.empty
            )
          ) : (
            <Box role="table" aria-label={p.label} aria-rowcount={shown.length + 1}>
              <Box role="rowgroup">
                <Box
                  role="row"
                  aria-rowindex={1}
                  sx={{ ...grid, minHeight: 40, borderBottom: 1, borderColor: 'divider', color: 'text.secondary' }}
                >
                  {p.columns.map((c) => {
                    const sorted = order === c.key;
                    const fixed = c.late || (of.more && c.key !== first);
                    return (
                      <Box
                        key={c.key}
                        role="columnheader"
                        aria-sort={!c.title || fixed ? undefined : sorted ? (desc ? 'descending' : 'ascending') : 'none'}
                        sx={{ display: { xs: c.wide ? 'none' : 'block', md: 'block' }, minWidth: 0 }}
                      >
                        {fixed && c.title ? (
                          <Box component="span" sx={{ fontSize: '0.78rem', fontWeight: 600 }}>
                            {c.title}
                          </Box>
                        ) : c.title ? (
                          <Box
                            component="button"
                            type="button"
                            onClick={() => change({ sort: c.key, desc: sorted && !desc ? true : undefined })}
                            sx={{
                              all: 'unset',
                              cursor: 'pointer',
                              fontSize: '0.78rem',
                              fontWeight: 600,
                              display: 'inline-flex',
                              alignItems: 'center',
                              gap: 0.5,
                              borderRadius: 1,
                              '&:focus-visible': { outline: '2px solid', outlineColor: 'primary.main', outlineOffset: 2 },
                              '& svg': { opacity: sorted ? 1 : 0, fontSize: 14, display: { xs: sorted ? 'block' : 'none', md: 'block' } },
                              '&:hover svg': { opacity: 1 },
                            }}
                          >
                            {c.title}
                            {sorted && desc ? <ArrowDownwardIcon /> : <ArrowUpwardIcon />}
                          </Box>
                        ) : (
                          <Box component="span" sx={HIDDEN}>
                            Actions
                          </Box>
                        )}
                      </Box>
                    );
                  })}
                </Box>
              </Box>
              <Box
                sx={{
                  // By class: ten thousand rows come and go while one scrolls, and none of them brings its own styles.
                  '& .row': {
                    ...grid,
                    position: 'absolute',
                    inset: '0 0 auto 0',
                    height: ROW,
                    contain: 'strict',
                    borderBottom: 1,
                    borderColor: 'divider',
                    '&:hover': { bgcolor: 'action.hover' },
                  },
                  '& .cell': {
                    minWidth: 0,
                    overflow: 'hidden',
                    textOverflow: 'ellipsis',
                    whiteSpace: { xs: 'normal', md: 'nowrap' },
                    // On a phone there are two lines for it: of "create Machine web" the last word is what matters.
                    display: { xs: '-webkit-box', md: 'block' },
                    WebkitBoxOrient: 'vertical',
                    WebkitLineClamp: '2',
                    overflowWrap: 'anywhere',
                    lineHeight: { xs: 1.3, md: 'inherit' },
                    fontSize: { xs: '0.88rem', md: 'inherit' },
                  },
                  '& .wide': { display: { xs: 'none', md: 'block' } },
                }}
              >
                <Rows rows={shown} columns={p.columns} id={p.id} />
              </Box>
              {shown.length === 0 && NOTHING}
            </Box>
          )}
        </Paper>
      )}
      <End of={of} />
    </div>
  );
}

const NOTHING = (
  <Typography variant="body2" sx={{ color: 'text.secondary', p: 3, textAlign: 'center' }}>
    Nothing here matches what you search for.
  </Typography>
);

/** Calls when it comes into view, and again if it still is when `again` has changed. */
function useSeen(seen: (() => void) | undefined, again: unknown) {
  const ref = useRef<HTMLDivElement>(null);
  const tell = useRef(seen);
  tell.current = seen;
  useEffect(() => {
    const watch = new IntersectionObserver(([at]) => at?.isIntersecting && tell.current?.(), { rootMargin: '400px' });
    if (ref.current) {
      watch.observe(ref.current);
    }
    return () => watch.disconnect();
  }, [again]);
  return ref;
}

/** Where a list ends that goes on: who scrolls here gets the next part. */
export function End<R>({ of }: { of: Listing<R> }) {
  // It looks again when a part has not come, since what was asked for is given up when the list is read anew meanwhile. What was
  // refused, or took too long, is asked for by hand only.
  const ref = useSeen(of.more && !of.coming && !of.failed ? of.more : undefined, `${of.items.length} ${of.coming}`);
  return (
    <div ref={ref}>
      {of.more && (
        <Box sx={{ mt: 2, textAlign: 'center' }}>
          <Button variant="outlined" loading={of.coming ?? false} onClick={of.more}>
            Show older ones
          </Button>
        </Box>
      )}
    </div>
  );
}

/** By what cards are sorted, which have no heads of columns. */
function Order<R>({ columns, by, desc, change }: { columns: Column<R>[]; by: string; desc: boolean; change: (by: string, desc: boolean) => void }) {
  return (
    <Stack direction="row" sx={{ alignItems: 'center', gap: 0.5 }}>
      <TextField select label="Sort by" value={by} onChange={(e) => change(e.target.value, false)} sx={{ minWidth: 130 }}>
        {columns.filter((c) => c.title && !c.late).map((c) => (
          <MenuItem key={c.key} value={c.key}>
            {c.title}
          </MenuItem>
        ))}
      </TextField>
      <IconButton aria-label="The other way round" aria-pressed={desc} onClick={() => change(by, !desc)}>
        {desc ? <ArrowDownwardIcon fontSize="small" /> : <ArrowUpwardIcon fontSize="small" />}
      </IconButton>
    </Stack>
  );
}

function Cards<R>({ label, rows, id, card }: { label: string; rows: R[]; id: (row: R) => string; card: (row: R) => ReactNode }) {
  const [drawn, setDrawn] = useState(CARDS);
  const ref = useSeen(drawn < rows.length ? () => setDrawn(drawn + CARDS) : undefined, drawn);
  return (
    <>
      <Box
        component="ul"
        aria-label={label}
        sx={{ m: 0, p: 0, listStyle: 'none', display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 420px), 1fr))' }}
      >
        {rows.slice(0, drawn).map((r) => (
          <li key={id(r)}>{card(r)}</li>
        ))}
      </Box>
      {rows.length === 0 && NOTHING}
      <div ref={ref} />
    </>
  );
}

interface RowsProps<R> {
  rows: R[];
  columns: Column<R>[];
  id: (row: R) => string;
}

/** Those of the rows that are seen; apart from the rest, so that scrolling draws nothing else anew. */
function Rows<R>({ rows, columns, id }: RowsProps<R>) {
  const body = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const measure = () => body.current && setOffset(body.current.getBoundingClientRect().top + window.scrollY);
    measure();
    // What stands above it may come later, or grow.
    const watch = new ResizeObserver(measure);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, [rows]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW,
    overscan: 6,
    scrollMargin: offset,
    useFlushSync: false,
  });
  return (
    <div role="rowgroup" ref={body} style={{ position: 'relative', height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((v) => {
        const row = rows[v.index]!;
        return <Line key={id(row)} row={row} columns={columns} index={v.index} top={v.start - offset} />;
      })}
    </div>
  );
}

const Line = memo(function Line<R>({ row, columns, index, top }: { row: R; columns: Column<R>[]; index: number; top: number }) {
  return (
    <div role="row" className="row" aria-rowindex={index + 2} style={{ transform: `translateY(${top}px)` }}>
      {columns.map((c) => (
        <div key={c.key} role="cell" className={c.wide ? 'cell wide' : 'cell'}>
          {c.cell(row)}
        </div>
      ))}
    </div>
  );
}) as <R>(p: { row: R; columns: Column<R>[]; index: number; top: number }) => ReactNode;

/** A field whose text goes into the address once one pauses. */
function Typing(p: {
  label: string;
  placeholder?: string;
  value: string;
  onChange: (text: string) => void;
  width: number;
  adornment?: ReactNode;
  longest?: number;
  /** What is typed cannot be looked for. */
  wrong?: boolean;
}) {
  const [text, setText] = useState(p.value);
  const sent = useRef(p.value);
  const tell = useRef(p.onChange);
  tell.current = p.onChange;
  useEffect(() => {
    if (p.value !== sent.current) {
      sent.current = p.value;
      setText(p.value); // the address was changed by something else
    }
  }, [p.value]);
  useEffect(() => {
    if (text === sent.current) {
      return;
    }
    const timer = setTimeout(() => {
      sent.current = text;
      tell.current(text);
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <TextField
      type="search"
      label={p.label}
      placeholder={p.placeholder}
      value={text}
      error={p.wrong ?? false}
      onChange={(e) => setText(e.target.value)}
      sx={{ width: { xs: '100%', sm: p.width }, bgcolor: 'background.paper', borderRadius: 2 }}
      slotProps={{
        inputLabel: { shrink: true },
        htmlInput: p.longest ? { maxLength: p.longest } : {},
        ...(p.adornment ? { input: { startAdornment: <InputAdornment position="start">{p.adornment}</InputAdornment> } } : {}),
      }}
    />
  );
}
