import type { Locator, Page } from "playwright-core";

/** VS Code in a page, used as people do: by its palette, its explorer, its editor and its terminal. */
export class Ide {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Resolves when the workbench is drawn and connected to its server. */
  async untilLoaded(): Promise<void> {
    await this.page.locator(".monaco-workbench .part.statusbar .statusbar-item").first().waitFor();
    await this.page.locator('.part.activitybar .action-label[aria-label^="Explorer"]').waitFor();
  }

  /** By the palette, as `File: Open Folder…`. */
  async command(label: string): Promise<void> {
    await this.page.keyboard.press("F1");
    await this.#quickInput().fill(`>${label}`);
    await this.page.locator(`.quick-input-list .monaco-list-row.focused[aria-label*="${label}"]`).waitFor();
    await this.page.keyboard.press("Enter");
  }

  /**
   * The page loads again with the folder in its address. The dialog begins with the home folder and, while it reads that, puts its
   * path over what is typed: so first its list is waited for. `inner` is a folder inside, shown once the dialog is there.
   */
  async openFolder(path: string, inner: string): Promise<void> {
    await this.command("File: Open Folder");
    const input = this.#quickInput();
    await this.page.locator('.quick-input-widget .quick-input-title:has-text("Open Folder")').waitFor();
    await this.#quickInputRow("..").waitFor();
    await input.fill(`${path}/`);
    await this.#quickInputRow(inner).waitFor();
    await this.page.locator('.quick-input-widget .monaco-button:has-text("OK")').click();
    await this.page.waitForURL((url) => url.searchParams.get("folder") === path);
    await this.untilLoaded();
  }

  file(name: string): Locator {
    return this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`);
  }

  tab(name: string): Locator {
    return this.page.locator(`.tab.active[data-resource-name="${name}"]`);
  }

  editor(): Locator {
    return this.page.locator(".editor-instance .view-lines");
  }

  async openFile(name: string): Promise<void> {
    await this.file(name).dblclick();
    await this.tab(name).waitFor();
  }

  /** Appends to the open file and saves it. */
  async write(text: string): Promise<void> {
    await this.editor().click();
    await this.page.keyboard.press("Control+End");
    await this.page.keyboard.type(text);
    await this.editor().getByText(text).waitFor();
    await this.page.keyboard.press("Control+s");
  }

  /** In a folder not opened before, VS Code asks first whether its files are to be trusted. */
  async openFirstTerminal(): Promise<void> {
    await this.command("Terminal: Create New Terminal");
    await this.page.locator('.monaco-dialog-box .monaco-button:has-text("Trust Folder")').click();
    await this.#untilPrompt();
  }

  /** Shows the panel and the shells of this folder, which outlive the page. */
  async findTerminal(): Promise<void> {
    await this.command("Terminal: Focus on Terminal View");
    await this.#untilPrompt();
  }

  async runInTerminal(line: string): Promise<void> {
    await this.page.locator(".terminal-wrapper.active .xterm-helper-textarea").focus();
    await this.page.keyboard.type(line);
    await this.page.keyboard.press("Enter");
  }

  /** Resolves when a shell has asked for a command: the prompt then has a mark beside it. */
  async #untilPrompt(): Promise<void> {
    await this.page.locator(".terminal-wrapper.active .terminal-command-decoration").last().waitFor();
  }

  #quickInputRow(label: string): Locator {
    return this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${label}"]`);
  }

  #quickInput(): Locator {
    return this.page.locator(".quick-input-widget input.input");
  }
}
