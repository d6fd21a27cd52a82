// Runs in the browser, after xterm.js and its fit addon, which define `Terminal` and `FitAddon`.
(() => {
  const MAX_ATTEMPTS = 5;
  const SHELL_ENDED = 1000;

  const status = document.getElementById("status");
  const statusText = document.getElementById("status-text");
  const statusAction = document.getElementById("status-action");

  const terminal = new Terminal({
    cursorBlink: true,
    fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: 14,
    scrollback: 10_000,
    theme: {
      background: "#14161b",
      foreground: "#d7dce5",
      cursor: "#5b9cf5",
      selectionBackground: "#3a4a66",
      black: "#2b303b",
      red: "#e06c75",
      green: "#98c379",
      yellow: "#e5c07b",
      blue: "#61afef",
      magenta: "#c678dd",
      cyan: "#56b6c2",
      white: "#d7dce5",
      brightBlack: "#6b7385",
      brightRed: "#ef8e95",
      brightGreen: "#b3d897",
      brightYellow: "#f0d399",
      brightBlue: "#8cc6f7",
      brightMagenta: "#d8a0e8",
      brightCyan: "#7fccd6",
      brightWhite: "#ffffff",
    },
  });
  const fit = new FitAddon.FitAddon();
  terminal.loadAddon(fit);
  terminal.open(document.getElementById("terminal"));
  fit.fit();
  terminal.focus();

  let socket = null;
  let attempt = 0;
  let hasFailed = false;

  /** The page's own address with `/ws` behind it, whatever is before it; its query goes along, the token with it. */
  function socketUrl() {
    const url = new URL(location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.pathname = `${location.pathname.replace(/\/+$/, "")}/ws`;
    url.hash = "";
    url.searchParams.set("cols", String(terminal.cols));
    url.searchParams.set("rows", String(terminal.rows));
    return url.href;
  }

  function send(frame) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  function show(text, { kind = "info", action = null } = {}) {
    status.hidden = text === "";
    status.dataset.kind = kind;
    statusText.textContent = text;
    statusAction.hidden = action === null;
    statusAction.textContent = action ?? "";
    if (action !== null) statusAction.focus();
  }

  function connect() {
    hasFailed = false;
    show(attempt === 0 ? "Connecting…" : `Reconnecting, attempt ${attempt} of ${MAX_ATTEMPTS}…`);
    const opening = new WebSocket(socketUrl());
    socket = opening;
    opening.addEventListener("open", () => {
      // What follows starts with the end of the output so far.
      terminal.reset();
      show("");
      terminal.focus();
    });
    opening.addEventListener("message", ({ data }) => receive(JSON.parse(data)));
    opening.addEventListener("close", ({ code }) => closed(code));
  }

  function receive({ type, data }) {
    if (type === "error") {
      hasFailed = true;
      show(data, { kind: "error", action: "Try again" });
    } else if (type === "output") {
      attempt = 0;
      terminal.write(data);
    }
  }

  function closed(code) {
    socket = null;
    if (hasFailed) return;
    if (code === SHELL_ENDED) show("The shell has ended", { action: "New session" });
    else if (attempt === MAX_ATTEMPTS) show("The connection is lost", { kind: "error", action: "Try again" });
    else reconnectLater();
  }

  function reconnectLater() {
    attempt += 1;
    show(`The connection is lost, reconnecting in ${attempt} s (${attempt} of ${MAX_ATTEMPTS})`, { kind: "error" });
    setTimeout(connect, attempt * 1000);
  }

  terminal.onData((data) => send({ type: "input", data }));
  terminal.onResize(({ cols, rows }) => send({ type: "resize", cols, rows }));
  terminal.onTitleChange((title) => {
    document.title = title === "" ? "Terminal" : `${title} – Terminal`;
  });
  new ResizeObserver(() => fit.fit()).observe(document.getElementById("terminal"));
  statusAction.addEventListener("click", () => {
    attempt = 0;
    connect();
  });

  connect();
})();
