import { useEffect, useState } from 'react';
import type { Updates } from '../api/updates';
import { counted } from '../lib/format';

interface NoticesProps {
  updates: Updates;
  /** What the address says that is not understood. */
  complaints: readonly string[];
}

/** What a reader should know beside the figures: corrections, and what was missed. */
export function Notices({ updates, complaints }: NoticesProps) {
  const [notice, setNotice] = useState('');
  useEffect(
    () =>
      updates.listen('update', (update) => {
        const events = update.events.reduce((sum, event) => sum + event.count, 0);
        const undone =
          update.undone > 0 ? `, and ${counted(update.undone, 'events')} were undone` : '';
        if (update.reason === 'REORG')
          setNotice(
            `Correction: the chain was reorganised. ${counted(update.undone, 'events')} undone, ${counted(events, 'events')} in their place.`,
          );
        if (update.reason === 'REBUILD') setNotice('All figures were derived again from the log.');
        if (update.reason === 'CURRENT' && update.missed > 0)
          setNotice(
            `Connected again: ${counted(update.missed, 'updates')} with ${counted(events, 'events')} came in meanwhile${undone}.`,
          );
      }),
    [updates],
  );
  return (
    <div className="notices" role="status">
      {complaints.length > 0 && (
        <p>
          The address says {complaints.join(', ')}, which means nothing here: the default is shown.
        </p>
      )}
      {notice && (
        <p>
          {notice}
          <button type="button" onClick={() => setNotice('')}>
            Dismiss
          </button>
        </p>
      )}
    </div>
  );
}
