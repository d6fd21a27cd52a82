import { instanceDir, instanceName } from "@dormouse/engine";
import { connectEngine } from "@dormouse/engine/client";
import { join } from "node:path";
import { randomId } from "@dormouse/kernel";
import { zipOf } from "@dormouse/kernel/testkit";
import { EngineImageId, EngineImageRequest, type EnginePort, EngineSandboxSpec } from "@dormouse/schema";
import type { BenchContext } from "./context.ts";
import { type Figure, ms } from "./figure.ts";
import { median, round, timeMs } from "./stats.ts";

const DOCKERFILE = `FROM blaxel/base-image
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api
WORKDIR /app
COPY package.json .
RUN mkdir node_modules && seq 100000 > node_modules/numbers
COPY . .
`;
const REQUEST = EngineImageRequest.parse({ source: { kind: "context" }, cacheScope: "bench" });

/** A build whose steps are all known, one whose last step is new, and the first sandbox of an image nobody has used yet. */
export async function benchImageBuilds({ dormouse, isQuick }: BenchContext): Promise<Figure[]> {
  const engine = connectEngine(join(instanceDir(instanceName(dormouse.dataDir)), "engine.sock"));
  const roundCount = isQuick ? 2 : 5;
  const first = await buildS(engine, "first");
  const cached: number[] = [];
  const changed: number[] = [];
  const creates: number[] = [];
  for (let index = 0; index < roundCount; index += 1) {
    cached.push((await buildS(engine, "first")).durationS);
    const fresh = await buildS(engine, `change ${index}`);
    changed.push(fresh.durationS);
    creates.push(await createMs(engine, fresh.id));
  }
  const [cachedS, createdMs] = [median(cached), median(creates)];
  return [
    {
      key: "image_build_cached_s",
      value: { p50: round(cachedS), first: round(first.durationS), changed: round(median(changed)) },
      title: "image build, all steps known",
      text: `${round(cachedS)} s (the first build: ${round(first.durationS)} s; with a changed file: ${round(median(changed))} s)`,
    },
    {
      key: "create_from_fresh_image_ms",
      value: round(createdMs),
      title: "create from an image nobody has used",
      text: ms(createdMs),
    },
  ];
}

interface Measured {
  readonly id: EngineImageId;
  readonly durationS: number;
}

async function buildS(engine: EnginePort, content: string): Promise<Measured> {
  const id = EngineImageId.parse(randomId());
  const files = { Dockerfile: DOCKERFILE, "package.json": "{}", "content.txt": content };
  const archive = zipOf(Object.entries(files).map(([name, text]) => ({ name, content: text })));
  const durationMs = await timeMs(async () => {
    await engine.buildImage(id, REQUEST, new Blob([archive]).stream());
    const { status, failure } = await engine.waitForImage(id);
    if (status !== "ready") throw new Error(`the build failed: ${failure?.message}`);
  });
  return { id, durationS: durationMs / 1000 };
}

async function createMs(engine: EnginePort, image: EngineImageId): Promise<number> {
  const limits = { memoryMiB: 512, cpuCount: 1 };
  const spec = EngineSandboxSpec.parse({ id: randomId(), hostname: "bench", image: `@${image}`, env: {}, ...limits });
  const durationMs = await timeMs(() => engine.create(spec));
  await engine.remove(spec.id);
  return durationMs;
}
