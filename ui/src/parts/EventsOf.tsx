import Box from '@mui/material/Box';
import { useEvents } from '../api/queries';
import { Ago, Card, Empty, Loading, Quiet, Row, Trouble } from './basics';
import { End } from './DataTable';

/** What happened to one resource. */
export function EventsOf({ kind, project, name }: { kind: string; project: string; name: string }) {
  const told = useEvents(project, { kind, name });
  return (
    <>
      <Card flush>
        {told.error && told.items.length === 0 ? (
          <Trouble error={told.error} retry={told.retry} />
        ) : told.loading ? (
          <Loading />
        ) : told.items.length === 0 ? (
          <Empty title="Nothing has happened yet">Events are kept for seven days.</Empty>
        ) : (
          told.items.map((e) => (
            <Row key={e.cursor} wrap>
              <Box sx={{ minWidth: { sm: 130 }, flex: 'none', fontWeight: 560 }}>{e.reason}</Box>
              <Box className="long">{e.message}</Box>
              <Quiet>
                <Ago when={e.at} />
              </Quiet>
            </Row>
          ))
        )}
      </Card>
      <End of={told} />
    </>
  );
}
