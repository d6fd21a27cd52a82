import { z } from "zod";
import { SandboxCreateRequest, SandboxRuntime, SandboxSpec } from "./control-plane.ts";
import { RegistryCredentials } from "./engine-images.ts";

/** What a build is for: a sandbox, and the image it is made of, or the image alone. */
export const BuildKind = z.enum(["sandbox", "image"]);
export type BuildKind = z.infer<typeof BuildKind>;

/** How far a build has come. Clients see `UPLOADING` for the first two and `BUILDING` for the next two. */
export const BuildStatus = z.enum([
  /** Its address waits for the context. */
  "WAITING",
  "RECEIVING",
  "BUILDING",
  /** Its image is there and gets its name. */
  "PUBLISHING",
  "DEPLOYING",
  "DONE",
  "FAILED",
]);
export type BuildStatus = z.infer<typeof BuildStatus>;

/** Parts of a sandbox that its image can bring along, in `blaxel.toml`, and that a request has the last word on. */
export const ImageRuntime = SandboxRuntime.pick({ ports: true, envs: true }).extend({
  memory: SandboxRuntime.shape.memory.unwrap().optional(),
});
export type ImageRuntime = Partial<z.infer<typeof ImageRuntime>>;

/** Such as `registry.example.com/team/app:1`: what stands before the first `/` tells it from an image of ours. */
export const RegistryReference = z
  .string()
  .max(512)
  .regex(/^(localhost|[\w-]+(?=[.:])[\w.-]*)(:\d+)?\/\S+$/, 'expected "registry.example.com/name:tag"');

/** `auths` of a Docker configuration file, as JSON in a text. */
const DockerConfig = z.string().max(64 * 1024);

const BuildRuntime = SandboxRuntime.omit({ image: true, memory: true }).extend({
  memory: SandboxRuntime.shape.memory.unwrap().nullish(),
  image: z.string().max(512).nullish(),
  dockerConfig: DockerConfig.nullish(),
});

/** Body of `POST` and `PUT /sandboxes` when the sandbox's image is made for it. */
export const SandboxBuildRequest = z.object({
  metadata: SandboxCreateRequest.shape.metadata,
  spec: SandboxSpec.extend({
    network: SandboxCreateRequest.shape.spec.unwrap().shape.network,
    runtime: BuildRuntime.prefault({}),
  }).prefault({}),
});
export type SandboxBuildRequest = z.infer<typeof SandboxBuildRequest>;

/** Body of `POST /images`. Without `image` the context is uploaded. */
export const ImageBuildRequest = z.object({
  name: z.string(),
  resourceType: z.string().default("sandbox"),
  generation: z.string().max(16).nullish(),
  image: z.string().max(512).nullish(),
  dockerConfig: DockerConfig.nullish(),
});
export type ImageBuildRequest = z.infer<typeof ImageBuildRequest>;

/** Answer of `POST /images` with an image of a registry. */
export const ImageBuildAnswer = z.object({
  message: z.string(),
  name: z.string(),
  resourceType: z.string(),
  /** `sandbox/name:tag`, once it is there. */
  image: z.string().optional(),
  /** True while there is a build to watch. */
  build: z.boolean(),
});
export type ImageBuildAnswer = z.infer<typeof ImageBuildAnswer>;

const DockerAuths = z.object({
  auths: z
    .record(z.string(), z.object({ auth: z.string().optional(), username: z.string(), password: z.string() }).partial())
    .prefault({}),
});

/**
 * The credentials in a Docker configuration file; a host may be written as an address.
 * @throws {SyntaxError | z.ZodError} when it is none
 */
export function credentialsIn(dockerConfig: string): RegistryCredentials {
  const { auths } = DockerAuths.parse(JSON.parse(dockerConfig));
  return RegistryCredentials.parse(
    Object.fromEntries(
      Object.entries(auths).map(([host, { auth, username, password }]) => {
        const [, name = "", secret = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth ?? "", "base64").toString()) ?? [];
        const registry = host.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
        return [registry, { username: username ?? name, password: password ?? secret }];
      }),
    ),
  );
}
