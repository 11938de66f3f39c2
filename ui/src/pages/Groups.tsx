import LinearProgress from '@mui/material/LinearProgress';
import Stack from '@mui/material/Stack';
import { useParams } from '@tanstack/react-router';
import { ALL, standing, type Group } from '../api/kinds';
import { Ago, Empty, PageHead, Quiet, Standing } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { useListed } from '../parts/listed';
import { PageLink } from '../parts/RowLink';
import { progressOf } from './rollout';

export function Groups() {
  const { project } = useParams({ from: '/p/$project/groups' });
  const groups = useListed('groups', project);
  const make = (
    <Declare project={project} kind="Group" variant="contained">
      New group
    </Declare>
  );
  return (
    <>
      <PageHead title="Groups" under="Machines of one shape, and how changes reach them.">
        {make}
      </PageHead>
      <DataTable
        label="Groups"
        of={groups}
        columns={project === ALL ? [name, inProject, ...rest] : [name, ...rest]}
        id={(g) => g.metadata.uid}
        states={(g) => standing(g).word}
        labels
        empty={
          <Empty title="No groups yet" action={make}>
            A group is so many machines of one shape; what is changed of them reaches them a few at a time, and can go back.
          </Empty>
        }
      />
    </>
  );
}

const name: Column<Group> = {
  key: 'name',
  title: 'Name',
  width: 'minmax(130px, 1.2fr)',
  value: (g) => g.metadata.name,
  cell: (g) => (
    <PageLink
      to="/p/$project/groups/$name"
      params={{ project: g.metadata.project, name: g.metadata.name }}
      underline="hover"
      sx={{ fontWeight: 600 }}
    >
      {g.metadata.name}
    </PageLink>
  ),
};

const inProject: Column<Group> = {
  key: 'project',
  title: 'Project',
  width: 'minmax(80px, 0.8fr)',
  wide: true,
  value: (g) => g.metadata.project,
  cell: (g) => g.metadata.project,
};

const rest: Column<Group>[] = [
  { key: 'state', title: 'State', width: '130px', value: (g) => standing(g).word, cell: (g) => <Standing {...standing(g)} /> },
  {
    key: 'healthy',
    title: 'Healthy',
    width: '90px',
    value: (g) => g.status.healthy - g.spec.count,
    cell: (g) => `${g.status.healthy} of ${g.spec.count}`,
  },
  {
    key: 'rollout',
    title: 'Revision',
    width: 'minmax(150px, 1fr)',
    wide: true,
    value: (g) => progressOf(g).percent,
    cell: (g) => {
      const p = progressOf(g);
      return (
        <Stack direction="row" sx={{ alignItems: 'center', gap: 1 }}>
          <span>{p.revision}</span>
          {p.updated < p.count && (
            <>
              <LinearProgress variant="determinate" value={p.percent} aria-label={`Rollout of ${g.metadata.name}`} sx={{ flex: 1, height: 6, borderRadius: 3 }} />
              <Quiet>
                {p.updated} of {p.count}
              </Quiet>
            </>
          )}
        </Stack>
      );
    },
  },
  { key: 'image', title: 'Image', width: 'minmax(90px, 0.9fr)', wide: true, value: (g) => g.spec.machine.image, cell: (g) => g.spec.machine.image },
  { key: 'size', title: 'Size', width: 'minmax(70px, 0.6fr)', wide: true, value: (g) => g.spec.machine.size, cell: (g) => g.spec.machine.size },
  {
    key: 'created',
    title: 'Made',
    width: '90px',
    wide: true,
    value: (g) => -Date.parse(g.metadata.createdAt),
    cell: (g) => <Ago when={g.metadata.createdAt} />,
  },
];
