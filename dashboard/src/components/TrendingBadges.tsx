import { graphql } from '../generated';
import type { TrendingFragment } from '../generated/graphql';
import { chance, count, growth } from '../lib/format';
import { BadgeName } from './BadgeName';
import { Opener } from './Opener';

export const TRENDING = graphql(`
  fragment Trending on TrendingBadge {
    badge {
      id
      name
      category
    }
    last7Days
    previous23Days
    growth
    pValue
    isNew
  }
`);

interface TrendingBadgesProps {
  badges: readonly TrendingFragment[];
  /** Called with the id of a kind of badge that is chosen. */
  select?: ((id: string) => void) | undefined;
  /** Called with the id of a kind of badge, and of which days its issues are to be listed. */
  open?: ((id: string, days: 'last7Days' | 'previous23Days') => void) | undefined;
}

/** The kinds of badges that are issued more often than before, and what says that it is no chance. */
export function TrendingBadges({ badges, select, open }: TrendingBadgesProps) {
  const risen = badges.filter((each) => !each.isNew).length;
  return (
    <>
      <p className="summary">
        {told(risen, badges.length - risen)} Rising means 5 or more in the last 7 days, and more a
        day than in the 23 days before by more than chance explains: were nothing changed, so many
        would come less often than once in 20 times.
      </p>
      <table className="standings">
        <caption className="hidden">The badges whose issues rise</caption>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">Rank</span>
            </th>
            <th scope="col">Badge</th>
            <th scope="col">Growth</th>
            <th scope="col">
              <abbr title="Issued in the 7 days that end with today">7 days</abbr>
            </th>
            <th scope="col">
              <abbr title="Issued in the 23 days before those">23 before</abbr>
            </th>
            <th scope="col">
              <abbr title="How often so many would come if nothing had changed: the exact one-sided binomial test">
                By chance
              </abbr>
            </th>
          </tr>
        </thead>
        <tbody>
          {badges.map((each, at) => (
            <tr key={each.badge.id}>
              <td className="rank">{at + 1}</td>
              <th scope="row">
                <BadgeName badge={each.badge} select={select} />
              </th>
              <td>
                {each.isNew ? (
                  <span className="tag">new</span>
                ) : each.growth === null ? (
                  '–'
                ) : (
                  <span className="delta" data-direction="up">
                    <span aria-hidden="true">▲ </span>
                    <span className="hidden">up </span>
                    {growth(each.growth)}
                  </span>
                )}
              </td>
              <td>
                <Opener open={open && (() => open(each.badge.id, 'last7Days'))}>
                  {count(each.last7Days)}
                </Opener>
              </td>
              <td>
                <Opener open={open && (() => open(each.badge.id, 'previous23Days'))}>
                  {count(each.previous23Days)}
                </Opener>
              </td>
              <td>{each.pValue === null ? '–' : chance(each.pValue)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function told(risen: number, fresh: number): string {
  const rise = `${count(risen)} ${risen === 1 ? 'badge rises' : 'badges rise'}`;
  return fresh > 0 ? `${rise}, ${count(fresh)} ${fresh === 1 ? 'is' : 'are'} new.` : `${rise}.`;
}
