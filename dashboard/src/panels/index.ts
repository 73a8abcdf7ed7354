// The page is this list. A panel is a file that asks its own question, and a line here.
import type { ComponentType } from 'react';
import type { View } from '../lib/view';
import { BadgesByCategory } from './BadgesByCategory';
import { BadgesByLevel } from './BadgesByLevel';
import { BadgesIssued } from './BadgesIssued';
import { BadgesMost } from './BadgesMost';
import { BadgesMostByCategory } from './BadgesMostByCategory';
import { BadgesTrending } from './BadgesTrending';
import { Cohorts } from './Cohorts';
import { CommunitiesMostActive } from './CommunitiesMostActive';
import { Engagement } from './Engagement';
import { Growth } from './Growth';
import { HoursOfTheWeek } from './HoursOfTheWeek';
import { Issuers } from './Issuers';
import { LatestActivity } from './LatestActivity';
import { Lifecycle } from './Lifecycle';
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
  { id: 'growth', Panel: Growth, columns: 12 },
  { id: 'engagement', Panel: Engagement, columns: 5 },
  { id: 'hours', Panel: HoursOfTheWeek, columns: 7 },
  { id: 'cohorts', Panel: Cohorts, columns: 8 },
  { id: 'lifecycle', Panel: Lifecycle, columns: 4 },
  { id: 'levels', Panel: BadgesByLevel, columns: 4 },
  { id: 'top-badges', Panel: BadgesMost, columns: 8 },
  { id: 'most-by-category', Panel: BadgesMostByCategory, columns: 12 },
  { id: 'trending', Panel: BadgesTrending, columns: 12 },
  { id: 'communities', Panel: CommunitiesMostActive, columns: 7 },
  { id: 'issuers', Panel: Issuers, columns: 5 },
  { id: 'activity', Panel: LatestActivity, columns: 12 },
];
