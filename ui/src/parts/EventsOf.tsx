import Box from '@mui/material/Box';
import { useQuery } from '@tanstack/react-query';
import { events } from '../api/queries';
import { Ago, Asked, Card, Empty, Quiet, Row } from './basics';

/** What happened to one resource. */
export function EventsOf({ kind, project, name }: { kind: string; project: string; name: string }) {
  const told = useQuery(events(project, kind, name));
  return (
    <Card flush>
      <Asked of={told}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="Nothing has happened yet">Events are kept for seven days.</Empty>
          ) : (
            all.map((e) => (
              <Row key={e.cursor} wrap>
                <Box sx={{ minWidth: { sm: 130 }, flex: 'none', fontWeight: 560 }}>{e.reason}</Box>
                <Box className="long">{e.message}</Box>
                <Quiet>
                  <Ago when={e.at} />
                </Quiet>
              </Row>
            ))
          )
        }
      </Asked>
    </Card>
  );
}
