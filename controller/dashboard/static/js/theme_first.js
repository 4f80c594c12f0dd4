/**
 * Runs before anything is drawn, and is no module: a page must not flash in the wrong colours.
 * Neighbour: theme.js, which keeps the choice.
 */
try {
  const theme = localStorage.getItem("opensweep:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the colours are the system's.
}
