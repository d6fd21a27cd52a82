import { type Command, InvalidArgumentError, Option } from "commander";
import { collect } from "../arguments.ts";
import { parseGoDuration } from "./go-duration.ts";

/** What every command takes that reads a project and builds it. */
export function addProjectOptions(command: Command): Command {
  return command
    .option("-d, --directory <dir>", "folder of the project, inside the current one")
    .option("-n, --name <name>", "name of it (default: that of blaxel.toml, else of the folder)")
    .option("-t, --type <type>", "sandbox or volume-template (default: that of blaxel.toml, else sandbox)")
    .option("-y, --yes", "ask nothing and show no live view")
    .option(
      "-c, --registry-cred <registry=user:password>",
      "log in to a registry for the build; may be repeated",
      collect,
    )
    .option("--docker-config <file>", "Docker config.json with registry logins (default: .docker/config.json)")
    .option("--build-env-file <file>", "build arguments, secret ones too (default: .env.build)")
    .addOption(timeoutOption());
}

const timeoutOption = (): Option =>
  new Option("--timeout <duration>", "how long to wait for the build, such as 90s or 1h30m")
    .default(parseGoDuration("1h"), "1h")
    .argParser((text) => {
      try {
        return parseGoDuration(text);
      } catch {
        throw new InvalidArgumentError("Write it such as 90s, 15m or 1h30m.");
      }
    });

/** What fills in variables, and for a sandbox becomes its environment. */
export function addEnvOptions(command: Command): Command {
  return command
    .option("-e, --env-file <file>", "file of variables (default: .env); may be repeated", collect)
    .option("-s, --secrets <NAME=value>", "one more variable; may be repeated", collect);
}
