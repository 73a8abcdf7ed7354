import { createContext, useContext } from 'react';
import type { Service } from '../api/service';

/** The service that the components below ask. */
export const ServiceContext = createContext<Service | null>(null);

/** Returns the service of the nearest `ServiceContext`. */
export function useService(): Service {
  const service = useContext(ServiceContext);
  if (!service) throw new Error('A <ServiceContext value={new Service(endpoint)}> is missing');
  return service;
}
