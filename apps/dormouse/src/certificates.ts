import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TLSOptions } from "bun";
import { AppError } from "@dormouse/kernel";

/** Where a certificate and its key lie, both PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** PEM texts: a certificate with its chain, and its private key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** @throws {AppError} INVALID_ARGUMENT that names the file, when one cannot be read or does not fit the others */
export function readCertificates(files: readonly CertificateFiles[]): Certificate[] {
  return files.map(({ certFile, keyFile }, index) => {
    const certificate = { cert: readPem("certificate", certFile), key: readPem("key", keyFile) };
    const parsed = parse("certificate", certFile, () => new X509Certificate(certificate.cert));
    const key = parse("key", keyFile, () => createPrivateKey(certificate.key));
    if (!parsed.checkPrivateKey(key))
      throw unusable(
        "key",
        keyFile,
        `it does not belong to "${certFile}"`,
        "Give certificates and keys in the same order",
      );
    if (index > 0 && hostNamesOf(certificate).length === 0)
      throw unusable("certificate", certFile, "it names no host", "Only the first certificate may name none");
    return certificate;
  });
}

/** A sentence for each certificate that browsers refuse by its dates. */
export function dateProblems(certificates: readonly Certificate[], nowMs: number): string[] {
  return certificates.flatMap(({ cert }) => {
    const { subjectAltName = "no host", validFromDate, validToDate } = new X509Certificate(cert);
    if (validToDate.getTime() <= nowMs) return [`the certificate for ${subjectAltName} expired ${dayOf(validToDate)}`];
    if (validFromDate.getTime() <= nowMs) return [];
    return [`the certificate for ${subjectAltName} is not valid before ${dayOf(validFromDate)}`];
  });
}

/** What `Bun.serve` needs to pick by SNI: one entry a host name. The first also answers to every name that none has. */
export function tlsOptions(certificates: readonly Certificate[]): TLSOptions[] {
  return certificates.flatMap((certificate) => {
    const hostNames = hostNamesOf(certificate);
    if (hostNames.length === 0) return [{ ...certificate }];
    return hostNames.map((serverName) => ({ ...certificate, serverName }));
  });
}

function hostNamesOf({ cert }: Certificate): string[] {
  const names = new X509Certificate(cert).subjectAltName ?? "";
  return [...names.matchAll(/\bDNS:([^\s,"]+)/g)].map(([, name = ""]) => name);
}

function readPem(kind: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    const state = code === "ENOENT" ? "there is no such file" : code;
    throw unusable(kind, file, state, `Check DORMOUSE_TLS_${kind === "key" ? "KEY" : "CERT"}`);
  }
}

function parse<T>(kind: string, file: string, read: () => T): T {
  try {
    return read();
  } catch {
    // The library's own words can quote what it read, and that may be a key.
    throw unusable(kind, file, "it is not a PEM file of that kind", "A key must not have a passphrase");
  }
}

function unusable(kind: string, file: string, state: string, hint: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot use TLS ${kind} "${file}": ${state}`, { hint });
}

const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
