// Certificates that openssl makes when a spec runs.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority, and the paths of what it signs. */
export class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), "xs-telemetry-tls-"));
  readonly #own: Certificate;
  #count = 0;

  constructor() {
    this.#own = this.#request("authority");
    const { cert, key } = this.#own;
    this.#openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=Authority of a spec", "-days", "2", "-out", cert);
  }

  get cert(): string {
    return this.#own.cert;
  }

  /** A certificate for a host, `IP:127.0.0.1` or `DNS:name`, valid from now for N days; -1: until yesterday. */
  sign(host: string, days = 2): Certificate {
    const made = this.#request(`host-${++this.#count}`);
    const request = `${made.key}.csr`;
    const extensions = `${made.key}.ext`;
    writeFileSync(extensions, `subjectAltName=${host}\n`);
    this.#openssl("req", "-new", "-key", made.key, "-subj", "/CN=Broker of a spec", "-out", request);
    const { cert, key } = this.#own;
    const signer = ["-CA", cert, "-CAkey", key, "-set_serial", String(this.#count)];
    this.#openssl(
      "x509",
      "-req",
      "-in",
      request,
      ...signer,
      "-days",
      String(days),
      "-extfile",
      extensions,
      "-out",
      made.cert,
    );
    return made;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #request(name: string): Certificate {
    const made = { cert: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
    this.#openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", made.key);
    return made;
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  }
}
