import { Component, type ReactNode, useId } from 'react';
import type { ServiceError } from '../api/service';
import type { Answer } from '../hooks/useQuery';

interface PanelProps<Data> {
  title: string;
  answer: Answer<Data>;
  /** Whether an answer holds nothing to show. */
  isEmpty: (data: Data) => boolean;
  /** What an empty panel says: that there is nothing, and what to do. */
  empty: ReactNode;
  /** Roughly how tall the panel is while nothing is known, in pixels. */
  height?: number;
  children: (data: Data) => ReactNode;
}

/** A part of the page with a title of its own, and a loading, an empty and a failed state. */
export function Panel<Data>({ title, answer, isEmpty, empty, height, children }: PanelProps<Data>) {
  const heading = useId();
  const { data, error, isFresh, retry } = answer;
  return (
    <section className="panel" aria-labelledby={heading} aria-busy={!isFresh && !error}>
      <h2 id={heading}>{title}</h2>
      <Fence retry={retry}>
        {error && <Failure error={error} isStale={data !== undefined} retry={retry} />}
        {data === undefined ? (
          !error && <Skeleton height={height ?? 240} />
        ) : (
          <div className="content" data-fresh={isFresh}>
            {isEmpty(data) ? <div className="empty">{empty}</div> : children(data)}
          </div>
        )}
      </Fence>
    </section>
  );
}

/** What stands where an answer will. */
export function Skeleton({ height }: { height: number }) {
  return <div className="skeleton" style={{ blockSize: height }} />;
}

interface FailureProps {
  error: Pick<ServiceError, 'message'>;
  /** Whether an earlier answer is still shown. */
  isStale: boolean;
  retry: () => void;
}

/** Why there is no answer, and another try. */
export function Failure({ error, isStale, retry }: FailureProps) {
  return (
    <div className="failure" role="status">
      <p>
        {error.message} {isStale && 'What is shown is older.'}
      </p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

interface FenceProps {
  retry: () => void;
  children: ReactNode;
}

/** Keeps a panel that cannot be drawn from taking the page with it. */
class Fence extends Component<FenceProps, { error: Error | null }> {
  override state = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    const again = () => {
      this.setState({ error: null });
      this.props.retry();
    };
    return (
      <Failure
        error={{ message: 'This panel could not be drawn.' }}
        isStale={false}
        retry={again}
      />
    );
  }
}
