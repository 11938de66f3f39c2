import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import Box from '@mui/material/Box';
import { ALL, running, standing, type Kinds, type Operation } from '../api/kinds';
import { operations, useGoing } from '../api/queries';
import { Ago, Card, Empty, PageHead } from '../parts/basics';
import { DataTable, type Column } from '../parts/DataTable';
import { Declare } from '../parts/Declare';
import { bytes } from '../parts/format';
import { useListed } from '../parts/listed';
import { Going, Timeline } from '../parts/operations';
import { Name, PageLink } from '../parts/RowLink';

type Image = Kinds['images'];

export function Images() {
  const { project } = useParams({ from: '/p/$project/images' });
  const images = useListed('images', project);
  const going = useGoing(project, 'Image');
  const builds = useQuery(operations({ project, kind: 'Image', limit: 20 }));
  const shown = (builds.data ?? []).filter(running);
  const last = builds.data?.find((o) => o.status.state === 'failed');
  return (
    <>
      <PageHead title="Images" under="What machines boot from: fetched, or built here.">
        <Declare project={project} kind="Image">
          New image
        </Declare>
      </PageHead>
      {(shown.length > 0 ? shown : last ? [last] : []).map((o) => (
        <Box key={o.metadata.uid} sx={{ mb: 2 }}>
          <Card title={running(o) ? o.spec.title : `Last failed: ${o.spec.title}`}>
            <Timeline uid={o.metadata.uid} />
          </Card>
        </Box>
      ))}
      <DataTable
        label="Images"
        of={images}
        columns={columns(project === ALL, going)}
        id={(i) => i.metadata.uid}
        states={(i) => standing(i).word}
        labels
        empty={<Empty title="No images">An image is declared with a source, or with how it is built.</Empty>}
      />
      <Typography variant="body2" sx={{ mt: 1.5, color: 'text.secondary' }}>
        Images of the project <code>shared</code> serve all projects.
      </Typography>
    </>
  );
}

const columns = (all: boolean, going: Map<string, Operation>): Column<Image>[] => [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(140px, 1.3fr)',
    value: (i) => i.metadata.name,
    cell: (i) => (
      <PageLink to="/p/$project/manifest" params={{ project: i.metadata.project }} search={{ kind: 'images', name: i.metadata.name }} underline="hover" sx={{ fontWeight: 600 }}>
        <Name project={all ? i.metadata.project : undefined}>{i.metadata.name}</Name>
      </PageLink>
    ),
  },
  { key: 'state', title: 'State', width: '120px', value: (i) => standing(i).word, cell: (i) => <Going standing={standing(i)} by={going.get(i.metadata.uid)} /> },
  { key: 'os', title: 'System', width: 'minmax(100px, 1fr)', value: (i) => `${i.spec.os} ${i.spec.version}`, cell: (i) => `${i.spec.os} ${i.spec.version}` },
  {
    key: 'from',
    title: 'Comes from',
    width: 'minmax(110px, 1fr)',
    wide: true,
    value: from,
    cell: from,
  },
  {
    key: 'size',
    title: 'File',
    width: '90px',
    wide: true,
    value: (i) => i.status.fileSize,
    cell: (i) => (i.status.fileSize ? bytes(Math.round(i.status.fileSize / 1_048_576)) : ''),
  },
  {
    key: 'finished',
    title: 'Finished',
    width: '100px',
    wide: true,
    value: (i) => i.status.finishedAt,
    cell: (i) => (i.status.finishedAt ? <Ago when={i.status.finishedAt} /> : ''),
  },
];

function from(i: Image): string {
  return i.spec.build
    ? `built by ${i.spec.build.builder}`
    : i.spec.installer
      ? 'an installer'
      : i.spec.source?.url
        ? 'a URL'
        : i.spec.source
          ? 'a file'
          : '';
}
