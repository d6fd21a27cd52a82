/** The page a browser gets unless the operator has one of their own: one file, light and dark, nothing loaded from elsewhere. */
export const DEFAULT_ERROR_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{status}} · {{message}}</title>
<style>
  :root { color-scheme: light dark; --ink: #1d2530; --soft: #5d6978; --line: #dfe4ea; --card: #fff; --page: #f4f6f8; --warm: #a8572a }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e8ecf1; --soft: #9aa7b6; --line: #2c3642; --card: #171d25; --page: #0f1319; --warm: #e59a68 }
  }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page); color: var(--ink);
    font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
  main { width: 100%; max-width: 38rem; padding: clamp(1.5rem, 5vw, 2.75rem); background: var(--card); border: 1px solid var(--line);
    border-radius: 1rem; overflow-wrap: anywhere }
  .status { margin: 0; color: var(--warm); font-size: .95rem; font-weight: 600; letter-spacing: .04em }
  h1 { margin: .35rem 0 0; font-size: clamp(1.25rem, 4vw, 1.6rem); line-height: 1.3; font-weight: 650; text-wrap: pretty }
  .hint { margin: 1.25rem 0 0; padding-left: 1rem; border-left: 3px solid var(--warm) }
  .hint:empty { display: none }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1.25rem; margin: 1.75rem 0 0; padding-top: 1.25rem;
    border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem }
  dd { margin: 0; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
</style>
</head>
<body>
<main>
  <p class="status">Error {{status}}</p>
  <h1>{{message}}</h1>
  <p class="hint">{{hint}}</p>
  <dl>
    <dt>Code</dt><dd>{{code}}</dd>
    <dt>Page</dt><dd>{{requestPath}}</dd>
  </dl>
</main>
</body>
</html>
`;
