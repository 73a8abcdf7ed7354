import { createRoot } from 'react-dom/client';
import { Service } from './api/service';
import { Dashboard } from './Dashboard';
import { ServiceContext } from './hooks/useService';
import { applyTheme, chosenTheme } from './lib/theme';
import { storedToken } from './lib/token';
import './styles/base.css';
import './styles/page.css';
import './styles/charts.css';
import './styles/drawer.css';
import './styles/print.css';

applyTheme(chosenTheme());

const place = document.getElementById('dashboard');
if (!place) throw new Error('index.html has no element with the id "dashboard"');

const service = new Service(new URL('graphql', document.baseURI), { token: storedToken() });

createRoot(place).render(
  <ServiceContext value={service}>
    <Dashboard />
  </ServiceContext>,
);
