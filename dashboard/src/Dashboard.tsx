import { memo, useSyncExternalStore } from 'react';
import { Controls } from './components/Controls';
import { FilterChips } from './components/FilterChips';
import { Gate } from './components/Gate';
import { Header } from './components/Header';
import { Notices } from './components/Notices';
import { ServiceStatus } from './components/ServiceStatus';
import { Welcome } from './components/Welcome';
import { graphql } from './generated';
import { useQuery } from './hooks/useQuery';
import { useService } from './hooks/useService';
import { useView } from './hooks/useView';
import { days } from './lib/format';
import { comparedWith, questionOf, rangeTitle, type View } from './lib/view';
import { ListDrawer } from './lists/ListDrawer';
import { PANELS, type PanelProps } from './panels';

const QUERY = graphql(`
  query Dashboard($range: RangeInput, $timezone: TimeZone!, $where: WhereInput) {
    issuance(range: $range, timezone: $timezone, where: $where) {
      range {
        start
        end
      }
    }
    status {
      ...Status
    }
  }
`);
const FAMILIES = ['ISSUANCE', 'COMMUNITY', 'USERS', 'DISTRIBUTION'] as const;

/** The page. */
export function Dashboard() {
  const { view, complaints, change } = useView();
  const { updates } = useService();
  // Not the connection itself: it changes with each update, the page as a whole does not.
  const isRefused = useSyncExternalStore(
    updates.watch,
    () => updates.connection().state === 'refused',
  );
  const { timezone } = view;
  const { range, where } = questionOf(view);
  const answer = useQuery(QUERY, { range, timezone, where }, FAMILIES);
  const { data, error } = answer;
  if (isRefused || error?.isRefusal) return <Gate />;
  const isEmpty = data?.status.eventsProcessed === 0;
  return (
    <>
      <Header timezone={timezone} />
      {isEmpty ? (
        <main>
          <Welcome origin={window.location.origin} />
        </main>
      ) : (
        <main>
          <div className="title">
            <h1>{rangeTitle(view)}</h1>
            <p>{data?.issuance ? about(view, data.issuance.range) : '\u00a0'}</p>
          </div>
          <Controls view={view} change={change} />
          <FilterChips filters={view.filters} choose={(filters) => change({ filters })} />
          <Notices updates={updates} complaints={complaints} />
          {error?.isOfTheQuestion ? (
            <div className="failure" role="status">
              <p>{error.message}</p>
              <button type="button" onClick={() => change({ filters: {}, range: '30d' })}>
                Show the last 30 days of everything
              </button>
            </div>
          ) : (
            <Panels view={view} change={change} />
          )}
        </main>
      )}
      {data && <ServiceStatus status={data.status} timezone={timezone} />}
      {view.list && <ListDrawer view={view} list={view.list} change={change} />}
    </>
  );
}

const Panels = memo(function Panels({ view, change }: PanelProps) {
  return (
    <div className="grid">
      {PANELS.map(({ id, Panel, columns }) => (
        <div key={id} id={id} className={`columns-${columns}`}>
          <Panel view={view} change={change} />
        </div>
      ))}
    </div>
  );
});

/** Says which days are shown, and with what they are compared. */
function about(view: View, range: { start: string; end: string }): string {
  const before = comparedWith(view);
  const shown = `${days(range, view.timezone)}, ${view.timezone}`;
  return before ? `${shown}, compared with ${before}` : shown;
}
