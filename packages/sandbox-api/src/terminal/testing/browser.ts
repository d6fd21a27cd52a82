import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";

const CLIENT = readFileSync(join(import.meta.dir, "../page/client.js"), "utf8");
const ELEMENT_IDS = ["terminal", "status", "status-text", "status-action"] as const;

type ElementId = (typeof ELEMENT_IDS)[number];

class PageElement extends EventTarget {
  hidden = false;
  textContent = "";
  readonly dataset: Record<string, string> = {};
  focus(): void {}
}

/** What the script sees of xterm.js, with an ear on each side. */
class PageTerminal {
  readonly cols = 90;
  readonly rows = 25;
  text = "";
  type: (input: string) => void = () => {};
  resize: (size: { cols: number; rows: number }) => void = () => {};
  loadAddon(): void {}
  open(): void {}
  focus(): void {}
  reset(): void {
    this.text = "";
  }
  write(text: string): void {
    this.text += text;
  }
  onData(listener: PageTerminal["type"]): void {
    this.type = listener;
  }
  onResize(listener: PageTerminal["resize"]): void {
    this.resize = listener;
  }
  onTitleChange(): void {}
}

export interface Page {
  readonly terminal: PageTerminal;
  /** Addresses of its WebSockets, in order. */
  readonly socketUrls: readonly string[];
  /** Delays it asked for, none of which it had to wait for. */
  readonly delaysMs: readonly number[];
  readonly elements: Readonly<Record<ElementId, PageElement>>;
}

/** The page's own script at `address`, on what a browser would give it, with real sockets that `target` may send elsewhere. */
export function openPage(address: string, target: (socketUrl: string) => string = (url) => url): Page {
  const terminal = new PageTerminal();
  const socketUrls: string[] = [];
  const delaysMs: number[] = [];
  const elements = Object.fromEntries(ELEMENT_IDS.map((id) => [id, new PageElement()])) as Record<
    ElementId,
    PageElement
  >;
  const { href, pathname, protocol } = new URL(address);
  const globals = {
    location: { href, pathname, protocol },
    document: { title: "", getElementById: (id: ElementId) => elements[id] },
    URL,
    Terminal: function Terminal() {
      return terminal;
    },
    FitAddon: {
      FitAddon: class {
        fit(): void {}
      },
    },
    ResizeObserver: class {
      observe(): void {}
    },
    WebSocket: class extends WebSocket {
      constructor(url: string) {
        super(target(url));
        socketUrls.push(url);
      }
    },
    setTimeout: (action: () => void, delayMs: number) => {
      delaysMs.push(delayMs);
      queueMicrotask(action);
    },
  };
  runInContext(CLIENT, createContext(globals));
  return { terminal, socketUrls, delaysMs, elements };
}
