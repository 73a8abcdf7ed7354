import { useSyncExternalStore } from 'react';
import type { AnalyticsUpdate, Connection, Updates } from '../api/updates';
import { useService } from './useService';

export interface AnalyticsUpdates {
  /** Whether what the service commits arrives. */
  isConnected: boolean;
  /** The last update; null before the first. It stays while the connection is lost. */
  latestUpdate: AnalyticsUpdate | null;
  /** Calls back at each such event until the function that it returns is called. */
  subscribeToEvent: Updates['listen'];
  connection: Connection;
}

/** Follows `analyticsUpdated` of the service. All users of a service share one subscription. */
export function useAnalyticsUpdates(): AnalyticsUpdates {
  const { updates } = useService();
  const connection = useSyncExternalStore(updates.watch, updates.connection);
  return {
    isConnected: connection.state === 'live',
    latestUpdate: connection.latest,
    subscribeToEvent: updates.listen,
    connection,
  };
}
