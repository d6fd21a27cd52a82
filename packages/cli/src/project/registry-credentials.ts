import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { z } from "zod";

const DOCKER_CONFIG = ".docker/config.json";

const DockerConfig = z.looseObject({ auths: z.record(z.string(), z.looseObject({})).prefault({}) });
export type DockerConfig = z.infer<typeof DockerConfig>;

export interface CredentialSources {
  /** `registry=user:password`, as given with `-c`. */
  readonly credentials: readonly string[];
  /** Of `--docker-config`. */
  readonly dockerConfigFile: string | undefined;
  /** Where a `.docker/config.json` may lie. */
  readonly projectDir: string;
}

/**
 * What a build may log in to registries with, as the content of a Docker `config.json`; `undefined` when there is nothing.
 * Credentials given by themselves win over those of the file.
 * @throws {AppError} INVALID_ARGUMENT, which never repeats a credential
 */
export function readRegistryCredentials(sources: CredentialSources): string | undefined {
  const fromFile = readDockerConfig(sources);
  const given = Object.fromEntries(sources.credentials.map(parseCredential));
  if (fromFile === undefined && sources.credentials.length === 0) return undefined;
  return JSON.stringify({ auths: { ...fromFile?.auths, ...given } });
}

function readDockerConfig({ dockerConfigFile, projectDir }: CredentialSources): DockerConfig | undefined {
  const path = dockerConfigFile ?? join(projectDir, DOCKER_CONFIG);
  if (!existsSync(path)) {
    if (dockerConfigFile === undefined) return undefined;
    throw new AppError("FILE_NOT_FOUND", `Cannot read "${dockerConfigFile}": there is no such file`);
  }
  try {
    return DockerConfig.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    /* The cause quotes the file, and with it credentials. */
    throw new AppError("INVALID_ARGUMENT", `Cannot read "${path}": it is no Docker configuration`, {
      hint: 'It is JSON such as {"auths": {"registry.example": {"auth": "…"}}}',
    });
  }
}

function parseCredential(text: string, index: number): [string, { auth: string }] {
  const [, registry, login] = /^([^=]+)=([^:]+:.*)$/s.exec(text) ?? [];
  if (registry !== undefined && login !== undefined) return [registry, { auth: Buffer.from(login).toString("base64") }];
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot read registry credential ${index + 1}: it is not registry=user:password`,
    {
      hint: "Write -c registry.example=user:password",
    },
  );
}
