import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface IssuedFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority of a test, by openssl, in a folder of its own that goes with it. */
export class CertificateAuthority implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "dormouse-ca-"));
  readonly file = join(this.dir, "ca.crt");
  readonly #keyFile = join(this.dir, "ca.key");

  constructor() {
    const output = ["-keyout", this.#keyFile, "-out", this.file];
    openssl(["req", "-x509", ...NEW_KEY, ...output, "-days", "2", "-subj", "/CN=Test CA"]);
  }

  get pem(): string {
    return readFileSync(this.file, "utf8");
  }

  /**
   * Writes `<base>.crt` and `<base>.key` for host names, wildcards included; over earlier ones as a renewal does: each file is
   * replaced whole.
   */
  issue(base: string, names: readonly string[]): IssuedFiles {
    const issued = { certFile: join(this.dir, `${base}.crt`), keyFile: join(this.dir, `${base}.key`) };
    const fresh = { certFile: `${issued.certFile}.new`, keyFile: `${issued.keyFile}.new` };
    const altNames = `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`;
    const signer = ["-CA", this.file, "-CAkey", this.#keyFile, "-days", "1", "-subj", `/CN=${base}`];
    const extensions = ["-addext", altNames, "-addext", "basicConstraints=critical,CA:FALSE"];
    const output = ["-keyout", fresh.keyFile, "-out", fresh.certFile];
    openssl(["req", "-x509", ...NEW_KEY, ...signer, ...extensions, ...output]);
    renameSync(fresh.keyFile, issued.keyFile);
    renameSync(fresh.certFile, issued.certFile);
    return issued;
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(parameters: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...parameters], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`openssl failed: ${stderr.toString()}`);
}
