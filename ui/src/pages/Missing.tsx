import { PageButton } from '../parts/RowLink';
import { Empty } from '../parts/basics';

export function Missing() {
  return (
    <Empty
      title="There is no such page"
      action={
        <PageButton to="/" variant="outlined">
          Go home
        </PageButton>
      }
    >
      The address may be misspelt, or what it led to is gone.
    </Empty>
  );
}
