import { graphql } from '../generated';
import type { CategoryStandingsFragment } from '../generated/graphql';
import { count } from '../lib/format';
import { BadgeName } from './BadgeName';
import { Opener } from './Opener';

export const CATEGORY_STANDINGS = graphql(`
  fragment CategoryStandings on CategoryBadges {
    category
    badges {
      badge {
        id
        name
      }
      issued
    }
  }
`);

interface MostAwardedByCategoryProps {
  categories: readonly CategoryStandingsFragment[];
  /** Called with the id of a kind of badge that is chosen. */
  select?: ((id: string) => void) | undefined;
  /** Called with the name of a category that is chosen. */
  selectCategory?: ((category: string) => void) | undefined;
  /** Called with the id of a kind of badge whose issues are to be listed. */
  open?: ((id: string, category: string) => void) | undefined;
}

/** The kinds of badges issued most in each category, a short list for each. */
export function MostAwardedByCategory(props: MostAwardedByCategoryProps) {
  const { categories, select, selectCategory, open } = props;
  // One scale for all, such that the categories can be compared, too.
  const most = Math.max(...categories.flatMap(({ badges }) => badges.map((each) => each.issued)));
  return (
    <div className="categories">
      {categories.map(({ category, badges }) => (
        <section key={category} aria-label={category}>
          <h3>
            {selectCategory ? (
              <button type="button" className="pick" onClick={() => selectCategory(category)}>
                {category}
              </button>
            ) : (
              category
            )}
          </h3>
          <ol className="bars">
            {badges.map(({ badge, issued }) => (
              <li key={badge.id}>
                <BadgeName badge={badge} select={select} />
                <span className="track">
                  <span className="bar" style={{ inlineSize: `${(100 * issued) / most}%` }} />
                </span>
                <span className="number">
                  <Opener open={open && (() => open(badge.id, category))}>{count(issued)}</Opener>
                </span>
              </li>
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}
