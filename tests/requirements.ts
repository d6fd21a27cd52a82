export type Tag = "SEED" | "DOCS";

/** A row of the feature inventory: what we promise, and how far it is shown. */
export interface Requirement {
  readonly id: string;
  /** SEED rows are the mission, DOCS rows are what its users also expect. */
  readonly tag: Tag;
  readonly title: string;
  /** `proven`: a test cites the id and shows the whole row. `declined`: we do not do this, on purpose. */
  readonly status: "proven" | "pending" | "declined";
  /** Why it is declined, what a pending row still lacks, or what of a proven one is not done, on purpose. */
  readonly reason?: string;
}

export interface Section {
  readonly title: string;
  readonly requirements: readonly Requirement[];
}

type IdAndTag = `F${number} ${Tag}`;

const row = (key: IdAndTag, title: string): Pick<Requirement, "id" | "tag" | "title"> => {
  const [id = "", tag] = key.split(" ");
  return { id, tag: tag as Tag, title };
};
const proven = (key: IdAndTag, title: string, reason?: string): Requirement => ({
  ...row(key, title),
  status: "proven",
  ...(reason !== undefined && { reason }),
});
const pending = (key: IdAndTag, title: string, reason?: string): Requirement => ({
  ...row(key, title),
  status: "pending",
  ...(reason !== undefined && { reason }),
});
const declined = (key: IdAndTag, title: string, reason: string): Requirement => ({
  ...row(key, title),
  status: "declined",
  reason,
});

