import { PageButton } from '../parts/RowLink';
import { Card, Empty, PageHead } from '../parts/basics';

export function Missing() {
  return (
    <>
      <PageHead title="There is no such page" />
      <Card>
        <Empty
          title="Nothing is here"
          action={
            <PageButton to="/" variant="outlined">
              Go home
            </PageButton>
          }
        >
          The address may be misspelt, or what it led to is gone.
        </Empty>
      </Card>
    </>
  );
}
