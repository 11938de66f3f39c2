import Accordion from '@mui/material/Accordion';
import AccordionDetails from '@mui/material/AccordionDetails';
import AccordionSummary from '@mui/material/AccordionSummary';
import Typography from '@mui/material/Typography';
import { useState, type ReactNode } from 'react';
import { ExpandMoreIcon } from './icons';

/** A card of which one sees the title, and the rest only when one wants to; what that needs is not asked for before. */
export function Folded({ title, children }: { title: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <Accordion
      disableGutters
      variant="outlined"
      expanded={open}
      onChange={(_, next) => setOpen(next)}
      sx={{ borderRadius: '12px !important', '&::before': { display: 'none' }, bgcolor: 'background.paper' }}
    >
      <AccordionSummary expandIcon={<ExpandMoreIcon />}>
        <Typography variant="h2">{title}</Typography>
      </AccordionSummary>
      <AccordionDetails>{open && children}</AccordionDetails>
    </Accordion>
  );
}
