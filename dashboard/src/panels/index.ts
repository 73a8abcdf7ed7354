// The page is this list. A panel is a file that asks its own question, and a line here.
import type { ComponentType } from 'react';
import type { View } from '../lib/view';
import { BadgesByCategory } from './BadgesByCategory';
import { BadgesIssued } from './BadgesIssued';
import { BadgesMost } from './BadgesMost';
import { LatestActivity } from './LatestActivity';
import { Overview } from './Overview';

export interface PanelProps {
  view: View;
  change: (changed: Partial<View>) => void;
}

interface Place {
  /** Its place on the page, for links. */
  id: string;
  Panel: ComponentType<PanelProps>;
  /** How many of the twelve columns it takes where there is room for them. */
  columns: 4 | 5 | 6 | 7 | 8 | 12;
}

export const PANELS: readonly Place[] = [
  { id: 'overview', Panel: Overview, columns: 12 },
  { id: 'issued', Panel: BadgesIssued, columns: 8 },
  { id: 'categories', Panel: BadgesByCategory, columns: 4 },
  { id: 'top-badges', Panel: BadgesMost, columns: 7 },
  { id: 'activity', Panel: LatestActivity, columns: 5 },
];
