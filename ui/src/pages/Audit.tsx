import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useMutation } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { ALL, SHARED } from '../api/kinds';
import { useAudit } from '../api/queries';
import { Ago, Copyable, Empty, PageHead, Standing, Trouble } from '../parts/basics';
import { Choose, useChosen } from '../parts/Choose';
import { DataTable, type Column } from '../parts/DataTable';
import { exact } from '../parts/format';
import { MayIn } from '../parts/May';

type Act = Schemas['Act'];

/** Who did what, when, from where, and with which result; the newest first. */
export function Audit() {
  const { project } = useParams({ from: '/p/$project/audit' });
  const { who, q } = useSearch({ from: '/p/$project/audit' });
  const result = useChosen('state', RESULTS);
  const found = useAudit(project, { who, result, q });
  return (
    <>
      <PageHead title="Audit" under="Who did what, when, from where and with which result; what was refused, too.">
        {project === ALL && <Verify />}
      </PageHead>
      <DataTable
        label="Audit"
        of={found}
        columns={project === ALL ? everywhere : columns}
        id={(a) => String(a.seq)}
        tools={
          <>
            <Who />
            <Choose label="Result" at="state" words={RESULTS} />
          </>
        }
        empty={<Empty title={result ? `Of nothing the result is ${result}` : who ? `${who} has done nothing` : 'Nothing is written down yet'} />}
      />
    </>
  );
}

/** What became of an act: it was done, or why it was not. */
const RESULTS = [
  'done',
  'held',
  'refused',
  'forbidden',
  'unauthenticated',
  'csrf',
  'password-change-needed',
  'not-found',
  'method-not-allowed',
  'not-acceptable',
  'unsupported-media-type',
  'invalid',
  'conflict',
  'idempotency-key-reused',
  'quota-exceeded',
  'approval-needed',
  'gone',
  'precondition-failed',
  'too-large',
  'too-many-requests',
  'unavailable',
  'internal',
];

function Who() {
  const { who = '' } = useSearch({ from: '/p/$project/audit' });
  const navigate = useNavigate();
  const [text, setText] = useState(who);
  useEffect(() => setText(who), [who]);
  useEffect(() => {
    if (text === who) {
      return;
    }
    const timer = setTimeout(
      () => void navigate({ to: '.', search: ((s: object) => ({ ...s, who: text || undefined })) as never, replace: true }),
      350,
    );
    return () => clearTimeout(timer);
  }, [text, who, navigate]);
  return <TextField type="search" label="Who" value={text} onChange={(e) => setText(e.target.value)} sx={{ width: 150, bgcolor: 'background.paper', borderRadius: 2 }} />;
}

/** Has the chain of hashes computed anew. */
function Verify() {
  const [noted, setNoted] = useState('');
  const verify = useMutation({
    mutationFn: () => unwrap(api.GET('/api/v1/audit/verification', { params: { query: { noted: noted.trim() || undefined } } })),
  });
  const told = verify.data;
  return (
    <>
      <MayIn project={SHARED} what="audit">
        {(disabled) => (
          <Button variant="outlined" disabled={disabled} loading={verify.isPending} onClick={() => verify.mutate()}>
            Verify
          </Button>
        )}
      </MayIn>
      <TextField
        label="Noted row"
        placeholder="SEQ:HASH"
        value={noted}
        onChange={(e) => setNoted(e.target.value)}
        sx={{ width: 180, bgcolor: 'background.paper', borderRadius: 2 }}
      />
      {verify.error && <Trouble error={verify.error} />}
      {told &&
        (told.altered === undefined ? (
          <Alert severity="success" variant="outlined" sx={{ borderRadius: 3 }}>
            All {told.rows} rows are as they were written.
            {told.seq > 0 && (
              <>
                {' '}
                Note the last one elsewhere: <Copyable text={`${told.seq}:${told.head}`} what="hash" />
              </>
            )}
          </Alert>
        ) : (
          <Alert severity="error" variant="outlined" sx={{ borderRadius: 3 }}>
            Row {told.altered} is not as it was written, or is gone.
          </Alert>
        ))}
    </>
  );
}

/** A token that is nobody's may be called as somebody is. */
const whose = (a: Act) => (a.as === 'token' && !a.who.includes('/') ? `${a.who} (token)` : a.who);

const columns: Column<Act>[] = [
  { key: 'when', title: 'When', width: '100px', value: (a) => -a.seq, cell: (a) => <Ago when={a.at} /> },
  { key: 'who', title: 'Who', width: 'minmax(90px, 0.8fr)', value: whose, cell: whose },
  { key: 'verb', title: 'Verb', width: '90px', wide: true, value: (a) => a.verb, cell: (a) => a.verb },
  {
    key: 'what',
    title: 'What',
    width: 'minmax(120px, 1.2fr)',
    value: (a) => `${a.kind} ${a.name}`.trim(),
    cell: (a) => <span title={`${exact(a.at)}, row ${a.seq}`}>{`${a.kind} ${a.name}`.trim()}</span>,
  },
  { key: 'call', title: 'Call', width: 'minmax(160px, 1.8fr)', wide: true, value: (a) => a.call, cell: (a) => <Box component="code" title={a.call}>{a.call}</Box> },
  {
    key: 'result',
    title: 'Result',
    width: '110px',
    value: (a) => `${a.result} ${a.detail}`,
    cell: (a) => <Standing health={a.result === 'done' ? 'good' : a.result === 'held' ? 'busy' : 'bad'} word={a.result} sentence={a.detail} />,
  },
  { key: 'origin', title: 'From', width: '120px', wide: true, value: (a) => a.origin, cell: (a) => a.origin },
];

const inProject: Column<Act> = { key: 'project', title: 'Project', width: 'minmax(80px, 0.6fr)', wide: true, value: (a) => a.project, cell: (a) => a.project };

const everywhere = [...columns.slice(0, 4), inProject, ...columns.slice(4)];
