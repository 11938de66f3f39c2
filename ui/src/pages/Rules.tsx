import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import MenuItem from '@mui/material/MenuItem';
import Stack from '@mui/material/Stack';
import TextField from '@mui/material/TextField';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap, type Schemas } from '../api/client';
import { SHARED } from '../api/kinds';
import { approvalRules } from '../api/queries';
import { Ask } from '../parts/Ask';
import { Card, Loading, Quiet, Row, Trouble } from '../parts/basics';
import { AddIcon, DeleteIcon } from '../parts/icons';
import { MayIn } from '../parts/May';
import { EMPTY, formOf, ruleOf, say, type RuleForm } from './rules';

/** What of a project others have to approve. */
export function Rules({ project }: { project: string }) {
  const rules = useQuery(approvalRules(project));
  const [changing, setChanging] = useState(false);
  return (
    <Card
      title={`Rules of ${project}`}
      flush
      action={
        <MayIn project={SHARED} what="limit">
          {(disabled) => (
            <Button size="small" variant="outlined" disabled={disabled || !rules.data} onClick={() => setChanging(true)}>
              Change rules
            </Button>
          )}
        </MayIn>
      }
    >
      {rules.error ? (
        <Trouble error={rules.error} retry={() => void rules.refetch()} />
      ) : rules.isPending ? (
        <Loading lines={2} />
      ) : rules.data.length === 0 ? (
        <Row>
          <Quiet>
            Nothing has to be approved here{project !== SHARED && <>, but for what the rules of the project shared say</>}.
          </Quiet>
        </Row>
      ) : (
        rules.data.map((r, i) => <Row key={i}>{say(r)}</Row>)
      )}
      {changing && rules.data && <Change project={project} rules={rules.data} onClose={() => setChanging(false)} />}
    </Card>
  );
}

function Change({ project, rules, onClose }: { project: string; rules: Schemas['ApprovalRule'][]; onClose: () => void }) {
  const queries = useQueryClient();
  const [forms, setForms] = useState<RuleForm[]>(rules.length > 0 ? rules.map(formOf) : [EMPTY]);
  const set = (at: number, next: Partial<RuleForm>) => setForms(forms.map((f, i) => (i === at ? { ...f, ...next } : f)));
  return (
    <Ask
      title={`What has to be approved in ${project}`}
      button="Set rules"
      act={() =>
        unwrap(api.PUT('/api/v1/projects/{project}/approval-rules', { params: { path: { project } }, body: { rules: forms.map(ruleOf) } }))
      }
      done={() => void queries.invalidateQueries({ queryKey: ['approval-rules'] })}
      onClose={onClose}
    >
      {forms.length === 0 && <span>Nothing has to be approved.</span>}
      {forms.map((f, i) => (
        <Box key={i} component="fieldset" sx={{ m: 0, p: 1.5, border: 1, borderColor: 'divider', borderRadius: 2, minWidth: 0 }}>
          <Box component="legend" sx={{ px: 0.5 }}>
            Rule {i + 1}
          </Box>
          <Stack sx={{ gap: 1.5 }}>
            <Stack direction="row" sx={{ gap: 1 }}>
              <TextField label="Cores above" type="number" value={f.cores} onChange={(e) => set(i, { cores: e.target.value })} />
              <TextField label="Memory above" value={f.memory} placeholder="32GiB" onChange={(e) => set(i, { memory: e.target.value })} slotProps={{ inputLabel: { shrink: true } }} />
            </Stack>
            <Stack direction="row" sx={{ gap: 1 }}>
              <TextField label="Disk above" value={f.disk} placeholder="1TiB" onChange={(e) => set(i, { disk: e.target.value })} slotProps={{ inputLabel: { shrink: true } }} />
              <TextField label="Machines above" type="number" value={f.machines} onChange={(e) => set(i, { machines: e.target.value })} />
            </Stack>
            <TextField label="On networks" value={f.networks} placeholder="prod, dmz" onChange={(e) => set(i, { networks: e.target.value })} helperText="One of these; any if left out." slotProps={{ inputLabel: { shrink: true } }} />
            <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
              <TextField select label="Asked by" value={f.roles} onChange={(e) => set(i, { roles: e.target.value as unknown as RuleForm['roles'] })} slotProps={{ select: { multiple: true, displayEmpty: true, renderValue: (v: unknown) => (v as string[]).join(', ') || 'anybody' }, inputLabel: { shrink: true } }} sx={{ flex: 1 }}>
                {(['user', 'operator', 'admin'] as const).map((r) => (
                  <MenuItem key={r} value={r}>
                    {r}
                  </MenuItem>
                ))}
              </TextField>
              <TextField select label="People" value={f.people} onChange={(e) => set(i, { people: e.target.value })} sx={{ width: 90 }}>
                <MenuItem value="1">1</MenuItem>
                <MenuItem value="2">2</MenuItem>
              </TextField>
              <IconButton aria-label={`Remove rule ${i + 1}`} onClick={() => setForms(forms.filter((_, j) => j !== i))}>
                <DeleteIcon fontSize="small" />
              </IconButton>
            </Stack>
          </Stack>
        </Box>
      ))}
      <Button startIcon={<AddIcon />} onClick={() => setForms([...forms, EMPTY])}>
        One more rule
      </Button>
    </Ask>
  );
}
