/** A name as the server takes it: lower case, hyphens for spaces and underscores, everything else dropped. */
export function slugify(text: string): string {
  return text
    .toLowerCase()
    .replace(/[ _]/g, "-")
    .replace(/[^a-z0-9-]/g, "");
}

/** `registry.example/team/app:1.2` has a host, `app:1.2` has none and names an image of the workspace. */
export const isRegistryImage = (image: string): boolean =>
  image.split("/")[0]?.includes(".") === true && image.includes("/");

/** `app` of `registry.example/team/app:1.2@sha256:…`. */
export function lastSegmentOf(image: string): string {
  const [path = ""] = image.split("@");
  return (path.split("/").at(-1) ?? "").split(":")[0] ?? "";
}