/** Every row of the inventory, in its order. */
export const SECTIONS: readonly Section[] = [
  {
    title: "Lifecycle and states",
    requirements: [
      proven("F001 SEED", "One isolated machine per sandbox, there in an instant"),
      proven("F002 SEED", "Two states: running and STANDBY"),
      proven("F003 SEED", "Goes to STANDBY by itself when idle"),
      proven("F004 SEED", "STANDBY keeps memory, files and processes"),
      proven("F005 SEED", "Any access wakes it"),
      proven("F006 SEED", "STANDBY without a time limit; volumes for what must last"),
      proven("F007 SEED", "Delete, and create again with the data on a volume"),
      proven("F008 SEED", "Delete erases everything at once"),
      proven("F009 SEED", "Deployment statuses"),
      declined("F010 SEED", "Billing by state", "self-hosted, no billing"),
      pending(
        "F011 DOCS",
        "Read-only fields of a sandbox",
        "all but plan, nodeGeneration and revisions of events, which a single machine has none of",
      ),
      proven("F012 DOCS", "Records of terminated sandboxes"),
      proven("F013 DOCS", "Disable a sandbox"),
      proven("F014 DOCS", "Processes, streams and WebSockets that keep it awake"),
    ],
  },
  {
    title: "Create, get, list, update",
    requirements: [
      proven("F020 SEED", "SandboxInstance.create"),
      proven("F021 SEED", "SandboxInstance.get"),
      proven("F022 SEED", "SandboxInstance.createIfNotExists"),
      proven("F023 SEED", "Reserved ports 80, 443 and 8080"),
      proven("F024 SEED", "Declared ports"),
      declined("F025 SEED", "Choice of a region", "one machine has none to choose from; a client's is echoed"),
      proven("F026 SEED", "Choice of an image, public or own"),
      proven("F027 SEED", "Environment fixed at creation"),
      proven("F028 SEED", "Create by plain HTTP"),
      proven("F029 SEED", "Where the SDK finds credentials", "none are given inside a sandbox (decision 0036)"),
      proven("F030 DOCS", "Lists: pages, order, filters"),
      pending("F031 DOCS", "Labels", "search in the console"),
      proven("F032 DOCS", "External id"),
      proven("F033 DOCS", "Naming rules"),
      pending("F034 DOCS", "Update a sandbox", "network"),
      pending("F035 DOCS", "Cores by memory, writable layer in memory"),
      pending("F036 DOCS", "Size of the root disk", "refused: disk quotas"),
      pending("F037 DOCS", "Kernel options: iptables, nfs, tun", "enabling one is refused"),
      proven("F038 DOCS", "Errors of create"),
      pending(
        "F039 DOCS",
        "Variables set inside",
        "all but PORT: development servers obey it, and would leave the ports that the examples wait for",
      ),
      proven("F040 DOCS", "Upgrade of the API inside, in place"),
    ],
  },
  {
    title: "Expiry",
    requirements: [
      proven("F050 SEED", "expires: delete at a time"),
      proven("F051 SEED", "ttl: delete after a lifetime"),
      proven("F052 SEED", "Expiration policies, combined"),
      proven("F053 SEED", "Expiry is not STANDBY"),
      proven("F054 DOCS", "What counts as idle for ttl-idle"),
      proven("F055 DOCS", "Change and clear expiry later"),
      proven("F056 DOCS", "expiresIn"),
      proven("F057 DOCS", "Previews go with the sandbox; volumes are set free"),
    ],
  },
  {
    title: "Snapshots, fork, schedules",
    requirements: [
      pending("F060 DOCS", "Snapshots"),
      pending("F061 DOCS", "Fork"),
      pending("F062 DOCS", "Rollback"),
      proven("F063 DOCS", "Schedules"),
      proven("F064 DOCS", "Executions of schedules"),
    ],
  },
  {
    title: "Images and builds",
    requirements: [
      proven("F070 SEED", "Reusable images"),
      proven("F071 SEED", "From Dockerfile to instance in four phases"),
      declined("F072 SEED", "No library images", "they work: the engine brings the sandbox API into every image"),
      proven("F073 SEED", "sandbox-api copied into an image"),
      proven("F074 SEED", "Any Dockerfile"),
      proven("F075 SEED", "An entrypoint that starts the API and its workloads"),
      proven("F076 SEED", "blaxel.toml"),
      proven("F077 SEED", "Local test of an image"),
      proven("F078 SEED", "bl push"),
      proven("F079 SEED", "bl deploy"),
      proven("F080 SEED", "bl get sandbox --watch"),
      proven("F081 SEED", "bl get image --latest"),
      proven("F082 SEED", "Build by API: a ZIP with a Dockerfile"),
      proven("F083 SEED", "Build by API: an upload address"),
      proven("F084 SEED", "Build by API: upload without credentials"),
      proven("F085 SEED", "Build by API: poll until DEPLOYED"),
      proven("F086 SEED", "Logs of a build"),
      proven("F087 SEED", "Headers that authenticate"),
      proven("F088 DOCS", "Image API"),
      proven("F089 DOCS", "Versions of an image"),
      proven("F090 DOCS", "Images from private registries"),
      proven("F091 DOCS", "Build arguments and secrets"),
      proven(
        "F092 DOCS",
        "Public images",
        "sixteen of them: lightpanda, Playwright's Firefox and cua's server are in no package registry, Docker and Tailscale need more kernel than a sandbox has, benchmark is Blaxel's own",
      ),
    ],
  },
  {
    title: "Image sharing",
    requirements: [
      proven("F095 SEED", "Share with other workspaces and accounts"),
      proven("F096 SEED", "Sharing copies no data"),
      proven("F097 SEED", "sourceWorkspace of a shared image"),
      proven("F098 SEED", "New tags reach every consumer"),
      proven("F099 SEED", "Administrators only"),
      proven("F100 SEED", "Approval by the other account"),
      proven("F101 SEED", "No sharing of what is shared"),
      proven("F102 SEED", "Whole images only"),
      proven("F103 SEED", "What is shared cannot be deleted"),
      proven("F104 SEED", "Unshare"),
      proven("F105 SEED", "Command line within one account"),
      pending("F106 SEED", "Shares in the console"),
      declined("F107 SEED", "Who pays for a shared image", "self-hosted, no billing"),
    ],
  },
  {
    title: "Declarative image builder",
    requirements: [
      proven("F110 SEED", "ImageInstance.fromRegistry"),
      proven("F111 SEED", "Chaining that changes nothing"),
      proven("F112 SEED", "Package helpers"),
      proven("F113 SEED", "Local files"),
      proven("F114 SEED", "image.build"),
      proven("F115 SEED", "The steps of a build"),
      proven("F116 SEED", "image.dockerfile"),
      proven("F117 SEED", "image.write, image.writeTemp"),
      proven("F118 DOCS", "hash and baseImage"),
    ],
  },
  {
    title: "Processes",
    requirements: [
      proven("F120 SEED", "Run commands, by SDK and by HTTP"),
      proven("F121 SEED", "Wait for ports"),
      proven("F122 SEED", "Restart on failure"),
      proven("F123 SEED", "Environment of a process"),
      proven("F124 SEED", "List processes"),
      proven("F125 SEED", "Stop and kill, by pid or name"),
      proven("F126 SEED", "All of it through a session"),
      pending(
        "F127 DOCS",
        "waitForCompletion and its limits",
        "shown but for a limit of 60 s, which is that of Blaxel's edge: ours lets commands run as long as they take",
      ),
      proven("F128 DOCS", "keepAlive and its time limit"),
      proven("F129 DOCS", "get, wait, statuses"),
      pending("F130 DOCS", "Keep output out of telemetry"),
      proven("F131 SEED", "Health of the API inside"),
    ],
  },
  {
    title: "Files",
    requirements: [
      proven("F140 SEED", "Files by HTTP, MCP and terminal"),
      proven("F141 DOCS", "Files by SDK"),
      proven("F142 DOCS", "Large uploads in parts"),
      proven("F143 DOCS", "Watch for changes"),
      proven("F144 DOCS", "Absolute paths and paths from the working directory"),
    ],
  },
  {
    title: "Logs",
    requirements: [
      proven("F150 SEED", "Logs through the API"),
      proven("F151 DOCS", "Logs at once"),
      proven("F152 DOCS", "Logs as they come"),
    ],
  },
  {
    title: "Ports and previews",
    requirements: [
      proven("F160 SEED", "A public address for a port"),
      proven("F161 SEED", "Private previews"),
      proven("F162 SEED", "Preview tokens"),
      proven("F163 SEED", "Token in query or header"),
      proven("F164 SEED", "List and delete previews"),
      proven("F165 SEED", "TLS in front, WebSockets through"),
      proven("F166 SEED", "Response headers of a preview"),
      proven("F167 SEED", "Previews in an iframe"),
      proven("F168 SEED", "Ports reachable by preview"),
      pending(
        "F169 DOCS",
        "Shape of preview addresses",
        "all but a limit of 15 minutes a connection, which we do not set",
      ),
      proven("F170 DOCS", "All settings of a preview"),
      proven("F171 DOCS", "Custom domains"),
      proven("F172 DOCS", "Fallback preview"),
      proven("F173 DOCS", "/port/N and sandbox.fetch"),
      proven("F174 DOCS", "Cookie after the first visit"),
    ],
  },
  {
    title: "CodeSandbox hosts",
    requirements: [
      pending("F180 SEED", "A host for every port"),
      pending("F181 SEED", "Private sandboxes"),
      pending("F182 SEED", "Host tokens"),
      pending("F183 SEED", "Signed addresses"),
      pending("F184 SEED", "Token in session and client"),
      pending("F185 SEED", "Signed address to cookie"),
      pending("F186 SEED", "Tokens that expire"),
      pending("F187 SEED", "Through a domain of one's own"),
      pending("F188 SEED", "Trust cookie"),
      pending("F189 SEED", "Forwarding details"),
      pending("F190 SEED", "Wake on first request"),
      pending("F191 SEED", "Hibernate by itself"),
      pending("F192 SEED", "Error pages of one's own"),
      pending("F193 SEED", "Create from a template"),
      pending("F194 SEED", "The recommended set-up"),
    ],
  },
  {
    title: "Sessions",
    requirements: [
      proven("F200 SEED", "Create a session"),
      proven("F201 SEED", "SandboxInstance.fromSession"),
      proven("F202 SEED", "createIfExpired"),
      proven("F203 SEED", "List and delete sessions"),
      proven("F204 SEED", "CORS for sessions"),
      proven("F205 DOCS", "A session reaches the sandbox API only"),
      proven("F206 SEED", "The Next.js example, end to end"),
    ],
  },
  {
    title: "Terminal, MCP, codegen",
    requirements: [
      proven("F210 SEED", "bl connect sandbox"),
      proven("F220 SEED", "An MCP server in every sandbox"),
      proven("F221 SEED", "MCP tools for processes"),
      proven("F222 SEED", "MCP tools for files"),
      proven("F223 SEED", "Codegen tools"),
      pending(
        "F224 SEED",
        "Tools for agent frameworks",
        "shown with the SDK's own getTool; the adapter packages are to be run",
      ),
    ],
  },
  {
    title: "Volumes and drives",
    requirements: [
      proven("F230 SEED", "Volumes"),
      proven("F231 DOCS", "Attach at creation"),
      pending(
        "F232 DOCS",
        "Grow a volume",
        "shown for a volume that is free; one in use grows where the engine has CAP_SYS_RESOURCE, which the kernel asks for",
      ),
      proven("F233 DOCS", "Volume templates"),
      pending("F234 DOCS", "Shared drives"),
      pending("F235 DOCS", "Permissions on drives, S3 endpoint"),
    ],
  },
  {
    title: "Outgoing network, users inside",
    requirements: [
      pending("F240 DOCS", "Secrets added by the proxy"),
      pending("F241 DOCS", "Values made per request"),
      pending("F242 DOCS", "Allowed and forbidden domains"),
      pending("F243 DOCS", "Network settings changed later"),
      proven("F250 DOCS", "Processes as a user that is not root"),
    ],
  },
  {
    title: "Workspaces and access",
    requirements: [
      proven("F260 SEED", "Workspaces"),
      proven("F261 SEED", "API keys"),
      proven("F262 SEED", "Administrators"),
      proven("F263 SEED", "Accounts with several workspaces"),
      proven("F264 DOCS", "OAuth tokens"),
      proven("F265 DOCS", "Service accounts"),
      proven("F266 DOCS", "Administration of workspaces"),
      proven("F267 DOCS", "Browser middleware"),
      proven("F268 DOCS", "Error codes of the edge"),
      proven("F269 DOCS", "API versions"),
    ],
  },
  {
    title: "Around it",
    requirements: [
      declined("F270 SEED", "Region codes", "one machine has no regions"),
      declined("F271 DOCS", "Quotas by tier", "self-hosted: the machine is the limit"),
      proven("F272 SEED", "bl logs"),
      pending("F273 SEED", "Console"),
      proven("F274 SEED", "Verbs of the command line"),
      pending("F275 SEED", "SDKs: TypeScript, Python, browser, CodeSandbox", "@blaxel/core under Node works"),
      pending("F276 SEED", "Dozens of agents at once", "50 sandboxes at once work; the worked examples"),
      pending("F277 DOCS", "MCP server for the resources"),
    ],
  },
  {
    title: "code-server, end to end",
    requirements: [
      proven("F280 SEED", "The image", "but for code-server's installer, whose host the test cannot reach: npm has it"),
      proven("F281 SEED", "Its entrypoint"),
      proven("F282 SEED", "The client program"),
      proven("F283 SEED", "One address opens the whole IDE"),
    ],
  },
];

export const REQUIREMENTS: readonly Requirement[] = SECTIONS.flatMap((section) => section.requirements);
