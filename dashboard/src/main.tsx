import { createRoot } from 'react-dom/client';

const place = document.getElementById('dashboard');
if (!place) throw new Error('index.html has no element with the id "dashboard"');

createRoot(place).render(<h1>PassportX Analytics</h1>);
