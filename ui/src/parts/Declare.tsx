import type { ButtonProps } from '@mui/material/Button';
import { pluralOf } from '../api/kinds';
import { AddIcon } from './icons';
import { MayIn } from './May';
import { PageButton } from './RowLink';

/** To the form over a manifest: of what is there, if it has a name, or of one that there is to be. */
export function Declare({ project, kind, name, ...button }: { project: string; kind: string; name?: string } & Pick<ButtonProps, 'children' | 'size' | 'variant' | 'aria-label'>) {
  return (
    <MayIn project={project} what={`declare ${kind}`}>
      {(disabled) => (
        <PageButton
          to="/p/$project/manifest"
          params={{ project }}
          search={{ kind: pluralOf(kind), ...(name ? { name } : {}) }}
          variant="outlined"
          startIcon={name ? undefined : <AddIcon />}
          disabled={disabled}
          {...button}
        />
      )}
    </MayIn>
  );
}
