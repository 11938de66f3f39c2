import Stack from '@mui/material/Stack';
import { useQuery } from '@tanstack/react-query';
import { operations } from '../api/queries';
import { Asked, Card, Empty } from './basics';
import { Timeline } from './operations';
import { PageLink } from './RowLink';

/** So many are shown with all their steps. */
const MOST = 20;

/** What was done with one resource, the newest first. */
export function OperationsOf({ kind, project, name }: { kind: string; project: string; name: string }) {
  const history = useQuery(operations({ project, kind, name, limit: MOST }));
  return (
    <Asked of={history}>
      {(all) =>
        all.length === 0 ? (
          <Card>
            <Empty title="Nothing was done with it yet" />
          </Card>
        ) : (
          <Stack sx={{ gap: 2 }}>
            {all.map((o) => (
              <Card key={o.metadata.uid} title={o.spec.title}>
                <Timeline uid={o.metadata.uid} />
              </Card>
            ))}
            {all.length === MOST && (
              <PageLink to="/p/$project/operations" params={{ project }} search={{ kind, name }}>
                Older ones
              </PageLink>
            )}
          </Stack>
        )
      }
    </Asked>
  );
}
