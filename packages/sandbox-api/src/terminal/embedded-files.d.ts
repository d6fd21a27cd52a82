/** Files of the page, embedded in the executable and read when they are asked for: an import is the path of the file. */
declare module "*/css/xterm.css" {
  const path: string;
  export default path;
}
declare module "*/page/style.css" {
  const path: string;
  export default path;
}
declare module "*/lib/xterm.js" {
  const path: string;
  export default path;
}
declare module "*/lib/addon-fit.js" {
  const path: string;
  export default path;
}
declare module "*/page/client.js" {
  const path: string;
  export default path;
}
declare module "@xterm/xterm/LICENSE" {
  const path: string;
  export default path;
}
