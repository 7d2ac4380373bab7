const root = document.documentElement;
const find = id => document.getElementById(id);

const failed = what => {
  root.dataset.failed = what;
  const notice = find('failed');
  if (notice) notice.hidden = false;
};
addEventListener('error', event => failed(event.message));
document.addEventListener('securitypolicyviolation', event => failed(`refused ${event.violatedDirective}`));
root.classList.add('js');

// A page opened from a file may have no storage; the choice then lasts until the page is closed.
const remembered = {
  get theme() {
    try { return localStorage.getItem('growthd-theme'); } catch { return null; }
  },
  set theme(theme) {
    try { localStorage.setItem('growthd-theme', theme); } catch { /* not remembered */ }
  },
};
if (['light', 'dark'].includes(remembered.theme)) root.dataset.theme = remembered.theme;
