import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { ALL, SHARED, standing, type Kinds } from '../api/kinds';
import { loads, useCollection } from '../api/queries';
import { Card, Empty, Facts, PageHead, Quiet, Standing } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { bytes, mib } from '../parts/format';
import { useListed } from '../parts/listed';
import { Meter } from '../parts/Meter';
import { loadOf, type HostLoad } from './load';

type Hypervisor = Kinds['hypervisors'];

interface Promised {
  cores: number;
  memory: number;
  machines: number;
}

/** Where machines run: how each does, how much of it is promised, and how much its machines use. */
export function Hypervisors() {
  const hypervisors = useListed('hypervisors', ALL);
  const machines = useCollection('machines', ALL);
  const sizes = useCollection('sizes', ALL);

  const promised = useMemo(() => {
    const by = new Map(sizes.items.map((s) => [`${s.metadata.project}/${s.metadata.name}`, s.spec]));
    const out = new Map<string, Promised>();
    for (const m of machines.items) {
      const place = m.status.hypervisor;
      const size = by.get(`${m.metadata.project}/${m.spec.size}`) ?? by.get(`shared/${m.spec.size}`);
      if (place && size) {
        const sum = out.get(place) ?? { cores: 0, memory: 0, machines: 0 };
        out.set(place, { cores: sum.cores + size.cores, memory: sum.memory + mib(size.memory), machines: sum.machines + 1 });
      }
    }
    return out;
  }, [machines.items, sizes.items]);

  const found = useQuery(loads(ALL));
  const load = useMemo(() => loadOf(found.data ?? []), [found.data]);

  const columns = useMemo((): Column<Hypervisor>[] => {
    const part = (used: number | undefined, of: number | undefined) => (of ? -(used ?? 0) / of : undefined);
    const all: [string, string, (h: Hypervisor) => string | number | undefined][] = [
      ['name', 'Name', (h) => h.metadata.name],
      ['state', 'State', (h) => standing(h).word],
      ['driver', 'Driver', (h) => `${h.spec.driver} ${h.status.version ?? ''}`],
      ['cores', 'Cores promised', (h) => part(promised.get(h.metadata.name)?.cores, h.status.cores)],
      ['memory', 'Memory promised', (h) => part(promised.get(h.metadata.name)?.memory, h.status.memory ? mib(h.status.memory) : undefined)],
      ['busy', 'Cores busy', (h) => part(load.get(h.metadata.name)?.cores, h.status.cores)],
      ['used', 'Memory used', (h) => part(load.get(h.metadata.name)?.memory, h.status.memory ? mib(h.status.memory) : undefined)],
      ['disk', 'Free disk', (h) => (h.status.diskFree ? mib(h.status.diskFree) : undefined)],
      ['machines', 'Machines', (h) => h.status.machines && -h.status.machines],
    ];
    return all.map(([key, title, value]) => ({ key, title, value, width: '1fr', cell: value }));
  }, [promised, load]);

  return (
    <>
      <PageHead title="Hypervisors" under="Where machines run.">
        <Declare project={SHARED} kind="Hypervisor">
          New hypervisor
        </Declare>
      </PageHead>
      <DataTable
        label="Hypervisors"
        of={hypervisors}
        columns={columns}
        id={(h) => h.metadata.uid}
        states={(h) => standing(h).word}
        labels
        card={(h) => <One of={h} promised={promised.get(h.metadata.name)} load={load.get(h.metadata.name)} />}
        empty={
          <Empty title="No hypervisors">A hypervisor is declared with its driver and its address. Without one there is no place for a machine.</Empty>
        }
      />
    </>
  );
}

function One({ of, promised, load }: { of: Hypervisor; promised: Promised | undefined; load: HostLoad | undefined }) {
  const s = standing(of);
  const { status, spec } = of;
  return (
    <Card title={of.metadata.name} action={<Standing health={s.health} word={s.word} sentence={s.sentence} />}>
      {s.health !== 'good' && (
        <Typography variant="body2" sx={{ mb: 1.5, color: 'error.main' }}>
          {s.sentence}
        </Typography>
      )}
      {spec.cordoned && (
        <Typography variant="body2" sx={{ mb: 1.5, color: 'warning.main' }}>
          It is cordoned: it gets no new machines.
        </Typography>
      )}
      {status.cores && <Meter title="Cores promised" used={promised?.cores ?? 0} of={status.cores} say={String} over />}
      {load && status.cores && <Meter title="Cores busy with machines" used={load.cores} of={status.cores} say={(n) => String(Math.round(n * 10) / 10)} />}
      {status.memory && <Meter title="Memory promised" used={promised?.memory ?? 0} of={mib(status.memory)} say={bytes} />}
      {load && status.memory && <Meter title="Memory used by machines" used={Math.round(load.memory)} of={mib(status.memory)} say={bytes} />}
      {!load && !!promised && <Quiet>What its machines use was not measured in the last half hour.</Quiet>}
      {load && promised && load.measured < promised.machines && (
        <Quiet>
          Measured of {load.measured} of {promised.machines} machines.
        </Quiet>
      )}
      <Box sx={{ mt: 2 }}>
        <Facts
          rows={[
            ['Driver', spec.driver],
            ['Version', status.version],
            ['Runs guests by', status.acceleration],
            ['Free disk', status.diskFree && bytes(mib(status.diskFree))],
            ['Machines', status.machines !== undefined && `${status.machines}${status.foreign ? `, and ${status.foreign} that are not ours` : ''}`],
            ['Can', <Quiet key="can">{status.facets?.join(', ')}</Quiet>],
          ]}
        />
      </Box>
      <Box sx={{ mt: 1.5, ml: -1.25 /* its word stands in line */ }}>
        <Declare project={of.metadata.project} kind="Hypervisor" name={of.metadata.name} size="small" variant="text">
          Edit
        </Declare>
      </Box>
    </Card>
  );
}
