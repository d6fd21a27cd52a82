const MAX_LENGTH = 100 * 1024;
const RESET_STYLE = "\u001b[0m";
/** Questions to the terminal, its attributes, its cursor, its colours: asked again, the answer would be typed into the shell. */
const QUESTIONS = new RegExp(String.raw`\x1b\[[?>=]?[\d;]*[cn]|\x1b\][\d;]+;\?(?:\x07|\x1b\\)`, "g");

/** The end of a terminal's output, for those who come later: 100 Ki UTF-16 units. */
export class Replay {
  #text = "";
  #isCut = false;

  push(text: string): void {
    this.#text += text;
    // Twice the length, so that cutting costs little per character.
    if (this.#text.length > 2 * MAX_LENGTH) this.#cut();
  }

  /** Whole lines in default colours, where it starts later than the output did. Empty when there was none. */
  read(): string {
    if (this.#text.length > MAX_LENGTH) this.#cut();
    if (this.#text === "") return "";
    const shown = this.#isCut ? this.#text.slice(this.#text.indexOf("\n") + 1) : this.#text;
    return RESET_STYLE + shown.replace(QUESTIONS, "");
  }

  #cut(): void {
    this.#text = this.#text.slice(-MAX_LENGTH);
    this.#isCut = true;
  }
}
